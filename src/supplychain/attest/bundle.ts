import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { type Envelope, parseEnvelope } from './dsse.ts'

/** The bundle format of Sigstore, in which cosign attaches and finds envelopes. */
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json'

/**
 * The key's id is the hint of the bundle, and not in the envelope: cosign passes over a signature
 * with an id that is not cosign's own.
 */
export function bundleOf({ payloadType, payload, signatures }: Envelope): object {
  return {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: signatures[0]?.keyid ?? '' } },
    dsseEnvelope: { payloadType, payload, signatures: signatures.map(({ sig }) => ({ sig })) },
  }
}

const bundle = z.looseObject({
  mediaType: z.string().startsWith('application/vnd.dev.sigstore.bundle'),
  verificationMaterial: z
    .looseObject({ publicKey: z.looseObject({ hint: z.string().optional() }).optional() })
    .optional(),
  dsseEnvelope: z.unknown(),
})

/** The envelope in a bundle. What proves a time or a certificate is not read. Errors: ATTESTATION_INVALID */
export function envelopeInBundle(value: unknown): Envelope {
  const parsed = bundle.safeParse(value)
  if (!parsed.success) throw new SnugError('ATTESTATION_INVALID', 'it is not a bundle of Sigstore')
  const { dsseEnvelope, verificationMaterial } = parsed.data
  const envelope = parseEnvelope(dsseEnvelope)
  const hint = verificationMaterial?.publicKey?.hint
  if (hint === undefined || hint === '') return envelope
  return { ...envelope, signatures: envelope.signatures.map((one) => ({ keyid: hint, ...one })) }
}
