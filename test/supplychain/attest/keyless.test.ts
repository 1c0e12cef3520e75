import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { envelopeInBundle } from '../../../src/supplychain/attest/bundle.ts'
import { identityVerifier } from '../../../src/supplychain/attest/keyless.ts'
import { profilePredicate, statementText } from '../../../src/supplychain/attest/statement.ts'
import {
  type CertifiedIdentity,
  newestGood,
  type TrustedSigners,
  verifyStatement,
} from '../../../src/supplychain/attest/verify.ts'
import { describeError, SnugError } from '../../../src/errors.ts'
import { fileOf, service } from '../../fixtures/gate-fixtures.ts'
import { LocalSigstore, type Signing } from '../../fixtures/local-sigstore.ts'

const folder = mkdtempSync(join(tmpdir(), 'snug-keyless-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const workflow = 'https://github.com/shop/web/.github/workflows/release.yml@refs/tags/v1'
const issuer = 'https://token.actions.githubusercontent.com'
const signing: Signing = { identity: workflow, issuer }
const digest = `sha256:${'1'.repeat(64)}`
const profile = fileOf(service(), '2')
const text = statementText(
  profilePredicate,
  { name: 'x', digest },
  { content: profile, made: '2026-11-24T13:00:00Z' },
  '1',
)

let files = 0
const written = (content: string): string => {
  const file = join(folder, `root-${(files += 1)}.json`)
  writeFileSync(file, content)
  return file
}
const trusting = async (
  root: string,
  ...signers: readonly CertifiedIdentity[]
): Promise<TrustedSigners> => ({
  keys: [],
  identities: await identityVerifier({ root: written(root), signers }),
})

/** What becomes of a bundle: the signer, or the code of the refusal. */
function outcome(bundle: unknown, signers: TrustedSigners): unknown {
  try {
    const trust = { ...signers, digest, nowMs: Date.now() }
    const { signer, content } = verifyStatement(profilePredicate, envelopeInBundle(bundle), trust)
    expect(content).toEqual(profile)
    return signer
  } catch (error) {
    if (!(error instanceof SnugError)) throw error
    expect(describeError(error)).not.toBe('')
    return error.code
  }
}

let local: LocalSigstore
let trusted: TrustedSigners
let good: Awaited<ReturnType<LocalSigstore['bundle']>>
beforeAll(async () => {
  local = await LocalSigstore.start()
  trusted = await trusting(local.root(), signing)
  good = await local.bundle(text, signing)
})

describe('a bundle of a certified signer', () => {
  test('is accepted with an entry in the log, and names identity and issuer', () => {
    expect(outcome(good, trusted)).toEqual(signing)
  })

  test('is accepted with a signed timestamp where the root names a clock and no log', async () => {
    const bundle = await local.bundle(text, { ...signing, proofs: ['clock'] })
    const byClock = await trusting(local.root(['clock', 'certificates']), signing)
    expect(outcome(bundle, byClock)).toEqual(signing)
    expect(outcome(bundle, trusted)).toBe('PROOF_INVALID')
    const both = await trusting(local.root(['log', 'clock', 'certificates']), signing)
    expect(outcome(bundle, both)).toBe('PROOF_INVALID')
  })

  test('is not accepted where only keys are trusted', () => {
    expect(outcome(good, { keys: [] })).toBe('SIGNER_UNKNOWN')
  })

  test.each<[string, Partial<Signing>]>([
    ['identity', { identity: `${workflow}1` }],
    [
      'identity, of which the trusted one is the end',
      { identity: `https://evil.example/${workflow}` },
    ],
    ['issuer', { issuer: 'https://issuer.example' }],
  ])('of another %s is of an unknown signer', async (_, other) => {
    expect(outcome(await local.bundle(text, { ...signing, ...other }), trusted)).toBe(
      'SIGNER_UNKNOWN',
    )
  })

  test('of an identity that a pattern covers is accepted', async () => {
    const identity = 'https://github.com/shop/*/.github/workflows/release.yml@refs/tags/*'
    const byPattern = await trusting(local.root(), { identity, issuer })
    expect(outcome(good, byPattern)).toEqual(signing)
    for (const other of [
      workflow.replace('shop/web', 'shop/web/evil'),
      workflow.replace('github.com', 'githubXcom'),
      `${workflow}\n`,
      workflow.replace('/web/', '/we\u0007b/'),
    ]) {
      const bundle = await local.bundle(text, { ...signing, identity: other })
      expect([other, outcome(bundle, byPattern)]).toEqual([other, 'SIGNER_UNKNOWN'])
    }
  })

  test('of another authority is refused', async () => {
    const other = await LocalSigstore.start()
    const theirs = await other.bundle(text, signing)
    expect(outcome(theirs, trusted)).toBe('CERTIFICATE_INVALID')
    // Their certificate with proofs of the trusted log.
    const { certificate } = theirs.verificationMaterial
    const mixed = { ...good.verificationMaterial, certificate }
    expect(outcome({ ...good, verificationMaterial: mixed }, trusted)).toBe('CERTIFICATE_INVALID')
  })

  test('is refused where it was signed outside the validity of its certificate', async () => {
    for (const proof of [3_600_000, -3_600_000]) {
      const late = await LocalSigstore.start({ proof })
      const root = await trusting(late.root(), signing)
      expect(outcome(await late.bundle(text, signing), root)).toBe('CERTIFICATE_INVALID')
    }
  })

  test('is refused where the authority was valid until before', async () => {
    const root = JSON.parse(local.root()) as { certificateAuthorities: { validFor: object }[] }
    for (const authority of root.certificateAuthorities) {
      authority.validFor = { start: '2000-01-01T00:00:00Z', end: '2020-01-01T00:00:00Z' }
    }
    const ended = await trusting(JSON.stringify(root), signing)
    expect(outcome(good, ended)).toBe('CERTIFICATE_INVALID')
  })

  test('is refused where its certificate is in no trusted log of certificates', async () => {
    const other = await LocalSigstore.start()
    const ctlogs = (JSON.parse(other.root()) as { ctlogs: object }).ctlogs
    const root = JSON.stringify({ ...(JSON.parse(local.root()) as object), ctlogs })
    expect(outcome(good, await trusting(root, signing))).toBe('CERTIFICATE_INVALID')
  })
})

describe('proofs of the time', () => {
  const withMaterial = (change: object): object => ({
    ...good,
    verificationMaterial: { ...good.verificationMaterial, ...change },
  })
  const withEntry = (change: object): object =>
    withMaterial({
      tlogEntries: good.verificationMaterial.tlogEntries.map((one) => ({ ...one, ...change })),
    })

  test('are required', () => {
    expect(outcome(withMaterial({ tlogEntries: [] }), trusted)).toBe('PROOF_INVALID')
  })

  test('are those of a trusted log', async () => {
    const other = await LocalSigstore.start()
    const { tlogs } = JSON.parse(other.root()) as { readonly tlogs: object }
    const root = JSON.stringify({ ...(JSON.parse(local.root()) as object), tlogs })
    expect(outcome(good, await trusting(root, signing))).toBe('PROOF_INVALID')
  })

  test('cannot be changed', () => {
    const [entry] = good.verificationMaterial.tlogEntries
    const later = String(Number(entry?.integratedTime) + 1)
    expect(outcome(withEntry({ integratedTime: later }), trusted)).toBe('PROOF_INVALID')
    const promise = { signedEntryTimestamp: Buffer.from('none').toString('base64') }
    expect(outcome(withEntry({ inclusionPromise: promise }), trusted)).toBe('PROOF_INVALID')
    // Without the promise an entry has no signed time.
    expect(outcome(withEntry({ inclusionPromise: undefined }), trusted)).toBe('PROOF_INVALID')
  })

  test('of another signature of the same signer do not count', async () => {
    const other = await local.bundle(text.replace('nginx', 'njinx'), signing)
    const { tlogEntries } = other.verificationMaterial
    expect(outcome(withMaterial({ tlogEntries }), trusted)).toBe('SIGNATURE_BROKEN')
  })

  test('beyond 16, and names of logs that are regular expressions, are refused unread', () => {
    const [entry] = good.verificationMaterial.tlogEntries
    const many = Array.from({ length: 17 }, () => entry)
    expect(outcome(withMaterial({ tlogEntries: many }), trusted)).toBe('ATTESTATION_INVALID')
    const proof = entry?.inclusionProof
    const envelope = proof?.checkpoint.envelope.replace(/\u2014 \S+/, '\u2014 (.*)*(.*)*(.*)*#')
    const slow = { inclusionProof: { ...proof, checkpoint: { envelope } } }
    expect(envelope).toContain('(.*)*')
    expect(outcome(withEntry(slow), trusted)).toBe('ATTESTATION_INVALID')
  })
})

describe('content', () => {
  const envelope = (change: object): object => ({
    ...good,
    dsseEnvelope: { ...good.dsseEnvelope, ...change },
  })

  test('that was changed after it was signed is refused', () => {
    const changed = Buffer.from(text.replace('nginx', 'njinx')).toString('base64')
    expect(outcome(envelope({ payload: changed }), trusted)).toBe('SIGNATURE_BROKEN')
    const [{ sig } = { sig: '' }] = good.dsseEnvelope.signatures
    const flipped = `${sig.startsWith('MEU') ? 'MEQ' : 'MEU'}${sig.slice(3)}`
    expect(outcome(envelope({ signatures: [{ sig: flipped }] }), trusted)).toBe('SIGNATURE_BROKEN')
  })

  test('that is signed beside another signature is refused', () => {
    const [first] = good.dsseEnvelope.signatures
    const second = { sig: 'AAAA' }
    expect(outcome(envelope({ signatures: [second, first] }), trusted)).toBe('SIGNATURE_BROKEN')
  })

  test('that was signed as another type is no statement', async () => {
    const other = await local.bundle(text, { ...signing, payloadType: 'text/plain' })
    expect(outcome(other, trusted)).toBe('ATTESTATION_INVALID')
    const asStatement = {
      ...other,
      dsseEnvelope: { ...other.dsseEnvelope, payloadType: good.dsseEnvelope.payloadType },
    }
    expect(outcome(asStatement, trusted)).toBe('SIGNATURE_BROKEN')
  })

  test('is the envelope only, whatever else is in the bundle', () => {
    const messageSignature = {
      messageDigest: { algorithm: 'SHA2_256', digest: 'AAAA' },
      signature: 'AAAA',
    }
    expect(outcome({ ...good, messageSignature }, trusted)).toEqual(signing)
    const changed = Buffer.from(text.replace('nginx', 'njinx')).toString('base64')
    const both = { ...(envelope({ payload: changed }) as object), messageSignature }
    expect(outcome(both, trusted)).toBe('SIGNATURE_BROKEN')
  })

  test('of a bundle that is not one is refused', () => {
    for (const material of [
      { certificate: 'x' },
      { certificate: { rawBytes: '' } },
      { certificate: { rawBytes: Buffer.alloc(3_000, 0x30).toString('base64') } },
      { x509CertificateChain: { certificates: [] } },
      { ...good.verificationMaterial, tlogEntries: [{}] },
      { ...good.verificationMaterial, tlogEntries: 7 },
      { ...good.verificationMaterial, publicKey: { hint: 'x' } },
    ]) {
      const refused = outcome({ ...good, verificationMaterial: material }, trusted)
      expect(['ATTESTATION_INVALID', 'CERTIFICATE_INVALID', 'PROOF_INVALID']).toContain(refused)
    }
  })
})

/** The paths of all members of a value. */
function pathsIn(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Object.entries(value).flatMap(([name, child]) => pathsIn(child, [...path, name]))
  return path.length === 0 ? below : [path, ...below]
}

test('no member of a bundle that is missing or of another kind does more than a coded refusal', () => {
  const codes = [
    'ATTESTATION_INVALID',
    'CERTIFICATE_INVALID',
    'PROOF_INVALID',
    'SIGNATURE_BROKEN',
    'SIGNER_UNKNOWN',
  ]
  const paths = pathsIn(good.verificationMaterial)
  expect(paths.length).toBeGreaterThan(15)
  for (const path of paths) {
    for (const instead of [undefined, null, 0, -1, '', 'AAAA', {}, [], [{}], true]) {
      const changed = structuredClone(good)
      let holder = changed.verificationMaterial as unknown as Record<string, unknown>
      for (const name of path.slice(0, -1)) holder = holder[name] as Record<string, unknown>
      holder[path.at(-1) ?? ''] = instead
      const result = outcome(changed, trusted)
      if (typeof result === 'string') expect(codes).toContain(result)
      else expect(result).toEqual(signing)
    }
  }
})

test('the newest valid one counts, whether a key or an identity signed it', async () => {
  const newer = await local.bundle(text.replace('2026-11-24', '2026-11-25'), signing)
  const stranger = await local.bundle(text.replace('2026-11-24', '2026-11-26'), {
    ...signing,
    issuer: 'https://issuer.example',
  })
  const trust = { ...trusted, digest, nowMs: Date.now() }
  const all = [stranger, newer, good].map(envelopeInBundle)
  expect(await newestGood(profilePredicate, all, trust)).toMatchObject({
    made: '2026-11-25T13:00:00Z',
    signer: signing,
  })
})

test.each([
  ['no file', undefined, /ENOENT/],
  ['no JSON', '{', /JSON/],
  ['nobody', '{}', /names no authority/],
  [
    'certificates that are none',
    '{"certificateAuthorities":[{"certChain":{"certificates":[{"rawBytes":"AAAA"}]}}]}',
    /root-/,
  ],
])('a trusted root with %s has its own error', async (_, content, message) => {
  const root = content === undefined ? join(folder, 'none.json') : written(content)
  const made = identityVerifier({ root, signers: [signing] })
  await expect(made).rejects.toMatchObject({ code: 'TRUST_ROOT_INVALID' })
  await expect(made).rejects.toThrow(message)
})

test('a trusted root without log and clock proves no time', async () => {
  const made = identityVerifier({ root: written(local.root([])), signers: [signing] })
  await expect(made).rejects.toMatchObject({ code: 'TRUST_ROOT_INVALID' })
})
