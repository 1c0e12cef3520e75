import { execFileSync } from 'node:child_process'
import { verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Envelope } from '../../src/supplychain/attest/dsse.ts'
import {
  gatePredicate,
  profilePredicate,
  statementText,
} from '../../src/supplychain/attest/statement.ts'
import { SnugError } from '../../src/errors.ts'
import type { GrafeasDocument } from '../../src/supplychain/export/grafeas.ts'
import {
  parseProfileDocument,
  profileDocument,
} from '../../src/supplychain/export/profile-document.ts'
import { attach, attached, imageOf } from '../../src/supplychain/registry/attestations.ts'
import { mustHaveRegistry } from '../../src/supplychain/registry/image-address.ts'
import { manifestTypes, RegistryClient } from '../../src/supplychain/registry/registry-client.ts'
import { fetchSigned } from '../../src/supplychain/registry/trusted-fetch.ts'
import { envelopeOf, fileSigner, trustedKey } from '../../src/supplychain/attest/keys.ts'
import { Registry } from '../fixtures/registry.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { service } from '../fixtures/gate-fixtures.ts'
import { keyPair, type KeyPair as KeyObjects } from '../fixtures/key-pair.ts'

const folder = mkdtempSync('/tmp/snug-attest-')
const at = (name: string): string => join(folder, name)
let registry: Registry
let client: RegistryClient

beforeAll(async () => {
  registry = await Registry.start()
  client = new RegistryClient({ host: registry.host, plainHttp: true })
  const write = (name: string, { publicKey, privateKey }: KeyPair): void => {
    writeFileSync(at(`${name}.pub`), publicKey)
    writeFileSync(at(`${name}.key`), privateKey)
  }
  write('ed', edKeys())
  write('other', edKeys())
  write('ec', ecKeys())
})

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

interface KeyPair {
  readonly publicKey: string
  readonly privateKey: string
}
function pemOf({ publicKey, privateKey }: KeyObjects): KeyPair {
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}
function edKeys(): KeyPair {
  return pemOf(keyPair())
}
function ecKeys(): KeyPair {
  return pemOf(keyPair('ec'))
}

/** An image with nothing in it, pushed; its profile is in a file of its name. Gives how it is named. */
async function pushed(name: string): Promise<string> {
  const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const config = await client.putBlob(
    `ci/${name}`,
    bytes({ config: {}, rootfs: { type: 'layers', diff_ids: [] }, name }),
    'application/vnd.oci.image.config.v1+json',
  )
  const manifest = { schemaVersion: 2, mediaType: manifestTypes.manifest, config, layers: [] }
  await client.putManifest(`ci/${name}`, '1', {
    mediaType: manifestTypes.manifest,
    bytes: bytes(manifest),
  })
  const image = { repository: `${registry.host}/ci/${name}`, digest: config.digest }
  writeFileSync(at(`${name}.json`), profileDocument(image, service().entries()))
  return `${registry.host}/ci/${name}:1`
}

const attest = (image: string, name: string, ...more: readonly string[]) =>
  cli(['attest', image, '--profile', at(`${name}.json`), '--plain-http', ...more])
const verified = (image: string, ...keys: readonly string[]) =>
  cli(['verify', image, '--plain-http', ...keys.flatMap((key) => ['--key', at(`${key}.pub`)])])

/** The attached artefact, as the registry stores it. */
async function envelopesOf(image: string): Promise<readonly Envelope[]> {
  const address = mustHaveRegistry(image)
  const { subject } = await imageOf(client, address)
  const found: Envelope[] = []
  for await (const one of attached(client, address.repository, subject.digest, profilePredicate)) {
    if (one instanceof SnugError) throw one
    found.push(one)
  }
  return found
}

/** Puts an envelope there that `snug attest` would not make. */
async function forge(image: string, envelope: Envelope, made = '2099-01-01T00:00:00Z') {
  const address = mustHaveRegistry(image)
  const { subject } = await imageOf(client, address)
  await attach(client, address.repository, subject, envelope, { type: profilePredicate.type, made })
}

test.each(['ed', 'ec'])('a profile that was attested is verified by its key: %s', async (key) => {
  const image = await pushed(`good-${key}`)
  const made = await attest(image, `good-${key}`, '--key', at(`${key}.key`), '--for', '90d')
  expect([made.exit, made.stderr]).toEqual([0, ''])
  const found = await cli([
    'verify',
    image,
    '--plain-http',
    '--key',
    at('other.pub'),
    at(`${key}.pub`),
    '--out',
    at('out.json'),
  ])
  expect([found.exit, found.stderr]).toEqual([0, ''])
  expect(found.stdout).toMatch(/^behaviours +6$/m)
  // The pulled profile equals the attached one, so it can be the baseline of the next gate.
  expect(readFileSync(at('out.json'), 'utf8')).toBe(readFileSync(at(`good-${key}.json`), 'utf8'))
  expect(parseProfileDocument(JSON.parse(readFileSync(at('out.json'), 'utf8')))).toBeDefined()
})

