import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { routes } from '../../src/serve/routes/routes.ts'
import { adminToken, ask, bearer } from '../fixtures/api-client.ts'
import { patient, type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

/** A client that holds its request back gets a coded refusal, and no connection to keep. */
let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startFixture({ tcp: true, limits: { ...patient, headersMs: 300, bodyMs: 300 } })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

/** Sends the first part, then one byte of `rest` at a time; resolves with all that came until the connection was closed. */
function hold(first: string, rest = ''): Promise<string> {
  const { hostname, port } = new URL(fixture.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    let sent = 0
    const drip = setInterval(() => {
      if (sent < rest.length && socket.writable) socket.write(rest[sent] ?? '')
      sent += 1
    }, 50)
    socket.on('data', (chunk) => (text += chunk.toString('utf8')))
    socket.on('close', () => {
      clearInterval(drip)
      resolve(text)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.write(first)
  })
}

function expectRefusal(answer: string, status: number, code: string): void {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(head.toLowerCase()).toContain('content-type: application/problem+json')
  expect(body).toContain(`"code":"${code}"`)
}

const goesOn = async (): Promise<void> => {
  expect((await ask(fixture, '/healthz')).status).toBe(200)
}

describe('a client that holds back', () => {
  it('the head of its request', async () => {
    const drip = 'X-Slow: '.padEnd(2_000, 'x')
    expectRefusal(
      await hold('GET /v1/status HTTP/1.1\r\nHost: localhost\r\n', drip),
      408,
      'REQUEST_SLOW',
    )
    await goesOn()
  })

  it('the body of any route, all of them at once', async () => {
    const withBody = routes.filter(({ body, gateway }) => body !== undefined && gateway !== true)
    const answers = withBody.map(async ({ method, path }) => {
      const real = path
        .replace(':ref', encodeURIComponent('registry.local/shop/web:1.4'))
        .replace(/:\w+/, '01-a')
      const head = [
        `${method} ${real} HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${adminToken(fixture)}`,
        'If-Match: *',
        'Content-Length: 1000',
      ]
      return hold(`${head.join('\r\n')}\r\n\r\n{`, ' '.repeat(900))
    })
    for (const answer of await Promise.all(answers)) expectRefusal(answer, 408, 'REQUEST_SLOW')
    await goesOn()
  })

  it('the body of its sign-in', async () => {
    const head = 'POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{'
    expectRefusal(await hold(head), 408, 'REQUEST_SLOW')
    await goesOn()
  })
})

describe('data that is no request', () => {
  it('is refused with a code too', async () => {
    expectRefusal(await hold('HELO mail.example\r\n\r\n'), 400, 'REQUEST_INVALID')
    const huge = `GET / HTTP/1.1\r\nHost: localhost\r\nX-Huge: ${'x'.repeat(20_000)}\r\n\r\n`
    expectRefusal(await hold(huge), 413, 'BODY_TOO_LARGE')
    await goesOn()
  })
})

describe('200 clients that only connect', () => {
  it('are closed, and other clients still connect', async () => {
    const silent = Array.from({ length: 200 }, () => hold(''))
    const headers = bearer(adminToken(fixture))
    expect((await ask(fixture, '/v1/status', { headers })).status).toBe(200)
    await Promise.all(silent)
    await goesOn()
  })
})
