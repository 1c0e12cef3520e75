import { SnugError } from '../../errors.ts'
import type { ProfileDocument } from '../export/profile-document.ts'
import { type AttachedEnvelope, bytesOf, inTotoType, pae } from './dsse.ts'
import { parseStatement, type Predicate, type Statement } from './statement.ts'

/** A trusted key. */
export interface TrustedKey {
  /** Of its public part, hexadecimal. */
  readonly id: string
  readonly verifies: (message: Uint8Array, signature: Uint8Array) => boolean
}

/** An identity that an authority certified at the request of an issuer of tokens. */
export interface CertifiedIdentity {
  /** Where it is what to trust, `*` stands for any characters but `/`. */
  readonly identity: string
  /** URL */
  readonly issuer: string
}

/**
 * Who signed with the certificate in a bundle, where that is trusted. `bundle` has the certificate and the proofs of time
 * and nothing else, as JSON.
 *
 * Errors: ATTESTATION_INVALID, CERTIFICATE_INVALID, PROOF_INVALID, SIGNATURE_BROKEN, SIGNER_UNKNOWN
 */
export type IdentityVerifier = (
  signed: {
    readonly payloadType: string
    readonly payload: Uint8Array
    readonly signature: Uint8Array
  },
  bundle: object,
) => CertifiedIdentity

/** Who signed. */
export type SignerName = { readonly keyId: string } | CertifiedIdentity

export type Verified<Content> = Statement<Content> & { readonly signer: SignerName }

export type VerifiedProfile = Verified<ProfileDocument>

/**
 * Takes the predicate out of its envelope if a trusted key or identity has signed it, for this image, and it has not
 * expired.
 *
 * Errors: ATTESTATION_INVALID, SIGNER_UNKNOWN, SIGNATURE_BROKEN, CERTIFICATE_INVALID, PROOF_INVALID,
 * ATTESTATION_OF_ANOTHER, ATTESTATION_EXPIRED; those of the predicate
 */
export function verifyStatement<Content>(
  predicate: Predicate<Content>,
  envelope: AttachedEnvelope,
  trust: Trust,
): Verified<Content> {
  const { payloadType, payload } = envelope
  if (payloadType !== inTotoType) {
    throw new SnugError('ATTESTATION_INVALID', `it holds \`${payloadType}\` and no statement`)
  }
  const bytes = bytesOf(payload)
  // INVARIANT: nothing of the payload is read before its signer is verified.
  const signer = signerOf(envelope, bytes, trust)
  const statement = parseStatement(predicate, jsonOf(bytes))
  if (!statement.digests.includes(trust.digest)) {
    const what = `it is about ${statement.digests.join(', ')}, and not about ${trust.digest}`
    throw new SnugError('ATTESTATION_OF_ANOTHER', what)
  }
  const { expires } = statement
  if (expires !== undefined && trust.nowMs > Date.parse(expires)) {
    throw new SnugError('ATTESTATION_EXPIRED', `it was valid until ${expires}`)
  }
  return { ...statement, signer }
}

/** Whose signatures count. */
export interface TrustedSigners {
  readonly keys: readonly TrustedKey[]
  /** Absent: only keys are trusted. */
  readonly identities?: IdentityVerifier
}

export interface Trust extends TrustedSigners {
  /** Of the image's manifest. */
  readonly digest: string
  readonly nowMs: number
}

/** An attachment: an envelope, or why it is none. */
export type Attachment = AttachedEnvelope | SnugError

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
  { signatures, payloadType, certified }: AttachedEnvelope,
  payload: Uint8Array,
  { keys, identities }: TrustedSigners,
): SignerName {
  const message = pae(payloadType, payload)
  for (const { sig } of signatures) {
    const signature = bytesOf(sig)
    const key = keys.find((one) => one.verifies(message, signature))
    if (key !== undefined) return { keyId: key.id }
  }
  const [first] = signatures
  if (certified !== undefined && identities !== undefined && first !== undefined) {
    return identities({ payloadType, payload, signature: bytesOf(first.sig) }, certified)
  }
  // The id is only a hint: it explains a failure, and never proves a success.
  const named = signatures.find(({ keyid }) => keys.some(({ id }) => id === keyid))
  if (named !== undefined) {
    const what = `it names the trusted key ${named.keyid?.slice(0, 16)}, but the signature does not match`
    throw new SnugError('SIGNATURE_BROKEN', `${what}: it was changed after it was signed`)
  }
  throw new SnugError('SIGNER_UNKNOWN', 'nobody who is trusted signed it')
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch (cause) {
    throw new SnugError('ATTESTATION_INVALID', 'its payload is not JSON', { cause })
  }
}
