import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { profilePredicate } from '../../src/supplychain/attest/statement.ts'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { manifestTypes, RegistryClient } from '../../src/supplychain/registry/registry-client.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { type Cosign, cosign, cosigns, noServices } from '../fixtures/cosign.ts'
import { service } from '../fixtures/gate-fixtures.ts'
import { ReferrersRegistry } from '../fixtures/referrers-registry.ts'
import { Registry } from '../fixtures/registry.ts'
import { keyPair } from '../fixtures/key-pair.ts'

/** Debian's cosigns and docker-registry; one place has no lists of referrers, the other has them. */
const folder = mkdtempSync('/tmp/snug-cosign-')
const at = (name: string): string => join(folder, name)
let registry: Registry
let listing: ReferrersRegistry

const run = (by: Cosign, ...args: readonly string[]): Promise<string> =>
  cosign(by, args, { HOME: folder, COSIGN_PASSWORD: '' })

beforeAll(async () => {
  registry = await Registry.start()
  listing = await ReferrersRegistry.before(registry.host)
  const own = {
    ec: keyPair('ec'),
    ed: keyPair(),
  }
  for (const [name, { publicKey, privateKey }] of Object.entries(own)) {
    writeFileSync(at(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(at(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  for (const by of cosigns) {
    for (const name of [`cosign-${by.version}`, `other-${by.version}`]) {
      const made = await run(by, 'generate-key-pair', '--output-key-prefix', at(name))
      expect(made).toContain('Public key written')
    }
  }
  // Nothing but keys is trusted here: no log, no authority, no clock.
  const type = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
  writeFileSync(at('root.json'), JSON.stringify({ mediaType: type, tlogs: [] }))
  writeFileSync(at('services.json'), noServices)
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
const cosignVerify = (by: Cosign, image: string, key: string): Promise<string> =>
  run(
    by,
    'verify-attestation',
    image,
    '--key',
    at(`${key}.pub`),
    '--type',
    profilePredicate.type,
    '--trusted-root',
    at('root.json'),
    '--allow-http-registry',
    ...by.bundles,
    ...by.keyOnly,
  )
const cosignAttest = (
  by: Cosign,
  image: string,
  predicate: string,
  type: string,
  ...more: readonly string[]
): Promise<string> =>
  run(
    by,
    'attest',
    image,
    '--yes',
    '--predicate',
    predicate,
    '--type',
    type,
    '--allow-http-registry',
    ...more,
  )

const places = [
  { where: 'the tag that stands in for referrers', host: () => registry.host, place: 'tag' },
  { where: 'a list of referrers', host: () => listing.host, place: 'list' },
]
const both = places.flatMap((one) => cosigns.map((by) => ({ ...one, by, version: by.version })))

describe.each(both)('by $where, cosign $version', ({ host, place, by, version }) => {
  const forms = by.withoutLog(at('services.json'))

  test.each(['ec', 'ed'])(
    'cosign verifies what Snug attests, with its key only: %s',
    async (key) => {
      const name = `ours-${place}-${key}-${version}`
      const image = await pushed(host(), name)
      expect(await attest(image, name, key)).toMatchObject({ exit: 0, stderr: '' })
      expect(await cosignVerify(by, image, key)).toContain('The signatures were verified against')
      expect(await cosignVerify(by, image, `other-${version}`)).toMatch(
        /no matching attestations|could not verify/,
      )
      expect((await verify(image, key)).exit).toBe(0)
    },
  )

  test.each(Object.entries(forms))(
    'Snug verifies what cosign attests, with its key only: %s',
    async (form, flags) => {
      const name = `theirs-${place}-${form}-${version}`
      const image = await pushed(host(), name)
      const predicate = at(`${name}.predicate`)
      const key = ['--key', at(`cosign-${version}.key`), ...flags]
      await cosignAttest(by, image, predicate, profilePredicate.type, ...key)
      const out = at(`${name}.out`)
      expect(await verify(image, `cosign-${version}`, '--out', out)).toMatchObject({
        exit: 0,
        stderr: '',
      })
      // cosign sorts the members.
      expect(jsonIn(out)).toEqual(jsonIn(at(`${name}.json`)))
      expect(await verify(image, `other-${version}`)).toMatchObject({
        exit: 2,
        stderr: expect.stringContaining('SIGNER_UNKNOWN') as unknown,
      })
    },
  )

  test('attestations of another kind are none, and hide none', async () => {
    const name = `kinds-${place}-${version}`
    const image = await pushed(host(), name)
    const other = at('other.json')
    writeFileSync(other, '{"packages":[]}')
    for (const flags of Object.values(forms)) {
      const key = ['--key', at(`other-${version}.key`), ...flags]
      await cosignAttest(by, image, other, 'https://example.org/sbom', ...key)
    }
    expect(await verify(image, 'ec')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('ATTESTATION_MISSING') as unknown,
    })
    expect((await attest(image, name, 'ec')).exit).toBe(0)
    expect((await verify(image, 'ec')).exit).toBe(0)
    expect(await cosignVerify(by, image, 'ec')).toContain('The signatures were verified against')
  })
})
