import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AdmissionMetrics } from '../../../src/ci/admission/admission-metrics.ts'
import { decide } from '../../../src/ci/admission/decide.ts'
import { Webhook } from '../../../src/ci/admission/webhook.ts'
import { loadConfig } from '../../../src/support/config/load-config.ts'
import { spiffeIdOf, TrustDomains } from '../../../src/support/net/spiffe.ts'
import { createLog } from '../../../src/support/telemetry/log.ts'
import { Authority, type Leaf } from '../../fixtures/authority.ts'
import { podOf, reviewOf } from '../../fixtures/admission-fixtures.ts'
import { type ServerFixture, startFixture } from '../../fixtures/server-fixtures.ts'

const local = ['DNS:localhost', 'IP:127.0.0.1']
const api = 'spiffe://cluster.shop/api'
let shop: Authority
let below: Authority
let partner: Authority
let server: Leaf

beforeAll(() => {
  shop = new Authority('shop')
  below = new Authority('below', shop)
  partner = new Authority('partner')
  server = shop.issue('server', local)
})
afterAll(() => {
  for (const each of [shop, below, partner]) each[Symbol.dispose]()
})

const domains = (): readonly { name: string; bundle: string }[] => [
  { name: 'cluster.shop', bundle: shop.ca },
  { name: 'partner.example', bundle: partner.ca },
]
/** A workload's certificate, with those between it and the top. */
function svid(authority: Authority, ...uris: readonly string[]): Leaf {
  const leaf = authority.issue(
    'x',
    uris.map((uri) => `URI:${uri}`),
  )
  return authority === below ? { ...leaf, cert: leaf.cert + below.ca } : leaf
}

describe('a SPIFFE id', () => {
  it.each(['spiffe://shop', 'spiffe://shop.example/ns/a_b/sa/C-1.x', 'spiffe://a/...'])(
    'is one: %s',
    (uri) => expect(spiffeIdOf(uri)?.uri).toBe(uri),
  )

  it.each([
    'spiffe://',
    'spiffe:///x',
    'SPIFFE://shop/x',
    'spiffe://Shop/x',
    'spiffe://shop:1/x',
    'spiffe://a@shop/x',
    'spiffe://shop/',
    'spiffe://shop/x/',
    'spiffe://shop//x',
    'spiffe://shop/../x',
    'spiffe://shop/./x',
    'spiffe://shop/%41',
    'spiffe://shop/x?y',
    'spiffe://shop/x#y',
    'spiffe://shop/x\n',
    'https://shop/x',
    `spiffe://shop/${'x'.repeat(2_048)}`,
  ])('is none: %j', (uri) => expect(spiffeIdOf(uri)).toBeUndefined())
})

it('a bundle without a certificate is refused by name', () => {
  for (const bundle of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
    expect(() => new TrustDomains([{ name: 'shop', bundle }])).toThrow('the bundle of `shop`')
  }
})

interface Answer {
  readonly status: number
  readonly json: Record<string, unknown>
}

