import type { ActEvent, ExecEvent } from '../../core/event/event.ts'
import { type FileHash, withHash } from '../../core/event/file-hash.ts'

/** Events of one container, and of all together. */
const ofContainer = 256
const ofNode = 4_096

/** The last events of each container. Repeats that the kernel counts are none. */
export class EventHistory {
  /** The container whose last event is the oldest comes first. */
  readonly #byContainer = new Map<string, ActEvent[]>()
  readonly #followers = new Map<string, Set<(event: ActEvent) => void>>()
  /** Events whose hash came later. */
  readonly #hashed = new WeakMap<ActEvent, ActEvent>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(event: ActEvent): void {
    const { id } = event.container
    const events = this.#byContainer.get(id) ?? []
    this.#byContainer.delete(id)
    this.#byContainer.set(id, events)
    events.push(event)
    this.#size += 1
    if (events.length > ofContainer) {
      events.shift()
      this.#size -= 1
    }
    if (this.#size > ofNode) this.#dropOldest()
    for (const follow of this.#followers.get(id) ?? []) follow(event)
  }

  of(container: string): readonly ActEvent[] {
    return (this.#byContainer.get(container) ?? []).map((event) => this.current(event))
  }

  /** The content of what the event executed is known. */
  hashed(event: ExecEvent, hash: FileHash): void {
    this.#hashed.set(event, withHash(event, hash))
  }

  /** The event with its hash, where that is known by now. */
  current(event: ActEvent): ActEvent {
    return this.#hashed.get(event) ?? event
  }

  /** Those that come from now on. @returns ends it */
  follow(container: string, take: (event: ActEvent) => void): () => void {
    const followers = this.#followers.get(container) ?? new Set()
    this.#followers.set(container, followers)
    followers.add(take)
    return () => {
      followers.delete(take)
      if (followers.size === 0) this.#followers.delete(container)
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#byContainer
    if (oldest === undefined) return
    const [id, events] = oldest
    events.shift()
    this.#size -= 1
    if (events.length === 0) this.#byContainer.delete(id)
  }
}
