import type { SeverityName } from '../../supplychain/findings/report.ts'

/** The level of a finding: the gate stays shut until somebody approves it, the gate reports it, or only counts it. */
export const gateLevels = ['approve', 'warn', 'allow'] as const
export type GateLevel = (typeof gateLevels)[number]

/** How near a vulnerable package must be to running for it to count. */
export const seenThresholds = ['in-use', 'loaded', 'any'] as const
export type SeenThreshold = (typeof seenThresholds)[number]

/** Behaviour of a version that its baseline does not allow. */
export interface BehaviourPolicy {
  readonly newProgram: GateLevel
  readonly newPeer: GateLevel
  readonly newListen: GateLevel
  readonly newWrite: GateLevel
  readonly newRoot: GateLevel
  readonly newCapability: GateLevel
  readonly newSyscall: GateLevel
  readonly newRead: GateLevel
  readonly otherUse: GateLevel
  readonly guardrail: GateLevel
  readonly noBaseline: GateLevel
  readonly lostEvidence: GateLevel
  readonly blindAttack: GateLevel
  readonly notRepresentative: GateLevel
  /** Globs: files written below them are the service's own data. */
  readonly dataPaths: readonly string[]
}

export interface BaseImage {
  readonly name: string
  /** Its diff ids, the bottom one first: an image that is built on it begins with these. */
  readonly layers: readonly string[]
}

export interface ImagePolicy {
  readonly root: GateLevel
  readonly base?: { readonly level: GateLevel; readonly approved: readonly BaseImage[] }
  readonly age?: { readonly level: GateLevel; readonly maxMs: number }
}

/** Lets one vulnerability pass for a while. */
export interface VulnerabilityException {
  readonly id: string
  /** Only in this package. */
  readonly package?: string
  readonly owner: string
  readonly until: string
  readonly reason: string
}

export interface VulnerabilityPolicy {
  readonly level: GateLevel
  /** Of this severity or a higher one. */
  readonly from: SeverityName
  readonly seen: SeenThreshold
  readonly onlyFixed: boolean
  readonly exceptions: readonly VulnerabilityException[]
}

/** Lets one finding pass for a while. */
export interface FindingApproval {
  /** The finding's id, or of a behaviour the beginning of it. */
  readonly finding: string
  readonly owner: string
  readonly until: string
  readonly reason: string
}

/** `snug.gate/v1`, read. */
export interface GatePolicy {
  readonly behaviour: BehaviourPolicy
  readonly image: ImagePolicy
  readonly vulnerabilities: VulnerabilityPolicy
  readonly approvals: readonly FindingApproval[]
}
