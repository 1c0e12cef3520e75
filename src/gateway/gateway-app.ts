import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { upgradeWebSocket } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { WebSocket } from 'ws'
import { mayAs, type Role } from '../support/config/role.ts'
import { SnugError } from '../errors.ts'
import { callbackPath } from '../support/config/access-schema.ts'
import { readJson } from '../support/net/json-body.ts'
import type { Log } from '../support/telemetry/log.ts'
import { liveQuery } from '../serve/live-query.ts'
import { pumpLive } from '../serve/live-socket.ts'
import { checkOrigin } from '../serve/access/origin-guard.ts'
import { problemResponse, refusalReason } from '../serve/problem.ts'
import { mcpPath } from '../serve/mcp/tool-call.ts'
import { check } from '../serve/request-body.ts'
import type { RouteShape } from '../serve/routes/route.ts'
import { leavePath, leaveQuery, sessionBody } from '../serve/routes/session-routes.ts'
import type { Access, Holder } from './access.ts'
import {
  begunCookieName,
  cookieName,
  type Credential,
  headersOf,
  secureBegunCookieName,
  secureCookieName,
} from './credential.ts'
import type { BackendClient, LinkAnswer } from './backend-client.ts'
import type { LiveFeed } from './live-feed.ts'
import { answerMcp } from './mcp-endpoint.ts'
import {
  type PageFiles,
  pagePolicy,
  type SignInPage,
  signInPage,
  wayBackPage,
} from './page-files.ts'
import { signInSeconds } from './redirect-sign-in.ts'
import type { Reports } from './reports.ts'
import { AttemptsError } from './throttle.ts'

export interface GatewayContext {
  /** What it forwards, and what it answers itself. */
  readonly routes: readonly RouteShape[]
  readonly link: BackendClient
  readonly access: Access
  readonly feed: LiveFeed
  readonly files: PageFiles
  readonly reports: Reports
  readonly log: Log
  /** Names, in lower case, by which clients may call it. */
  readonly hosts: () => ReadonlySet<string>
  readonly bodyMs: number
}

interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage }
  readonly Variables: { credential: Credential | undefined }
}

/** Headers of the daemon's answer that the gateway passes on to the client. */
const passedOn = [
  'content-type',
  'etag',
  'link',
  'server-timing',
  'x-snug-code',
  'www-authenticate',
] as const

