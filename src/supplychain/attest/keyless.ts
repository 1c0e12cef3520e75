import { readFileSync } from 'node:fs'
import type { Bundle } from '@sigstore/bundle'
import type { toTrustMaterial, TrustMaterial, Verifier } from '@sigstore/verify'
import { describeError, SnugError } from '../../errors.ts'
import { base64Of } from './dsse.ts'
import type { CertifiedIdentity, IdentityVerifier } from './verify.ts'

/** Whom to trust without a key of theirs. */
export interface KeylessTrust {
  /** File: a trusted root of Sigstore, as JSON. */
  readonly root: string
  readonly signers: readonly CertifiedIdentity[]
}

type Problem = 'ATTESTATION_INVALID' | 'CERTIFICATE_INVALID' | 'PROOF_INVALID' | 'SIGNATURE_BROKEN'

/** By the codes of the library. An entry of the log for other content is a sign of changed content. */
const problems: Readonly<Record<string, Problem>> = {
  CERTIFICATE_ERROR: 'CERTIFICATE_INVALID',
  PUBLIC_KEY_ERROR: 'CERTIFICATE_INVALID',
  SIGNATURE_ERROR: 'SIGNATURE_BROKEN',
  TLOG_BODY_ERROR: 'SIGNATURE_BROKEN',
  TIMESTAMP_ERROR: 'PROOF_INVALID',
  TLOG_ERROR: 'PROOF_INVALID',
  TLOG_INCLUSION_PROOF_ERROR: 'PROOF_INVALID',
  TLOG_INCLUSION_PROMISE_ERROR: 'PROOF_INVALID',
  TLOG_MISSING_INCLUSION_ERROR: 'PROOF_INVALID',
}

const explanations: Readonly<Record<Problem, string>> = {
  ATTESTATION_INVALID: 'its bundle cannot be verified',
  CERTIFICATE_INVALID: 'no trusted authority certified its signer for the time of the signature',
  PROOF_INVALID: 'no trusted log or clock proves when it was signed',
  SIGNATURE_BROKEN: 'its signature does not match: it was changed after it was signed',
}

/**
 * Verifies bundles of signers that have a certificate for minutes instead of a key. The root decides what is needed: an
 * entry in a log of transparency where it names one, and a certificate that is in a log of certificates where it names
 * one of those. The time of the signature always needs a proof: of the log, or of a signed timestamp.
 *
 * Loads the library of Sigstore: an agent without such signers does not.
 *
 * Errors: TRUST_ROOT_INVALID
 */
export async function identityVerifier({ root, signers }: KeylessTrust): Promise<IdentityVerifier> {
  // In the bundle a CommonJS package has only its default.
  const { default: library } = await import('@sigstore/verify')
  const { bundleFromJSON } = (await import('@sigstore/bundle')).default
  const material = await trustMaterial(root, library.toTrustMaterial)
  const verifier: Verifier = new library.Verifier(material, {
    ctlogThreshold: Math.min(1, material.ctlogs.length),
    tlogThreshold: Math.min(1, material.tlogs.length),
    timestampThreshold: 1,
  })
  return ({ payloadType, payload, signature }, bundle) => {
    let identity: string | undefined
    let issuer: string | undefined
    try {
      // INVARIANT: the library verifies the very bytes that are read afterwards.
      const dsseEnvelope = {
        payloadType,
        payload: base64Of(payload),
        signatures: [{ sig: base64Of(signature) }],
      }
      const parsed = bundleFromJSON({ ...bundle, dsseEnvelope })
      mustBeHarmless(parsed)
      const signer = verifier.verify(library.toSignedEntity(parsed))
      identity = signer.identity?.subjectAlternativeName
      issuer = signer.identity?.extensions?.issuer
    } catch (error) {
      throw refusalOf(error)
    }
    const trusted = signers.some(
      (one) => one.issuer === issuer && patternOf(one.identity).test(identity ?? ''),
    )
    if (trusted && identity !== undefined && issuer !== undefined) return { identity, issuer }
    const who = `\`${identity ?? 'nobody'}\`, certified by \`${issuer ?? 'an unknown issuer'}\``
    throw new SnugError('SIGNER_UNKNOWN', `${who}, signed it and is not trusted`)
  }
}

/** More proofs than any signer collects. */
const mostProofs = 16
/** The library takes the name of a log in a checkpoint as a regular expression: these characters mean themselves there, or any one. */
const signatureNames = /^\u2014 (\S+)/gm
const plainName = /^[\w.:/-]{1,500}$/

/** A stranger's bundle must not keep the processor busy. Errors: ATTESTATION_INVALID */
function mustBeHarmless({ verificationMaterial }: Bundle): void {
  const { tlogEntries, timestampVerificationData } = verificationMaterial
  const clocks = timestampVerificationData?.rfc3161Timestamps.length ?? 0
  if (tlogEntries.length > mostProofs || clocks > mostProofs) {
    throw new SnugError('ATTESTATION_INVALID', `its bundle has more than ${mostProofs} proofs`)
  }
  for (const { inclusionProof } of tlogEntries) {
    const text = inclusionProof?.checkpoint?.envelope ?? ''
    if ([...text.matchAll(signatureNames)].every(([, name = '']) => plainName.test(name))) continue
    throw new SnugError('ATTESTATION_INVALID', 'a checkpoint in its bundle has an invalid name')
  }
}

/** `*` stands for any characters within one part of a path, none of them blank or invisible. */
function patternOf(identity: string): RegExp {
  const parts = identity.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^/\\s\\p{C}]*')}$`, 'u')
}

function refusalOf(error: unknown): SnugError {
  if (error instanceof SnugError) return error
  const { code } = error as { readonly code?: unknown }
  const problem = problems[String(code)] ?? 'ATTESTATION_INVALID'
  return new SnugError(problem, `${explanations[problem]}: ${describeError(error)}`)
}

/** Errors: TRUST_ROOT_INVALID */
async function trustMaterial(
  file: string,
  materialOf: typeof toTrustMaterial,
): Promise<TrustMaterial> {
  const { TrustedRoot } = (await import('@sigstore/protobuf-specs')).default
  let material: TrustMaterial
  try {
    material = materialOf(TrustedRoot.fromJSON(JSON.parse(readFileSync(file, 'utf8'))))
  } catch (cause) {
    throw new SnugError('TRUST_ROOT_INVALID', `\`${file}\`: ${describeError(cause)}`)
  }
  const { certificateAuthorities, tlogs, timestampAuthorities } = material
  if (certificateAuthorities.length === 0) {
    throw new SnugError('TRUST_ROOT_INVALID', `\`${file}\` names no authority of certificates`)
  }
  if (tlogs.length + timestampAuthorities.length === 0) {
    throw new SnugError('TRUST_ROOT_INVALID', `\`${file}\` names neither a log nor a clock`)
  }
  return material
}
