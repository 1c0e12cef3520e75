import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { type AttachedEnvelope, type Envelope, parseEnvelope } from './dsse.ts'

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
    .looseObject({
      publicKey: z.looseObject({ hint: z.string().optional() }).optional(),
      certificate: z.unknown().optional(),
      x509CertificateChain: z.unknown().optional(),
    })
    .optional(),
  dsseEnvelope: z.unknown(),
})

/** The envelope in a bundle. What proves a time or a certificate is not read yet. Errors: ATTESTATION_INVALID */
export function envelopeInBundle(value: unknown): AttachedEnvelope {
  const parsed = bundle.safeParse(value)
  if (!parsed.success) throw new SnugError('ATTESTATION_INVALID', 'it is not a bundle of Sigstore')
  const { dsseEnvelope, verificationMaterial } = parsed.data
  const envelope = parseEnvelope(dsseEnvelope)
  const { publicKey, certificate, x509CertificateChain } = verificationMaterial ?? {}
  if (certificate !== undefined || x509CertificateChain !== undefined) {
    const { mediaType } = parsed.data
    return { ...envelope, certified: { mediaType, verificationMaterial } }
  }
  const hint = publicKey?.hint
  if (hint === undefined || hint === '') return envelope
  return { ...envelope, signatures: envelope.signatures.map((one) => ({ keyid: hint, ...one })) }
}
