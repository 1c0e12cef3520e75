import { describe, expect, it } from 'vitest'
import { digestOf, RegistryClient } from '../../../src/supplychain/registry/registry-client.ts'
import { isTokenService } from '../../../src/supplychain/registry/registry-place.ts'
import { withServer } from '../../fixtures/http-places.ts'

/** A registry that an image names sends the client to a place inside the cluster. */
interface Seen {
  readonly path: string
  readonly authorization: string | undefined
}

/** The requests that reached the inside place and the registry, and how the client's request ended. */
async function attack(
  respond: (inside: string) => { status: number; headers: Record<string, string> },
  inside = { status: 200, body: JSON.stringify({ token: 'secret-of-the-inside' }) },
) {
  const seen = { inside: [] as Seen[], registry: [] as Seen[] }
  const credentials = { basic: Buffer.from('ann:password').toString('base64') }
  const outcome = await withServer(
    ({ pathname: path }, response, { headers: { authorization } }) => {
      seen.inside.push({ path, authorization })
      response.writeHead(inside.status).end(inside.body)
    },
    (insideHost) =>
      withServer(
        ({ pathname: path }, response, { headers: { authorization } }) => {
          seen.registry.push({ path, authorization })
          const { status, headers } = respond(`http://${insideHost}`)
          response.writeHead(status, headers).end()
        },
        async (host) => {
          const client = new RegistryClient({ host, plainHttp: true, credentials })
          return client.manifest('shop/web', '1').catch((error: unknown) => error)
        },
      ),
  )
  return { ...seen, outcome }
}

it('a token service elsewhere is not asked, and nothing from there reaches the registry', async () => {
  const { inside, registry, outcome } = await attack((place) => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${place}/latest/meta-data",service="x"` },
  }))
  expect(inside).toEqual([])
  expect(registry).toHaveLength(1)
  expect(outcome).toMatchObject({
    code: 'REGISTRY_FAILED',
    message: expect.stringContaining('as its token service, outside of its domain'),
  })
})

it('a redirect elsewhere without TLS is not followed', async () => {
  const { inside, outcome } = await attack((place) => ({
    status: 307,
    headers: { location: `${place}/admin` },
  }))
  expect(inside).toEqual([])
  expect(outcome).toMatchObject({
    code: 'REGISTRY_FAILED',
    message: expect.stringContaining('redirects to'),
  })
})

it('a redirect is followed at the registry itself, without credentials, and ends', async () => {
  const bytes = Buffer.from('{"layers":[]}')
  const digest = digestOf(bytes)
  const asked: Seen[] = []
  await withServer(
    ({ pathname: path }, response, { headers: { authorization } }) => {
      asked.push({ path, authorization })
      if (path.startsWith('/store/')) response.end(bytes)
      else if (path.includes('/loop/')) response.writeHead(302, { location: path }).end()
      else response.writeHead(307, { location: `/store/${digest}` }).end()
    },
    async (host) => {
      const client = new RegistryClient({ host, plainHttp: true })
      expect(await client.blob('shop/web', digest)).toEqual(bytes)
      expect(asked.at(-1)).toEqual({ path: `/store/${digest}`, authorization: undefined })
      await expect(client.manifest('loop/x', '1')).rejects.toMatchObject({
        code: 'REGISTRY_FAILED',
      })
      expect(asked.length).toBeLessThan(8)
    },
  )
})

it('a token that is no token is not sent', async () => {
  const asked: Seen[] = []
  await withServer(
    ({ pathname: path }, response, { headers: { authorization, host } }) => {
      asked.push({ path, authorization })
      if (path === '/token') response.end(JSON.stringify({ token: { x: 1 } }))
      else {
        const realm = `Bearer realm="http://${host}/token"`
        response.writeHead(401, { 'www-authenticate': realm }).end()
      }
    },
    async (host) => {
      const client = new RegistryClient({ host, plainHttp: true })
      await expect(client.manifest('shop/web', '1')).rejects.toMatchObject({
        code: 'REGISTRY_FAILED',
      })
    },
  )
  expect(asked.map(({ authorization }) => authorization)).toEqual([undefined, undefined, undefined])
})

describe('a token service', () => {
  it.each([
    ['https://registry.example.org', 'https://registry.example.org/token', true],
    ['https://registry.example.org', 'https://auth.example.org/token', true],
    ['https://registry.example.org', 'https://example.org/jwt', true],
    ['https://registry.example.org:5000', 'https://registry.example.org/token', true],
    ['https://registry.example.org', 'http://auth.example.org/token', false],
    ['https://registry.example.org', 'https://example.org.evil.net/token', false],
    ['https://registry.example.org', 'https://notexample.org/token', false],
    ['https://example.org', 'https://other.org/token', false],
    ['https://registry', 'https://kubernetes.default.svc/token', false],
    ['https://10.0.0.1', 'https://10.0.0.2/token', false],
    ['https://[fd00::1]', 'https://[fd00::2]/token', false],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:9000/token', false],
    ['https://registry.example.org', 'file:///etc/shadow', false],
  ])('of %s is at %s: %s', (registry, realm, expected) => {
    expect(isTokenService(new URL(realm), new URL(registry))).toBe(expected)
  })
})
