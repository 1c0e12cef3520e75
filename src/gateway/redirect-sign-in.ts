import { randomBytes } from 'node:crypto'
import { EncryptJWT, jwtDecrypt } from 'jose'
import type * as OAuth from 'oauth4webapi'
import { z } from 'zod'
import { SnugError } from '../errors.ts'
import type { GatewaySetup } from '../serve/gateway/gateway-protocol.ts'
import type { Credential } from './credential.ts'
import type { Oidc } from './oidc.ts'

export type RedirectSetup = NonNullable<GatewaySetup['signIn']>

/** How long a person may take at the issuer. */
export const signInSeconds = 600
const fetchMs = 5_000
/** How long what the issuer publishes of itself counts. */
const freshMs = 600_000

/** What the browser that begins must bring back: sealed, so that only this process can read or make one. */
const begunSchema = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  to: z.string(),
})

/** A place of the page. It begins with `#`, so it can lead nowhere else, whatever follows. */
const placePattern = /^#\/[\x21-\x7e]{0,1000}$/

/**
 * Signs people in at an OIDC issuer: authorization code flow with PKCE, state and nonce. What was begun is in a cookie of
 * the browser, and not in memory, which anybody could fill.
 */
export class RedirectSignIn {
  readonly #oidc: Oidc
  readonly #issuer: URL
  readonly #setup: RedirectSetup
  readonly #key = randomBytes(32)
  #server: { readonly of: OAuth.AuthorizationServer; readonly untilMs: number } | undefined

  constructor(issuer: string, setup: RedirectSetup, oidc: Oidc) {
    this.#issuer = new URL(issuer)
    this.#setup = setup
    this.#oidc = oidc
  }

