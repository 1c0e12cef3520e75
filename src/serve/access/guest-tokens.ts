import { randomBytes } from 'node:crypto'
import type { Role } from '../../support/config/role.ts'
import { tokenDigest, type TokenHolder } from './token-file.ts'

interface Guest extends TokenHolder {
  /** Epoch milliseconds */
  readonly until: number
}

const codeMs = 120_000
export const kept = 1_000

/**
 * Sign-in links: root on the node gets a code that admits one browser, once and within two minutes. The browser
 * receives a separate token, which is in memory only and ends with the session.
 */
export class GuestTokens {
  readonly #sessionMs: number
  readonly #now: () => number
  readonly #codes = new Map<string, Guest>()
  readonly #tokens = new Map<string, Guest>()

  constructor(sessionMs: number, now: () => number = Date.now) {
    this.#sessionMs = sessionMs
    this.#now = now
  }

  invite(name: string, role: Role): string {
    const code = randomBytes(32).toString('base64url')
    put(this.#codes, tokenDigest(code), { name, role, until: this.#now() + codeMs })
    return code
  }

  /** The token of the code; undefined where the code is unknown, used or too old. */
  redeem(code: string): string | undefined {
    const digest = tokenDigest(code)
    const guest = this.#valid(this.#codes, digest)
    this.#codes.delete(digest)
    if (guest === undefined) return undefined
    const token = `snug_${randomBytes(32).toString('base64url')}`
    put(this.#tokens, tokenDigest(token), { ...guest, until: this.#now() + this.#sessionMs })
    return token
  }

  holderOf(digest: string): TokenHolder | undefined {
    return this.#valid(this.#tokens, digest)
  }

  /** Lookup by digest, without a comparison of secrets: a client cannot guess a hash byte by byte. */
  #valid(guests: Map<string, Guest>, digest: string): Guest | undefined {
    const guest = guests.get(digest)
    if (guest === undefined || this.#now() < guest.until) return guest
    guests.delete(digest)
    return undefined
  }
}

function put(guests: Map<string, Guest>, digest: string, guest: Guest): void {
  guests.set(digest, guest)
  const [oldest] = guests.keys()
  if (guests.size > kept && oldest !== undefined) guests.delete(oldest)
}
