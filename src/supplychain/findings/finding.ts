import type { User } from '../../core/behaviour/user.ts'

/** The rules of a gate; each has a level in the policy. */
export const gateRules = [
  'new-program',
  'new-peer',
  'new-listen',
  'new-write',
  'new-root',
  'new-capability',
  'new-syscall',
  'new-read',
  'other-use',
  'guardrail',
  'rejected',
  'other-image',
  'no-baseline',
  'lost-evidence',
  'blind-attack',
  'not-representative',
  'image-root',
  'image-base',
  'image-age',
  'vulnerability',
  'policy',
  'report-unreadable',
  'approval-ended',
  'approval-unused',
] as const
export type GateRule = (typeof gateRules)[number]

export const ruleTitles: Readonly<Record<GateRule, string>> = {
  'new-program': 'runs a new program',
  'new-peer': 'connects to a new peer',
  'new-listen': 'listens on a new port',
  'new-write': 'writes outside of its data',
  'new-root': 'newly runs as root',
  'new-capability': 'uses a new capability',
  'new-syscall': 'makes a new privileged call',
  'new-read': 'reads something new',
  'other-use': 'known behaviour by another program or user',
  guardrail: 'tripped a guardrail',
  rejected: 'shows a rejected behaviour',
  'other-image': 'profile of another image',
  'no-baseline': 'no baseline to compare with',
  'lost-evidence': 'events were lost while it was recorded',
  'blind-attack': 'lets an attack pass',
  'not-representative': 'lacks what it must have seen',
  'image-root': 'starts as root',
  'image-base': 'base image is not approved',
  'image-age': 'image is old',
  vulnerability: 'vulnerable package',
  policy: 'finding of a Rego policy',
  'report-unreadable': 'report cannot be read in full',
  'approval-ended': 'approval has ended',
  'approval-unused': 'approval is not needed',
}

/** `approve`: the gate is shut until somebody approves it. `note`: reported only. */
export const findingLevels = ['approve', 'warn', 'note'] as const
export type FindingLevel = (typeof findingLevels)[number]

/** Who let it pass, until when and why. */
export interface Approval {
  readonly owner: string
  /** RFC 3339 */
  readonly until: string
  readonly reason: string
}

/** One thing that a gate found. Strings may come from the image and from reports: each writer escapes them. */
export interface GateFinding {
  /** Stable across runs: an approval names it. */
  readonly id: string
  readonly rule: GateRule
  readonly level: FindingLevel
  /** One line: actor and behaviour. */
  readonly text: string
  /** Further details, one line. */
  readonly why?: string
  /** A path within the image that it is about. */
  readonly path?: string
  /** Present where the policy lets it pass: then it shuts no gate. */
  readonly approved?: Approval
}

/** A recorded attack against a profile: `blind` where the profile expects all of it by one of its actors. */
export interface AttackContrast {
  readonly name: string
  /** MITRE ATT&CK ids. */
  readonly attack: readonly string[]
  readonly outcome: 'blind' | 'detectable'
  /** Who may do all of it: `blind` only. */
  readonly actors: readonly { readonly actor: string; readonly uid: User }[]
}

export interface Contrast {
  readonly tried: number
  readonly blind: number
  readonly attacks: readonly AttackContrast[]
}

/** What a profile must have seen. */
export interface Representative {
  readonly required: number
  /** Sentences, in the order of the file. */
  readonly missing: readonly string[]
}

/** `snug.gate-result/v1` */
export interface GateResult {
  readonly schema: 'snug.gate-result/v1'
  readonly image: string
  /** `sha256:…`: the image's id, else the id in its profile; absent where neither is available. */
  readonly digest?: string
  /** The image of the profile that it was compared with. */
  readonly baseline?: string
  readonly passed: boolean
  /** Behaviours of the profile, and how many of them the baseline has too. */
  readonly behaviours: { readonly seen: number; readonly asBefore: number }
  readonly counts: Readonly<Record<FindingLevel | 'approved', number>>
  /** Present where recorded attacks were tried. */
  readonly contrast?: Contrast
  /** Present where a file names what must have been seen. */
  readonly representative?: Representative
  /** Gravest first, then by rule and text. */
  readonly findings: readonly GateFinding[]
}
