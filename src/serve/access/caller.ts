import type { Role } from '../../support/config/role.ts'
import { SnugError } from '../../errors.ts'
import type { Decider } from '../../api/engine.ts'
import { claimHeader, claimSchema, tokenHeader } from './claim.ts'
import type { RouteWorld } from '../routes/route.ts'

export interface Caller {
  /** Undefined: an unknown caller. */
  readonly role: Role | undefined
  readonly by: Decider
}

/** Any process that can open the admin socket runs as the agent's own user. */
export const owner: Caller = { role: 'admin', by: { who: 'cli:root' } }
export const anyone: Caller = { role: undefined, by: { who: 'anyone' } }

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * The caller of a request through the gateway. The daemon checks a token itself: a compromised gateway can use the
 * tokens that pass through it, and cannot invent any. The daemon has to trust a claim, but only of a configured kind.
 *
 * Errors: UNAUTHENTICATED.
 */
export function callerOf(
  world: Pick<RouteWorld, 'tokens' | 'guests' | 'claims'>,
  headers: Headers,
): Caller {
  const digest = headers[tokenHeader]
  if (typeof digest === 'string') {
    const holder = world.tokens?.holderOf(digest) ?? world.guests?.holderOf(digest)
    if (holder === undefined) throw new SnugError('UNAUTHENTICATED', 'the token is unknown')
    return { role: holder.role, by: { who: `token:${holder.name}` } }
  }
  const text = headers[claimHeader]
  if (typeof text !== 'string')
    throw new SnugError('UNAUTHENTICATED', 'the request has no credential')
  const claim = claimSchema.safeParse(jsonOf(text))
  if (!claim.success || world.claims?.has(claim.data.via) !== true) {
    throw new SnugError('UNAUTHENTICATED', 'this kind of credential is not configured')
  }
  const { via, name, role } = claim.data
  return { role, by: { who: `${via}:${name}` } }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
