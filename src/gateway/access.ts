import type { IncomingMessage } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { Role } from '../support/config/role.ts'
import { describeError, SnugError } from '../errors.ts'
import { TrustDomains } from '../support/net/spiffe.ts'
import { gatewayPaths, type GatewaySetup } from '../serve/gateway/gateway-protocol.ts'
import {
  bearerOf,
  type Credential,
  headersOf,
  keyOf,
  ofCertificate,
  ofToken,
  sessionIdOf,
} from './credential.ts'
import type { BackendClient } from './backend-client.ts'
import { Oidc } from './oidc.ts'
import { RedirectSignIn } from './redirect-sign-in.ts'
import type { Reports } from './reports.ts'
import { Sessions } from './sessions.ts'
import { Throttle } from './throttle.ts'

export interface Holder {
  readonly who: string
  readonly role: Role
}

/** How long a credential that the daemon knew is let by without asking: it asks again at each request that is answered there. */
const provenMs = 10_000
const provenKept = 10_000
/** Accesses are recorded once in this period, for each credential and address. */
const recordedMs = 3_600_000
/** Of a sign-in for which the issuer was asked. */
const wrongAnswers: ReadonlySet<string> = new Set(['SIGN_IN_REFUSED', 'SIGN_IN_TOKEN_INVALID'])

/** Who is let in, and as whom. */
export class Access {
  readonly #link: BackendClient
  readonly #reports: Reports
  readonly #throttle: Throttle
  readonly #sessions = new Sessions()
  readonly #proven = new LRUCache<string, Holder>({ max: provenKept, ttl: provenMs })
  /** Bearers that were right, by their hash. */
  readonly #known = new LRUCache<string, true>({ max: provenKept, ttl: recordedMs })
  readonly #recorded = new LRUCache<string, true>({ max: provenKept, ttl: recordedMs })
  #setup: GatewaySetup
  #oidc: Oidc | undefined
  #redirect: RedirectSignIn | undefined
  #domains: TrustDomains | undefined

  constructor(link: BackendClient, reports: Reports, setup: GatewaySetup, attempts: number) {
    this.#throttle = new Throttle(attempts)
    this.#link = link
    this.#reports = reports
    this.#setup = setup
    this.renew(setup)
  }

