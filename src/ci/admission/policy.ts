import type { BaseImage } from '../gate/policy-schema.ts'

/**
 * The action for a pod whose image violates the policy. `deny`: refuse it. `warn`: admit it and warn its creator.
 * `audit`: admit it, with a note in the audit log of the API server. `ignore`: admit it without a check.
 */
export const admissionActions = ['deny', 'warn', 'audit', 'ignore'] as const
export type AdmissionAction = (typeof admissionActions)[number]

/** The requirements for an image. */
export interface ImageRequirements {
  /** A profile is attached that a trusted key has signed. */
  readonly profile: boolean
  /** The result of a gate is, and the gate was open. */
  readonly gate: boolean
  /** Pods name it by digest: a tag may be moved between the answer and the pull. */
  readonly digest: boolean
  /** Its lowest layers are all those of one of these; absent: of any. */
  readonly approvedBases?: readonly BaseImage[]
  /** Its lowest layers are those of none of these. */
  readonly forbiddenBases: readonly BaseImage[]
  /** Hosts as pods name them. Nothing else is asked, and images from elsewhere are not trusted. */
  readonly registries: readonly string[]
}

export interface NamespaceRule {
  /** Globs. */
  readonly names: readonly string[]
  readonly action: AdmissionAction
}

/** `snug.admission/v1`: the input of the decision. */
export interface AdmissionPolicy {
  readonly images: ImageRequirements
  /** The first that has the name counts. */
  readonly namespaces: readonly NamespaceRule[]
  /** Of namespaces that no rule names. */
  readonly action: AdmissionAction
  /** Whether an image that cannot be verified is refused where a fault would be. */
  readonly failClosed: boolean
}
