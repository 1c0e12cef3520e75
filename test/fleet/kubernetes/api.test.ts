import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BatchV1Api, CustomObjectsApi } from '@kubernetes/client-node'
import { afterEach, describe, expect, it } from 'vitest'
import { asked, KubeApi, until } from '../../../src/fleet/kubernetes/api.ts'
import { KubeError } from '../../../src/fleet/kubernetes/kube-error.ts'

/** Requests by the library's API classes: they take the same way as those of list and watch. */
const job = { namespace: 'shop', name: 'tick-1' }
const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function apiOf(listener: RequestListener, prefix = ''): Promise<KubeApi> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return new KubeApi({
    from: 'a test',
    server: new URL(`http://127.0.0.1:${port}${prefix}`),
    options: async () => ({ headers: { Authorization: 'Bearer now' } }),
  })
}

const json = { 'content-type': 'application/json' }

async function errorOf(request: Promise<unknown>): Promise<KubeError> {
  const error = await asked(request).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(KubeError)
  return error as KubeError
}

describe('a request by an API class', () => {
  it('has the current credentials, and the path that a proxy puts before all others', async () => {
    const seen: unknown[] = []
    const api = await apiOf(({ method, url, headers }, response) => {
      seen.push([method, url, headers.authorization, headers['user-agent']])
      response.writeHead(200, json).end(JSON.stringify({ metadata: { name: 'tick-1' } }))
    }, '/clusters/one/')
    const { metadata } = await asked(api.client(BatchV1Api).readNamespacedJob(job))
    expect(metadata?.name).toBe('tick-1')
    const path = '/clusters/one/apis/batch/v1/namespaces/shop/jobs/tick-1'
    expect(seen).toEqual([['GET', path, 'Bearer now', 'snug']])
  })

  it('fails with the refusal of the server, and the time that the server asks for', async () => {
    const api = await apiOf((_, response) => {
      response.writeHead(429, { ...json, 'retry-after': '7' })
      response.end(JSON.stringify({ message: 'too many requests', reason: 'TooManyRequests' }))
    })
    const objects = api.client(CustomObjectsApi)
    const what = { group: 'snug.dev', version: 'v1alpha1', plural: 'profileslices', name: 'a' }
    const error = await errorOf(objects.replaceClusterCustomObject({ ...what, body: {} }))
    expect(error).toMatchObject({
      code: 'KUBE_REFUSED',
      answered: 429,
      reason: 'TooManyRequests',
      retryAfterMs: 7_000,
      message: 'PUT /apis/snug.dev/v1alpha1/profileslices/a: 429: too many requests',
    })
  })

  it.each<[string, RequestListener]>([
    ['is silent', () => undefined],
    [
      'stops within its answer',
      (_, response) => {
        response.writeHead(200, json)
        response.write('{"metadata"')
      },
    ],
  ])('ends in time where the server %s', async (_, listener) => {
    const api = await apiOf(listener)
    const error = await errorOf(api.client(BatchV1Api, 50).readNamespacedJob(job))
    expect(error).toMatchObject({ code: 'KUBE_UNAVAILABLE' })
  })

  it('ends with its signal', async () => {
    const stop = new AbortController()
    const api = await apiOf(() => stop.abort())
    const jobs = api.client(BatchV1Api, 3_600_000)
    const error = await errorOf(jobs.readNamespacedJob(job, until(stop.signal)))
    expect(error).toMatchObject({ code: 'KUBE_UNAVAILABLE' })
  })

  it.each<[string, Record<string, string>, string]>([
    ['no JSON', json, '{"metadata":'],
    ['of no type', {}, '{}'],
    ['a page of a proxy', { 'content-type': 'image/png' }, '<html>'],
  ])('fails with a code where the answer is %s', async (_, headers, text) => {
    const api = await apiOf((_request, response) => response.writeHead(200, headers).end(text))
    const error = await errorOf(api.client(BatchV1Api).readNamespacedJob(job))
    expect(error).toMatchObject({ code: 'KUBE_UNAVAILABLE' })
  })

  it('reads no answer to its end that is longer than an object can be', async () => {
    const piece = 'x'.repeat(1 << 20)
    let pieces = 0
    const api = await apiOf((_, response) => {
      response.writeHead(200, json)
      const more = (): void => {
        while (pieces < 1_000 && response.write(piece)) pieces += 1
        pieces += 1
      }
      response.on('drain', more)
      more()
    })
    const error = await errorOf(api.client(BatchV1Api).readNamespacedJob(job))
    expect(error.message).toBe('the API server sent an answer that is too long')
    expect(pieces).toBeLessThan(100)
  })
})
