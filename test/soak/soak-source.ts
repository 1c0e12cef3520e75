import {
  behaviourKey,
  type BehaviourKey,
  type EventSource,
  type SourceBatch,
  type SourceControl,
  type SourceMessage,
  type SourceState,
  type SourceSupport,
} from '../../src/agent/pipeline/sources/source.ts'
import { eventKinds } from '../../src/core/event/event-words.ts'
import { isoOf } from '../../src/core/event/time.ts'
import { wholeText } from '../../src/core/behaviour/whole-text.ts'
import type {
  ContainerIdentity,
  IdentityEngine,
  EngineState,
  LeftListener,
} from '../../src/agent/pipeline/identity/identity.ts'
import type { BehaviourTag, KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { KernelReading } from '../fixtures/kernel-reading.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import type { ActEvent, SnugEvent } from '../../src/core/event/event.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { actsOf, Dice, eventsOf, madeNamesOf, type SoakImage, type SoakRun } from './workload.ts'

/** Knows the containers that run. */
export class SoakEngine implements IdentityEngine {
  readonly name = 'soak'
  readonly state: EngineState = { kind: 'running' }
  readonly running = new Map<string, ContainerIdentity>()
  readonly #left = new Set<LeftListener>()

  async start(): Promise<void> {}
  known(id: string): ContainerIdentity | undefined {
    return this.running.get(id)
  }
  async lookup(id: string): Promise<ContainerIdentity | 'unknown'> {
    return this.running.get(id) ?? 'unknown'
  }
  peer(): undefined {
    return undefined
  }
  addresses(): Iterable<string> {
    return []
  }
  subscribe(): () => void {
    return () => undefined
  }
  subscribeLeft(listener: LeftListener): () => void {
    this.#left.add(listener)
    return () => this.#left.delete(listener)
  }
  leave(id: string): void {
    if (!this.running.delete(id)) return
    for (const listener of this.#left) listener(id, 'gone')
  }
}

/** Tags of behaviours in one text. */
type Tags = string

/** What the sensor does with the acts of an image, by their index. */
interface Judged {
  /** Behaviours that the profile in the kernel counts them for; undefined: there is no such, and they are reported. */
  readonly tags: readonly (Tags | undefined)[]
  /** The same of names that each container makes up. */
  readonly made: Tags | undefined
}

/**
 * Counts what the profile of a version allows, or what the daemon marked as known, as the sensor does, and reports the
 * rest. The rules of the kernel are no memory of the daemon: of these it keeps only what they say about the image's acts.
 */
class SoakControl implements SourceControl {
  readonly scopes = new Map<string, number>()
  readonly #images = new Map<number, SoakImage>()
  /** Of each scope, the acts that are marked as known. */
  readonly #known = new Map<number, Set<number>>()
  readonly #judged = new Map<number, Judged>()
  readonly #imageOf: (container: string) => SoakImage | undefined

  constructor(imageOf: (container: string) => SoakImage | undefined) {
    this.#imageOf = imageOf
  }

  /** A name that a container makes up comes up once: it needs no number. */
  key(scope: number, index: number): BehaviourKey {
    return behaviourKey(wholeText(`${hex8(scope)}${hex8(index)}`))
  }

  assign(id: string, scope: number): void {
    this.scopes.set(id, scope)
    const image = this.#imageOf(id)
    if (image !== undefined) this.#images.set(scope, image)
  }
  release(id: string): void {
    this.scopes.delete(id)
  }
  known(scope: number, keys: readonly BehaviourKey[]): void {
    let known = this.#known.get(scope)
    if (known === undefined) {
      known = new Set()
      this.#known.set(scope, known)
    }
    for (const key of keys) {
      if (key.startsWith(hex8(scope))) known.add(Number.parseInt(key.slice(8), 16))
    }
  }
  profile(scope: number, profile: KernelProfile | undefined): void {
    const image = this.#images.get(scope)
    if (profile === undefined || image === undefined) {
      this.#judged.delete(scope)
      return
    }
    const reading = new KernelReading(profile)
    const tagsOf = (act: SnugEvent): Tags | undefined => {
      const found = behavioursOf(act as ActEvent, shaper).map((ref) => reading.evaluate(ref))
      if (found.some((one) => one?.verdict !== 'allow')) return undefined
      return wholeText(found.flatMap((one) => one?.tag ?? []).join(' '))
    }
    const made = madeNamesOf(image).map(tagsOf)
    this.#judged.set(scope, {
      tags: eventsOf(image).map(tagsOf),
      made: made.every((tags) => tags !== undefined) ? made[0] : undefined,
    })
    // A new profile is a new judgement: what was known before counts for nothing.
    this.#known.delete(scope)
  }
  enforce(): void {}
  filter(): void {}
  flush(): void {}

  /** What the profile counts an act for; undefined: it allows none, or there is no profile. */
  tagsOf(scope: number, index: number): readonly BehaviourTag[] | undefined {
    const judged = this.#judged.get(scope)
    const tags = index < 0 ? judged?.made : judged?.tags[index]
    if (tags === undefined || tags === '') return tags === undefined ? undefined : []
    return tags.split(' ').map((tag) => wholeText(tag) as BehaviourTag)
  }

  isKnown(scope: number, index: number): boolean {
    return !this.#judged.has(scope) && this.#known.get(scope)?.has(index) === true
  }
}

