// The image of one machine out of a layout with several, as a tar: `one-image.mjs LAYOUT MACHINE FILE [NAME]`. With a NAME
// `docker load` takes it, and gives it that name. Prints the digest of the image.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [layout = '', machine, file = '', name] = process.argv.slice(2)
const blob = ({ digest }) => `blobs/${digest.replace(':', '/')}`
const json = (path) => JSON.parse(readFileSync(join(layout, path), 'utf8'))

const [index] = json('index.json').manifests
const image = json(blob(index)).manifests.find(({ platform }) => platform.architecture === machine)
if (image === undefined) throw new Error(`no image for ${machine} in ${layout}`)
const { config, layers } = json(blob(image))
const work = mkdtempSync(join(tmpdir(), 'snug-one-image-'))
try {
  const written = {
    'index.json': { schemaVersion: 2, manifests: [image] },
    ...(name && {
      'manifest.json': [{ Config: blob(config), RepoTags: [name], Layers: layers.map(blob) }],
    }),
  }
  for (const [path, value] of Object.entries(written)) {
    writeFileSync(join(work, path), JSON.stringify(value))
  }
  const blobs = [image, config, ...layers].map(blob)
  const own = Object.keys(written)
  execFileSync('tar', ['-cf', file, '-C', layout, 'oci-layout', ...blobs, '-C', work, ...own])
} finally {
  rmSync(work, { recursive: true })
}
process.stdout.write(`${image.digest}\n`)
