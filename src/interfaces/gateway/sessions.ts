import { createHash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Credential } from './credential.ts'

const sessionsKept = 10_000

/**
 * Who is signed in to the page. A session stands for the credential that it was made with, and is worth as much at each
 * request: what that may do no more, the session may not either. They are in memory only.
 */
export class Sessions {
  readonly #sessions: LRUCache<string, { readonly credential: Credential }>
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
    this.#sessions = new LRUCache({ max: sessionsKept, ttl: 1, ttlAutopurge: false, perf: { now } })
  }

  /** Its id, for a cookie; it ends by itself at `until` (epoch milliseconds). */
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
