import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import type { ImageFacts } from '../../supplychain/image/image-facts.ts'
import type { GuardrailRules } from '../../core/match/rules-schema.ts'
import { Profile } from '../../core/profile/profile.ts'
import { compareText } from '../../core/compare-text.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import type { AttackTrace } from '../../support/config/load-attacks.ts'
import type { JoinedScan } from '../scan/join.ts'
import { withApprovals } from './approvals.ts'
import { type BehaviourFindings, behaviourFindings } from './behaviour-findings.ts'
import { contrastFindings, contrastOf } from './contrast.ts'
import {
  type Contrast,
  findingLevels,
  type GateFinding,
  gateRules,
  type GateResult,
  type Representative,
} from '../../supplychain/findings/finding.ts'
import { imageFindings, otherImageFinding } from './image-findings.ts'
import type { GatePolicy } from './policy-schema.ts'
import { representativeFindings, representativeOf, type Requirements } from './representative.ts'
import { vulnerabilityFindings } from './vulnerability-findings.ts'

/** The input to judge; an absent member is not judged. */
export interface GateInput {
  /** As the user named it. */
  readonly image: string
  readonly facts?: ImageFacts
  readonly profile?: ProfileDocument
  readonly baseline?: ProfileDocument
  readonly scan?: JoinedScan
  /** Recorded attacks to try. */
  readonly attacks?: readonly AttackTrace[]
  readonly requirements?: Requirements
  readonly policy: GatePolicy
  readonly guardrails: GuardrailRules
  readonly shaper: Shaper
  readonly nowMs: number
}

const nothing: BehaviourFindings = { findings: [], seen: 0, asBefore: 0, again: new Set() }

/** The findings before approvals are applied. */
export interface FoundByGate {
  readonly findings: readonly GateFinding[]
  readonly behaviour: BehaviourFindings
  readonly contrast?: Contrast
  readonly representative?: Representative
}

/** Looks at all that was given. */
export function findAll(input: GateInput): FoundByGate {
  const { facts, profile, scan, policy, nowMs } = input
  const behaviour =
    profile === undefined
      ? nothing
      : behaviourFindings({ ...input, profile, policy: policy.behaviour })
  const other =
    facts === undefined || profile === undefined
      ? undefined
      : otherImageFinding(profile.image, facts)
  const trials = profile === undefined ? {} : trialsOf({ ...input, profile })
  const { contrast, representative } = trials
  const findings = [
    ...(contrast === undefined ? [] : contrastFindings(contrast, policy.behaviour.blindAttack)),
    ...(representative === undefined
      ? []
      : representativeFindings(representative, policy.behaviour.notRepresentative)),
    ...(other === undefined ? [] : [other]),
    ...behaviour.findings,
    ...(facts === undefined ? [] : imageFindings(facts, policy.image, nowMs)),
    ...(scan === undefined ? [] : vulnerabilityFindings(scan, policy.vulnerabilities, nowMs)),
  ]
  return { findings, behaviour, ...trials }
}

function trialsOf({
  profile,
  attacks,
  requirements,
  shaper,
  nowMs,
}: GateInput & { readonly profile: ProfileDocument }): Pick<
  FoundByGate,
  'contrast' | 'representative'
> {
  if (attacks === undefined && requirements === undefined) return {}
  const loaded = Profile.load(profile.behaviours, shaper)
  return {
    ...(attacks === undefined ? {} : { contrast: contrastOf(loaded, attacks, nowMs) }),
    ...(requirements === undefined
      ? {}
      : { representative: representativeOf(requirements, loaded, profile.recordings) }),
  }
}

/** Whether the image may pass, and what blocks it, after approvals are applied. */
export function gateResult(
  input: GateInput,
  { findings: found, behaviour, contrast, representative }: FoundByGate,
): GateResult {
  const { image, baseline, policy, nowMs } = input
  const findings = withApprovals(found, policy, nowMs).toSorted(graverFirst)
  const open = findings.filter(({ approved }) => approved === undefined)
  const count = (level: GateFinding['level']): number =>
    open.filter((finding) => finding.level === level).length
  return {
    schema: 'snug.gate-result/v1',
    image,
    ...digestOf(input),
    ...(baseline === undefined ? {} : { baseline: nameOf(baseline) }),
    passed: count('approve') === 0,
    behaviours: { seen: behaviour.seen, asBefore: behaviour.asBefore },
    counts: {
      approve: count('approve'),
      warn: count('warn'),
      note: count('note'),
      approved: findings.length - open.length,
    },
    ...(contrast === undefined ? {} : { contrast }),
    ...(representative === undefined ? {} : { representative }),
    findings,
  }
}

function digestOf({ facts, profile }: GateInput): { readonly digest?: string } {
  const digest = facts?.imageId ?? profile?.image.digest
  return digest === undefined ? {} : { digest }
}

function nameOf({ image: { repository, tag, digest } }: ProfileDocument): string {
  return tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`
}

function graverFirst(a: GateFinding, b: GateFinding): number {
  return (
    Number(a.approved !== undefined) - Number(b.approved !== undefined) ||
    findingLevels.indexOf(a.level) - findingLevels.indexOf(b.level) ||
    gateRules.indexOf(a.rule) - gateRules.indexOf(b.rule) ||
    compareText(a.text, b.text) ||
    compareText(a.id, b.id)
  )
}
