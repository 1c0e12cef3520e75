import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Oidc } from '../../src/gateway/oidc.ts'
import { ask, bearer } from '../fixtures/api-client.ts'
import { startFixture } from '../fixtures/server-fixtures.ts'
import { type KeyPair, keyPair } from '../fixtures/key-pair.ts'

const issuer = 'https://issuer.example'
const audience = 'snug'

/** What the issuer publishes, on loopback. */
let published: { keys: JWK[] } = { keys: [] }
let fetches = 0
let broken = false
let server: Server
let url = ''
const pairs: Record<string, KeyPair> = {}

beforeAll(async () => {
  for (const kid of ['old', 'new']) pairs[kid] = keyPair('ec')
  server = createServer((_, response) => {
    fetches += 1
    if (broken) response.writeHead(500).end()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(published))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
})
afterAll(() => server.close())

async function publish(...kids: string[]): Promise<void> {
  const keys = kids.map(async (kid) => ({
    ...(await exportJWK(pairs[kid]!.publicKey)),
    kid,
    alg: 'ES256',
  }))
  published = { keys: await Promise.all(keys) }
}

interface Claims {
  readonly iss?: string
  readonly aud?: string
  readonly sub?: string
  readonly roles?: unknown
  readonly expires?: string
}

async function token(kid: string, claims: Claims = {}): Promise<string> {
  const {
    iss = issuer,
    aud = audience,
    sub = 'ada',
    roles = ['snug-reviewer'],
    expires = '5m',
  } = claims
  return new SignJWT({ realm: { roles } })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setIssuer(iss)
    .setAudience(aud)
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(pairs[kid]!.privateKey)
}

const setup = {
  issuer,
  audience,
  algorithms: ['ES256', 'RS256'],
  roleClaim: 'realm.roles',
  roles: [
    { value: 'snug-viewer', role: 'viewer' as const },
    { value: 'snug-reviewer', role: 'reviewer' as const },
  ],
}

describe('a bearer token of an issuer', () => {
  it('gets the role of its claim, the highest of several', async () => {
    await publish('old')
    const oidc = new Oidc({ ...setup, jwks: { url } })
    const roles = ['snug-viewer', 'snug-reviewer', 'other']
    expect(await oidc.credentialOf(await token('old', { roles }))).toMatchObject({
      claim: { via: 'oidc', name: 'ada', role: 'reviewer' },
    })
    const one = await token('old', { roles: 'snug-viewer' })
    expect(await oidc.credentialOf(one)).toMatchObject({ claim: { role: 'viewer' } })
    const refused = oidc.credentialOf(await token('old', { roles: ['other'] }))
    await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  it('is refused where it is not from there, not for here, too old or signed otherwise', async () => {
    await publish('old')
    const oidc = new Oidc({ ...setup, jwks: { url } })
    const shared = new TextEncoder().encode(JSON.stringify(published.keys[0]))
    const confused = new SignJWT({ realm: { roles: ['snug-reviewer'] }, sub: 'eve' })
      .setProtectedHeader({ alg: 'HS256', kid: 'old' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(shared)
    const unsigned = [
      { alg: 'none' },
      { iss: issuer, aud: audience, sub: 'eve', exp: 9_999_999_999 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const wrong = [
      token('old', { iss: 'https://evil.example' }),
      token('old', { aud: 'another' }),
      token('old', { expires: '-5m' }),
      token('new'),
      confused,
      `${unsigned}.`,
      'not.a.token',
    ]
    for (const each of wrong) {
      const refused = oidc.credentialOf(await each)
      await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })

  it('may be signed with a new key of the issuer, and an old one counts no more', async () => {
    await publish('old')
    const oidc = new Oidc({ ...setup, jwks: { url } }, 0)
    await oidc.credentialOf(await token('old'))
    await publish('new')
    expect(await oidc.credentialOf(await token('new'))).toMatchObject({ claim: { name: 'ada' } })
    const refused = oidc.credentialOf(await token('old'))
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('that names made-up keys does not have the set fetched each time', async () => {
    await publish('old')
    const oidc = new Oidc({ ...setup, jwks: { url } })
    await oidc.credentialOf(await token('old'))
    const before = fetches
    for (let tried = 0; tried < 20; tried += 1) {
      await oidc.credentialOf(await token('new')).catch(() => undefined)
    }
    expect(fetches).toBe(before)
  })

  it('cannot be verified while the keys cannot be fetched, and the answer reports that', async () => {
    broken = true
    const oidc = new Oidc({ ...setup, jwks: { url } })
    const refused = oidc.credentialOf(await token('old'))
    await expect(refused).rejects.toMatchObject({ code: 'OIDC_UNAVAILABLE' })
    broken = false
  })
})

describe('the gateway with an issuer', () => {
  it('takes its tokens beside its own, from a file of keys, and names who decided', async () => {
    await publish('old')
    await using first = await startFixture()
    const file = join(first.dir, 'keys.json')
    writeFileSync(file, JSON.stringify(published))
    await using fixture = await startFixture({
      tcp: true,
      flags: {
        'oidc.issuer': issuer,
        'oidc.audience': audience,
        'oidc.jwks': file,
        'oidc.roleClaim': 'realm.roles',
        'oidc.roles': '[{ value: snug-reviewer, role: reviewer }]',
      },
    })
    const headers = { ...bearer(await token('old')), 'if-match': '*' }
    const body = '{"reason":"known"}'
    const answer = await ask(fixture, '/v1/alerts/01-a/ack', { method: 'POST', headers, body })
    expect(answer.status).toBe(200)
    expect(fixture.engine.calls).toContainEqual({
      name: 'ackAlert',
      args: ['01-a', 'known', { who: 'oidc:ada', reason: 'known' }],
    })
    const made = await ask(fixture, '/v1/tokens', { headers: bearer(await token('new')) })
    expect(made.json).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  })
})
