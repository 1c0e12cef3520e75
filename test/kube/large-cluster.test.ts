import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { containerId, digestOf, podOf } from '../fixtures/kube-pods.ts'

/**
 * The cost of a large cluster for an agent, in a separate process: 5,000 pods in its watch and 50,000 endpoints of
 * 2,000 services. No node has so many pods, and an agent watches only its own. The test prints the figures and
 * asserts that the agent has every object.
 */
const pods = 5_000
const endpoints = 50_000
const perSlice = 100
const services = 2_000
const sh = promisify(execFile)
const reader = fileURLToPath(new URL('./large-cluster-reader.ts', import.meta.url))
const lists: Readonly<Record<string, () => object[]>> = {
  '/api/v1/pods': () => Array.from({ length: pods }, (_, i) => pod(i)),
  '/api/v1/services': () => Array.from({ length: services }, (_, i) => service(i)),
  '/apis/discovery.k8s.io/v1/endpointslices': () =>
    Array.from({ length: endpoints / perSlice }, (_, i) => slice(i)),
}
let url = ''
let close: () => void

beforeAll(async () => {
  const server = createServer((request, response) => answer(request.url ?? '', response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  close = () => {
    server.closeAllConnections()
    server.close()
  }
})
afterAll(() => close())

function answer(asked: string, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(asked, 'http://x')
  if (searchParams.has('watch')) {
    response.writeHead(200).flushHeaders()
    return
  }
  const items = lists[pathname]?.() ?? []
  const versions = [{ version: 'v1' }]
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, versions, items }))
}

/** About as long as pods are: an agent has to read also the fields that it does not need. */
function pod(number: number): object {
  const name = `web-${number}`
  const base = podOf({ name, app: [{ name: `web-${number % 50}`, command: ['/web'] }] })
  const statuses = base.status?.containerStatuses?.map((status) => ({
    ...status,
    containerID: `containerd://${containerId(name)}`,
    imageID: `localhost/web@${digestOf(String(number % 50))}`,
  }))
  const annotations = { note: 'x'.repeat(2_000) }
  return {
    ...base,
    metadata: { ...base.metadata, annotations },
    status: { ...base.status, containerStatuses: statuses },
  }
}

function service(number: number): object {
  const clusterIP = `10.96.${number >> 8}.${number & 255}`
  return { metadata: meta(`service-${number}`), spec: { clusterIP, clusterIPs: [clusterIP] } }
}

function slice(number: number): object {
  const labels = { 'kubernetes.io/service-name': `service-${number % services}` }
  return {
    metadata: { ...meta(`slice-${number}`), labels },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: perSlice }, (_, i) => {
      const at = number * perSlice + i
      return {
        addresses: [`10.${100 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${at % 1_000}`,
        targetRef: { kind: 'Pod', namespace: 'shop', name: `web-${at}`, uid: `uid-${at}` },
      }
    }),
  }
}

function meta(name: string): object {
  return { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '1' }
}

it('reads 5,000 pods and 50,000 endpoints, and keeps only the fields that it needs', async () => {
  const args = ['--expose-gc', '--import', 'tsx', reader, url, containerId('web-4999')]
  const { stdout } = await sh(process.execPath, args)
  const figures = JSON.parse(stdout) as Record<string, number>
  console.log('a large cluster', figures)
  expect(figures).toMatchObject({
    addresses: endpoints + services,
    named: endpoints + services,
    last: 1,
  })
})
