import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'

/** What `make verify-release` does with the files, on two small folders; `same-release` builds two releases. */
const work = mkdtempSync(join(tmpdir(), 'snug-compare-'))
afterAll(() => rmSync(work, { recursive: true }))
const script = (name: string): string =>
  fileURLToPath(new URL(`../../deploy/release/${name}`, import.meta.url))

const files: Readonly<Record<string, string>> = {
  'snug_1.2.3_amd64.deb': 'a package',
  'snug-1.2.3.tgz': 'another one',
  'snug-image.digests': 'sha256:1  amd64, packages of Debian\nsha256:2  amd64, snug\n',
}
const unlisted = { 'snug-krew.yaml': 'sha256: 1\n' }

function provenance(node: string): string {
  const source = { uri: 'git+https://snug.example', digest: { gitCommit: '0'.repeat(40) } }
  const buildDefinition = {
    externalParameters: { version: '1.2.3' },
    internalParameters: { node },
    resolvedDependencies: [source],
  }
  return JSON.stringify({ predicate: { buildDefinition } })
}

/** `changed` files have other bytes; where `listed`, their checksums fit. */
function release(
  changed: Readonly<Record<string, string>> = {},
  { listed = true, node = 'v22.0.0' } = {},
): string {
  const folder = mkdtempSync(join(work, 'release-'))
  const all = { ...files, ...unlisted, ...changed }
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text)
  const sums = Object.entries(files).map(([name, text]) => {
    const bytes = listed ? (changed[name] ?? text) : text
    return `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`
  })
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''))
  writeFileSync(join(folder, 'provenance.intoto.json'), provenance(node))
  return folder
}

function compare(downloaded: string, built: string) {
  const args = [script('compare.mjs'), downloaded, built]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, lines: stdout.split('\n'), stderr }
}

describe('a release is compared with a build', () => {
  test('that is the same, file by file', () => {
    const { status, lines } = compare(release(), release())
    expect(lines.filter((line) => line !== '').sort()).toEqual(
      Object.keys({ ...files, ...unlisted })
        .map((name) => `${name}: the same`)
        .sort(),
    )
    expect(status).toBe(0)
  })

  test.each(Object.keys({ ...files, ...unlisted }))('that differs in %s', (name) => {
    const { status, lines } = compare(release({ [name]: 'other bytes' }), release())
    expect(lines).toContain(`${name}: differs from the build`)
    expect(lines.filter((line) => line.endsWith(': the same'))).toHaveLength(3)
    expect(status).toBe(2)
  })

  test('and a file is named that is not the one in its list of checksums', () => {
    const name = 'snug-1.2.3.tgz'
    const { status, lines } = compare(
      release({ [name]: 'other bytes' }, { listed: false }),
      release(),
    )
    expect(lines).toContain(`${name}: is not the file that SHA256SUMS lists`)
    expect(status).toBe(2)
  })

  test('and a file is named that one of them does not have', () => {
    const name = 'snug_1.2.3_amd64.deb'
    const less = mkdtempSync(join(work, 'less-'))
    cpSync(release(), less, { recursive: true })
    rmSync(join(less, name))
    const left = compare(less, release())
    expect(left.lines).toContain(`${name}: is not in the release`)
    expect(left.status).toBe(2)
    const added = compare(release(), less)
    expect(added.lines).toContain(`${name}: is not in the build`)
    expect(added.status).toBe(2)
  })

  test('and a layer of the image that differs is named, with what both were made with', () => {
    const other = {
      'snug-image.digests': files['snug-image.digests']?.replace('sha256:2', 'sha256:3') ?? '',
    }
    const { status, lines } = compare(release(other), release({}, { node: 'v24.0.0' }))
    expect(lines).toEqual(
      expect.arrayContaining([
        '  release: sha256:3  amd64, snug',
        '  build:   sha256:2  amd64, snug',
        'the release was made with node v22.0.0',
        'the build was made with node v24.0.0',
      ]),
    )
    expect(lines.join('\n')).not.toContain('packages of Debian')
    expect(status).toBe(2)
  })
})

test('a release of another commit than that of the checkout is not compared', () => {
  const { status, stderr } = spawnSync(script('verify.sh'), [release()], { encoding: 'utf8' })
  expect(stderr).toContain(`git checkout ${'0'.repeat(40)}`)
  expect(status).toBe(64)
})
