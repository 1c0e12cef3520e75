import type { ImageRef, LossEvent, SnugEvent } from '../../../core/event/event.ts'
import { scopedImage } from '../../../core/event/image-key.ts'
import type { ContainerSeen, NameAnswer, SourceBatch, SourceMessage } from '../sources/source.ts'
import { AnsweredNames } from './answered-names.ts'
import {
  extentOf,
  type GivenUp,
  givenUp,
  type KnownContainer,
  missed,
  type Waiting,
} from './container-state.ts'
import { EventRefiner } from './event-refiner.ts'
import {
  containerOf,
  identified,
  type IdentifiedBatch,
  type IdentifiedMessage,
  type IdentifierLimits,
  type IdentifierOptions,
  type IdentifierStats,
} from './identified.ts'
import type { ContainerIdentity, Rootfs } from './identity.ts'
import { ResolverLookup } from './resolver-lookup.ts'
import { WholeIds } from './whole-ids.ts'

export type { IdentifiedBatch, IdentifiedMessage, IdentifierStats }

export const defaultLimits: IdentifierLimits = {
  perContainer: 4_096,
  total: 65_536,
  giveUpMs: 30_000,
  unknownMs: 5_000,
  remembered: 2_048,
}

/** Messages that waited and are judged in one turn of the event loop. */
const releasedAtOnce = 64

/** Delays between queries about an unknown container, in milliseconds. */
const askAgainMs = [50, 100, 250, 500, 1_000] as const

/**
 * Adds the container identity to every event. It is synchronous: a batch passes through as one.
 * Only messages of an unidentified container wait, within bounds, until an engine identifies it or
 * the wait times out.
 *
 * INVARIANT: the messages of one container leave in the order in which they came.
 */
export class Identifier {
  /** By which names containers found the addresses that they connect to. */
  readonly names: AnsweredNames
  readonly #options: IdentifierOptions
  readonly #limits: IdentifierLimits
  readonly #now: () => number
  readonly #containers = new Map<string, Waiting | KnownContainer | GivenUp>()
  readonly #ended = new Set<string>()
  readonly #unsubscribe: (() => void)[]
  readonly #ids = new WholeIds()
  readonly #own = new Set<string>()
  readonly #resolvers: ResolverLookup | undefined
  #held = 0
  #waiting = 0
  #resolved = 0
  #lost = 0
  #unplaced = 0
  #closed = false
  #isRestoring = false