  /**
   * The address at the issuer to go to, and the value of a cookie for the way back.
   *
   * @param to place of the page to come back to, `#/…`; empty: its first view
   *
   * Errors: SIGN_IN_TARGET_INVALID, OIDC_UNAVAILABLE.
   */
  async begin(to: string): Promise<{ readonly url: string; readonly sealed: string }> {
    if (to !== '' && !placePattern.test(to))
      throw new SnugError('SIGN_IN_TARGET_INVALID', `\`${to}\` is not a place of the page`)
    const oauth = await import('oauth4webapi')
    const { authorization_endpoint: endpoint } = await this.#discovered(oauth)
    if (endpoint === undefined || !URL.canParse(endpoint))
      throw unavailable(new Error('the issuer names no authorization endpoint'))
    const begun = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      to,
    }
    const { clientId, redirectUri, scopes } = this.#setup
    const url = new URL(endpoint)
    const parameters = {
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: scopes.join(' '),
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    const sealed = await new EncryptJWT(begun)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(`${signInSeconds}s`)
      .encrypt(this.#key)
    return { url: url.href, sealed }
  }

  /**
   * @param sealed the cookie of {@link begin}
   * @param answer the query with which the issuer sent the browser back
   *
   * Errors: SIGN_IN_UNKNOWN, SIGN_IN_REFUSED, SIGN_IN_TOKEN_INVALID, FORBIDDEN where its claims give no role,
   * OIDC_UNAVAILABLE.
   */
  async finish(
    sealed: string | undefined,
    answer: URLSearchParams,
  ): Promise<{ readonly credential: Credential; readonly to: string }> {
    const begun = await this.#unsealed(sealed)
    const oauth = await import('oauth4webapi')
    const server = await this.#discovered(oauth)
    const { clientId, redirectUri } = this.#setup
    const client = { client_id: clientId }
    const code = codeIn(oauth, server, client, answer, begun.state)
    let token: string | undefined
    try {
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        this.#authentication(oauth, server),
        code,
        redirectUri,
        begun.verifier,
        this.#options(oauth),
      )
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
        expectedNonce: begun.nonce,
        requireIdToken: true,
      })
      token = tokens.id_token
    } catch (error) {
      throw grantError(oauth, error)
    }
    return { credential: await this.#credentialOf(token ?? ''), to: begun.to }
  }

  /**
   * The library has compared the claims. Signature, role and expiry are checked as of a bearer token. How long the ID
   * token counts says nothing of the session: many are for minutes.
   */
  async #credentialOf(token: string): Promise<Credential> {
    try {
      const credential = await this.#oidc.credentialOf(token, this.#setup.clientId)
      return credential.kind === 'claim' ? { kind: 'claim', claim: credential.claim } : credential
    } catch (error) {
      if (!(error instanceof SnugError) || error.code !== 'UNAUTHENTICATED') throw error
      throw new SnugError('SIGN_IN_TOKEN_INVALID', 'the ID token of the issuer is not valid', {
        cause: error,
      })
    }
  }

  async #unsealed(sealed: string | undefined): Promise<z.output<typeof begunSchema>> {
    const unknown = 'this browser has not begun this sign-in, or has taken too long'
    if (sealed === undefined) throw new SnugError('SIGN_IN_UNKNOWN', unknown)
    try {
      return begunSchema.parse((await jwtDecrypt(sealed, this.#key)).payload)
    } catch (error) {
      throw new SnugError('SIGN_IN_UNKNOWN', unknown, { cause: error })
    }
  }

  async #discovered(oauth: typeof OAuth): Promise<OAuth.AuthorizationServer> {
    const kept = this.#server
    if (kept !== undefined && Date.now() < kept.untilMs) return kept.of
    try {
      const response = await oauth.discoveryRequest(this.#issuer, this.#options(oauth))
      const of = await oauth.processDiscoveryResponse(this.#issuer, response)
      this.#server = { of, untilMs: Date.now() + freshMs }
      return of
    } catch (error) {
      throw unavailable(error)
    }
  }

  #authentication(oauth: typeof OAuth, server: OAuth.AuthorizationServer): OAuth.ClientAuth {
    const { clientSecret } = this.#setup
    if (clientSecret === undefined) return oauth.None()
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    return methods.includes('client_secret_basic')
      ? oauth.ClientSecretBasic(clientSecret)
      : oauth.ClientSecretPost(clientSecret)
  }

  #options(oauth: typeof OAuth) {
    return {
      signal: AbortSignal.timeout(fetchMs),
      // The config takes `http` on loopback only.
      [oauth.allowInsecureRequests]: this.#issuer.protocol === 'http:',
    }
  }
}

/** Errors: SIGN_IN_UNKNOWN where the state is another one, SIGN_IN_REFUSED. */
function codeIn(
  oauth: typeof OAuth,
  server: OAuth.AuthorizationServer,
  client: OAuth.Client,
  answer: URLSearchParams,
  state: string,
): URLSearchParams {
  try {
    return oauth.validateAuthResponse(server, client, answer, state)
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) throw refused(error.error, error)
    throw new SnugError('SIGN_IN_UNKNOWN', 'the answer of the issuer is for another sign-in', {
      cause: error,
    })
  }
}

function grantError(oauth: typeof OAuth, error: unknown): SnugError {
  if (error instanceof oauth.ResponseBodyError) return refused(error.error, error)
  const isOfToken =
    error instanceof oauth.OperationProcessingError && tokenFaults.has(error.code ?? '')
  if (!isOfToken) return unavailable(error)
  return new SnugError(
    'SIGN_IN_TOKEN_INVALID',
    'the ID token of the issuer is not for this sign-in',
    { cause: error },
  )
}

/** Codes of the library: claims that are missing, differ, or are of another time. */
const tokenFaults = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
])

/** RFC 6749 gives such a code a few characters only; who leads the browser here can send any. */
function refused(code: string, cause: unknown): SnugError {
  const shown = /^[a-z_]{1,60}$/.test(code) ? ` with \`${code}\`` : ''
  return new SnugError('SIGN_IN_REFUSED', `the issuer refused the sign-in${shown}`, { cause })
}

function unavailable(cause: unknown): SnugError {
  return new SnugError('OIDC_UNAVAILABLE', 'the issuer does not answer as it should', { cause })
}
