import type { Verified } from '../../supplychain/attest/verify.ts'
import type { ErrorCode } from '../../errors.ts'
import { isHeadOf } from '../gate/image-findings.ts'
import type { AttestedGate } from '../../supplychain/findings/parse-result.ts'
import type { ImageRequirements } from './policy.ts'

/** The result of a lookup for one kind of attachment of an image. */
export type Attested<Content> =
  | { readonly kind: 'good'; readonly verified: Verified<Content> }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly because: string }

/** What the registry has of an image; an absent member was not looked up. */
export interface ImageEvidence {
  readonly profile?: Attested<unknown>
  readonly gate?: Attested<AttestedGate>
  /** Diff ids, the lowest layer first, of each platform that it is for. */
  readonly platforms?: readonly (readonly string[])[]
}

export interface Judgement {
  /** The violated requirements, one sentence each; empty if the image is trusted. */
  readonly faults: readonly string[]
  /** Milliseconds since 1970: the result is valid until then; absent: without end. */
  readonly until?: number
}

/** Checks the facts about an image against the requirements. */
export function judgeImage(
  { profile, gate, platforms = [] }: ImageEvidence,
  { approvedBases, forbiddenBases }: ImageRequirements,
): Judgement {
  const faults = [
    ...(profile === undefined ? [] : attestedFaults('profile', profile)),
    ...(gate === undefined ? [] : attestedFaults('result of a gate', gate)),
    ...(gate?.kind === 'good' ? shutGate(gate.verified.content) : []),
    ...platforms.flatMap((layers) => baseFaults(layers, approvedBases, forbiddenBases)),
  ]
  const ends = [profile, gate].flatMap((each) =>
    each?.kind === 'good' && each.verified.expires !== undefined
      ? [Date.parse(each.verified.expires)]
      : [],
  )
  // A base that several platforms share is reported once.
  const reported = [...new Set(faults)]
  return ends.length === 0 ? { faults: reported } : { faults: reported, until: Math.min(...ends) }
}

function attestedFaults(what: string, attested: Attested<unknown>): readonly string[] {
  switch (attested.kind) {
    case 'good':
      return []
    case 'missing':
      return [`no ${what} is attached (ATTESTATION_MISSING)`]
    case 'refused':
      return [`its ${what} is not trusted: ${attested.because} (${attested.code})`]
  }
}

function shutGate({ passed, counts }: AttestedGate): readonly string[] {
  return passed ? [] : [`its gate is shut: ${counts.approve} findings need a decision`]
}

function baseFaults(
  layers: readonly string[],
  approved: ImageRequirements['approvedBases'],
  forbidden: ImageRequirements['forbiddenBases'],
): readonly string[] {
  const on = forbidden.find((base) => isHeadOf(base, layers))
  if (on !== undefined) return [`it is built on ${on.name}, which is forbidden`]
  if (approved === undefined || approved.some((base) => isHeadOf(base, layers))) return []
  const names = approved.map(({ name }) => name).join(', ')
  return [`its lowest layers are those of no approved base (${names})`]
}
