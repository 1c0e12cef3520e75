import type { LiveEntry } from './live-entry.ts'

/**
 * Entries as they are in one turn of the event loop, read one by one over several: an entry that is about to change is
 * read before. In no order, and once.
 */
export class EntrySnapshot<T> implements Iterable<T> {
  readonly #waiting: Set<LiveEntry>
  readonly #read: (entry: LiveEntry) => T
  /** What was read before its turn. */
  readonly #early: T[] = []

  /** @param entries belong to the snapshot from now on */
  constructor(entries: Set<LiveEntry>, read: (entry: LiveEntry) => T) {
    this.#waiting = entries
    this.#read = read
  }

  /** All of it was read and given out. */
  get isOver(): boolean {
    return this.#waiting.size === 0 && this.#early.length === 0
  }

  /** Reads one more entry now. */
  readNow(entry: LiveEntry): void {
    this.#early.push(this.#read(entry))
  }

  /** INVARIANT: is called before anything that is read of the entry changes. */
  changes(entry: LiveEntry): void {
    if (this.#waiting.delete(entry)) this.readNow(entry)
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const entry of this.#waiting) {
      this.#waiting.delete(entry)
      yield this.#read(entry)
    }
    yield* this.#early
    // They are as large as the evidence, and the snapshot may be there for long.
    this.#early.length = 0
  }
}
