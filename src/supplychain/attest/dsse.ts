import { z } from 'zod'
import { SnugError } from '../../errors.ts'

/** The payload type of signed in-toto statements. */
export const inTotoType = 'application/vnd.in-toto+json'

/** A signed payload (DSSE v1), with each signature over its {@link pae}. */
export interface Envelope {
  readonly payloadType: string
  /** Base64, as are the signatures. */
  readonly payload: string
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[]
}

/** As it was attached. */
export interface AttachedEnvelope extends Envelope {
  /** The bundle around it, without content and as JSON, where its signer has a certificate instead of a key. */
  readonly certified?: object
}

/** Of either alphabet, padded or not, and never one that `atob` refuses. */
const base64 = z
  .string()
  .min(1)
  .regex(/^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$/)
const envelope = z.looseObject({
  payloadType: z.string().min(1),
  payload: base64,
  signatures: z
    .array(z.looseObject({ keyid: z.string().optional(), sig: base64 }))
    .min(1)
    .max(16),
})

/** Errors: ATTESTATION_INVALID */
export function parseEnvelope(value: unknown): Envelope {
  const parsed = envelope.safeParse(value)
  if (!parsed.success) throw new SnugError('ATTESTATION_INVALID', 'it is not a DSSE envelope')
  const { payloadType, payload, signatures } = parsed.data
  return {
    payloadType,
    payload,
    signatures: signatures.map(({ keyid, sig }) =>
      keyid === undefined ? { sig } : { keyid, sig },
    ),
  }
}

const encoder = new TextEncoder()

/** The signed bytes: the type and the payload, each with its length, so that neither can pass for the other. */
export function pae(type: string, payload: Uint8Array): Uint8Array {
  const typeBytes = encoder.encode(type)
  const head = encoder.encode(`DSSEv1 ${typeBytes.length} ${type} ${payload.length} `)
  const all = new Uint8Array(head.length + payload.length)
  all.set(head)
  all.set(payload, head.length)
  return all
}

/** Base64 of either alphabet, as DSSE allows. */
export function bytesOf(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (char) => char.charCodeAt(0))
}

export function base64Of(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
