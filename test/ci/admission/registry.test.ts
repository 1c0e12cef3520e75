import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ImageRegistry } from '../../../src/ci/admission/image-registry.ts'
import { digestOf, requirements } from '../../fixtures/admission-fixtures.ts'

/** A registry with the given contents by digest; it answers not found for anything else. */
const contents = new Map<string, string>()
let server: Server
let host = ''

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const found = contents.get(url.split('/').at(-1) ?? '')
    if (url.includes('/down/')) response.writeHead(503).end()
    else if (found === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(found)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function put(value: unknown): string {
  const text = JSON.stringify(value)
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  contents.set(digest, text)
  return digest
}
function image(...layers: readonly string[]): string {
  return put({ config: { digest: put({ rootfs: { diff_ids: layers } }) }, layers: [] })
}
const registry = (more: object = {}) =>
  new ImageRegistry({
    signers: { keys: [] },
    plainHttp: [host],
    images: {
      ...requirements,
      forbiddenBases: [{ name: 'x', layers: [digestOf('f')] }],
      ...more,
    },
  })
const evidence = (digest: string, repository = 'shop/web') =>
  registry({ profile: false, gate: false }).evidence({ host, repository, digest })

it('has the layers of an image, and of an index those of each platform', async () => {
  const [amd, arm] = [image(digestOf('a')), image(digestOf('b'), digestOf('c'))]
  expect(await evidence(amd)).toEqual({ platforms: [[digestOf('a')]] })
  const manifests = [
    { digest: amd, platform: { os: 'linux', architecture: 'amd64' } },
    { digest: arm, platform: { os: 'linux', architecture: 'arm64' } },
    // An attachment of a builder: it is no image and is never fetched.
    { digest: digestOf('9'), platform: { os: 'unknown', architecture: 'unknown' } },
  ]
  const platforms = [[digestOf('a')], [digestOf('b'), digestOf('c')]]
  expect(await evidence(put({ manifests }))).toEqual({ platforms })
})

it('requests only paths of images', async () => {
  const nothing = { profile: false, gate: false, forbiddenBases: [] }
  const at = { host, repository: 'shop/web', digest: image(digestOf('a')) }
  expect(await registry(nothing).evidence(at)).toEqual({})
  expect(await registry({ forbiddenBases: [] }).evidence(at)).toEqual({
    profile: { kind: 'missing' },
    gate: { kind: 'missing' },
  })
})

it('reports an image as absent only where the registry does not fail', async () => {
  expect(await evidence(digestOf('0'))).toBeUndefined()
  await expect(evidence(digestOf('0'), 'down/web')).rejects.toMatchObject({
    code: 'REGISTRY_FAILED',
  })
})

it('a malformed list of attachments is a fault of the image, not of the registry', async () => {
  const digest = image(digestOf('e'))
  contents.set(digest.replace(':', '-'), '[]')
  const found = await registry({ gate: false, forbiddenBases: [] }).evidence({
    host,
    repository: 'shop/web',
    digest,
  })
  expect(found).toMatchObject({ profile: { kind: 'refused', code: 'ATTESTATION_INVALID' } })
})

const many = Array.from({ length: 65 }, () => ({ digest: digestOf('1') }))
it.each([
  ['without a config', () => put({ layers: [] })],
  ['whose config is none', () => put({ config: { digest: put(['x']) }, layers: [] })],
  ['whose config is not there', () => put({ config: { digest: digestOf('0') }, layers: [] })],
  ['that is an index without end', () => put({ manifests: many })],
  ['that is an index of what is not there', () => put({ manifests: many.slice(0, 1) })],
])('an image %s is broken, and no fault of its registry', async (_, make) => {
  await expect(evidence(make())).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
})
