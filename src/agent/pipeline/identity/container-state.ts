import type { ContainerSeen, SourceMessage } from '../sources/source.ts'
import type { EventRefiner } from './event-refiner.ts'
import type { ContainerIdentity, Rootfs } from './identity.ts'

/** Its messages wait until an engine identifies it, or the wait is over. */
export interface Waiting {
  readonly kind: 'waiting'
  readonly seen: ContainerSeen
  readonly since: number
  readonly held: SourceMessage[]
  timer: NodeJS.Timeout | undefined
  asked: number
  /** Looked up while the container runs, because it may end before it is identified. */
  rootfs: Rootfs | undefined
  lost: Missed | undefined
  /** It is identified, and what it held is released in parts. */
  known: KnownContainer | undefined
  /** To be called once it does not wait any more. */
  readonly onEnd: (() => void)[]
}

export interface KnownContainer {
  readonly kind: 'known'
  identity: ContainerIdentity
  readonly seen: ContainerSeen
  readonly refiner: EventRefiner
  /** No source reports its start and end. */
  readonly isUnannounced: boolean
  /** Messages since it was identified without the folders of its root. */
  rootless: number
}

/** Its messages pass without an identity. */
export interface GivenUp {
  readonly kind: 'given-up'
  readonly seen: ContainerSeen
  /** No engine could be asked about it, so its events are in no profile. */
  readonly isMissed: boolean
  missed: Missed | undefined
}

/** Messages that did not reach a profile. */
export interface Missed {
  count: number
  readonly from: string
  to: string
}

type Held = SourceMessage & { type: 'event' | 'count-update' }

export function givenUp(seen: ContainerSeen, isMissed: boolean): GivenUp {
  return { kind: 'given-up', seen, isMissed, missed: undefined }
}

/** Counts a message of a container that no engine could be asked about. */
export function missed(container: GivenUp, message: Held): void {
  if (!container.isMissed || isLoss(message)) return
  const { count, from, to } = extentOf(message)
  container.missed ??= { count: 0, from, to }
  container.missed.count += count
  if (to > container.missed.to) container.missed.to = to
}

function isLoss(message: Held): boolean {
  return message.type === 'event' && message.event.kind === 'loss'
}

/** The events that a message stands for, and their time. */
export function extentOf(message: Held): {
  readonly count: number
  readonly from: string
  readonly to: string
} {
  if (message.type === 'count-update') {
    const { count, first, last } = message.countUpdate
    return { count, from: first, to: last }
  }
  const { event } = message
  if (event.kind === 'loss') return event.loss
  return { count: event.count ?? 1, from: event.time, to: event.time }
}
