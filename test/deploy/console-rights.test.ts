import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { KubeState } from '../../src/console/reading/kube-state.ts'
import { KubeApi } from '../../src/fleet/kubernetes/api.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { digestOf } from '../fixtures/kube-pods.ts'

/** Makes every request of the console to the API server, and compares the requests with the rights of its roles. */
const rbac = new URL('../../deploy/kubernetes/console/rbac.yaml', import.meta.url)
const image = { repository: 'shop/web', digest: digestOf('web') }

interface Role {
  readonly kind: string
  /** None of a binding. */
  readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[]
}

function rightOf(method: string, { pathname, searchParams }: URL): string {
  const found =
    /^\/(?:api|apis\/([^/]+))\/v[^/]+\/(namespaces\/[^/]+\/)?([^/]+)(?:\/([^/]+))?$/.exec(pathname)
  const [, group = '', namespace, resource, name] = found ?? []
  const reads = searchParams.has('watch') ? 'watch' : name === undefined ? 'list' : 'get'
  const verb = method === 'GET' ? reads : method.toLowerCase()
  const kind = namespace === undefined ? 'ClusterRole' : 'Role'
  return `${kind}: ${verb} ${resource} of ${group}`
}

it('the console makes only requests that its roles allow, and the roles allow no others', async () => {
  const used = new Set<string>()
  const name = profileName(image)
  const metadata = { name, uid: 'u', resourceVersion: '1', generation: 1 }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    used.add(rightOf(request.method ?? '', url))
    response.setHeader('content-type', 'application/json')
    if (url.searchParams.has('watch')) response.writeHead(200).flushHeaders()
    else response.end(JSON.stringify({ metadata, spec: { image }, items: [] }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const api = new KubeApi({ from: 'a test', server: url, options: async () => ({}) })
  const stop = new AbortController()
  try {
    const state = new KubeState({
      api,
      namespace: 'snug',
      onChange: () => undefined,
      onError: () => undefined,
    })
    await state.start(stop.signal)
    const change = { kind: 'mode', mode: 'alert' } as const
    const decision = { profile: name, change, author: 'console:oidc:ada', revision: '1' }
    await state.decide(decision, stop.signal)
    await expect.poll(() => used.size).toBe(10)
  } finally {
    stop.abort()
    server.closeAllConnections()
    server.close()
  }
  const roles = parseAllDocuments(readFileSync(rbac, 'utf8')).map((each) => each.toJS() as Role)
  const allowed = roles.flatMap(({ kind, rules }) =>
    (rules ?? []).flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((one) => verbs.map((verb) => `${kind}: ${verb} ${one} of ${group}`)),
      ),
    ),
  )
  expect([...used].sort()).toEqual(allowed.sort())
})
