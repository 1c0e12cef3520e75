import type { SnugEvent } from '../../core/event/event.ts'
import type {
  BehaviourKey,
  ContainerSeen,
  PolicyReport,
  SelfProbe,
  CountUpdate,
  SourceMark,
} from '../sources/source.ts'
import type { ContainerIdentity, IdentityEngine, Rootfs } from './identity.ts'
import type { ImageFiles } from './image-files.ts'

export type IdentifiedMessage =
  | { readonly type: 'event'; readonly event: SnugEvent; readonly key?: BehaviourKey }
  | {
      readonly type: 'count-update'
      readonly countUpdate: CountUpdate
      readonly identity: ContainerIdentity
    }
  /** Comes before the container's first event: the moment to `assign` it to its version's scope. */
  | {
      readonly type: 'container'
      readonly identity: ContainerIdentity
      readonly seen: ContainerSeen
    }
  | { readonly type: 'container-ended'; readonly id: string; readonly time: string }
  | { readonly type: 'disarmed'; readonly scope: number; readonly time: string }
  | { readonly type: 'policy'; readonly report: PolicyReport }
  | { readonly type: 'self-probe'; readonly probe: SelfProbe }
  /** Behind everything that came before it, also what was held. */
  | { readonly type: 'mark'; readonly mark: SourceMark }
  | { readonly type: 'began'; readonly kept: boolean }

export type IdentifiedBatch = readonly IdentifiedMessage[]

export interface IdentifierOptions {
  readonly engines: readonly IdentityEngine[]
  readonly files: ImageFiles
  readonly node: string
  /** Whether it is the container that this agent is: nothing of it is judged, or it would stand in its own way. */
  readonly isOwn?: ((identity: ContainerIdentity) => boolean) | undefined
  /** The layers of a container by its cgroup, for engines that do not report layers. */
  readonly rootfsOf?: (cgroup: string) => Rootfs | undefined
  /** Takes what had to wait, in order; called from outside `push`. */
  readonly release: (batch: IdentifiedBatch) => void
  readonly limits?: Partial<IdentifierLimits>
  readonly now?: () => number
}

export interface IdentifierLimits {
  /** Messages that one container may have waiting. */
  readonly perContainer: number
  /** Messages that may wait in all. */
  readonly total: number
  /** After this long the events go on without an image: `unprofiled`. */
  readonly giveUpMs: number
  /** The same if every engine is available and reports that no such container exists. */
  readonly unknownMs: number
  /** Ended containers that are remembered, for events that come after the end. */
  readonly remembered: number
}

export interface IdentifierStats {
  readonly resolved: number
  readonly unresolved: number
  readonly waiting: number
  readonly held: number
  readonly lost: number
  /**
   * Repeats of events in containers whose image stays unknown: unprofiled, like the events
   * themselves.
   */
  readonly unplaced: number
}