function hex8(number: number): string {
  return (number >>> 0).toString(16).padStart(8, '0')
}

/** The containers of a simulated node, one after the other, as messages of a sensor. */
export class SoakSource implements EventSource {
  readonly name = 'ebpf'
  readonly supports: SourceSupport = { kinds: eventKinds, filter: true, containers: true }
  readonly state: SourceState = { kind: 'running' }
  readonly stats = { received: 0, delivered: 0, lost: {}, facts: {} }
  readonly control: SoakControl
  readonly #engine: SoakEngine
  readonly #images = new Map<string, SoakImage>()
  readonly #runs: Iterable<SoakRun>
  /** Called before each container, with its start. */
  readonly #onStart: (run: SoakRun) => Promise<void>
  readonly #dice = new Dice(11)
  events = 0
  counts = 0

  constructor(
    engine: SoakEngine,
    runs: Iterable<SoakRun>,
    onStart: (run: SoakRun) => Promise<void>,
  ) {
    this.#engine = engine
    this.#runs = runs
    this.#onStart = onStart
    this.control = new SoakControl((id) => this.#images.get(id))
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const ends: SoakRun[] = []
    for (const run of this.#runs) {
      if (signal.aborted) return
      while (ends[0] !== undefined && endOf(ends[0]) <= run.atMs)
        yield this.#ended(ends.shift() as SoakRun)
      await this.#onStart(run)
      const { identity, atMs } = run
      this.#engine.running.set(identity.id, identity)
      this.#images.set(identity.id, run.image)
      const container = {
        id: identity.id,
        cgroup: wholeText(`/soak/${identity.id}`),
        time: isoOf(atMs * 1_000),
        before: false,
      }
      yield [{ type: 'container-started', container }]
      yield this.#acts(run)
      const at = ends.findIndex((other) => endOf(other) > endOf(run))
      if (at < 0) ends.push(run)
      else ends.splice(at, 0, run)
    }
    for (const run of ends) yield this.#ended(run)
  }

  #acts(run: SoakRun): SourceBatch {
    const { control } = this
    const { id } = run.identity
    const scope = control.scopes.get(id) ?? 0
    const last = isoOf(endOf(run) * 1_000)
    const messages: SourceMessage[] = []
    let made = 0
    for (const { index, isMade, event } of actsOf(run, this.#dice)) {
      const isOfImage = index >= 0 || isMade
      const tags = isOfImage ? control.tagsOf(scope, index) : undefined
      if (isMade && tags !== undefined) {
        made += 1
        if (made < run.image.made) continue
      }
      const key = isOfImage && !isMade ? control.key(scope, index) : this.#freshKey()
      const isKnown = index >= 0 && control.isKnown(scope, index)
      if (tags === undefined && !isKnown) {
        messages.push({ type: 'event', event, key })
        this.events += 1
        continue
      }
      const count = isMade ? made : 5
      const seen = { key, containerId: id, count, first: event.time, last }
      const expected = tags && { tags, origin: 'entrypoint' as const }
      messages.push({
        type: 'count-update',
        countUpdate: expected === undefined ? seen : { ...seen, expected },
      })
      this.counts += 1
    }
    return messages
  }

  /** No scope is so large. */
  #freshKey(): BehaviourKey {
    return behaviourKey(wholeText(`f${this.#dice.hex(15)}`))
  }

  #ended(run: SoakRun): SourceBatch {
    const { id } = run.identity
    this.#engine.leave(id)
    this.#images.delete(id)
    this.control.scopes.delete(id)
    return [{ type: 'container-ended', id, time: isoOf(endOf(run) * 1_000) }]
  }
}

function endOf({ atMs, lastsMs }: SoakRun): number {
  return atMs + lastsMs
}
