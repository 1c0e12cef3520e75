import { LRUCache } from 'lru-cache'

/** Digits of a container id, and the minimum that a sensor reports. */
const idLength = 64
const shortLength = 12
/** Exceeds the number of remembered containers. */
const idsKept = 8_192

/** Whole ids of containers, found by the beginning that some sensors report. */
export class WholeIds {
  readonly #byStart = new LRUCache<string, string>({ max: idsKept })

  learn(id: string): void {
    this.#byStart.set(id.slice(0, shortLength), id)
  }

  /** The given id if no source reported a longer one that starts with it. */
  of(id: string): string {
    if (id.length >= idLength || id.length < shortLength) return id
    const whole = this.#byStart.get(id.slice(0, shortLength))
    return whole?.startsWith(id) === true ? whole : id
  }
}