/** Everything served over TCP. A request that the gateway does not refuse goes to the daemon, parsed and validated. */
export function createGatewayApp(world: GatewayContext): Hono<Env> {
  const { access, reports, files, routes } = world
  const app = new Hono<Env>()
  const open = new Set(routes.filter(({ role }) => role === 'nobody').map(nameOf))
  const signIn = signInPage(files)

  app.use('*', async (c, next) => {
    const { incoming } = c.env
    const isOpen = open.has(nameOf(c.req))
    const isHealth = isOpen && c.req.method === 'GET' && !ofSignIn.has(c.req.path)
    if (!isHealth) guardOrigin(world, incoming)
    if (!isOpen && !isLinkOf(c)) c.set('credential', await access.credentialOf(incoming))
    await next()
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
    c.header('x-content-type-options', 'nosniff')
    c.header('referrer-policy', 'no-referrer')
    c.header('cross-origin-resource-policy', 'same-origin')
  })

  app.get('/v1/live', async (c, next) => {
    const { incoming } = c.env
    if (incoming.headers.upgrade?.toLowerCase() !== 'websocket') return next()
    const request = check(liveQuery, c.req.query())
    const credential = credentialOf(c)
    await access.holderOf(credential)
    const reader = await world.feed.subscribe(request)
    incoming.socket.once('close', () => reader.close())
    return upgradeWebSocket(() => ({
      onOpen: (_, { raw: socket }) => {
        if (!(socket instanceof WebSocket)) return reader.close()
        const onMissed = (count: number): void => reports.missed(count)
        const stillAllowed = (): Promise<boolean> => access.stands(credential)
        const wire = incoming.socket
        pumpLive({ socket, wire, reader, request, onMissed, stillAllowed }, world.log)
      },
    }))(c, next)
  })

  app.post('/v1/session', async (c) => {
    const { incoming } = c.env
    const { token } = check(sessionBody, await readJson(incoming, { withinMs: world.bodyMs }))
    const credential = await access.bearer(token, incoming)
    return begin(c, world, credential, (holder) => c.json(holder))
  })

  app.delete('/v1/session', async (c) => {
    const { incoming } = c.env
    await access.signOut(incoming)
    const isSecure = incoming.socket instanceof TLSSocket
    setCookie(c, isSecure ? secureCookieName : cookieName, '', {
      ...cookie,
      secure: isSecure,
      maxAge: 0,
    })
    return c.json({})
  })

  app.get('/', async (c, next) => {
    const code = c.req.query('code')
    if (code === undefined) return next()
    const credential = await access.redeem(code, c.env.incoming)
    return begin(c, world, credential, () => c.redirect('/', 303))
  })

  app.get(leavePath, async (c) => {
    const { to = '' } = check(leaveQuery, c.req.query())
    const { url, sealed } = await access.leave(to)
    setBegun(c, sealed, signInSeconds)
    return c.redirect(url, 303)
  })

  app.get(callbackPath, async (c) => {
    const isSecure = c.env.incoming.socket instanceof TLSSocket
    const sealed = getCookie(c, isSecure ? secureBegunCookieName : begunCookieName)
    const answer = new URL(c.req.url).searchParams
    // One answer for one beginning, whatever comes of it.
    setBegun(c, '', 0)
    const { credential, to } = await access.comeBack(sealed, answer, c.env.incoming)
    return begin(c, world, credential, () => {
      const { html, policy } = wayBackPage(to)
      return c.html(html, 200, { 'content-security-policy': policy })
    })
  })

  app.on(['POST', 'GET', 'DELETE'], mcpPath, async (c) => {
    const credential = credentialOf(c)
    demand('viewer', await access.holderOf(credential))
    const caller = { link: world.link, credential, bodyMs: world.bodyMs }
    return answerMcp(c.req.raw, c.env.incoming, caller)
  })

  for (const [path, { type, body, tag }] of files) {
    app.get(path, async (c) => {
      await access.holderOf(credentialOf(c))
      const headers = {
        etag: tag,
        'cache-control': 'no-cache',
        'content-security-policy': pagePolicy,
      }
      if (c.req.header('if-none-match') === tag) return c.body(null, 304, headers)
      return c.body(body, 200, { ...headers, 'content-type': type })
    })
  }

  for (const route of routes) {
    if (route.gateway === true) continue
    app.on(route.method, route.path, (c) => forward(c, world, route))
  }

  app.notFound((c) => {
    throw new SnugError('ROUTE_UNKNOWN', `no route \`${c.req.method} ${c.req.path}\``)
  })

  app.onError((error, c) => {
    const wait = error instanceof AttemptsError ? { 'retry-after': String(error.retryAfter) } : {}
    const response = problemResponse(error, {
      ...wait,
      'x-content-type-options': 'nosniff',
      // The unread rest of a body would be taken for the next request.
      ...(isUnread(c.env.incoming) ? { connection: 'close' } : {}),
    })
    const reason = refusalReason(response)
    if (reason !== undefined) reports.refused(reason)
    const hasLeft = c.req.raw.signal.aborted
    if (response.status >= 500 && !hasLeft) world.log.error({ err: error }, 'request failed')
    if (!isForSignIn(c, response)) return response
    const page = signIn({ redirects: access.redirects, problem: problemFor(c, error) })
    return signInResponse(c, page, response)
  })
  return app
}

async function begin(
  c: Context<Env>,
  { access }: GatewayContext,
  credential: Credential,
  answer: (holder: object) => Response,
): Promise<Response> {
  const { incoming } = c.env
  const { id, maxAge, holder } = await access.signIn(credential, incoming)
  const isSecure = incoming.socket instanceof TLSSocket
  setCookie(c, isSecure ? secureCookieName : cookieName, id, {
    ...cookie,
    secure: isSecure,
    maxAge,
  })
  return answer(holder)
}

const cookie = { path: '/', httpOnly: true, sameSite: 'Strict' } as const
/** Of the way to the issuer and back. */
const ofSignIn: ReadonlySet<string> = new Set([leavePath, callbackPath])

/** The browser comes back from another site, so that this cookie has to come along from there. */
function setBegun(c: Context<Env>, value: string, maxAge: number): void {
  const isSecure = c.env.incoming.socket instanceof TLSSocket
  const name = isSecure ? secureBegunCookieName : begunCookieName
  setCookie(c, name, value, { ...cookie, sameSite: 'Lax', secure: isSecure, maxAge })
}

