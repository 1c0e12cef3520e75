import fc from 'fast-check'
import { sign, verify } from 'node:crypto'
import { expect, it } from 'vitest'
import {
  base64Of,
  bytesOf,
  type Envelope,
  inTotoType,
  pae,
  parseEnvelope,
} from '../../src/supplychain/attest/dsse.ts'
import { profilePredicate, statementText } from '../../src/supplychain/attest/statement.ts'
import {
  type Attachment,
  newestGood,
  type TrustedKey,
  verifyStatement,
} from '../../src/supplychain/attest/verify.ts'
import { SnugError } from '../../src/errors.ts'
import { fileOf, nowMs, service } from '../fixtures/gate-fixtures.ts'
import { keyPair } from '../fixtures/key-pair.ts'

const { publicKey, privateKey } = keyPair()
const key: TrustedKey = {
  id: 'ab'.repeat(32),
  verifies: (message, signature) => verify(null, message, publicKey, signature),
}
const digest = `sha256:${'1'.repeat(64)}`
const trust = { keys: [key], digest, nowMs }
const verified = (envelope: Envelope) => verifyStatement(profilePredicate, envelope, trust)
const newest = (all: readonly Attachment[]) => newestGood(profilePredicate, all, trust)

function signed(text: string, type = inTotoType): Envelope {
  const payload = new TextEncoder().encode(text)
  const sig = base64Of(sign(null, pae(type, payload), privateKey))
  return { payloadType: type, payload: base64Of(payload), signatures: [{ keyid: key.id, sig }] }
}
const profile = fileOf(service(), '2')
const made = '2026-11-24T13:00:00Z'
const text = statementText(profilePredicate, { name: 'x', digest }, { content: profile, made }, '1')
const good = signed(text)

const refusal = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(SnugError)
    return (error as SnugError).code
  }
  return 'taken'
}

it('base64 is decoded or refused by code, of any length and padding', () => {
  const texts = fc.string({ unit: fc.constantFrom('A', 'b', '9', '+', '/', '-', '_', '=', ' ') })
  fc.assert(
    fc.property(texts, (payload) => {
      const outcome = refusal(() => bytesOf(parseEnvelope({ ...good, payload }).payload))
      expect(['taken', 'ATTESTATION_INVALID']).toContain(outcome)
    }),
  )
  expect(refusal(() => parseEnvelope({ ...good, payload: 'abcde' }))).toBe('ATTESTATION_INVALID')
  expect(refusal(() => parseEnvelope({ ...good, payload: 'abc=' }))).toBe('taken')
})

it('accepts signed content, and refuses it with any byte changed', () => {
  expect(verified(good)).toMatchObject({
    content: profile,
    signer: { keyId: key.id },
    digests: [digest],
  })
  const changed = (base64: string, at: number, by: number): string => {
    const bytes = bytesOf(base64)
    const place = at % bytes.length
    bytes[place] = (bytes[place] ?? 0) ^ by
    return base64Of(bytes)
  }
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, by, inPayload) => {
      const [{ sig } = { sig: '' }] = good.signatures
      const broken = inPayload
        ? { ...good, payload: changed(good.payload, at, by) }
        : { ...good, signatures: [{ keyid: key.id, sig: changed(sig, at, by) }] }
      expect(refusal(() => verified(broken))).toBe('SIGNATURE_BROKEN')
      const nameless = { ...broken, signatures: broken.signatures.map((one) => ({ sig: one.sig })) }
      expect(refusal(() => verified(nameless))).toBe('SIGNER_UNKNOWN')
    }),
    { numRuns: 60 },
  )
})

it('refuses as a profile content that was signed as another type', () => {
  expect(refusal(() => verified(signed(text, 'text/plain')))).toBe('ATTESTATION_INVALID')
  const asProfile = { ...signed(text, 'text/plain'), payloadType: inTotoType }
  expect(refusal(() => verified(asProfile))).toBe('SIGNATURE_BROKEN')
  for (const other of ['', '{}', '[]', text.replace('urn:snug', 'urn:other'), text.slice(1)]) {
    expect(refusal(() => verified(signed(other)))).toBe('ATTESTATION_INVALID')
  }
  const spoiled = text.replace('/usr/sbin/nginx', '/usr/sbin/other')
  expect(refusal(() => verified(signed(spoiled)))).toBe('PROFILE_INVALID')
})

it('no envelope breaks the reader', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(['taken', 'ATTESTATION_INVALID']).toContain(refusal(() => parseEnvelope(value)))
    }),
  )
})

it('never encodes two messages the same way', () => {
  const part = fc.string({ unit: fc.constantFrom(' ', '1', '2', 'a', 'é'), maxLength: 6 })
  fc.assert(
    fc.property(part, part, part, part, (t1, b1, t2, b2) => {
      const encode = (type: string, body: string) =>
        Buffer.from(pae(type, new TextEncoder().encode(body))).toString()
      expect(encode(t1, b1) === encode(t2, b2)).toBe(t1 === t2 && b1 === b2)
    }),
  )
})

it('uses the newest valid one of several, and ignores an invalid one beside it', async () => {
  const bad = signed('{}')
  const none = new SnugError('ATTESTATION_INVALID', 'it is none')
  expect(await newest([none, bad, good])).toMatchObject({ signer: { keyId: key.id } })
  expect(await newest([])).toBeUndefined()
  const all = newest([bad, { ...good, signatures: [{ sig: 'AAAA' }] }])
  await expect(all).rejects.toMatchObject({ code: 'ATTESTATION_INVALID' })
  await expect(newest([none])).rejects.toBe(none)
})
