import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { mayAs, type Role } from '../support/config/role.ts'
import { describeError, SnugError } from '../errors.ts'
import type { GatewaySetup } from '../serve/gateway/gateway-protocol.ts'
import type { Credential } from './credential.ts'

type OidcSetup = NonNullable<GatewaySetup['oidc']>

const fetchMs = 5_000
/** An unknown key has the set fetched again, at most this often: made-up key ids cost nothing. */
const cooldownMs = 30_000
const freshMs = 600_000
const clockToleranceS = 30

/** Accepts bearer tokens that another issuer signed. */
export class Oidc {
  readonly #setup: OidcSetup
  readonly #keys: JWTVerifyGetKey

  /** Errors: CONFIG_INVALID where the key set does not read. */
  constructor(setup: OidcSetup, cooldownDuration = cooldownMs) {
    this.#setup = setup
    const { jwks } = setup
    this.#keys =
      'url' in jwks
        ? createRemoteJWKSet(new URL(jwks.url), {
            timeoutDuration: fetchMs,
            cooldownDuration,
            cacheMaxAge: freshMs,
          })
        : createLocalJWKSet(keySet(jwks.keys))
  }

  /** Errors: UNAUTHENTICATED; FORBIDDEN where its claims give no role; OIDC_UNAVAILABLE. */
  async credentialOf(token: string, audience = this.#setup.audience): Promise<Credential> {
    const { issuer, algorithms } = this.#setup
    const claims = await this.#verify(token, {
      issuer,
      audience,
      algorithms,
      clockTolerance: clockToleranceS,
      requiredClaims: ['exp', 'sub'],
    })
    const role = this.#roleOf(claims)
    if (role === undefined) {
      throw new SnugError(
        'FORBIDDEN',
        `no \`${this.#setup.roleClaim}\` of this token maps to a role`,
      )
    }
    const { sub = '', exp = 0 } = claims
    return { kind: 'claim', claim: { via: 'oidc', name: sub, role }, until: exp * 1_000 }
  }

  async #verify(token: string, options: Parameters<typeof jwtVerify>[2]): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, this.#keys, options)).payload
    } catch (error) {
      if (isOfToken(error))
        throw new SnugError('UNAUTHENTICATED', 'this token is not valid', { cause: error })
      throw new SnugError('OIDC_UNAVAILABLE', 'the keys of the issuer cannot be fetched', {
        cause: error,
      })
    }
  }

  #roleOf(claims: JWTPayload): Role | undefined {
    const { roleClaim, roles } = this.#setup
    const found = roleClaim
      .split('.')
      .reduce<unknown>((value, step) => (isRecord(value) ? value[step] : undefined), claims)
    const values = new Set(Array.isArray(found) ? found : [found])
    let best: Role | undefined
    for (const { value, role } of roles) {
      if (values.has(value) && (best === undefined || mayAs(role, best))) best = role
    }
    return best
  }
}

/** Whether the token is at fault, and not the server of the keys. */
function isOfToken(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false
  // Errors of `fetch` are not jose's; for an invalid response jose throws an error with its generic code.
  return error instanceof errors.JOSEError && error.code !== errors.JOSEError.code
}

function keySet(text: string): JSONWebKeySet {
  try {
    const value = JSON.parse(text) as JSONWebKeySet
    if (Array.isArray(value.keys)) return value
    throw new SnugError('CONFIG_INVALID', 'the key `keys` is missing')
  } catch (error) {
    throw new SnugError('CONFIG_INVALID', `\`oidc.jwks\` is not a key set: ${describeError(error)}`)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
