import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleType } from '../../src/supplychain/attest/bundle.ts'
import { profilePredicate, statementText } from '../../src/supplychain/attest/statement.ts'
import {
  parseProfileDocument,
  profileDocument,
} from '../../src/supplychain/export/profile-document.ts'
import {
  type Descriptor,
  digestOf,
  manifestTypes,
  RegistryClient,
} from '../../src/supplychain/registry/registry-client.ts'
import { runCli, startAgent } from '../fixtures/agent.ts'
import { type Cosign, cosign, cosigns } from '../fixtures/cosign.ts'
import { service } from '../fixtures/gate-fixtures.ts'
import { LocalSigstore } from '../fixtures/local-sigstore.ts'
import { Registry } from '../fixtures/registry.ts'

/** Debian's docker-registry and cosigns, with an authority and a log of the test: the public ones are not asked. */
const folder = mkdtempSync('/tmp/snug-keyless-')
const at = (name: string): string => join(folder, name)
const identity = 'https://github.com/shop/web/.github/workflows/release.yml@refs/tags/v1'
const issuer = 'https://token.actions.githubusercontent.com'
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
let registry: Registry
let image = ''

/** Attaches it as cosign does where the registry keeps no lists of referrers. */
async function attachBundle(
  client: RegistryClient,
  repository: string,
  subject: Descriptor,
  bundle: object,
): Promise<void> {
  const annotations = { 'dev.sigstore.bundle.predicateType': profilePredicate.type }
  const mediaType = manifestTypes.manifest
  const empty = 'application/vnd.oci.empty.v1+json'
  const manifest = bytes({
    schemaVersion: 2,
    mediaType,
    artifactType: bundleType,
    config: await client.putBlob(repository, bytes({}), empty),
    layers: [await client.putBlob(repository, bytes(bundle), bundleType)],
    subject,
    annotations,
  })
  const digest = digestOf(manifest)
  await client.putManifest(repository, digest, { mediaType, bytes: manifest })
  const listed = { mediaType, digest, size: manifest.length, artifactType: bundleType, annotations }
  const list = { schemaVersion: 2, mediaType: manifestTypes.index, manifests: [listed] }
  const tag = subject.digest.replace(':', '-')
  const index = { mediaType: manifestTypes.index, bytes: bytes(list) }
  await client.putManifest(repository, tag, index)
}

beforeAll(async () => {
  registry = await Registry.start()
  const local = await LocalSigstore.start()
  writeFileSync(at('root.json'), local.root())
  for (const [name, pem] of Object.entries(local.pem())) writeFileSync(at(`${name}.pem`), pem)
  writeFileSync(at('other.json'), (await LocalSigstore.start()).root())
  const client = new RegistryClient({ host: registry.host, plainHttp: true })
  const configType = 'application/vnd.oci.image.config.v1+json'
  const config = await client.putBlob('web', bytes({ rootfs: { diff_ids: [] } }), configType)
  const mediaType = manifestTypes.manifest
  const manifest = bytes({ schemaVersion: 2, mediaType, config, layers: [] })
  await client.putManifest('web', '1', { mediaType, bytes: manifest })
  const subject = { mediaType, digest: digestOf(manifest), size: manifest.length }
  image = `${registry.host}/web:1`
  const repository = `${registry.host}/web`
  const profile = profileDocument({ repository, digest: config.digest }, service().entries())
  writeFileSync(at('profile.json'), profile)
  const content = parseProfileDocument(JSON.parse(profile))
  const made = new Date().toISOString()
  const about = { name: repository, digest: subject.digest }
  const text = statementText(profilePredicate, about, { content, made }, '1')
  await attachBundle(client, 'web', subject, await local.bundle(text, { identity, issuer }))
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const signer = (root = 'root.json', named = identity, by = issuer): readonly string[] => [
  '--trusted-root',
  at(root),
  '--identity',
  named,
  '--issuer',
  by,
]
const verify = (...more: readonly string[]) =>
  runCli(['verify', image, '--plain-http', '-o', 'json', ...more])

test('snug verifies the attestation of a certified signer', async () => {
  const out = at('out.json')
  const verified = await verify(...signer(), '--out', out)
  expect([verified.stderr, verified.code]).toEqual(['', 0])
  expect(JSON.parse(verified.stdout)).toMatchObject({ identity, issuer })
  expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(
    JSON.parse(readFileSync(at('profile.json'), 'utf8')),
  )
})

const byCosign = (by: Cosign, named: string, root = 'root.json'): Promise<string> =>
  cosign(
    by,
    [
      'verify-attestation',
      image,
      ...by.bundles,
      '--allow-http-registry',
      '--type',
      profilePredicate.type,
      '--trusted-root',
      at(root),
      '--certificate-identity',
      named,
      '--certificate-oidc-issuer',
      issuer,
    ],
    {
      HOME: folder,
      // Also with a trusted root it asks the public ones for these, unless they are given.
      SIGSTORE_ROOT_FILE: at('authority.pem'),
      SIGSTORE_CT_LOG_PUBLIC_KEY_FILE: at('certificates.pem'),
      SIGSTORE_REKOR_PUBLIC_KEY: at('log.pem'),
    },
  )

test.each(cosigns)('cosign $version verifies the same attestation', async (by) => {
  expect(await byCosign(by, identity)).toContain('The code-signing certificate was verified')
  expect(await byCosign(by, `${identity}2`)).toMatch(
    /no matching|could not verify|none of the expected/,
  )
  expect(await byCosign(by, identity, 'other.json')).toMatch(
    /no matching|could not verify|failed to verify/,
  )
})

test.each([
  ['another identity', signer('root.json', `${identity}2`), 'SIGNER_UNKNOWN', 2],
  ['another issuer', signer('root.json', identity, `${issuer}/2`), 'SIGNER_UNKNOWN', 2],
  ['another root', signer('other.json'), 'CERTIFICATE_INVALID', 2],
  ['a root that is none', signer('profile.json'), 'TRUST_ROOT_INVALID', 3],
  ['an identity without its issuer', ['--identity', identity], 'USAGE', 64],
  ['nobody', [], 'USAGE', 64],
])('snug refuses it with %s by its own code', async (_, options, code, exit) => {
  const refused = await verify(...options)
  expect([refused.code, refused.stderr]).toEqual([exit, expect.stringContaining(code)])
})

test('an agent that trusts a root that is none does not start, and says why', async () => {
  const keyless = { root: at('profile.json'), signers: [{ identity, issuer }] }
  const config = { sources: ['file:-'], engines: { docker: { socket: 'none' } } }
  const started = startAgent({ config: { ...config, trust: { keyless } } })
  await expect(started).rejects.toThrow('TRUST_ROOT_INVALID')
  const trust = { keyless: { ...keyless, root: at('root.json') } }
  await using agent = await startAgent({ config: { ...config, trust } })
  expect(agent.running).toBe(true)
})
