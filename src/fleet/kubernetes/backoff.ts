import { KubeError } from './api.ts'

const firstMs = 500
const maxMs = 30_000
/** The longest delay, even if the server asks for more. */
const maxRetryAfterMs = 300_000

/**
 * The delay before the next request to an API server. Jittered, since the agents of a whole fleet lose it at the same
 * instant. The server's own delay (429 and 503 with Retry-After) is the minimum.
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