test('a key in a KMS signs by a command', async () => {
  const image = await pushed('kms')
  const command = `openssl dgst -sha256 -sign ${at('ec.key')} | base64 -w0`
  expect((await attest(image, 'kms', '--sign-with', command)).exit).toBe(0)
  expect((await verified(image, 'ec')).exit).toBe(0)
  const broken = await attest(image, 'kms', '--sign-with', 'cat >/dev/null; exit 3')
  expect([broken.exit, broken.stderr]).toEqual([3, expect.stringContaining('KEY_INVALID')])
})

test('others can verify it by the rules that cosign keeps to', async () => {
  const image = await pushed('rules')
  await attest(image, 'rules', '--key', at('ec.key'))
  const [envelope] = await envelopesOf(image)
  if (envelope === undefined) throw new Error('nothing is attached')
  // Written down here once more: DSSE's encoding, and ECDSA in DER over SHA-256.
  const payload = Buffer.from(envelope.payload, 'base64')
  const head = `DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${payload.length} `
  const message = Buffer.concat([Buffer.from(head), payload])
  const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64')
  expect(verify('sha256', message, readFileSync(at('ec.pub'), 'utf8'), signature)).toBe(true)
  writeFileSync(at('message'), message)
  writeFileSync(at('signature'), signature)
  const words = execFileSync('openssl', [
    'dgst',
    '-sha256',
    '-verify',
    at('ec.pub'),
    '-signature',
    at('signature'),
    at('message'),
  ])
  expect(words.toString()).toContain('Verified OK')
  // An in-toto Statement v1 about the manifest, found by the tag that stands in for referrers.
  const digest = (await imageOf(client, mustHaveRegistry(image))).subject.digest
  expect(envelope.payloadType).toBe('application/vnd.in-toto+json')
  expect(JSON.parse(payload.toString())).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: digest.slice('sha256:'.length) } }],
    predicateType: 'urn:snug:predicate:profile:v1',
  })
  const index = await client.manifest('ci/rules', digest.replace(':', '-'))
  expect(index?.descriptor.mediaType).toBe(manifestTypes.index)
})

test('a profile that was changed after signing is refused with its own error code', async () => {
  const image = await pushed('changed')
  await attest(image, 'changed', '--key', at('ed.key'))
  const [envelope] = await envelopesOf(image)
  if (envelope === undefined) throw new Error('nothing is attached')
  const text = Buffer.from(envelope.payload, 'base64').toString()
  const payload = Buffer.from(text.replace('10.0.0.7', '10.0.0.8')).toString('base64')
  await forge(image, { ...envelope, payload })
  // The older profile remains valid: an attacker who can push must not invalidate it by adding another one.
  expect((await verified(image, 'ed')).exit).toBe(0)
  const only = await pushed('only-changed')
  await forge(only, { ...envelope, payload })
  const refused = await verified(only, 'ed')
  expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining('SIGNATURE_BROKEN')])
})

test('an invalid attachment beside a valid profile does not invalidate the valid one', async () => {
  const image = await pushed('junk')
  await attest(image, 'junk', '--key', at('ed.key'))
  const noEnvelope = { payload: 'none', signatures: [] } as unknown as Envelope
  await forge(image, noEnvelope)
  expect((await verified(image, 'ed')).exit).toBe(0)
  const only = await pushed('only-junk')
  await forge(only, noEnvelope)
  expect(await verified(only, 'ed')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_INVALID'),
  })
})

test('each other fault is refused with its own error code', async () => {
  const image = await pushed('faults')
  expect(await verified(image, 'ed')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_MISSING'),
  })

  await attest(image, 'faults', '--key', at('other.key'))
  expect(await verified(image, 'ed')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('SIGNER_UNKNOWN'),
  })

  const profile = parseProfileDocument(JSON.parse(readFileSync(at('faults.json'), 'utf8')))
  const signed = (digest: string, expires?: string): Promise<Envelope> => {
    const what = {
      content: profile,
      made: '2026-01-01T00:00:00Z',
      ...(expires === undefined ? {} : { expires }),
    }
    return envelopeOf(
      statementText(profilePredicate, { name: 'x', digest }, what, '1'),
      fileSigner(at('ed.key')),
    )
  }
  const another = await pushed('another')
  await forge(another, await signed(`sha256:${'0'.repeat(64)}`))
  expect(await verified(another, 'ed')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_OF_ANOTHER'),
  })

  const ended = await pushed('ended')
  const { subject } = await imageOf(client, mustHaveRegistry(ended))
  await forge(ended, await signed(subject.digest, '2026-02-01T00:00:00Z'))
  expect(await verified(ended, 'ed')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_EXPIRED'),
  })

  // Signing the profile of other bytes is refused where it is made.
  expect(await attest(another, 'faults', '--key', at('ed.key'))).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_OF_ANOTHER'),
  })
})

