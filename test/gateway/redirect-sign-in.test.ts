import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Oidc } from '../../src/gateway/oidc.ts'
import { RedirectSignIn } from '../../src/gateway/redirect-sign-in.ts'
import { Issuer } from '../fixtures/issuer.ts'

const redirectUri = 'https://snug.example/v1/session/callback'
let issuer: Issuer

beforeAll(async () => {
  issuer = await Issuer.start()
})
afterAll(() => issuer[Symbol.asyncDispose]())
beforeEach(() => {
  issuer.claims = {}
  issuer.broken = false
  issuer.forges = false
})

function signIn(clientSecret = issuer.clientSecret): RedirectSignIn {
  const oidc = new Oidc({
    issuer: issuer.url,
    audience: 'snug',
    jwks: { url: `${issuer.url}/keys` },
    algorithms: ['ES256'],
    roleClaim: 'groups',
    roles: [{ value: 'snug-admins', role: 'admin' }],
  })
  const scopes = ['openid', 'groups']
  const setup = { clientId: issuer.clientId, clientSecret, redirectUri, scopes }
  return new RedirectSignIn(issuer.url, setup, oidc)
}

/** The query with which the issuer sends the person back. */
function consent(url: string): URLSearchParams {
  return new URL(issuer.consent(new URL(url).searchParams)).searchParams
}

async function codeOf(refused: Promise<unknown>): Promise<unknown> {
  return refused.then(
    () => 'no refusal',
    (error: { readonly code?: string }) => error.code,
  )
}

describe('a sign-in by redirect', () => {
  it('comes back as the person, at the place that was asked for', async () => {
    const redirect = signIn()
    const { url, sealed } = await redirect.begin('#/map?namespace=shop')
    const { origin, pathname, searchParams } = new URL(url)
    expect(origin + pathname).toBe(`${issuer.url}/authorize`)
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'snug-console',
      redirect_uri: redirectUri,
      scope: 'openid groups',
      code_challenge_method: 'S256',
    })
    expect(await redirect.finish(sealed, consent(url))).toEqual({
      credential: { kind: 'claim', claim: { via: 'oidc', name: 'ada', role: 'admin' } },
      to: '#/map?namespace=shop',
    })
  })

  it('has another state, nonce and challenge each time, and shows none of them in the cookie', async () => {
    const redirect = signIn()
    const both = [await redirect.begin(''), await redirect.begin('')]
    for (const name of ['state', 'nonce', 'code_challenge']) {
      const values = both.map(({ url }) => new URL(url).searchParams.get(name) ?? '')
      expect(new Set(values).size, name).toBe(2)
      for (const [i, { sealed }] of both.entries()) {
        const parts = sealed.split('.').map((part) => Buffer.from(part, 'base64url').toString())
        expect(parts.join(' ')).not.toContain(values[i])
      }
    }
  })

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '#evil',
    '#/x\r\nlocation: //evil.example',
    `#/${'x'.repeat(2_000)}`,
  ])('leads back to the page only, and not to %j', async (to) => {
    expect(await codeOf(signIn().begin(to))).toBe('SIGN_IN_TARGET_INVALID')
  })
})

describe('a sign-in is refused', () => {
  it('where this browser has not begun it', async () => {
    const redirect = signIn()
    const [mine, other] = [await redirect.begin(''), await redirect.begin('')]
    const elsewhere = await signIn().begin('')
    const code = async (sealed: string | undefined, answer = consent(mine.url)) =>
      codeOf(redirect.finish(sealed, answer))
    expect(await code(undefined)).toBe('SIGN_IN_UNKNOWN')
    expect(await code('nonsense')).toBe('SIGN_IN_UNKNOWN')
    expect(await code(other.sealed)).toBe('SIGN_IN_UNKNOWN')
    expect(await code(elsewhere.sealed)).toBe('SIGN_IN_UNKNOWN')
    const answer = consent(mine.url)
    answer.delete('state')
    expect(await code(mine.sealed, answer)).toBe('SIGN_IN_UNKNOWN')
  })

  it('where the issuer refuses person, code or client', async () => {
    const redirect = signIn()
    const { url, sealed } = await redirect.begin('')
    const state = new URL(url).searchParams.get('state') ?? ''
    const denied = new URLSearchParams({ error: 'access_denied', state })
    expect(await codeOf(redirect.finish(sealed, denied))).toBe('SIGN_IN_REFUSED')
    const expired = consent(url)
    issuer.expireCodes()
    expect(await codeOf(redirect.finish(sealed, expired))).toBe('SIGN_IN_REFUSED')
    const once = consent(url)
    await redirect.finish(sealed, once)
    expect(await codeOf(redirect.finish(sealed, once))).toBe('SIGN_IN_REFUSED')
    const wrong = signIn('another secret')
    const begun = await wrong.begin('')
    expect(await codeOf(wrong.finish(begun.sealed, consent(begun.url)))).toBe('SIGN_IN_REFUSED')
  })

  it('where the code is of the sign-in of another person', async () => {
    const redirect = signIn()
    const [mine, other] = [await redirect.begin(''), await redirect.begin('')]
    const answer = consent(other.url)
    answer.set('state', new URL(mine.url).searchParams.get('state') ?? '')
    expect(await codeOf(redirect.finish(mine.sealed, answer))).toBe('SIGN_IN_REFUSED')
  })

  it.each([
    ['another nonce', { nonce: 'another' }],
    ['no nonce', { nonce: undefined }],
  ])('where the ID token has %s', async (_, claims) => {
    const redirect = signIn()
    const { url, sealed } = await redirect.begin('')
    issuer.claims = claims
    expect(await codeOf(redirect.finish(sealed, consent(url)))).toBe('SIGN_IN_TOKEN_INVALID')
  })

  it('where another key has signed the ID token', async () => {
    const redirect = signIn()
    const { url, sealed } = await redirect.begin('')
    issuer.forges = true
    expect(await codeOf(redirect.finish(sealed, consent(url)))).toBe('SIGN_IN_TOKEN_INVALID')
  })

  it.each([
    ['is missing', { groups: undefined }],
    ['gives no role', { groups: ['other'] }],
  ])('where the claim of the groups %s', async (_, claims) => {
    const redirect = signIn()
    const { url, sealed } = await redirect.begin('')
    issuer.claims = claims
    expect(await codeOf(redirect.finish(sealed, consent(url)))).toBe('FORBIDDEN')
  })

  it('while the issuer is down, before and after the person was there', async () => {
    const redirect = signIn()
    issuer.broken = true
    expect(await codeOf(redirect.begin(''))).toBe('OIDC_UNAVAILABLE')
    issuer.broken = false
    const { url, sealed } = await redirect.begin('')
    const answer = consent(url)
    issuer.broken = true
    expect(await codeOf(redirect.finish(sealed, answer))).toBe('OIDC_UNAVAILABLE')
  })
})
