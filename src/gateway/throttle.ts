import { isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import { SnugError } from '../errors.ts'

interface Failures {
  count: number
  /** Epoch milliseconds until which nothing is tried for this address. */
  until: number
}

/** Wrong credentials that an address may send before it has to wait; each one more doubles the wait. */
export const freeAttempts = 10
const firstWaitMs = 1_000
const longestWaitMs = 900_000
const forgottenMs = 3_600_000
export const addressesKept = 10_000

/** Slows down who tries credentials, by address, in bounded memory. */
export class Throttle {
  readonly #failures: LRUCache<string, Failures>
  readonly #free: number
  readonly #now: () => number

  constructor(free = freeAttempts, now: () => number = Date.now) {
    this.#free = free
    this.#now = now
    this.#failures = new LRUCache({ max: addressesKept, ttl: forgottenMs })
  }

  /** Errors: TOO_MANY_ATTEMPTS, with `retryAfter` in seconds. */
  check(address: string): void {
    const found = this.#failures.get(placeOf(address))
    const waitMs = (found?.until ?? 0) - this.#now()
    if (waitMs <= 0) return
    throw new AttemptsError(Math.ceil(waitMs / 1_000))
  }

  /** Counts one more. Returns how many there were, and whether that is worth a record: ever less often. */
  failed(address: string): { readonly count: number; readonly isReported: boolean } {
    const place = placeOf(address)
    const found = this.#failures.get(place) ?? { count: 0, until: 0 }
    found.count += 1
    const beyond = found.count - this.#free
    if (beyond >= 0) {
      const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(beyond, 30))
      found.until = this.#now() + waitMs
    }
    this.#failures.set(place, found)
    return { count: found.count, isReported: Number.isInteger(Math.log2(found.count)) }
  }

  succeeded(address: string): void {
    this.#failures.delete(placeOf(address))
  }
}

export class AttemptsError extends SnugError {
  readonly retryAfter: number

  constructor(retryAfter: number) {
    super('TOO_MANY_ATTEMPTS', `this address must wait for ${retryAfter} s`)
    this.retryAfter = retryAfter
  }
}

/** Who has one IPv6 address has all of its /64. */
function placeOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const last = tail === undefined ? [] : tail.split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : 8 - groups.length - last.length
  return [...groups, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':')
}