  /** Other keys, authorities or names. Errors: CONFIG_INVALID. */
  renew(setup: GatewaySetup): void {
    const trusted = setup.tls?.trustDomains ?? []
    const domains = trusted.length === 0 ? undefined : new TrustDomains(trusted)
    // A key set that is fetched keeps what it has: only another file is another set.
    const isSame = JSON.stringify(setup.oidc) === JSON.stringify(this.#setup.oidc)
    if (!isSame || this.#oidc === undefined) {
      this.#oidc = setup.oidc === undefined ? undefined : new Oidc(setup.oidc)
    }
    const isSameClient =
      isSame && JSON.stringify(setup.signIn) === JSON.stringify(this.#setup.signIn)
    if (!isSameClient || this.#redirect === undefined) this.#redirect = this.#redirectOf(setup)
    this.#domains = domains
    this.#setup = setup
  }

  /** Errors: UNAUTHENTICATED, TOO_MANY_ATTEMPTS, FORBIDDEN, OIDC_UNAVAILABLE. */
  async credentialOf(incoming: IncomingMessage): Promise<Credential> {
    const bearer = bearerOf(incoming)
    if (bearer !== undefined) return this.#entered(await this.bearer(bearer, incoming), incoming)
    const id = sessionIdOf(incoming)
    const session = id === undefined ? undefined : this.#sessions.credentialOf(id)
    if (session !== undefined) return session
    const certificate = ofCertificate(incoming, this.#setup.tls?.clients ?? [], this.#domains)
    if (certificate !== undefined) return this.#entered(certificate, incoming)
    throw new SnugError('UNAUTHENTICATED', 'the request has no credential')
  }

  /** A token of ours, or of the issuer's. Errors as above. */
  async bearer(token: string, incoming: IncomingMessage): Promise<Credential> {
    const ours = ofToken(token)
    if (this.#proven.has(keyOf(ours))) return ours
    const address = addressOf(incoming)
    // A client that authenticated before does not wait for failing clients at the same address.
    if (!this.#known.has(keyOf(ours))) this.#throttle.check(address)
    try {
      const oidc = token.split('.').length === 3 ? this.#oidc : undefined
      const credential = oidc === undefined ? ours : await oidc.credentialOf(token)
      await this.holderOf(credential)
      this.#known.set(keyOf(ours), true)
      this.#throttle.succeeded(address)
      return credential
    } catch (error) {
      if (error instanceof SnugError && error.code === 'UNAUTHENTICATED')
        this.#failed(error, address)
      throw error
    }
  }

  /** People can sign in at an issuer. */
  get redirects(): boolean {
    return this.#redirect !== undefined
  }

  /** As {@link RedirectSignIn.begin}. Errors: those, and ROUTE_UNKNOWN where no issuer is configured for people. */
  async leave(to: string): Promise<{ readonly url: string; readonly sealed: string }> {
    return this.#redirecting().begin(to)
  }

  /** As {@link RedirectSignIn.finish}. Errors: those of {@link leave} and TOO_MANY_ATTEMPTS. */
  async comeBack(
    sealed: string | undefined,
    answer: URLSearchParams,
    incoming: IncomingMessage,
  ): Promise<{ readonly credential: Credential; readonly to: string }> {
    const redirect = this.#redirecting()
    const address = addressOf(incoming)
    // Each attempt with a code is a request to the issuer.
    this.#throttle.check(address)
    try {
      const back = await redirect.finish(sealed, answer)
      this.#throttle.succeeded(address)
      return back
    } catch (error) {
      if (error instanceof SnugError && wrongAnswers.has(error.code)) this.#failed(error, address)
      throw error
    }
  }

  /** Trades the code of a sign-in link for its credential. Errors: UNAUTHENTICATED, TOO_MANY_ATTEMPTS. */
  async redeem(code: string, incoming: IncomingMessage): Promise<Credential> {
    const address = addressOf(incoming)
    this.#throttle.check(address)
    try {
      const body = JSON.stringify({ code })
      const { token } = await this.#link.json<{ token: string }>(gatewayPaths.redeem, {
        method: 'POST',
        body,
      })
      return ofToken(token)
    } catch (error) {
      // A code that no link could have had is refused as one that is wrong.
      const wrong = new SnugError(
        'UNAUTHENTICATED',
        'this sign-in link was used already or has expired',
      )
      if (error instanceof SnugError && error.code !== 'FRONT_FAILED') {
        this.#failed(wrong, address)
        throw wrong
      }
      throw error
    }
  }

  /** Errors: UNAUTHENTICATED. */
  async holderOf(credential: Credential): Promise<Holder> {
    const known = this.#proven.get(keyOf(credential))
    if (known !== undefined) return known
    const headers = headersOf(credential)
    const holder = await this.#link.json<Holder>('/v1/session', { headers })
    this.#proven.set(keyOf(credential), holder)
    return holder
  }

  /** Whether the daemon still accepts the credential. */
  async stands(credential: Credential): Promise<boolean> {
    this.fell(credential)
    try {
      await this.holderOf(credential)
      return (
        credential.kind === 'token' ||
        credential.until === undefined ||
        Date.now() < credential.until
      )
    } catch (error) {
      return !(error instanceof SnugError && error.code === 'UNAUTHENTICATED')
    }
  }

  /** The daemon no longer accepts the credential. */
  fell(credential: Credential): void {
    this.#proven.delete(keyOf(credential))
  }

  async signIn(credential: Credential, incoming: IncomingMessage) {
    const holder = await this.holderOf(credential)
    const ends = Date.now() + this.#setup.sessionMs
    const until = credential.kind === 'claim' ? Math.min(ends, credential.until ?? ends) : ends
    this.#reports.signedIn(holder.who, addressOf(incoming))
    return {
      holder,
      id: this.#sessions.begin(credential, until),
      maxAge: Math.floor((until - Date.now()) / 1_000),
    }
  }

  async signOut(incoming: IncomingMessage): Promise<void> {
    const id = sessionIdOf(incoming)
    const credential = id === undefined ? undefined : this.#sessions.credentialOf(id)
    if (id === undefined || credential === undefined) return
    this.#sessions.end(id)
    const holder = await this.holderOf(credential).catch(() => undefined)
    this.#reports.signedOut(holder?.who ?? 'anyone', addressOf(incoming))
  }

  #redirecting(): RedirectSignIn {
    if (this.#redirect !== undefined) return this.#redirect
    throw new SnugError('ROUTE_UNKNOWN', 'no issuer is configured where people sign in')
  }

  #redirectOf({ oidc, signIn }: GatewaySetup): RedirectSignIn | undefined {
    if (oidc === undefined || signIn === undefined || this.#oidc === undefined) return undefined
    return new RedirectSignIn(oidc.issuer, signIn, this.#oidc)
  }

  async #entered(credential: Credential, incoming: IncomingMessage): Promise<Credential> {
    const { who } = await this.holderOf(credential)
    const address = addressOf(incoming)
    const entry = `${who} ${address}`
    if (!this.#recorded.has(entry)) this.#reports.signedIn(who, address)
    this.#recorded.set(entry, true)
    return credential
  }

  #failed(error: SnugError, address: string): void {
    const { count, isReported } = this.#throttle.failed(address)
    if (isReported) this.#reports.wrong(describeError(error), address, count)
  }
}

function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'unknown'
}