/** Parses the request by its row in the route table and builds a new one: the gateway forwards nothing unchanged. */
async function forward(
  c: Context<Env>,
  world: GatewayContext,
  route: RouteShape,
): Promise<Response> {
  const { incoming } = c.env
  const credential = c.get('credential')
  // The daemon checks this too: here it keeps out the bodies of clients that may not send them.
  if (route.role !== 'nobody') demand(route.role, await world.access.holderOf(credentialOf(c)))
  check(route.query, c.req.query())
  const query = new URLSearchParams(c.req.query()).toString()
  const path = `${new URL(c.req.url).pathname}${query === '' ? '' : `?${query}`}`
  const json = route.body && (await readJson(incoming, { withinMs: world.bodyMs }))
  check(route.body, json)
  const ifMatch = c.req.header('if-match')
  const answer = await world.link.ask(path, {
    method: route.method,
    headers: {
      ...(credential === undefined ? {} : headersOf(credential)),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
    },
    ...(route.stream === true ? { body: incoming } : {}),
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    signal: c.req.raw.signal,
  })
  if (answer.status === 401 && credential !== undefined) world.access.fell(credential)
  return responseOf(answer)
}

function responseOf(answer: LinkAnswer): Response {
  const passed: Record<string, string> = {}
  for (const name of passedOn) {
    const value = answer.headers[name]
    if (typeof value === 'string') passed[name] = value
  }
  return new Response(streamOf(answer), { status: answer.status, headers: passed })
}

/**
 * Why not `Readable.toWeb`: where a client leaves between two parts it puts one more into a stream that is closed, and
 * throws where nobody catches it.
 */
function streamOf({ body }: LinkAnswer): ReadableStream<Uint8Array> {
  let hasLeft = false
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      body.on('data', (part: Uint8Array) => {
        if (hasLeft) return
        controller.enqueue(part)
        if ((controller.desiredSize ?? 0) <= 0) body.pause()
      })
      finished(body, (error) => {
        if (hasLeft) return
        if (error) controller.error(error)
        else controller.close()
      })
      body.pause()
    },
    pull: () => void body.resume(),
    cancel: () => {
      hasLeft = true
      body.resume()
    },
  })
}

/** Errors: FORBIDDEN. */
function guardOrigin(world: GatewayContext, { headers, method, socket }: IncomingMessage): void {
  const scheme = socket instanceof TLSSocket ? 'https' : 'http'
  checkOrigin(headers.host, headers.origin, scheme, world.hosts())
  const changes = method !== 'GET' && method !== 'HEAD'
  const isPage = headers.authorization === undefined && headers.cookie !== undefined
  // A browser adds the cookie to cross-site requests as well; requests of the gateway's own page carry `Origin`.
  if (isPage && (changes || headers.upgrade !== undefined) && headers.origin === undefined) {
    throw new SnugError('FORBIDDEN', 'a request with a session cookie needs the header `Origin`')
  }
}

function credentialOf(c: Context<Env>): Credential {
  const credential = c.get('credential')
  if (credential !== undefined) return credential
  throw new SnugError('UNAUTHENTICATED', 'the request has no credential')
}

/** Errors: FORBIDDEN. */
function demand(needed: Role, { role }: Holder): void {
  if (!mayAs(role, needed)) throw new SnugError('FORBIDDEN', `this needs the role \`${needed}\``)
}

function nameOf({ method, path }: { readonly method: string; readonly path: string }): string {
  return `${method} ${path}`
}

function isLinkOf(c: Context<Env>): boolean {
  return c.req.method === 'GET' && c.req.path === '/' && c.req.query('code') !== undefined
}

function isUnread(incoming: IncomingMessage): boolean {
  return !incoming.complete
}

function isForSignIn(c: Context<Env>, { status }: Response): boolean {
  const wantsPage = c.req.header('accept')?.includes('text/html') === true
  if (!wantsPage || c.req.method !== 'GET') return false
  return (status === 401 && c.req.path === '/') || ofSignIn.has(c.req.path)
}

/** Why a sign-in at the issuer failed, for the person. */
function problemFor(c: Context<Env>, error: unknown): string {
  if (!ofSignIn.has(c.req.path)) return ''
  return error instanceof SnugError ? `${error.message}: ${error.hint}` : 'the sign-in failed'
}

/** With the cookies that the route has set: a sign-in that failed is over. */
function signInResponse(
  c: Context<Env>,
  page: SignInPage,
  { headers, status }: Response,
): Response {
  return c.body(page.html, status as ContentfulStatusCode, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': page.policy,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-snug-code': headers.get('x-snug-code') ?? '',
  })
}
