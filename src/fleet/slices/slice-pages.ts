import { isDeepStrictEqual } from 'node:util'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'

/** Well under etcd's 1.5 MiB for an object, and small enough that one more behaviour is no large write. */
export const sliceBytes = 128 * 1_024

interface Page {
  readonly entries: Map<string, ProfileEntry>
  bytes: number
}

/**
 * The layout of a node's contribution to one profile in objects. An entry stays on its page, so that a new entry costs
 * one write instead of many. INVARIANT: no page is larger than the limit, except one that holds a single
 * entry; none is ever cut.
 */
export class SlicePages {
  readonly #limit: () => number
  readonly #pages: Page[] = []
  readonly #places = new Map<string, number>()

  /** @param limit of a page, in bytes; it may change */
  constructor(limit: () => number = () => sliceBytes) {
    this.#limit = limit
  }

  /** A page that the server has. An entry with a place keeps it. */
  restore(page: number, entries: readonly ProfileEntry[]): void {
    while (this.#pages.length <= page) this.#pages.push({ entries: new Map(), bytes: 0 })
    for (const entry of entries) if (!this.has(entry.id)) this.#place(entry, page)
  }

  has(id: string): boolean {
    return this.#places.has(id)
  }

  entry(id: string): ProfileEntry | undefined {
    const place = this.#places.get(id)
    return place === undefined ? undefined : this.#pages[place]?.entries.get(id)
  }

  page(number: number): readonly ProfileEntry[] {
    return [...(this.#pages[number]?.entries.values() ?? [])]
  }

  /** Puts them in their places; gives the numbers of the pages that changed. */
  put(entries: Iterable<ProfileEntry>): readonly number[] {
    const changed = new Set<number>()
    for (const entry of entries) {
      const bytes = sizeOf(entry)
      const before = this.#places.get(entry.id)
      const old = before === undefined ? undefined : this.#pages[before]?.entries.get(entry.id)
      if (old !== undefined && isSame(old, entry)) {
        // In its own order of keys, so that it is found the same at once the next time.
        this.#pages[before ?? 0]?.entries.set(entry.id, entry)
        continue
      }
      if (before !== undefined) {
        this.#drop(entry.id, before)
        changed.add(before)
      }
      const place = before !== undefined && this.#fits(before, bytes) ? before : this.#room(bytes)
      this.#place(entry, place)
      changed.add(place)
    }
    return [...changed].sort((a, b) => a - b)
  }

  /** Moves what no longer fits, where the limit fell; gives the numbers of the pages that changed. */
  shrink(): readonly number[] {
    const changed = new Set<number>()
    for (const [number, page] of this.#pages.entries()) {
      for (const entry of page.entries.values()) {
        if (page.bytes <= this.#limit() || page.entries.size === 1) break
        this.#drop(entry.id, number)
        changed.add(number)
        for (const other of this.put([entry])) changed.add(other)
      }
    }
    return [...changed].sort((a, b) => a - b)
  }

  #room(bytes: number): number {
    for (let page = 0; page < this.#pages.length; page++) if (this.#fits(page, bytes)) return page
    this.#pages.push({ entries: new Map(), bytes: 0 })
    return this.#pages.length - 1
  }

  #fits(number: number, bytes: number): boolean {
    const page = this.#pages[number]
    return page !== undefined && (page.entries.size === 0 || page.bytes + bytes <= this.#limit())
  }

  #place(entry: ProfileEntry, number: number): void {
    const page = this.#pages[number]
    if (page === undefined) return
    page.entries.set(entry.id, entry)
    page.bytes += sizeOf(entry)
    this.#places.set(entry.id, number)
  }

  #drop(id: string, number: number): void {
    const page = this.#pages[number]
    const entry = page?.entries.get(id)
    if (page === undefined || entry === undefined) return
    page.entries.delete(id)
    page.bytes -= sizeOf(entry)
    this.#places.delete(id)
  }
}

/** Whatever the order of their keys: an API server returns them in another one. */
function isSame(old: ProfileEntry, entry: ProfileEntry): boolean {
  const [one, other] = [JSON.stringify(old), JSON.stringify(entry)]
  if (one === other) return true
  return one.length === other.length && isDeepStrictEqual(JSON.parse(one), JSON.parse(other))
}

function sizeOf(entry: ProfileEntry): number {
  return Buffer.byteLength(JSON.stringify(entry)) + 1
}