function ask(url: string, client?: Leaf, body?: string, agent?: Agent): Promise<Answer> {
  const identity = client === undefined ? {} : { cert: client.cert, key: client.key }
  const method = body === undefined ? 'GET' : 'POST'
  const options = { method, ca: shop.ca, agent: agent ?? false, ...identity }
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) as Answer['json'] })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('the webhook', () => {
  const review = JSON.stringify(reviewOf({ object: podOf('good') }))
  let webhook: Webhook
  const url = (): string => `https://127.0.0.1:${webhook.address.port}/admit`
  const statusOf = async (client: Leaf): Promise<number> =>
    (await ask(url(), client, review)).status

  beforeAll(async () => {
    webhook = new Webhook({
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert: server.cert, key: server.key, trustDomains: domains() },
      clients: [`URI:${api}`, 'DNS:old.shop'],
      decide: async () => decide('deny', false, []),
      consoleNamespaces: [],
      metrics: new AdmissionMetrics(),
      log: createLog('silent', new Writable({ write: (_chunk, _encoding, done) => done() })),
    })
    await webhook.start()
  })
  afterAll(() => webhook.close())

  it('answers a workload by its id, also through an authority below', async () => {
    expect(await statusOf(svid(shop, api))).toBe(200)
    expect(await statusOf(svid(below, api))).toBe(200)
  })

  it('answers none of another id, of another domain’s authority, with two ids, or an authority itself', async () => {
    const strangers = [
      svid(shop, 'spiffe://cluster.shop/other'),
      // Signed by an authority that is trusted, but for another domain.
      svid(partner, api),
      svid(shop, api, 'spiffe://cluster.shop/other'),
      svid(shop, api, 'https://cluster.shop'),
      shop.issue('x', [`URI:${api}`], ['basicConstraints=critical,CA:TRUE']),
      shop.issue('x', ['DNS:old.shop']),
      shop.issue('old.shop'),
    ]
    for (const client of strangers) expect(await statusOf(client)).toBe(403)
  })

  it('does not answer on an open connection once the certificate has ended', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const client = svid(shop, api)
    try {
      expect((await ask(url(), client, review, agent)).status).toBe(200)
      const inThreeDays = Date.now() + 3 * 86_400_000
      vi.spyOn(Date, 'now').mockReturnValue(inThreeDays)
      expect((await ask(url(), client, review, agent)).status).toBe(403)
    } finally {
      vi.restoreAllMocks()
      agent.destroy()
    }
  })

  it('takes new authorities and a new own certificate without a restart', async () => {
    const next = new Authority('next')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const old = svid(shop, api)
      expect((await ask(url(), old, review, agent)).status).toBe(200)
      const young = shop.issue('young', local)
      const tls = { cert: young.cert, key: young.key }
      const renewed = [{ name: 'cluster.shop', bundle: next.ca }]
      webhook.renew({ ...tls, trustDomains: renewed })
      expect(await statusOf(svid(next, api))).toBe(200)
      expect(await statusOf(old)).toBe(403)
      // Not even on the connection that was open before.
      expect((await ask(url(), old, review, agent)).status).toBe(403)
      const broken = { ...tls, trustDomains: [{ name: 'cluster.shop', bundle: '' }] }
      expect(() => webhook.renew(broken)).toThrow('has no certificate')
      expect(await statusOf(svid(next, api))).toBe(200)
      webhook.renew({ ...tls, trustDomains: domains() })
      expect(await statusOf(old)).toBe(200)
    } finally {
      agent.destroy()
      next[Symbol.dispose]()
    }
  })
})

describe('the API', () => {
  let fixture: ServerFixture
  let bundle = ''
  const who = async (client: Leaf): Promise<unknown> => {
    return (await ask(`${fixture.url}/v1/session`, client)).json['who']
  }

  beforeAll(async () => {
    bundle = join(shop.folder, 'bundle.pem')
    writeFileSync(bundle, shop.ca)
    const trusted = [
      { name: 'cluster.shop', bundle },
      { name: 'partner.example', bundle: partner.caPath },
    ]
    const clients = [
      { name: `URI:${api}`, role: 'reviewer' },
      { name: 'URI:spiffe://partner.example/audit', role: 'viewer' },
    ]
    fixture = await startFixture({
      tcp: true,
      flags: {
        'tls.cert': server.certPath,
        'tls.key': server.keyPath,
        'tls.trustDomains': JSON.stringify(trusted),
        'tls.clients': JSON.stringify(clients),
      },
    })
  })
  afterAll(async () => fixture[Symbol.asyncDispose]())

  it('lets a workload in with the role of its id, each from its own domain only', async () => {
    expect(await who(svid(below, api))).toBe(`certificate:URI:${api}`)
    expect(await who(svid(partner, 'spiffe://partner.example/audit'))).toContain('/audit')
    expect(await who(svid(partner, api))).toBeUndefined()
    expect(await who(svid(shop, 'spiffe://partner.example/audit'))).toBeUndefined()
  })

  it('takes a bundle that is replaced', async () => {
    const next = new Authority('next')
    try {
      writeFileSync(bundle, next.ca)
      const workload = svid(next, api)
      const now = (): Promise<unknown> => who(workload)
      await expect.poll(now, { interval: 200 }).toContain(api)
      expect(await who(svid(shop, api))).toBeUndefined()
    } finally {
      next[Symbol.dispose]()
    }
  })
})

it('a config names domains, or one authority for all and its own certificates', () => {
  const tls = (more: object) => () =>
    loadConfig({
      flags: Object.fromEntries(
        Object.entries({ cert: '/c', key: '/k', ...more }).map(([key, value]) => [
          `tls.${key}`,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      ),
    })
  const trustDomains = [{ name: 'shop', bundle: '/b' }]
  expect(tls({ trustDomains })().config.tls.trustDomains).toEqual(trustDomains)
  expect(tls({ trustDomains, clientCa: '/a' })).toThrow('`tls.clientCa`')
  expect(tls({ trustDomains: [...trustDomains, ...trustDomains] })).toThrow(
    'two entries with the same name',
  )
  expect(tls({ trustDomains: [{ name: 'https://shop', bundle: '/b' }] })).toThrow('trust domain')
})