test('the gate takes the profile attached to the previous version as its baseline', async () => {
  const image = await pushed('before')
  await attest(image, 'before', '--key', at('ed.key'))
  writeFileSync(
    at('image.json'),
    JSON.stringify({ config: { User: 'web' }, rootfs: { diff_ids: [] } }),
  )
  const gate = (...more: readonly string[]) => {
    const files = ['--image-config', at('image.json'), '--profile', at('before.json')]
    return cli(['gate', 'x', ...files, '--baseline', image, '--plain-http', ...more])
  }
  const good = await gate('--key', at('ed.pub'))
  expect([good.exit, good.stderr]).toEqual([0, ''])
  expect(good.stdout).toMatch(/^behaviours +6 seen, 6 as before$/m)
  expect(await gate('--key', at('other.pub'))).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('SIGNER_UNKNOWN'),
  })
  expect((await gate()).stderr).toContain('SOURCE_UNREADABLE')
})

test('the result of a gate is attached beside the profile, of the same image only', async () => {
  const image = await pushed('gated')
  const { subject, digests } = await imageOf(client, mustHaveRegistry(image))
  writeFileSync(
    at('config.json'),
    JSON.stringify({ Id: digests[1], Config: { User: 'web' }, RootFS: { Layers: [] } }),
  )
  const files = ['--image-config', at('config.json'), '--profile', at('gated.json')]
  const gate = await cli(['gate', image, ...files, '--write', `json=${at('gate.json')}`])
  expect([gate.exit, gate.stderr]).toEqual([0, ''])
  const also = ['--gate', at('gate.json'), '--grafeas', at('grafeas.json')]
  const made = await attest(image, 'gated', ...also, '--key', at('ed.key'))
  expect([made.exit, made.stderr]).toEqual([0, ''])
  expect(made.stdout).toMatch(/^profile +sha256:.*\ngate +sha256:/m)
  const keys = [trustedKey(at('ed.pub'))]
  const address = { repository: 'ci/gated', digest: subject.digest }
  const found = await fetchSigned(gatePredicate, client, address, { keys })
  expect(found?.content).toEqual(JSON.parse(readFileSync(at('gate.json'), 'utf8')))
  const { occurrences } = JSON.parse(readFileSync(at('grafeas.json'), 'utf8')) as GrafeasDocument
  expect(occurrences).toMatchObject(
    ['profile', 'gate'].map((what) => ({
      resourceUri: `https://${registry.host}/ci/gated@${subject.digest}`,
      noteName: `projects/snug/notes/snug-attested-${what}`,
    })),
  )
  // Each artefact is found by its type, and neither is mistaken for the other.
  expect(
    (await fetchSigned(profilePredicate, client, address, { keys }))?.content.image,
  ).toBeDefined()

  const another = await pushed('not-gated')
  const refused = ['attest', another, '--plain-http', '--gate', at('gate.json')]
  expect(await cli([...refused, '--key', at('ed.key')])).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('ATTESTATION_OF_ANOTHER'),
  })
  const noResult = ['attest', another, '--plain-http', '--gate', at('config.json')]
  expect(await cli([...noResult, '--key', at('ed.key')])).toMatchObject({
    exit: 3,
    stderr: expect.stringContaining('GATE_RESULT_INVALID'),
  })
})

test('an invalid name, key or registry gives an error that explains the problem', async () => {
  expect((await verified('shop/web:1', 'ed')).stderr).toContain('IMAGE_UNKNOWN')
  expect((await verified(`${registry.host}/ci/none:1`, 'ed')).stderr).toContain('IMAGE_UNKNOWN')
  expect((await verified('127.0.0.1:1/ci/none:1', 'ed')).stderr).toContain('REGISTRY_FAILED')
  writeFileSync(at('bad.pub'), 'no key')
  expect((await verified(`${registry.host}/ci/none:1`, 'bad')).stderr).toContain('KEY_INVALID')
})
