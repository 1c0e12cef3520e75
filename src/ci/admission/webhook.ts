import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { describeError, SnugError } from '../../errors.ts'
import { readJson } from '../../support/net/json-body.ts'
import { problemOf } from '../../support/net/problem.ts'
import { type TrustDomain, TrustDomains } from '../../support/net/spiffe.ts'
import { tlsPeer } from '../../support/net/tls-peer.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { AdmissionMetrics } from './admission-metrics.ts'
import { authorAnswer } from './author-review.ts'
import type { Decision } from './decide.ts'
import { parseReview, type PodReview, reviewAnswer } from './review.ts'

/** PEM, all of it. */
export interface WebhookTls {
  readonly cert: string
  readonly key: string
  /** Who signs the certificates of those who may ask. */
  readonly ca?: string
  /** Instead of `ca`. */
  readonly trustDomains?: readonly TrustDomain[]
}

export interface WebhookOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly tls: WebhookTls
  /** Names of certificates, `DNS:…` or `URI:…`, that may send reviews; absent: any client that reaches the port. */
  readonly clients?: readonly string[]
  readonly decide: (review: PodReview) => Promise<Decision>
  /** Where the service account `snug-console` is the console. */
  readonly consoleNamespaces: readonly string[]
  readonly metrics: AdmissionMetrics
  readonly log: Log
}

/** A review holds a pod and its previous version; each is at most 1.5 MiB with etcd's default limit. */
const reviewMebibytes = 8
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
  // The API server lets go of a connection after 90 s: were we the first to do so, a review could be lost on it.
  keepAliveTimeout: 120_000,
} as const
const connections = 1_024
const drainMs = 5_000

/**
 * Answers the API server's reviews over TLS: of pods by `POST /admit`, of ImageProfiles by `POST /author`; and
 * `/healthz`, `/readyz`, `/metrics`.
 */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #server: Server
  #domains: TrustDomains | undefined
  #closing = false

  constructor(options: WebhookOptions) {
    this.#options = options
    const { clients } = options
    // A client without a certificate gets an HTTP error instead of a failed handshake, and health checks need none.
    const asks = clients === undefined ? {} : { requestCert: true, rejectUnauthorized: false }
    this.#server = createServer({ ...limits, ...asks })
    this.renew(options.tls)
    this.#server.maxConnections = connections
    this.#server.on('request', (request, response) => void this.#answer(request, response))
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo
  }

  /** Errors: LISTEN_FAILED */
  async start(): Promise<void> {
    const { host, port } = this.#options.listen
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        reject(new SnugError('LISTEN_FAILED', `cannot listen on \`${host}:${port}\``, { cause }))
      })
      this.#server.listen(port, host, resolve)
    })
  }

  /**
   * For connections from now on; those that are open go on, and who asks on them is held to the new trust domains.
   *
   * Errors: ADMISSION_INVALID where certificate and key do not fit, CONFIG_INVALID for a bundle; then nothing is changed
   */
  renew({ cert, key, ca, trustDomains }: WebhookTls): void {
    const domains = trustDomains === undefined ? undefined : new TrustDomains(trustDomains)
    const trusted = domains?.ca ?? ca
    const context: SecureContextOptions = {
      cert,
      key,
      ...(trusted === undefined ? {} : { ca: trusted }),
      minVersion: 'TLSv1.2',
    }
    try {
      this.#server.setSecureContext(context)
    } catch (cause) {
      const what = 'the certificate, its key or the client authorities cannot be used'
      throw new SnugError('ADMISSION_INVALID', what, { cause })
    }
    this.#domains = domains
  }

  /** Answers pending requests, for some seconds at most. */
  async close(): Promise<void> {
    this.#closing = true
    const deadline = setTimeout(() => this.#server.closeAllConnections(), drainMs)
    await new Promise((resolve) => {
      this.#server.close(resolve)
      this.#server.closeIdleConnections()
    })
    clearTimeout(deadline)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, log } = this.#options
    // One that is about to end gets no more on this connection.
    if (this.#closing) response.setHeader('connection', 'close')
    try {
      await this.#route(request, response)
    } catch (error) {
      metrics.refused()
      const problem = problemOf(error)
      if (problem.status >= 500) log.error({ err: error }, 'a review was not answered')
      else log.warn({ code: problem.code, because: describeError(error) }, 'a request was refused')
      // The rest of an incomplete request is never read.
      if (!request.complete) response.once('finish', () => request.destroy())
      send(response, problem.status, 'application/problem+json', JSON.stringify(problem))
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics } = this.#options
    const path = (request.url ?? '').split('?', 1)[0]
    switch (`${request.method} ${path}`) {
      case 'POST /admit':
        return this.#review(request, response)
      case 'POST /author': {
        const { consoleNamespaces } = this.#options
        const answer = authorAnswer(await this.#bodyOf(request), consoleNamespaces)
        return send(response, 200, 'application/json', JSON.stringify(answer))
      }
      case 'GET /healthz':
        return send(response, 200, 'text/plain', 'ok')
      case 'GET /readyz':
        return this.#closing
          ? send(response, 503, 'text/plain', 'the webhook is shutting down')
          : send(response, 200, 'text/plain', 'ok')
      case 'GET /metrics':
        return send(response, 200, metrics.contentType, await metrics.expose())
      default:
        throw new SnugError('ROUTE_UNKNOWN', `no route \`${request.method} ${path}\``)
    }
  }

  async #review(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { decide, metrics, log } = this.#options
    const body = await this.#bodyOf(request)
    const begun = performance.now()
    const review = parseReview(body)
    const decision = await decide(review)
    send(response, 200, 'application/json', JSON.stringify(reviewAnswer(review.uid, decision)))
    const ms = performance.now() - begun
    metrics.decided(decision.verdict, ms)
    const { namespace, name } = review
    const fields = { namespace, pod: name, ...decision, ms }
    if (decision.reasons.length === 0) log.debug(fields, 'decided on a pod')
    else log.info(fields, 'decided on a pod')
  }

  /** Errors: FORBIDDEN for a client that may not ask */
  async #bodyOf(request: IncomingMessage): Promise<unknown> {
    const { clients } = this.#options
    const { names } = clients === undefined ? { names: [] } : tlsPeer(request, this.#domains)
    if (clients !== undefined && !names.some((name) => clients.includes(name))) {
      throw new SnugError('FORBIDDEN', 'its certificate has none of the names that may ask')
    }
    return readJson(request, { mebibytes: reviewMebibytes })
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
