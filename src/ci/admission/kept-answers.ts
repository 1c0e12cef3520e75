import { LRUCache } from 'lru-cache'

export interface Answer<Value> {
  readonly value: Value
  /** Milliseconds for which it is kept. */
  readonly forMs: number
}

export interface KeptAnswersOptions<Value> {
  /** The one that was asked for longest ago goes first. */
  readonly most: number
  /** For how long one that failed is not tried again. */
  readonly failedMs: number
  readonly look: (key: string) => Promise<Answer<Value>>
}

/**
 * A cache for answers that take long and are needed often. A request in the second half of an answer's lifetime
 * refreshes it in the background, so that an answer in use never expires. If the refresh fails, the answer stays valid
 * to the end of its lifetime.
 */
export class KeptAnswers<Value> {
  readonly #options: KeptAnswersOptions<Value>
  readonly #known: LRUCache<string, Answer<Value>>
  readonly #failed: LRUCache<string, { readonly error: unknown }>
  readonly #looking = new Map<string, Promise<Value>>()

  constructor(options: KeptAnswersOptions<Value>) {
    const { most: max, failedMs: ttl } = options
    this.#options = options
    // Uses the wall clock, because the validity of an answer can end at a date.
    this.#known = new LRUCache({ max, perf: Date })
    this.#failed = new LRUCache({ max, ttl, perf: Date })
  }

  /** Errors: those of the lookup */
  async get(key: string): Promise<Value> {
    const known = this.#known.get(key)
    const failed = this.#failed.get(key)
    if (known === undefined) {
      if (failed !== undefined) throw failed.error
      return this.#look(key)
    }
    const isLate = this.#known.getRemainingTTL(key) < known.forMs / 2
    if (isLate && failed === undefined) void this.#look(key).catch(() => undefined)
    return known.value
  }

  #look(key: string): Promise<Value> {
    const running = this.#looking.get(key)
    if (running !== undefined) return running
    const look = this.#lookNow(key).finally(() => this.#looking.delete(key))
    this.#looking.set(key, look)
    return look
  }

  async #lookNow(key: string): Promise<Value> {
    try {
      const answer = await this.#options.look(key)
      const ttl = Math.floor(answer.forMs)
      // 0 would be without end.
      if (ttl > 0) this.#known.set(key, answer, { ttl })
      return answer.value
    } catch (error) {
      this.#failed.set(key, { error })
      throw error
    }
  }
}
