import { SnugError } from '../../errors.ts'
import type { ProfileDocument } from '../export/profile-document.ts'
import { bytesOf, type Envelope, inTotoType, pae } from './dsse.ts'
import { parseStatement, type Predicate, type Statement } from './statement.ts'

/** A trusted key. */
export interface TrustedKey {
  /** Of its public part, hexadecimal. */
  readonly id: string
  readonly verifies: (message: Uint8Array, signature: Uint8Array) => boolean
}

export interface Verified<Content> extends Statement<Content> {
  readonly keyId: string
}

export type VerifiedProfile = Verified<ProfileDocument>

/**
 * Takes the predicate out of its envelope if a trusted key has signed it, for this image, and it has not expired.
 *
 * Errors: ATTESTATION_INVALID, SIGNER_UNKNOWN, SIGNATURE_BROKEN, ATTESTATION_OF_ANOTHER, ATTESTATION_EXPIRED; those of
 * the predicate
 */
export function verifyStatement<Content>(
  predicate: Predicate<Content>,
  envelope: Envelope,
  trust: Trust,
): Verified<Content> {
  const { payloadType, payload } = envelope
  if (payloadType !== inTotoType) {
    throw new SnugError('ATTESTATION_INVALID', `it holds \`${payloadType}\` and no statement`)
  }
  const bytes = bytesOf(payload)
  // INVARIANT: nothing of the payload is read before its signer is verified.
  const key = signerOf(envelope, pae(payloadType, bytes), trust.keys)
  const statement = parseStatement(predicate, jsonOf(bytes))
  if (!statement.digests.includes(trust.digest)) {
    const what = `it is about ${statement.digests.join(', ')}, and not about ${trust.digest}`
    throw new SnugError('ATTESTATION_OF_ANOTHER', what)
  }
  const { expires } = statement
  if (expires !== undefined && trust.nowMs > Date.parse(expires)) {
    throw new SnugError('ATTESTATION_EXPIRED', `it was valid until ${expires}`)
  }
  return { ...statement, keyId: key.id }
}

export interface Trust {
  readonly keys: readonly TrustedKey[]
  /** Of the image's manifest. */
  readonly digest: string
  readonly nowMs: number
}

/** An attachment: an envelope, or why it is none. */
export type Attachment = Envelope | SnugError

/**
 * The valid one that was made last, by the time in what is signed; undefined where there is none at all. An order that
 * anyone with push access can choose decides nothing.
 *
 * Errors: where none is valid, those of {@link verifyStatement} for the first
 */
export async function newestGood<Content>(
  predicate: Predicate<Content>,
  attachments: AsyncIterable<Attachment> | Iterable<Attachment>,
  trust: Trust,
): Promise<Verified<Content> | undefined> {
  let newest: Verified<Content> | undefined
  let refusal: SnugError | undefined
  for await (const one of attachments) {
    try {
      if (one instanceof SnugError) throw one
      const good = verifyStatement(predicate, one, trust)
      if (newest === undefined || Date.parse(good.made) > Date.parse(newest.made)) newest = good
    } catch (error) {
      if (!(error instanceof SnugError)) throw error
      refusal ??= error
    }
  }
  if (newest === undefined && refusal !== undefined) throw refusal
  return newest
}

function signerOf(
  { signatures }: Envelope,
  message: Uint8Array,
  keys: readonly TrustedKey[],
): TrustedKey {
  for (const { sig } of signatures) {
    const signature = bytesOf(sig)
    const key = keys.find((one) => one.verifies(message, signature))
    if (key !== undefined) return key
  }
  // The id is only a hint: it explains a failure, and never proves a success.
  const named = signatures.find(({ keyid }) => keys.some(({ id }) => id === keyid))
  if (named !== undefined) {
    const what = `it names the trusted key ${named.keyid?.slice(0, 16)}, but the signature does not match`
    throw new SnugError('SIGNATURE_BROKEN', `${what}: it was changed after it was signed`)
  }
  throw new SnugError('SIGNER_UNKNOWN', 'no trusted key signed it')
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (cause) {
    throw new SnugError('ATTESTATION_INVALID', 'its payload is not JSON', { cause })
  }
}
