interface OfPod {
  readonly namespace: string
  readonly pod: string
}

export interface EntryBounds {
  readonly all: number
  readonly ofPod: number
}

export function podName({ namespace, pod }: OfPod): string {
  return `${namespace}/${pod}`
}

/** What happened in pods of late, by key and by pod. The oldest is dropped where it is too much. */
export class PodEntries<T extends OfPod> {
  /** Until when something is missing, in epoch milliseconds. */
  droppedMs = -Infinity
  readonly #bounds: EntryBounds
  readonly #atOf: (entry: T) => number
  readonly #onDropped: ((key: string) => void) | undefined
  readonly #all = new Map<string, T>()
  readonly #byPod = new Map<string, Map<string, T>>()

  /** @param atOf epoch milliseconds of an entry */
  constructor(bounds: EntryBounds, atOf: (entry: T) => number, onDropped?: (key: string) => void) {
    this.#bounds = bounds
    this.#atOf = atOf
    this.#onDropped = onDropped
  }

  get(key: string): T | undefined {
    return this.#all.get(key)
  }

  put(key: string, entry: T): void {
    const name = podName(entry)
    const ofPod = this.#byPod.get(name) ?? new Map<string, T>()
    this.#byPod.set(name, ofPod)
    ofPod.set(key, entry)
    this.#all.set(key, entry)
    if (ofPod.size > this.#bounds.ofPod) this.#dropFirst(ofPod)
    if (this.#all.size > this.#bounds.all) this.#dropFirst(this.#all)
  }

  of(name: string): readonly T[] {
    return [...(this.#byPod.get(name)?.values() ?? [])]
  }

  /** Forgets those before that time: nothing is missing then. */
  forget(beforeMs: number): void {
    for (const [key, entry] of this.#all) {
      // They come roughly in order: what comes late is forgotten late.
      if (this.#atOf(entry) >= beforeMs) return
      this.#remove(key, entry)
    }
  }

  #dropFirst(entries: ReadonlyMap<string, T>): void {
    const [first] = entries
    if (first === undefined) return
    this.#remove(...first)
    this.droppedMs = Math.max(this.droppedMs, this.#atOf(first[1]))
    this.#onDropped?.(first[0])
  }

  #remove(key: string, entry: T): void {
    const name = podName(entry)
    const ofPod = this.#byPod.get(name)
    ofPod?.delete(key)
    if (ofPod?.size === 0) this.#byPod.delete(name)
    this.#all.delete(key)
  }
}
