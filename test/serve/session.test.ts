import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { PageFiles } from '../../src/gateway/page-files.ts'
import { TokenFile } from '../../src/serve/access/token-file.ts'
import { adminToken, type Answer, ask, bearer } from '../fixtures/api-client.ts'
import {
  patient,
  sampleAlert,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

const file = (type: string, text: string) => ({
  type,
  body: Buffer.from(text),
  tag: `"${text.length}"`,
})
const files: PageFiles = new Map([
  ['/', file('text/html; charset=utf-8', '<title>Snug</title>')],
  ['/ui/main.js', file('text/javascript; charset=utf-8', 'show()')],
  [
    '/ui/sign-in.html',
    file(
      'text/html; charset=utf-8',
      '<link rel="stylesheet" href="/ui/sign-in.css" /><script type="module" src="/ui/sign-in.js"></script>',
    ),
  ],
  ['/ui/sign-in.js', file('text/javascript; charset=utf-8', "ask('$&')")],
  ['/ui/sign-in.css', file('text/css; charset=utf-8', 'form { }')],
])

let fixture: ServerFixture
let tokens: TokenFile
beforeAll(async () => {
  fixture = await startFixture({ tcp: true, files })
  tokens = new TokenFile(join(fixture.dir, 'data', 'tokens.json'))
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

function signIn(token: string): Promise<Answer> {
  const body = JSON.stringify({ token })
  return ask(fixture, '/v1/session', { method: 'POST', body, headers: { origin: fixture.url } })
}

function cookieOf({ headers }: Answer): string {
  return String(headers['set-cookie']).split(';')[0] ?? ''
}

const ofPage = (cookie: string) => ({ cookie, origin: fixture.url })

describe('a session', () => {
  it('is a cookie that no script reads, for this page alone, and ends by itself', async () => {
    const answer = await signIn(tokens.create('ada', 'reviewer'))
    expect(answer.json).toEqual({ who: 'token:ada', role: 'reviewer' })
    expect(String(answer.headers['set-cookie'])).toMatch(
      /^snug_session=[\w-]{43}; Max-Age=(43200|43199); Path=\/; HttpOnly; SameSite=Strict$/,
    )
  })

  it('has exactly the rights of its token', async () => {
    const headers = ofPage(cookieOf(await signIn(tokens.create('eve', 'viewer'))))
    expect((await ask(fixture, '/v1/session', { headers })).json).toMatchObject({ role: 'viewer' })
    expect((await ask(fixture, '/v1/status', { headers })).status).toBe(200)
    const body = '{"reason":"known"}'
    const ack = await ask(fixture, '/v1/alerts/01-a/ack', { method: 'POST', headers, body })
    expect(ack.json).toMatchObject({ status: 403, code: 'FORBIDDEN' })
  })

  it('is gone with its token at once', async () => {
    const headers = ofPage(cookieOf(await signIn(tokens.create('passing', 'viewer'))))
    expect((await ask(fixture, '/v1/status', { headers })).status).toBe(200)
    tokens.remove('passing')
    expect((await ask(fixture, '/v1/status', { headers })).json).toMatchObject({
      status: 401,
      code: 'UNAUTHENTICATED',
    })
  })

  it('ends when it is ended', async () => {
    const headers = ofPage(cookieOf(await signIn(adminToken(fixture))))
    const ended = await ask(fixture, '/v1/session', { method: 'DELETE', headers })
    expect(String(ended.headers['set-cookie'])).toContain('Max-Age=0')
    expect((await ask(fixture, '/v1/status', { headers })).status).toBe(401)
  })

  it('is not made of a token that is not known', async () => {
    const answer = await signIn(`snug_${'A'.repeat(43)}`)
    expect(answer.json).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  it('changes nothing for a page of another origin, nor for one that hides where it is from', async () => {
    const cookie = cookieOf(await signIn(adminToken(fixture)))
    const asked = { method: 'POST', body: '{"reason":"known"}' }
    for (const headers of [{ cookie, origin: 'https://evil.example' }, { cookie }]) {
      const answer = await ask(fixture, '/v1/alerts/01-a/ack', { ...asked, headers })
      expect(answer.json).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    }
  })

  it('is on record, and so is who was refused', async () => {
    await signIn(tokens.create('grace', 'viewer'))
    await signIn(`snug_${'B'.repeat(43)}`)
    const recorded = (): readonly unknown[] =>
      fixture.engine.calls.filter(({ name }) => name === 'record').map(({ args }) => args)
    const address = '127.0.0.1'
    await expect.poll(recorded).toContainEqual(['sign-in', { who: 'token:grace' }, { address }])
    await expect
      .poll(recorded)
      .toContainEqual([
        'refused',
        { who: 'anyone' },
        expect.objectContaining({ address, count: 1 }),
      ])
  })
})

describe('the page', () => {
  const html = { accept: 'text/html,application/xhtml+xml' }

  it('is a document to sign in with, and nothing else, for who is not', async () => {
    const answer = await ask(fixture, '/', { headers: html })
    expect(answer.status).toBe(401)
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.text).toBe(`<style>form { }</style><script type="module">ask('$&')</script>`)
    expect(answer.headers['content-security-policy']).toMatch(
      /default-src 'none'; script-src 'sha256-[\w+/]+=*'; style-src 'sha256-/,
    )
    for (const path of ['/ui/main.js', '/v1/status', '/nowhere']) {
      const refused = await ask(fixture, path, { headers: html })
      expect(refused.json, path).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    }
  })

  it('is served to who is signed in, and once only while it stays the same', async () => {
    const headers = { ...html, ...ofPage(cookieOf(await signIn(adminToken(fixture)))) }
    const page = await ask(fixture, '/', { headers })
    expect(page).toMatchObject({ status: 200, text: '<title>Snug</title>' })
    expect(page.headers['content-security-policy']).toContain("script-src 'self'")
    const again = { headers: { ...headers, 'if-none-match': String(page.headers['etag']) } }
    expect((await ask(fixture, '/', again)).status).toBe(304)
    expect((await ask(fixture, '/ui/main.js', { headers })).text).toBe('show()')
  })

  it('learns what an answer cost the agent', async () => {
    const headers = ofPage(cookieOf(await signIn(adminToken(fixture))))
    const { headers: answered } = await ask(fixture, '/v1/images', { headers })
    expect(answered['server-timing']).toMatch(/^agent;dur=\d+\.\d$/)
  })

  it('opens by a link of the admin socket, once', async () => {
    const { socket: socketPath } = fixture
    const made = await ask(fixture, '/v1/sign-in-links', { socketPath, method: 'POST' })
    const { url } = made.json as { url: string }
    expect(url).toMatch(new RegExp(`^${fixture.url}/\\?code=[\\w-]{43}$`))
    const path = url.slice(fixture.url.length)
    const opened = await ask(fixture, path, { headers: html })
    expect([opened.status, opened.headers['location']]).toEqual([303, '/'])
    const headers = ofPage(cookieOf(opened))
    expect((await ask(fixture, '/v1/session', { headers })).json).toMatchObject({ role: 'admin' })
    const again = await ask(fixture, path, { headers: html })
    expect([again.status, again.headers['set-cookie']]).toEqual([401, undefined])
  })
})

describe('the live socket of a page', () => {
  const messages: { type: string; n: number }[] = []
  const connect = (headers: Record<string, string>): Promise<WebSocket | number> =>
    new Promise((resolve) => {
      const url = `${fixture.url.replace('http', 'ws')}/v1/live`
      const socket = new WebSocket(url, { headers })
      socket.on('unexpected-response', (_, response) => {
        resolve(response.statusCode ?? 0)
        response.destroy()
      })
      socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString('utf8'))))
      socket.on('open', () => resolve(socket))
      socket.on('error', () => undefined)
    })

  it('opens with its session, and for no other origin', async () => {
    const cookie = cookieOf(await signIn(adminToken(fixture)))
    expect(await connect({})).toBe(401)
    expect(await connect({ cookie })).toBe(403)
    expect(await connect({ cookie, origin: 'https://evil.example' })).toBe(403)
    const socket = (await connect({ cookie, origin: fixture.url })) as WebSocket
    await expect.poll(() => messages.length).toBe(1)
    fixture.engine.news.publish('alerts', sampleAlert('01-z'))
    await expect.poll(() => messages.length).toBe(2)
    const [ready, alert] = messages
    expect(alert).toMatchObject({ type: 'item', topic: 'alerts', n: (ready?.n ?? 0) + 1 })
    socket.close()
  })
})

describe('wrong credentials', () => {
  it('have their address wait, but not who was right before', async () => {
    await using other = await startFixture({ tcp: true, limits: { ...patient, attempts: 3 } })
    const good = { headers: bearer(adminToken(other)) }
    expect((await ask(other, '/v1/status', good)).status).toBe(200)
    const wrong = { headers: bearer(`snug_${'C'.repeat(43)}`) }
    const statuses: number[] = []
    for (let tried = 0; tried < 5; tried += 1) {
      statuses.push((await ask(other, '/v1/status', wrong)).status)
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    const refused = await ask(other, '/v1/status', wrong)
    expect(refused.json).toMatchObject({ code: 'TOO_MANY_ATTEMPTS' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask(other, '/v1/status', good)).status).toBe(200)
  })
})
