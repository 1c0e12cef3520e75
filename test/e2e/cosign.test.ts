import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeError } from '../../src/errors.ts'
import { profilePredicate } from '../../src/supplychain/attest/statement.ts'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { manifestTypes, RegistryClient } from '../../src/supplychain/registry/registry-client.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { service } from '../fixtures/gate-fixtures.ts'
import { ReferrersRegistry } from '../fixtures/referrers-registry.ts'
import { Registry } from '../fixtures/registry.ts'

/** Debian's cosign and docker-registry; one place has no lists of referrers, the other has them. */
const folder = mkdtempSync('/tmp/snug-cosign-')
const at = (name: string): string => join(folder, name)
let registry: Registry
let listing: ReferrersRegistry

const run = promisify(execFile)
/** Its output, or its error. */
async function cosign(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, HOME: folder, COSIGN_PASSWORD: '' }
  const done = run('cosign', args, { env, maxBuffer: 1 << 24, timeout: 120_000 })
  return done.then(({ stdout, stderr }) => `${stdout}\n${stderr}`, describeError)
}

beforeAll(async () => {
  registry = await Registry.start()
  listing = await ReferrersRegistry.before(registry.host)
  const own = {
    ec: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
    ed: generateKeyPairSync('ed25519'),
  }
  for (const [name, { publicKey, privateKey }] of Object.entries(own)) {
    writeFileSync(at(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(at(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  for (const name of ['cosign', 'other']) {
    const made = await cosign('generate-key-pair', '--output-key-prefix', at(name))
    expect(made).toContain('Public key written')
  }
  // Nothing but keys is trusted here: no log, no authority, no clock.
  const type = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
  writeFileSync(at('root.json'), JSON.stringify({ mediaType: type, tlogs: [] }))
})

afterAll(async () => {
  await listing[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** An image without content, pushed; its profile, and the predicate of it, are in files of its name. */
async function pushed(host: string, name: string): Promise<string> {
  const client = new RegistryClient({ host, plainHttp: true })
  const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const config = await client.putBlob(
    name,
    bytes({ config: {}, rootfs: { type: 'layers', diff_ids: [] }, name }),
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = manifestTypes.manifest
  const manifest = bytes({ schemaVersion: 2, mediaType, config, layers: [] })
  await client.putManifest(name, '1', { mediaType, bytes: manifest })
  const image = { repository: `${host}/${name}`, digest: config.digest }
  const text = profileDocument(image, service().entries())
  writeFileSync(at(`${name}.json`), text)
  const made = { at: new Date().toISOString(), by: 'cosign' }
  const predicate = { made, profile: JSON.parse(text) as object }
  writeFileSync(at(`${name}.predicate`), JSON.stringify(predicate))
  return `${host}/${name}:1`
}

const jsonIn = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))
const attest = (image: string, name: string, key: string) =>
  cli(['attest', image, '--profile', at(`${name}.json`), '--plain-http', '--key', at(`${key}.key`)])
const verify = (image: string, key: string, ...more: readonly string[]) =>
  cli(['verify', image, '--plain-http', '--key', at(`${key}.pub`), ...more])
const cosignVerify = (image: string, key: string): Promise<string> =>
  cosign(
    'verify-attestation',
    image,
    '--key',
    at(`${key}.pub`),
    '--type',
    profilePredicate.type,
    '--new-bundle-format',
    '--trusted-root',
    at('root.json'),
    '--insecure-ignore-tlog',
    '--private-infrastructure',
    '--allow-http-registry',
  )
const cosignAttest = (
  image: string,
  predicate: string,
  type: string,
  ...more: readonly string[]
): Promise<string> =>
  cosign(
    'attest',
    image,
    '--yes',
    '--predicate',
    predicate,
    '--type',
    type,
    '--tlog-upload=false',
    '--allow-http-registry',
    ...more,
  )

describe.each([
  ['the tag that stands in for referrers', () => registry.host, 'tag'],
  ['a list of referrers', () => listing.host, 'list'],
])('by %s', (_, host, place) => {
  test.each(['ec', 'ed'])(
    'cosign verifies what Snug attests, with its key only: %s',
    async (key) => {
      const name = `ours-${place}-${key}`
      const image = await pushed(host(), name)
      expect(await attest(image, name, key)).toMatchObject({ exit: 0, stderr: '' })
      expect(await cosignVerify(image, key)).toContain('The signatures were verified against')
      expect(await cosignVerify(image, 'other')).toMatch(
        /no matching attestations|could not verify/,
      )
      expect((await verify(image, key)).exit).toBe(0)
    },
  )

  test.each([
    ['bundle', ['--new-bundle-format']],
    ['envelope', []],
  ])('Snug verifies what cosign attests as a %s, with its key only', async (form, flags) => {
    const name = `theirs-${place}-${form}`
    const image = await pushed(host(), name)
    const predicate = at(`${name}.predicate`)
    const key = ['--key', at('cosign.key'), ...flags]
    await cosignAttest(image, predicate, profilePredicate.type, ...key)
    const out = at(`${name}.out`)
    expect(await verify(image, 'cosign', '--out', out)).toMatchObject({ exit: 0, stderr: '' })
    // cosign sorts the members.
    expect(jsonIn(out)).toEqual(jsonIn(at(`${name}.json`)))
    expect(await verify(image, 'other')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('SIGNER_UNKNOWN') as unknown,
    })
  })

  test('attestations of another kind are none, and hide none', async () => {
    const name = `kinds-${place}`
    const image = await pushed(host(), name)
    const other = at('other.json')
    writeFileSync(other, '{"packages":[]}')
    for (const flags of [['--new-bundle-format'], []]) {
      const key = ['--key', at('other.key'), ...flags]
      await cosignAttest(image, other, 'https://example.org/sbom', ...key)
    }
    expect(await verify(image, 'ec')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('ATTESTATION_MISSING') as unknown,
    })
    expect((await attest(image, name, 'ec')).exit).toBe(0)
    expect((await verify(image, 'ec')).exit).toBe(0)
    expect(await cosignVerify(image, 'ec')).toContain('The signatures were verified against')
  })
})
