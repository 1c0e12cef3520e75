import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Authority, type Leaf } from '../fixtures/authority.ts'
import { adminToken } from '../fixtures/api-client.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

const local = ['DNS:localhost', 'IP:127.0.0.1']
let ours: Authority
let theirs: Authority
let fixture: ServerFixture
let certPath: string
let keyPath: string

beforeAll(async () => {
  ours = new Authority('ours')
  theirs = new Authority('theirs')
  certPath = join(ours.folder, 'api.pem')
  keyPath = join(ours.folder, 'api.key')
  install(ours.issue('first', local))
  fixture = await startFixture({
    tcp: true,
    flags: {
      'tls.cert': certPath,
      'tls.key': keyPath,
      'tls.clientCa': ours.caPath,
      'tls.clients':
        '[{ name: "URI:spiffe://shop/ci", role: reviewer }, { name: old-client, role: viewer }]',
    },
  })
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  ours[Symbol.dispose]()
  theirs[Symbol.dispose]()
})

function install({ cert, key }: Leaf): void {
  writeFileSync(keyPath, key)
  writeFileSync(certPath, cert)
}

interface Answer {
  readonly status: number
  readonly json: unknown
  readonly cookie: string
  /** Common name of the certificate that was shown. */
  readonly shown: string
}

interface Asked {
  readonly client?: Leaf
  readonly headers?: Record<string, string>
  readonly body?: string
}

function ask(path: string, { client, headers = {}, body }: Asked = {}): Promise<Answer> {
  const identity = client === undefined ? {} : { cert: client.cert, key: client.key }
  const method = body === undefined ? 'GET' : 'POST'
  const options = { method, headers, ca: ours.ca, agent: false, ...identity }
  return new Promise((resolve, reject) => {
    const sent = request(fixture.url + path, options, (response) => {
      const shown = String((response.socket as TLSSocket).getPeerCertificate().subject.CN)
      const cookie = String(response.headers['set-cookie'] ?? '')
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(text), cookie, shown })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('over TLS', () => {
  it('a session cookie is for this host and for TLS only', async () => {
    expect(fixture.url).toMatch(/^https:/)
    const body = JSON.stringify({ token: adminToken(fixture) })
    const { status, cookie } = await ask('/v1/session', { body, headers: { origin: fixture.url } })
    expect(status).toBe(200)
    expect(cookie).toMatch(/^__Host-snug_session=.*Path=\/; HttpOnly; Secure; SameSite=Strict$/)
    const plain = { body, headers: { origin: fixture.url.replace('https', 'http') } }
    expect((await ask('/v1/session', plain)).json).toMatchObject({ code: 'FORBIDDEN' })
  })

  it('a certificate that is replaced is shown without a restart, and a broken one is not', async () => {
    const name = async (): Promise<string> => (await ask('/v1/status')).shown
    expect(await name()).toBe('first')
    install(ours.issue('second', local))
    await expect.poll(name, { interval: 200 }).toBe('second')
    writeFileSync(certPath, 'half a certif')
    const faults = (): string => fixture.engine.degraded.join()
    await expect.poll(faults, { interval: 100 }).toMatch(/^front: a changed/)
    expect(await name()).toBe('second')
    install(ours.issue('third', local))
    await expect.poll(name, { interval: 200 }).toBe('third')
    await expect.poll(faults).toBe('')
  })
})

describe('a client certificate', () => {
  it('lets in as its alternative name, or an old one as its common name', async () => {
    const ci = ours.issue('anyone', ['DNS:ci.shop', 'URI:spiffe://shop/ci'])
    expect((await ask('/v1/session', { client: ci })).json).toEqual({
      who: 'certificate:URI:spiffe://shop/ci',
      role: 'reviewer',
    })
    const old = ours.issue('old-client')
    expect((await ask('/v1/session', { client: old })).json).toMatchObject({ role: 'viewer' })
  })

  it('is refused for a name without a role, a common name beside others, or another issuer', async () => {
    const strangers = [
      ours.issue('stranger', ['URI:spiffe://shop/other']),
      ours.issue('old-client', ['DNS:other']),
      theirs.issue('old-client'),
      theirs.issue('x', ['URI:spiffe://shop/ci']),
    ]
    for (const client of strangers) {
      expect((await ask('/v1/session', { client })).json).toMatchObject({
        status: 401,
        code: 'UNAUTHENTICATED',
      })
    }
  })
})
