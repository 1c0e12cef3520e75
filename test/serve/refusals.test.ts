import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { routes } from '../../src/serve/routes/routes.ts'
import { roles } from '../../src/support/config/role.ts'
import { TokenFile } from '../../src/serve/access/token-file.ts'
import { realPath } from '../fixtures/api-client.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
const tokens: Record<string, string> = {}

beforeAll(async () => {
  fixture = await startFixture({ tcp: true })
  const data = join(fixture.dir, 'data')
  tokens['admin'] = readFileSync(join(data, 'admin.token'), 'utf8')
  const file = new TokenFile(join(data, 'tokens.json'))
  for (const role of ['viewer', 'reviewer'] as const) tokens[role] = file.create(role, role)
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

const guarded = routes.filter(({ role }) => role !== 'nobody')

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly type: string
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(fixture.url + path, init)
  const type = response.headers.get('content-type') ?? ''
  const body = type.includes('json') ? ((await response.json()) as { code?: string }) : {}
  return { status: response.status, code: body.code, type }
}

const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` })

describe.each(guarded)('$method $path', ({ method, path, role }) => {
  it('refuses a request without a token', async () => {
    expect(await ask(realPath(path), { method })).toEqual({
      status: 401,
      code: 'UNAUTHENTICATED',
      type: 'application/problem+json',
    })
  })

  it('refuses an unknown token', async () => {
    const wrong = `snug_${'A'.repeat(43)}`
    const answer = await ask(realPath(path), { method, headers: bearer(wrong) })
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  })

  it('refuses every role below its own', async () => {
    const lower = roles.slice(0, roles.indexOf(role as (typeof roles)[number]))
    for (const other of lower) {
      const answer = await ask(realPath(path), { method, headers: bearer(tokens[other]) })
      expect(answer, other).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    }
    // No role is below `viewer`: for it the test only checks that the role is admitted.
    const answer = await ask(realPath(path), { method, headers: bearer(tokens[role]) })
    expect([401, 403]).not.toContain(answer.status)
  })

  it('refuses a page of another origin, even with a token', async () => {
    const headers = { ...bearer(tokens['admin']), origin: 'https://evil.example' }
    const answer = await ask(realPath(path), { method, headers })
    expect(answer).toMatchObject({ status: 403, code: 'FORBIDDEN' })
  })
})

const withBody = guarded.filter(({ body }) => body !== undefined)

describe.each(withBody)('the body of $method $path', ({ method, path }) => {
  it('is refused where it is wrong', async () => {
    for (const wrong of ['{', '[1]', '{"surprise":1}', 'null']) {
      const init = { method, headers: bearer(tokens['admin']), body: wrong }
      expect(await ask(realPath(path), init), wrong).toMatchObject({
        status: 400,
        code: 'BODY_INVALID',
      })
    }
  })

  it('is refused where it is huge', async () => {
    const init = { method, headers: bearer(tokens['admin']), body: 'x'.repeat(1_048_577) }
    expect(await ask(realPath(path), init)).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
  })
})

/** A raw request that no browser or `fetch` would send. */
function rawRequest(path: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(fixture.url)
    const sent = request({ host: hostname, port, path, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => {
        const type = response.headers['content-type'] ?? ''
        const code = type.includes('problem')
          ? (JSON.parse(text) as { code: string }).code
          : undefined
        resolve({ status: response.statusCode ?? 0, code, type })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('the TCP listener', () => {
  it('answers health checks to anyone', async () => {
    expect(await ask('/healthz')).toMatchObject({ status: 200 })
    expect(await ask('/readyz')).toMatchObject({ status: 200 })
  })

  it('names each fault in its health and gives no details', async () => {
    fixture.engine.degraded = ['self-probe: not stopped: open', 'profile shop/web@sha256:aa: full']
    const answer = await fetch(`${fixture.url}/healthz`)
    expect(await answer.text()).toBe('ok\ndegraded: self-probe\ndegraded: profile shop/web\n')
    fixture.engine.degraded = []
    expect(await (await fetch(`${fixture.url}/healthz`)).text()).toBe('ok\n')
  })

  it('refuses a host name that a page could have pointed at it', async () => {
    const headers = { authorization: `Bearer ${tokens['admin']}`, host: 'evil.example:7684' }
    expect(await rawRequest('/v1/status', headers)).toMatchObject({
      status: 403,
      code: 'FORBIDDEN',
    })
  })

  it.each(['/v1/../../etc/passwd', '/v1/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd', '//etc/passwd'])(
    'finds nothing at %s',
    async (path) => {
      const headers = { authorization: `Bearer ${tokens['admin']}` }
      const answer = await rawRequest(path, headers)
      expect(answer.status).toBe(404)
      expect(['ROUTE_UNKNOWN', 'IMAGE_UNKNOWN']).toContain(answer.code)
    },
  )

  it('does not reveal its routes without a token', async () => {
    expect(await ask('/v2/anything')).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    const headers = bearer(tokens['viewer'])
    expect(await ask('/v2/anything', { headers })).toMatchObject({
      status: 404,
      code: 'ROUTE_UNKNOWN',
    })
  })

  it('cuts off a chunked body that exceeds the size limit', async () => {
    const { hostname, port } = new URL(fixture.url)
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname)
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString('utf8')))
      socket.on('close', () => resolve(text))
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
      })
      socket.write(
        `POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${tokens['admin']}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      )
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
      for (let sent = 0; sent < 20; sent += 1) socket.write(chunk)
      socket.write('0\r\n\r\n')
    })
    expect(answer).toContain('413')
    expect(answer).toContain('BODY_TOO_LARGE')
  })

  it('refuses a WebSocket handshake without a token and gives the reason in a header', async () => {
    const socket = new WebSocket(`${fixture.url.replace('http', 'ws')}/v1/live?topics=alerts`)
    const code = await new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_, response) => {
        resolve([response.statusCode, response.headers['x-snug-code']])
        response.destroy()
      })
      socket.on('open', () => reject(new Error('it was let in')))
      socket.on('error', () => undefined)
    })
    expect(code).toEqual([401, 'UNAUTHENTICATED'])
  })

  it('lets a token in no longer once it was taken away', async () => {
    const file = new TokenFile(join(fixture.dir, 'data', 'tokens.json'))
    const headers = bearer(file.create('passing', 'viewer'))
    expect(await ask('/v1/status', { headers })).toMatchObject({ status: 200 })
    file.remove('passing')
    expect(await ask('/v1/status', { headers })).toMatchObject({ status: 401 })
  })
})
