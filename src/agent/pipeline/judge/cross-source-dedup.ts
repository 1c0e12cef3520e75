import { LRUCache } from 'lru-cache'
import type { EventKind } from '../../../core/event/event-words.ts'
import { type Micros } from '../../../core/event/time.ts'
import { type BehaviourObject, objectKey } from '../../../core/behaviour/behaviour.ts'
import type { Recapture } from '../../../core/coverage/recapture.ts'
import type { User } from '../../../core/behaviour/user.ts'
import type { VersionKey } from '../../records/versions/deployed-version.ts'

/** Events that one source reported, with their count. */
export interface Reported {
  readonly version: VersionKey
  readonly container: string
  readonly source: string
  readonly when: Micros
  readonly count: number
  readonly acts: readonly ActName[]
}

/** The part of an event that every sensor reports in the same way. */
export interface ActName {
  readonly kind: EventKind
  readonly text: string
}

/** How a report relates to the reports of other sources. */
export interface SharedEvent {
  /** Events that no other source has reported yet; 0 if other sources reported all of them. */
  readonly fresh: number
  /** Fingerprint of the alert that the report of another source raised. */
  readonly alert: string | undefined
  /** The caller invokes this if this report raises an alert. */
  alerted(fingerprint: string): void
}

/** Events of one version that each of two sources reported, by kind. */
export interface Pair extends Recapture {
  readonly version: VersionKey
  readonly kind: EventKind
  readonly sources: readonly [string, string]
}

/** Repeats of one event, from any source, until it pauses. */
interface Entry {
  readonly version: VersionKey
  readonly kind: EventKind
  /** Sources that reported this kind before. Silence of any other source is no evidence. */
  readonly watching: ReadonlySet<string>
  readonly bySource: Map<string, number>
  last: Micros
  alert: string | undefined
}

/**
 * A pause this long ends an entry. It exceeds the delay of any source, including counts that the
 * kernel holds back.
 */
const pauseMicros = 60_000_000
const settleEveryMicros = 1_000_000
export const mostEntries = 65_536
/** Sources that are distinguished: relayed events name their sensor. Further ones count as one. */
export const mostSources = 16
/** Pairs of sources, kinds and versions that are counted. */
export const mostPairs = 16_384

/**
 * Recognises events that several sources report as the same event. They share container, program,
 * user, kind and object, and no pause lies between them. The match is by number, so a source may
 * fold repeats into a later count. INVARIANT: the same reports in the same order always give the
 * same result, and memory is bounded.
 */
export class CrossSourceDedup {
  /** Whatever leaves it is settled. */
  readonly #entries: LRUCache<string, Entry>
  readonly #sources = new Set<string>()
  readonly #kinds = new Map<EventKind, ReadonlySet<string>>()
  readonly #pairs = new Map<string, { -readonly [K in keyof Pair]: Pair[K] }>()
  #newest: Micros = -Infinity
  #settledAt: Micros = -Infinity

  constructor(entries = mostEntries) {
    this.#entries = new LRUCache({
      max: entries,
      dispose: (entry) => this.#settle(entry),
      noDisposeOnSet: true,
    })
  }

  reported({ version, container, source: name, when, count, acts }: Reported): SharedEvent {
    const source = this.#sourceOf(name)
    if (when > this.#newest) this.#newest = when
    const entries = acts.map(({ kind, text }) => {
      const key = `${container}\u0000${text}`
      const entry = this.#entryOf(key, version, kind, when)
      this.#watches(kind, source)
      return entry
    })
    let fresh = 0
    for (const entry of entries) {
      const reported = entry.bySource.get(source) ?? 0
      const before = Math.max(0, ...entry.bySource.values())
      entry.bySource.set(source, reported + count)
      fresh = Math.max(fresh, reported + count - before)
      if (when > entry.last) entry.last = when
    }
    const others = entries.find(({ alert }) => alert !== undefined)
    this.#settleOld(this.#newest)
    return {
      fresh: Math.max(0, fresh),
      alert: others?.alert,
      alerted: (fingerprint) => {
        for (const entry of entries) entry.alert = fingerprint
      },
    }
  }

  /**
   * Counts for every two sources that observe the same kinds, up to events that continue at `now`.
   */
  pairs(now: Micros): readonly Pair[] {
    this.#settleOld(now)
    return [...this.#pairs.values()]
  }

  /** Drops the counts of a version that was removed. */
  forget(version: VersionKey): void {
    for (const [key, pair] of this.#pairs) if (pair.version === version) this.#pairs.delete(key)
  }

  #entryOf(key: string, version: VersionKey, kind: EventKind, when: Micros): Entry {
    const known = this.#entries.get(key)
    if (known !== undefined && when - known.last <= pauseMicros) return known
    if (known !== undefined) this.#entries.delete(key)
    const watching = this.#kinds.get(kind) ?? new Set<string>()
    const entry = { version, kind, watching, bySource: new Map(), last: when, alert: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  #sourceOf(name: string): string {
    if (this.#sources.has(name)) return name
    if (this.#sources.size >= mostSources) return 'others'
    this.#sources.add(name)
    return name
  }

  #watches(kind: EventKind, source: string): void {
    const known = this.#kinds.get(kind)
    if (known?.has(source) === true) return
    this.#kinds.set(kind, new Set([...(known ?? []), source]))
  }

  #settleOld(now: Micros): void {
    if (now - this.#settledAt < settleEveryMicros) return
    this.#settledAt = now
    // The least recent first.
    for (const key of this.#entries.rkeys()) {
      const entry = this.#entries.peek(key)
      if (entry === undefined || now - entry.last <= pauseMicros) return
      this.#entries.delete(key)
    }
  }

  #settle({ version, kind, watching, bySource }: Entry): void {
    const names = [...watching].sort()
    for (const [at, first] of names.entries()) {
      for (const second of names.slice(at + 1)) {
        const [a, b] = [bySource.has(first), bySource.has(second)]
        if (!a && !b) continue
        const pair = this.#pairOf(version, kind, [first, second])
        if (pair === undefined) continue
        if (a) pair.first += 1
        if (b) pair.second += 1
        if (a && b) pair.both += 1
      }
    }
  }

  #pairOf(version: VersionKey, kind: EventKind, sources: Pair['sources']) {
    const key = `${version}\u0000${kind}\u0000${sources.join('\u0000')}`
    const known = this.#pairs.get(key)
    if (known !== undefined || this.#pairs.size >= mostPairs) return known
    const fresh = { version, kind, sources, first: 0, second: 0, both: 0 }
    this.#pairs.set(key, fresh)
    return fresh
  }
}

/** Names an action by fields that all sensors share. For an exec, only the program counts. */
export function actNameOfObject(exe: string, user: User, object: BehaviourObject): ActName {
  const { kind } = object
  if (kind === 'exec') return { kind, text: [user, kind, object.path].join('\u0000') }
  return { kind, text: [exe, user, objectKey(object)].join('\u0000') }
}