  constructor(options: IdentifierOptions) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#now = options.now ?? Date.now
    const { resolversOf, onResolvers } = options
    this.names = new AnsweredNames({}, this.#now, onResolvers)
    this.#resolvers = resolversOf && new ResolverLookup(this.names, resolversOf)
    this.#unsubscribe = options.engines.flatMap((engine) => [
      engine.subscribe((identity) => {
        this.#ids.learn(identity.id)
        this.#learned(identity)
      }),
      engine.subscribeLeft((id) => this.#left(id)),
    ])
  }

  get stats(): IdentifierStats {
    let unresolved = 0
    for (const [id, { kind }] of this.#containers) {
      if (kind === 'given-up' && !this.#ended.has(id)) unresolved += 1
    }
    return {
      resolved: this.#resolved,
      unresolved: unresolved + this.#waiting,
      waiting: this.#waiting,
      held: this.#held,
      lost: this.#lost,
      unplaced: this.#unplaced,
    }
  }

  /**
   * What was taken from the sources and not passed on. The state that is stored with a mark includes it, since the source
   * does not report again what precedes the mark. Pushed into a new identifier, it waits there.
   */
  get unidentified(): SourceBatch {
    if (this.#waiting === 0) return []
    const messages: SourceMessage[] = []
    for (const container of this.#containers.values()) {
      if (container.kind !== 'waiting') continue
      messages.push({ type: 'container-started', container: container.seen }, ...container.held)
    }
    return messages
  }

  /** How its source reported the container. Undefined for one that no source has reported. */
  seenOf(id: string): ContainerSeen | undefined {
    const seen = this.#containers.get(id)?.seen
    return seen?.cgroup === '' ? undefined : seen
  }

  /** What an earlier daemon had taken: it all waits, as its sources do not report it again. */
  restore(batch: SourceBatch): IdentifiedBatch {
    this.#isRestoring = true
    try {
      return this.push(batch)
    } finally {
      this.#isRestoring = false
    }
  }

  push(batch: SourceBatch): IdentifiedBatch {
    const out: IdentifiedMessage[] = []
    for (const message of batch) {
      switch (message.type) {
        case 'event':
          this.#event(message, out)
          break
        case 'count-update':
          this.#countUpdate(message, out)
          break
        case 'container-started':
          this.#started(message, out)
          break
        case 'container-ended':
          this.#endOf(message, out)
          break
        case 'name-answer':
          this.#answered(message.answer)
          break
        case 'disarmed':
        case 'policy':
        case 'self-probe':
        case 'began':
          out.push(message)
          break
        case 'mark':
          out.push(message)
          break
      }
    }
    return this.#others(out)
  }

  /** Removes messages of the agent's container. */
  #others(out: IdentifiedMessage[]): IdentifiedMessage[] {
    if (this.#own.size === 0) return out
    return out.filter((message) => !this.#own.has(containerOf(message) ?? ''))
  }

  /** Resolves once no container waits any more of those that wait now. */
  async settled(): Promise<void> {
    const ends: Promise<void>[] = []
    for (const container of this.#containers.values()) {
      if (container.kind !== 'waiting') continue
      ends.push(new Promise((resolve) => container.onEnd.push(resolve)))
    }
    await Promise.all(ends)
  }

  /**
   * Stops waiting and releases all held messages. For shutdown, and for a source that has ended.
   */
  flush(): void {
    for (const [id, container] of this.#containers) {
      if (container.kind !== 'waiting') continue
      if (container.known === undefined) this.#giveUp(id, container)
      else this.#releaseHeld(container, container.known, [], Infinity)
    }
  }

  close(): void {
    this.flush()
    this.#closed = true
    this.#resolvers?.close()
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }

  #event(reported: SourceMessage & { type: 'event' }, out: IdentifiedMessage[]): void {
    const message = this.#named(reported)
    const { event } = message
    if (event.container === undefined) {
      out.push(message)
      return
    }
    const { id } = event.container
    const present = this.#containers.get(id)
    if (present === undefined && event.image !== undefined) {
      out.push(this.#engineReports(message, id))
      return
    }
    const container = present ?? this.#unannounced(id, event.time, out)
    if (container?.kind === 'given-up') missed(container, message)
    if (container === undefined || container.kind === 'given-up') out.push(message)
    else if (container.kind === 'waiting') this.#hold(container, message)
    else {
      this.#findRoot(container, out)
      out.push(identified(message, container))
    }
  }

  /**
   * A container that is identified before it starts has no root yet: its messages look for it. Less often each time, as
   * a runtime may have roots whose layers are not found.
   */
  #findRoot(known: KnownContainer, out: IdentifiedMessage[]): void {
    const { identity, seen } = known
    const hasFiles = identity.rootfs !== undefined || identity.host !== undefined
    if (hasFiles || seen.cgroup === '') return
    known.rootless += 1
    // At the first message, the second, the fourth and so on.
    if ((known.rootless & (known.rootless - 1)) !== 0) return
    const rootfs = this.#options.rootfsOf?.(seen.cgroup)
    if (rootfs === undefined) return
    known.identity = { ...identity, rootfs }
    out.push({ type: 'container', identity: known.identity, seen })
  }

  /**
   * An event of an unannounced container, whose source names the image. The engine's report takes
   * precedence, because one image under two names would become two lineages.
   */
  #engineReports(message: SourceMessage & { type: 'event' }, id: string): IdentifiedMessage {
    const identity = this.#ask(id)
    const image = identity === undefined ? this.#scopedImage(message.event) : identity.image
    if (image === undefined || image === message.event.image) return message
    return { ...message, event: { ...message.event, image } }
  }

  #scopedImage(event: SnugEvent): ImageRef | undefined {
    const { scope = 'cluster' } = this.#options
    if (event.image === undefined || event.kind === 'loss') return event.image
    return scopedImage(scope, event.image, event.workload)
  }

  /**
   * Replaces the container id with the whole one, because some sensors report only its beginning.
   */
  #named(message: SourceMessage & { type: 'event' }): SourceMessage & { type: 'event' } {
    const { event } = message
    const { container } = event
    if (container === undefined) return message
    const id = this.#ids.of(container.id)
    return id === container.id
      ? message
      : { ...message, event: { ...event, container: { ...container, id } } }
  }

  /** Also where the container is not identified yet: its connections wait, and find the name then. */
  #answered(answer: NameAnswer): void {
    const { resolversOf } = this.#options
    const cgroup = this.#containers.get(answer.containerId)?.seen.cgroup
    if (cgroup === undefined || resolversOf === undefined) return
    this.names.take(answer, () => resolversOf(cgroup))
  }

  #countUpdate(message: SourceMessage & { type: 'count-update' }, out: IdentifiedMessage[]): void {
    const { countUpdate } = message
    const container = this.#containers.get(countUpdate.containerId)
    if (container?.kind === 'waiting') this.#hold(container, message)
    else if (container?.kind === 'known') {
      this.#findRoot(container, out)
      out.push({ type: 'count-update', countUpdate, identity: container.identity })
    } else {
      if (container?.kind === 'given-up') missed(container, message)
      this.#unplaced += countUpdate.count
    }
  }

  #started(message: SourceMessage & { type: 'container-started' }, out: IdentifiedMessage[]): void {
    const seen = message.container
    this.#ids.learn(seen.id)
    if (seen.cgroup !== '') this.#resolvers?.started(seen)
    const present = this.#containers.get(seen.id)
    // A restarted source reports the container again, or it restarted under its old id. It keeps
    // waiting.
    if (present?.kind === 'waiting') {
      present.held.push(message)
      this.#held += 1
      return
    }
    if (present?.kind === 'given-up') this.#reportMissed(present, out)
    this.#ended.delete(seen.id)
    const identity = present?.kind === 'known' ? present.identity : this.#ask(seen.id)
    const prepared = identity && this.#options.prepared?.(identity)
    if (identity !== undefined && prepared === undefined) {
      this.#know(identity, seen, out)
      return
    }
    if (this.#options.engines.length === 0) {
      this.#containers.set(seen.id, givenUp(seen, false))
      return
    }
    const waiting: Waiting = {
      kind: 'waiting',
      seen,
      since: this.#now(),
      held: [],
      timer: undefined,
      asked: 0,
      rootfs: undefined,
      lost: undefined,
      known: undefined,
      onEnd: [],
    }
    this.#containers.set(seen.id, waiting)
    this.#waiting += 1
    if (identity === undefined) void this.#lookup(seen.id, waiting)
    else void this.#resolveAfter(prepared, identity, waiting)
  }

  #endOf(message: SourceMessage & { type: 'container-ended' }, out: IdentifiedMessage[]): void {
    const container = this.#containers.get(message.id)
    if (container?.kind === 'waiting') {
      // Exempt from the bounds: there is one for each container, and it must not be lost.
      container.held.push(message)
      this.#held += 1
      return
    }
    if (container?.kind === 'given-up') this.#reportMissed(container, out)
    out.push(message)
    this.#remember(message.id)
  }

  /** Ended containers are kept for a while: their last events may still be on the way. */
  #remember(id: string): void {
    this.#resolvers?.ended(id)
    this.#ended.delete(id)
    this.#ended.add(id)
    if (this.#ended.size <= this.#limits.remembered) return
    const [oldest] = this.#ended
    if (oldest === undefined) return
    this.#ended.delete(oldest)
    this.#containers.delete(oldest)
    this.#own.delete(oldest)
    this.names.forget(oldest)
  }

  /**
   * An event of a container that its source did not announce: identified at once, or not at all.
   */
  #unannounced(id: string, time: string, out: IdentifiedMessage[]): KnownContainer | undefined {
    const identity = this.#ask(id)
    if (identity === undefined) return undefined
    const seen = { id, cgroup: '', time, before: true }
    return this.#know(identity, seen, out, { isUnannounced: true })
  }

  #ask(id: string): ContainerIdentity | undefined {
    for (const engine of this.#options.engines) {
      const identity = engine.known(id)
      if (identity !== undefined) return identity
    }
    return undefined
  }

  #know(
    reported: ContainerIdentity,
    seen: ContainerSeen,
    out: IdentifiedMessage[],
    how: { readonly found?: Rootfs | undefined; readonly isUnannounced?: boolean } = {},
  ): KnownContainer {
    const known = this.#made(reported, seen, out, how)
    this.#containers.set(known.identity.id, known)
    return known
  }

  #made(
    reported: ContainerIdentity,
    seen: ContainerSeen,
    out: IdentifiedMessage[],
    how: { readonly found?: Rootfs | undefined; readonly isUnannounced?: boolean } = {},
  ): KnownContainer {
    const { found, isUnannounced = false } = how
    const layers = (): Rootfs | undefined => found ?? this.#options.rootfsOf?.(seen.cgroup)
    const rootfs = reported.rootfs ?? (reported.host === undefined ? layers() : undefined)
    const identity = rootfs === undefined ? reported : { ...reported, rootfs }
    if (this.#options.isOwn?.(identity) === true) this.#own.add(identity.id)
    const { engines, files, programs } = this.#options
    const refiner = new EventRefiner(engines, files, programs, this.names)
    const known: KnownContainer = {
      kind: 'known',
      identity,
      seen,
      refiner,
      isUnannounced,
      rootless: 0,
    }
    this.#resolved += 1
    out.push({ type: 'container', identity, seen })
    return known
  }

  #hold(container: Waiting, message: SourceMessage & { type: 'event' | 'count-update' }): void {
    const full =
      container.held.length >= this.#limits.perContainer || this.#held >= this.#limits.total
    if (!full || this.#isRestoring) {
      container.held.push(message)
      this.#held += 1
      return
    }
    const { count, from, to } = extentOf(message)
    container.lost ??= { count: 0, from, to }
    container.lost.count += count
    if (to > container.lost.to) container.lost.to = to
    this.#lost += count
  }

  async #lookup(id: string, waiting: Waiting): Promise<void> {
    waiting.rootfs ??= this.#options.rootfsOf?.(waiting.seen.cgroup)
    const answers = await Promise.all(
      this.#options.engines.map((engine) =>
        engine.lookup(id, waiting.seen.cgroup).catch(() => 'unavailable' as const),
      ),
    )
    // What it held may still be on its way, in parts.
    if (this.#containers.get(id) !== waiting || waiting.known !== undefined) return
    const identity = answers.find((answer) => typeof answer === 'object')
    if (identity !== undefined) {
      this.#resolvePrepared(identity, waiting)
      return
    }
    // The clock may have been set.
    const waited = Math.abs(this.#now() - waiting.since)
    const nobodys = answers.every((answer) => answer === 'unknown')
    const patience = nobodys ? this.#limits.unknownMs : this.#limits.giveUpMs
    if (waited >= patience) {
      this.#giveUp(id, waiting, !nobodys)
      return
    }
    const pause = askAgainMs[Math.min(waiting.asked, askAgainMs.length - 1)] ?? 1_000
    waiting.asked += 1
    waiting.timer = setTimeout(
      () => void this.#lookup(id, waiting),
      Math.min(pause, patience - waited),
    )
  }

  /**
   * Applies an engine's report about a container that waits, that was given up, or that changed.
   */
  #learned(identity: ContainerIdentity): void {
    const container = this.#containers.get(identity.id)
    if (container === undefined) {
      this.#announceBlind(identity)
      return
    }
    if (container.kind === 'known' && container.isUnannounced && this.#ended.delete(identity.id)) {
      // It was started again: its next event announces it.
      this.#containers.delete(identity.id)
      this.#announceBlind(identity)
    } else if (container.kind === 'known') {
      const { rootfs, blind } = container.identity
      container.identity = { ...(rootfs === undefined ? {} : { rootfs }), ...identity }
      if (blind === undefined && identity.blind !== undefined) this.#renew(container)
    } else if (container.kind === 'waiting') {
      this.#resolvePrepared(identity, container)
    } else {
      const out: IdentifiedMessage[] = []
      this.#know(identity, container.seen, out)
      this.#reportMissed(container, out)
      this.#options.release(this.#others(out))
    }
  }

  /** An engine that reported it earlier did not have its runtime. */
  #renew({ identity, seen }: KnownContainer): void {
    this.#options.release(this.#others([{ type: 'container', identity, seen }]))
  }

  /** Where another kernel serves a container, no source may ever report it. */
  #announceBlind(identity: ContainerIdentity): void {
    const { id, blind, runsSince } = identity
    if (blind === undefined || runsSince === undefined || this.#closed) return
    const out: IdentifiedMessage[] = []
    const seen = { id, cgroup: '', time: runsSince, before: true }
    this.#know(identity, seen, out, { isUnannounced: true })
    this.#options.release(this.#others(out))
  }

  /** The engine reports the end of a container whose source does not. */
  #left(id: string): void {
    const container = this.#containers.get(id)
    if (container?.kind !== 'known' || !container.isUnannounced || this.#ended.has(id)) return
    this.#remember(id)
    const time = new Date(this.#now()).toISOString()
    this.#options.release(this.#others([{ type: 'container-ended', id, time }]))
  }

  #resolvePrepared(identity: ContainerIdentity, waiting: Waiting): void {
    const prepared = this.#options.prepared?.(identity)
    if (prepared === undefined) this.#resolve(identity, waiting)
    else void this.#resolveAfter(prepared, identity, waiting)
  }

  async #resolveAfter(
    prepared: Promise<void> | undefined,
    identity: ContainerIdentity,
    waiting: Waiting,
  ): Promise<void> {
    await prepared
    // Given up meanwhile, or resolved by another report.
    if (this.#containers.get(identity.id) === waiting) this.#resolve(identity, waiting)
  }

  #resolve(identity: ContainerIdentity, waiting: Waiting): void {
    if (waiting.known !== undefined) return
    clearTimeout(waiting.timer)
    const out: IdentifiedMessage[] = []
    waiting.known = this.#made(identity, waiting.seen, out, { found: waiting.rootfs })
    this.#releaseHeld(waiting, waiting.known, out)
  }

  /** Further parts follow in later turns of the event loop. What comes meanwhile waits behind them. */
  #releaseHeld(
    waiting: Waiting,
    present: KnownContainer,
    out: IdentifiedMessage[],
    most = releasedAtOnce,
  ): void {
    let known = present
    const { identity } = known
    const part = waiting.held.splice(0, most)
    this.#held -= part.length
    for (const message of part) {
      switch (message.type) {
        case 'event':
          out.push(identified(message, known))
          break
        case 'count-update':
          out.push({ ...message, identity })
          break
        case 'container-started':
          this.#ended.delete(identity.id)
          known = this.#made(identity, message.container, out)
          waiting.known = known
          break
        case 'container-ended':
          out.push(message)
          this.#remember(message.id)
          break
        case 'name-answer':
        case 'disarmed':
        case 'policy':
        case 'self-probe':
        case 'began':
        case 'mark':
          break
      }
    }
    if (waiting.held.length > 0) {
      setImmediate(() => {
        if (waiting.known !== undefined && this.#containers.get(identity.id) === waiting) {
          this.#releaseHeld(waiting, waiting.known, [])
        }
      })
    } else {
      this.#waiting -= 1
      this.#containers.set(identity.id, known)
      this.#overflow(waiting, out)
    }
    this.#options.release(this.#others(out))
    if (waiting.held.length === 0) ended(waiting)
  }

  #giveUp(id: string, waiting: Waiting, isMissed = false): void {
    this.#stopWaiting(waiting)
    const container = givenUp(waiting.seen, isMissed)
    this.#containers.set(id, container)
    const out: IdentifiedMessage[] = []
    for (const message of waiting.held) {
      if (message.type === 'event' || message.type === 'count-update') missed(container, message)
      if (message.type === 'count-update') this.#unplaced += message.countUpdate.count
      if (message.type === 'container-ended') {
        this.#reportMissed(container, out)
        this.#remember(id)
      }
      if (message.type === 'event' || message.type === 'container-ended') out.push(message)
    }
    this.#overflow(waiting, out)
    if (out.length > 0 && !this.#closed) this.#options.release(this.#others(out))
    ended(waiting)
  }

  /** Once: at its end, or when an engine reports it after all. */
  #reportMissed(container: GivenUp, out: IdentifiedMessage[]): void {
    const { missed: span, seen } = container
    if (span === undefined) return
    container.missed = undefined
    const loss = this.#loss('identity-unavailable', span.count, span.from, span.to)
    out.push({ type: 'event', event: { ...loss, container: { id: seen.id } } })
  }

  #stopWaiting(waiting: Waiting): void {
    clearTimeout(waiting.timer)
    this.#waiting -= 1
    this.#held -= waiting.held.length
  }

  #overflow(waiting: Waiting, out: IdentifiedMessage[]): void {
    const { lost, seen } = waiting
    if (lost === undefined) return
    const known = this.#containers.get(seen.id)
    const identity = known?.kind === 'known' ? known.identity : undefined
    out.push({
      type: 'event',
      event: {
        ...this.#loss('identity-overflow', lost.count, lost.from, lost.to),
        container: { id: seen.id, ...(identity === undefined ? {} : { name: identity.name }) },
        ...(identity === undefined ? {} : { image: identity.image }),
      },
    })
  }

  #loss(reason: string, count: number, from: string, to: string): LossEvent {
    const time = new Date(this.#now()).toISOString()
    return {
      v: 1,
      kind: 'loss',
      time,
      node: this.#options.node,
      source: 'identity',
      loss: { reason, count, from, to },
    }
  }
}

function ended({ onEnd }: Waiting): void {
  for (const call of onEnd.splice(0)) call()
}
