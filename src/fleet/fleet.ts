import type { ModeDecision } from '../core/lifecycle/mode-decision.ts'
import type { SharedClosing } from '../core/lifecycle/shared-closing.ts'
import type { SharedHold } from '../core/lifecycle/shared-hold.ts'
import type { ProfileEntry } from '../core/profile/profile-entry.ts'
import type { PublishedScopes } from '../agent/records/versions/version-registry.ts'
import type { FleetImage } from './fleet-image.ts'
import type { ImageProfileStatus } from './kubernetes/fleet-objects.ts'
import type { SpecDecision } from './kubernetes/spec-decision.ts'
import type { SliceHead } from './slices/slice-head.ts'

/** What a node publishes for one version. */
export interface Contribution extends SliceHead {
  readonly image: FleetImage
  readonly entries: readonly ProfileEntry[]
  readonly summary: Pick<ImageProfileStatus, 'state' | 'mode' | 'behaviours' | 'pending'> & {
    readonly because: string
  }
}

/** A decision on the mode, and the node that published it. */
export type PublishedMode = ModeDecision & { readonly node: string }

/** What one node published of one version. */
export interface Published {
  readonly node: string
  readonly entries: readonly ProfileEntry[]
}

/** What a fleet reports to the node. */
export interface FleetLink {
  /** Other nodes published something for this version. */
  readonly onEntries: (image: FleetImage) => void
  /** A decision on this version was made at a node: it applies when it comes. */
  readonly onDecision: (image: FleetImage) => void
  readonly onSpecDecision: (decision: SpecDecision) => void
  /** The object was deleted, and its decisions with it. */
  readonly onSpecDecisionGone: (image: FleetImage) => void
  readonly onError?: (what: string, error: unknown) => void
}

/**
 * What nodes share, at one node: a copy of what the others published, and the writes of its own. `FleetSync` merges and
 * decides, over whichever store the nodes share.
 */
export interface Fleet {
  /**
   * Runs until the signal aborts. The promise resolves once everything was listed, or the listing failed.
   */
  readonly start: (signal: AbortSignal) => Promise<void>
  /**
   * Whether what other nodes published is listed. Nothing is published before that, so that nothing is published twice.
   */
  readonly ready: boolean
  /** Why reading or publishing fails, with a code; undefined if both work. */
  readonly fault: string | undefined
  /** Writes that were tried so far. */
  readonly writes: number
  /** By node: each may only publish what it learned and what was decided there. */
  readonly published: (image: FleetImage) => Iterable<Published>
  /** What other nodes published of the image in scopes whose window has ended on one of them. */
  readonly scopes: (image: FleetImage) => PublishedScopes
  /** The first node whose window ended with nothing missing. */
  readonly learned: (
    image: FleetImage,
  ) => { readonly node: string; readonly at: string } | undefined
  /** Decisions on the mode at any node; for this node, those that it published before its data was lost. */
  readonly modeDecisions: (image: FleetImage) => readonly PublishedMode[]
  /** Orders to hold containers of the version that are in no object; absent where all are in objects. */
  readonly holds?: (image: FleetImage) => readonly SharedHold[]
  /** Closed incidents with alerts of the version; absent where all are in objects. */
  readonly closings?: (image: FleetImage) => readonly SharedClosing[]
  /**
   * Publishes what the fleet does not have for this version yet, and writes nothing without news. False where that was
   * not possible; the caller tries again later.
   */
  readonly publish: (contribution: Contribution) => Promise<boolean>
  /** The version was removed from this node. Absent: what the node published of it stays. */
  readonly removed?: (image: FleetImage) => void
}
