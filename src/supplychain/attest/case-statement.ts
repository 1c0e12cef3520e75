import { createHash } from 'node:crypto'
import { caseSummary, type CaseSummary } from '../../api/case-views.ts'
import { SnugError } from '../../errors.ts'
import { packageVersion } from '../../support/package-version.ts'
import type { Envelope } from './dsse.ts'
import { envelopeOf, type Signer } from './keys.ts'
import { type Predicate, statementText } from './statement.ts'
import { type TrustedSigners, type Verified, verifyStatement } from './verify.ts'

const casePredicate: Predicate<CaseSummary> = {
  type: 'urn:snug:predicate:case:v1',
  member: 'case',
  parse: (value) => {
    const parsed = caseSummary.safeParse(value)
    if (parsed.success) return parsed.data
    throw new SnugError('ATTESTATION_INVALID', 'it is no statement about a case')
  },
}

/** The signed statement of an agent about the file of a case. */
export function signedCase(summary: CaseSummary, signer: Signer, nowMs: number): Promise<Envelope> {
  const subject = { name: caseFileName(summary.id), digest: summary.sha256 }
  const about = { content: summary, made: new Date(nowMs).toISOString() }
  return envelopeOf(statementText(casePredicate, subject, about, packageVersion()), signer)
}

/** @param content the compressed file. Errors: those of `verifyStatement` */
export function verifiedCase(
  content: Uint8Array,
  envelope: Envelope,
  signers: TrustedSigners,
): Verified<CaseSummary> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return verifyStatement(casePredicate, envelope, { ...signers, digest, nowMs: Date.now() })
}

export function caseFileName(id: string): string {
  return `${id}.ndjson.gz`
}
