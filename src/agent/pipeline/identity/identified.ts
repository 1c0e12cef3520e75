import type { ProgramArguments } from '../../../core/behaviour/arguments.ts'
import type { ActEvent, SnugEvent } from '../../../core/event/event.ts'
import type { ProfileScope } from '../../../core/event/image-key.ts'
import {
  containerOfMessage,
  type BehaviourKey,
  type ContainerSeen,
  type PolicyReport,
  type SelfProbe,
  type CountUpdate,
  type SourceMark,
  type SourceMessage,
} from '../sources/source.ts'
import type { KnownContainer } from './container-state.ts'
import type { ContainerIdentity, IdentityEngine, Rootfs } from './identity.ts'
import type { OnResolvers } from './answered-names.ts'
import type { ImageFiles } from './image-files.ts'
import { withChanges } from '../../../core/with-changes.ts'

export type IdentifiedMessage =
  | { readonly type: 'event'; readonly event: SnugEvent; readonly key?: BehaviourKey }
  | {
      readonly type: 'count-update'
      readonly countUpdate: CountUpdate
      readonly identity: ContainerIdentity
    }
  /** Precedes the container's first event: assign the container to its version's scope now. */
  | {
      readonly type: 'container'
      readonly identity: ContainerIdentity
      readonly seen: ContainerSeen
    }
  | { readonly type: 'container-ended'; readonly id: string; readonly time: string }
  | Extract<SourceMessage, { readonly type: 'disarmed' }>
  | { readonly type: 'policy'; readonly report: PolicyReport }
  | { readonly type: 'self-probe'; readonly probe: SelfProbe }
  /** Follows every earlier message, including those that were held. */
  | { readonly type: 'mark'; readonly mark: SourceMark }
  | { readonly type: 'began'; readonly kept: boolean }

export type IdentifiedBatch = readonly IdentifiedMessage[]

export interface IdentifierOptions {
  readonly engines: readonly IdentityEngine[]
  readonly files: ImageFiles
  /** Interpreters, to find the scripts that they run. */
  readonly programs?: ProgramArguments
  readonly node: string
  /** Whose profile an event is judged by, where its source names image and workload. Absent: one for all. */
  readonly scope?: ProfileScope
  /**
   * Whether the container is the agent's. Its events are not judged, because the agent would
   * obstruct itself.
   */
  readonly isOwn?: ((identity: ContainerIdentity) => boolean) | undefined
  /** The layers of a container by its cgroup, for engines that do not report layers. */
  readonly rootfsOf?: (cgroup: string) => Rootfs | undefined
  /** The resolvers that a container was given, by its cgroup. Absent: no DNS answer names anything. */
  readonly resolversOf?: (cgroup: string) => readonly string[] | undefined
  /** These resolvers of a container count from now on. Called outside of `push` too. */
  readonly onResolvers?: OnResolvers
  /**
   * Work that has to be done before the first message of such a container is judged, which waits for it. Undefined:
   * none.
   */
  readonly prepared?: (identity: ContainerIdentity) => Promise<void> | undefined
  /** Receives the held messages in order; called outside of `push`. */
  readonly release: (batch: IdentifiedBatch) => void
  readonly limits?: Partial<IdentifierLimits>
  readonly now?: () => number
}

/** What the daemon itself gives to an identifier. */
export type IdentifierLinks = Required<
  Pick<IdentifierOptions, 'release' | 'prepared' | 'onResolvers'>
>

export interface IdentifierLimits {
  /** Maximum number of waiting messages of one container. */
  readonly perContainer: number
  /** Maximum number of waiting messages in total. */
  readonly total: number
  /** After this time the events continue without an image: `unprofiled`. */
  readonly giveUpMs: number
  /** After this time where every engine is available and reports that no such container exists. */
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

/** The container that a message is about. */
export function containerOf(message: IdentifiedMessage): string | undefined {
  if (message.type === 'count-update' || message.type === 'container') return message.identity.id
  return containerOfMessage(message)
}

/** The event with the identity of its container. */
export function identified(
  message: SourceMessage & { type: 'event' },
  { identity, seen, refiner }: KnownContainer,
): IdentifiedMessage {
  const { event } = message
  const container = {
    id: identity.id,
    name: identity.name,
    ...(seen.before ? { before: true } : {}),
    ...(identity.role === undefined ? {} : { role: identity.role }),
  }
  if (event.kind === 'loss') {
    return { ...message, event: { ...event, container, image: identity.image } }
  }
  const named: ActEvent = withChanges(event, {
    container,
    image: identity.image,
    ...(identity.workload === undefined ? {} : { workload: identity.workload }),
  })
  return withChanges(message, { event: refiner.refine(named, identity) })
}
