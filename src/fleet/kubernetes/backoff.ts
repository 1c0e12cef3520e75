import { KubeError } from './api.ts'

const firstMs = 500
const maxMs = 30_000
/** A server that asks for more patience than that is asked sooner all the same. */
const maxRetryAfterMs = 300_000

/**
 * How long to wait before an API server is asked again. Jittered, since the agents of a whole fleet lose it at one
 * instant; what the server itself asks for (429 and 503 with Retry-After) is the least.
 */
export class Backoff {
  readonly #random: () => number
  #nextMs = firstMs

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** It went well: the next failure waits a little only. */
  reset(): void {
    this.#nextMs = firstMs
  }

  /** Milliseconds */
  after(error: unknown): number {
    const jittered = this.#nextMs / 2 + this.#random() * (this.#nextMs / 2)
    this.#nextMs = Math.min(this.#nextMs * 2, maxMs)
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    // Spread as well: all that were refused at once would come back at once.
    return asked === 0 ? jittered : Math.min(asked, maxRetryAfterMs) + jittered
  }
}
