import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { FleetImage } from '../../fleet/fleet-image.ts'
import type { ImageProfileStatus } from '../../fleet/kubernetes/fleet-objects.ts'
import type { Mode } from '../../core/lifecycle/mode.ts'
import type { SpecDecision } from '../../fleet/kubernetes/spec-decision.ts'
import type { Approval } from '../../fleet/kubernetes/spec-change.ts'
import type { NewClosing, SharedClosing } from '../../core/lifecycle/shared-closing.ts'
import type { NewHold, SharedHold } from '../../core/lifecycle/shared-hold.ts'
import type { KnownSlice } from './known-slices.ts'

/** The state of a version, as far as the fleet has it in one place. */
export interface KnownStatus
  extends Pick<ImageProfileStatus, 'state' | 'mode' | 'behaviours' | 'conditions'> {
  /** Behaviours that wait for a decision; absent: those of the review are all that is known. */
  readonly pending?: number
}

/** One version of one image, without what only agents need. */
export interface KnownProfile {
  readonly name: string
  readonly image: FleetImage
  /** RFC 3339. */
  readonly createdAt: string
  readonly status: KnownStatus | undefined
  /** The decisions in its object; none where decisions are in no object. */
  readonly decision: SpecDecision
  /** The decision on its mode, wherever that is. */
  readonly mode?: ModeDecision
  /** Also those that are over, or released. */
  readonly holds: readonly SharedHold[]
  /** Incidents with alerts of it that people closed at a console. */
  readonly closings: readonly SharedClosing[]
  /** Of the decisions on it: another one after each of them. */
  readonly revision: string
  /**
   * Whether the fleet has decided on the behaviour, so that all agents apply that.
   *
   * @param isQuarantined a guardrail fired on it: no approval counts that is none of quarantined behaviours
   */
  readonly isDecided: (behaviour: string, isQuarantined: boolean) => boolean
}

export interface KnownNode {
  readonly name: string
  /** An agent can run there. */
  readonly linux: boolean
}

/** A pod of Snug's DaemonSet. */
export interface KnownAgent {
  readonly node: string
  readonly ready: boolean
  readonly startedAt: string
}

/** What a person decides on one version. */
export interface ImageDecision {
  /** Name of the profile. */
  readonly profile: string
  readonly change:
    | ({ readonly kind: 'approve' } & Approval)
    | { readonly kind: 'reject'; readonly behaviours: readonly string[] }
    | { readonly kind: 'mode'; readonly mode: Mode }
    | { readonly kind: 'hold'; readonly hold: NewHold }
    | { readonly kind: 'release-hold'; readonly id: string; readonly reason?: string }
    | { readonly kind: 'close'; readonly closing: NewClosing }
  readonly author: string
  /** The one that the person has read; undefined: any. */
  readonly revision: string | undefined
}

/** What was written. */
export interface WrittenDecision {
  readonly revision: string
  /** Behaviours that were decided on; absent where that is left to the agents. */
  readonly behaviours?: number
}

/** Where profiles and decisions of a fleet are, as the console reads them and decides. */
export interface ConsoleFleet {
  readonly store: 'kubernetes' | 'nats'
  /** Runs until the signal aborts. Resolves once everything was read, or that failed. */
  readonly start: (signal: AbortSignal) => Promise<void>
  /** Whether all of it was read at some time. */
  readonly listed: boolean
  /** What cannot be read now, or is ignored, and why. */
  readonly faults: readonly string[]
  /** Rises with each change. */
  readonly revision: number
  readonly profiles: () => Iterable<KnownProfile>
  readonly profile: (name: string) => KnownProfile | undefined
  /** What nodes published of a profile. */
  readonly slices: (profile: string) => Iterable<KnownSlice>
  /** Decisions on it that are in no slice. */
  readonly decisions: (profile: string) => Iterable<KnownSlice>
  /** The revision of the last change of the profile, or of what the nodes published of it. */
  readonly changedAt: (profile: string) => number
  /** Of how many image versions the node published something, and how many it has learned. */
  readonly published: (node: string) => { readonly images: number; readonly learned: number }
  readonly nodes: () => Iterable<KnownNode>
  /** Pods of the agents; absent where agents are in no pods. */
  readonly agents?: () => Iterable<KnownAgent>
  /**
   * Writes a decision for all nodes.
   *
   * Errors: REVISION_STALE, and those of the store.
   */
  readonly decide: (decision: ImageDecision, signal: AbortSignal) => Promise<WrittenDecision>
}
