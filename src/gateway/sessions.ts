import { createHash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Credential } from './credential.ts'

export const sessionsKept = 10_000

/**
 * The sessions of the page. A session represents the credential that it was created with, and has its rights at each
 * request: when the credential loses a right, so does the session. In memory only.
 */
export class Sessions {
  readonly #sessions: LRUCache<string, { readonly credential: Credential }>
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
    this.#sessions = new LRUCache({ max: sessionsKept, ttl: 1, ttlAutopurge: false, perf: { now } })
  }

  /** Its id, for a cookie; it expires at `until` (epoch milliseconds). */
  begin(credential: Credential, until: number): string {
    const id = randomBytes(32).toString('base64url')
    this.#sessions.set(nameOf(id), { credential }, { ttl: Math.max(1, until - this.#now()) })
    return id
  }

  credentialOf(id: string): Credential | undefined {
    return this.#sessions.get(nameOf(id))?.credential
  }

  end(id: string): void {
    this.#sessions.delete(nameOf(id))
  }
}

/** The lookup uses a hash: an attacker cannot find an id by the time that a comparison takes. */
function nameOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}
