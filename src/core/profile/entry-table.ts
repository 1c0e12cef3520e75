import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Micros } from '../event/time.ts'
import { CountLog } from './count-log.ts'
import { EntrySnapshot } from './entry-snapshot.ts'
import type { LiveEntry } from './live-entry.ts'
import type { CountedBy, StoredCounts, StoredEntry } from './stored-entry.ts'

/** A behaviour for the store. */
export interface DrainedEntry {
  readonly id: BehaviourId
  readonly value: StoredEntry
}

/** What changed since the last write, for the store. */
export interface Drained {
  /** Of the entries. */
  readonly ids: readonly BehaviourId[]
  /** Entries with anything new, as they are now. They may be taken one by one, but not beyond the next drain. */
  readonly entries: Iterable<DrainedEntry>
  /** Counts of other entries. */
  readonly counts: readonly StoredCounts[]
}

/** The entries of a profile, by key and by id, and which of them the store does not have as they are. */
export class EntryTable {
  readonly #byKey = new Map<string, LiveEntry>()
  readonly #byId = new Map<BehaviourId, LiveEntry>()
  #changed = new Set<LiveEntry>()
  /** Of other entries only counts and times rose. */
  readonly #counted = new CountLog()
  readonly #removed = new Set<BehaviourId>()
  /** The last drain. */
  #draining = new EntrySnapshot<DrainedEntry>(new Set(), drainedAt(0))
  /** Being read, beside the last drain. */
  readonly #snapshots = new Set<EntrySnapshot<unknown>>()
  /** In order of id, until one comes or goes. */
  #sorted: readonly LiveEntry[] | undefined
  #revision = 0
  #counts = 0

  /** Rises with each change of the entries and of their cells, but not where only counts and times of cells rise. */
  get revision(): number {
    return this.#revision
  }

  /** Rises where the counts and times of cells rise. */
  get counts(): number {
    return this.#counts
  }

  /** Both go on from there: the entries are those of another table. */
  goOnFrom({ revision, counts }: Pick<EntryTable, 'revision' | 'counts'>): void {
    this.#revision = revision
    this.#counts = counts
  }

  get size(): number {
    return this.#byKey.size
  }

  get byKey(): ReadonlyMap<string, LiveEntry> {
    return this.#byKey
  }

  get byId(): ReadonlyMap<BehaviourId, LiveEntry> {
    return this.#byId
  }

  [Symbol.iterator](): Iterator<LiveEntry> {
    return this.#byKey.values()
  }

  add(entry: LiveEntry): void {
    this.#byKey.set(entry.key, entry)
    this.#byId.set(entry.id, entry)
    this.#sorted = undefined
    this.#revision += 1
    this.#changed.add(entry)
    this.#removed.delete(entry.id)
  }

  remove(entry: LiveEntry): void {
    this.changes(entry)
    this.#byKey.delete(entry.key)
    this.#byId.delete(entry.id)
    this.#sorted = undefined
    this.#revision += 1
    this.#changed.delete(entry)
    this.#removed.add(entry.id)
  }

  /** INVARIANT: is called before anything that the store has of the entry changes. */
  changes(entry: LiveEntry): void {
    this.#draining.changes(entry)
    for (const snapshot of this.#snapshots) snapshot.changes(entry)
  }

  /**
   * All entries as they are now, in no order. They may be read one by one, over several turns of the event loop. To be
   * read to the end, or left by a loop over it: until then it costs memory.
   *
   * @param read only of what the store has of an entry
   */
  snapshot<T>(read: (entry: LiveEntry) => T): Iterable<T> {
    const snapshot = new EntrySnapshot(new Set(this.#byKey.values()), read)
    this.#snapshots.add(snapshot)
    return this.#readToEnd(snapshot)
  }

  *#readToEnd<T>(snapshot: EntrySnapshot<T>): Iterable<T> {
    try {
      yield* snapshot
    } finally {
      this.#snapshots.delete(snapshot)
    }
  }

  /** There is something new about it, which must not be lost. */
  changed(entry: LiveEntry): void {
    this.#revision += 1
    this.#changed.add(entry)
  }

  /** The next write has it as a whole, with nothing new. */
  writeWhole(id: BehaviourId): void {
    const entry = this.#byId.get(id)
    if (entry !== undefined) this.#changed.add(entry)
  }

  /** Entries are in other places, of which the store has nothing. */
  moved(): void {
    this.#revision += 1
  }

  /** Its evidence has other cells. */
  cellsChanged(): void {
    this.#revision += 1
  }

  /** Its counts and times rose. */
  counted(entry: LiveEntry, by: CountedBy, count: number, when: Micros): void {
    this.#counts += 1
    if (!this.#changed.has(entry)) this.#counted.add(entry.id, by, count, when)
  }

  /** The store has every entry as it is. */
  stored(): void {
    this.#changed.clear()
    this.#counted.clear()
  }

  /** The store has every entry as it is, and nobody is reading them. */
  get isAtRest(): boolean {
    return !this.hasChanges && this.#snapshots.size === 0 && this.#draining.isOver
  }

  /** The store lacks something of it. */
  get hasChanges(): boolean {
    return this.#changed.size + this.#removed.size > 0 || !this.#counted.isEmpty
  }

  /** In order of id: all of them, or `limit` of those after the id `after`. */
  page(after?: string, limit = Infinity): readonly LiveEntry[] {
    const sorted = this.#inOrder
    const from = after === undefined ? 0 : firstBehind(sorted, after)
    return sorted.slice(from, from + limit)
  }

  /** Ids that begin so, in order. */
  startingWith(prefix: string): readonly BehaviourId[] {
    const sorted = this.#inOrder
    const found: BehaviourId[] = []
    const behind = firstBehind(sorted, prefix)
    // The prefix may be a whole id.
    for (let at = Math.max(0, behind - 1); at < sorted.length; at++) {
      const id = sorted[at]?.id
      if (id?.startsWith(prefix) === true) found.push(id)
      else if (at >= behind) break
    }
    return found
  }

  get #inOrder(): readonly LiveEntry[] {
    this.#sorted ??= [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    return this.#sorted
  }

  /** @param number of the write, higher than that of the last */
  drain(number: number): Drained {
    const changed = this.#changed
    const isWanted = (id: BehaviourId): boolean => {
      const entry = this.#byId.get(id)
      return entry !== undefined && !changed.has(entry)
    }
    const counts = this.#counted.drain(isWanted)
    const ids = Array.from(changed, ({ id }) => id)
    this.#draining = new EntrySnapshot(changed, drainedAt(number))
    this.#changed = new Set()
    return { ids, entries: this.#draining, counts }
  }

  /** Ids of entries removed since last drained. */
  drainRemoved(): readonly BehaviourId[] {
    const removed = [...this.#removed]
    this.#removed.clear()
    return removed
  }
}

function drainedAt(number: number): (entry: LiveEntry) => DrainedEntry {
  return (entry) => ({ id: entry.id, value: entry.stored(number) })
}

/** Index of the first entry whose id comes after `id`. */
function firstBehind(sorted: readonly LiveEntry[], id: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle]?.id ?? '') > id) high = middle
    else low = middle + 1
  }
  return low
}
