// Writes an OCI layout with one index: `oci-layout.mjs FOLDER VERSION MACHINE=LAYER.tar,LAYER.tar …`. The same layers give
// the same digests; the time is SOURCE_DATE_EPOCH. Prints the digest of the index, and of each machine's image and layers.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const [folder = '', version = '', ...machines] = process.argv.slice(2)
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1_000).toISOString()
const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
}
const level = Number(process.env.SNUG_IMAGE_COMPRESSION ?? 9)
const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })

function blob(mediaType, bytes) {
  const digest = digestOf(bytes)
  writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes)
  return { mediaType, digest, size: bytes.length }
}
const json = (mediaType, value) => blob(mediaType, Buffer.from(JSON.stringify(value)))
const print = (digest, what) => process.stdout.write(`${digest}  ${what}\n`)

const annotations = {
  'org.opencontainers.image.title': 'snug',
  'org.opencontainers.image.version': version,
  'org.opencontainers.image.licenses': 'Apache-2.0',
  'org.opencontainers.image.created': created,
}

function image(machine, files) {
  const diffIds = []
  const layers = files.map((file) => {
    const bytes = readFileSync(file)
    diffIds.push(digestOf(bytes))
    return blob(types.layer, gzipSync(bytes, { level }))
  })
  const history = files.map((_, n) => ({
    created,
    created_by: n === 0 ? 'packages of Debian' : 'snug',
  }))
  const config = json(types.config, {
    created,
    os: 'linux',
    architecture: machine,
    config: {
      Entrypoint: ['snug'],
      Cmd: ['agent'],
      Env: [
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
        'NODE_ENV=production',
        'NODE_OPTIONS=--max-semi-space-size=2',
        'MALLOC_ARENA_MAX=2',
        'MALLOC_MMAP_THRESHOLD_=65536',
        'MALLOC_TRIM_THRESHOLD_=131072',
      ],
      Volumes: { '/var/lib/snug': {} },
      Labels: annotations,
    },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history,
  })
  const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers, annotations }
  const written = json(types.manifest, manifest)
  print(written.digest, machine)
  for (const [n, { created_by: by }] of history.entries()) {
    print(layers[n].digest, `${machine}, ${by}`)
    print(diffIds[n], `${machine}, ${by}, uncompressed`)
  }
  return { ...written, platform: { os: 'linux', architecture: machine } }
}

const manifests = machines.map((each) => {
  const [machine = '', files = ''] = each.split('=')
  return image(machine, files.split(','))
})
const index = json(types.index, {
  schemaVersion: 2,
  mediaType: types.index,
  manifests,
  annotations,
})
print(index.digest, 'index')
const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': version } }
writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
writeFileSync(
  join(folder, 'index.json'),
  JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [named] }),
)
