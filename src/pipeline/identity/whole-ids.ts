import { LRUCache } from 'lru-cache'

/** Digits of a container's id, and how few of them a sensor tells at least. */
const idLength = 64
const shortLength = 12
/** More than containers are remembered. */
const idsKept = 8_192

/** Whole ids of containers, by the beginning that some sensors tell of them. */
export class WholeIds {
  readonly #byStart = new LRUCache<string, string>({ max: idsKept })

  learn(id: string): void {
    this.#byStart.set(id.slice(0, shortLength), id)
  }

  /** The id as it is where nobody told a longer one that begins so. */
  of(id: string): string {
    if (id.length >= idLength || id.length < shortLength) return id
    const whole = this.#byStart.get(id.slice(0, shortLength))
    return whole?.startsWith(id) === true ? whole : id
  }
}
