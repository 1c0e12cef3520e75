import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ulid } from 'ulid'
import { afterEach, expect, it, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Alert } from '../../src/core/event/alert.ts'
import { PodEvents } from '../../src/fleet/pod-events.ts'
import { KubeApi } from '../../src/fleet/kubernetes/api.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { KubeEngine } from '../../src/fleet/kubernetes/kube-engine.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import { sampleAlerts } from '../fixtures/format-alerts.ts'
import { ownerOf, podOf } from '../fixtures/kube-pods.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** Makes every request of an agent to the API server and compares the requests with the rights of its role. */
const rbac = new URL('../../deploy/kubernetes/base/rbac.yaml', import.meta.url)
const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const used = new Set<string>()
const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0)) end()
})

function rightOf(method: string, path: string, isWatch: boolean): string | undefined {
  const found =
    /^\/(?:api|apis\/([^/]+))\/v[^/]+\/(?:namespaces\/[^/]+\/)?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    )
  if (found === null) return undefined
  const [, group = '', resource = '', name, part] = found
  const reads = isWatch ? 'watch' : name === undefined ? 'list' : 'get'
  const verbs: Readonly<Record<string, string>> = {
    GET: reads,
    POST: 'create',
    PUT: 'update',
    PATCH: 'patch',
  }
  return `${verbs[method]} ${part === undefined ? resource : `${resource}/${part}`} of ${group}`
}

/** Refuses every second write as a conflict, so that the requests after a conflict occur too. */
async function server(): Promise<KubeApi> {
  const refused = new Set<string>()
  const listens = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { pathname: path, searchParams } = new URL(request.url ?? '', 'http://x')
    const method = request.method ?? ''
    const right = rightOf(method, path, searchParams.has('watch'))
    if (right !== undefined) used.add(right)
    response.setHeader('content-type', 'application/json')
    if (searchParams.has('watch')) {
      response.writeHead(200).flushHeaders()
      return
    }
    if (
      (method === 'PUT' || path.endsWith('imageprofiles')) &&
      method !== 'GET' &&
      !refused.has(`${method} ${path}`)
    ) {
      refused.add(`${method} ${path}`)
      response.writeHead(409).end('{}')
      return
    }
    response.end(JSON.stringify(answerTo(path)))
  })
  listens.listen(0, '127.0.0.1')
  await once(listens, 'listening')
  ends.push(() => {
    listens.closeAllConnections()
    listens.close()
  })
  const url = new URL(`http://127.0.0.1:${(listens.address() as AddressInfo).port}`)
  return new KubeApi({ from: 'a test', server: url, options: async () => ({}) })
}

function answerTo(path: string): object {
  const metadata = { name: profileName(image), uid: 'u', resourceVersion: '1', generation: 1 }
  if (path === '/apis/discovery.k8s.io') return { versions: [{ version: 'v1' }] }
  const owner = ownerOf('Job', 'tick-1', 'batch/v1')
  const items = path.endsWith('/pods')
    ? [podOf({ app: [{ name: 'tick' }], owner, runtimeClassName: 'kata' })]
    : path.endsWith('/imageprofiles')
      ? [{ metadata, spec: { image } }]
      : []
  return { metadata, items }
}

it('an agent makes only requests that its role allows, and the role allows no others', async () => {
  const api = await server()
  const stop = new AbortController()
  ends.push(() => stop.abort())
  const engine = new KubeEngine({ api, node: 'n1' })
  await engine.start(stop.signal)
  const fleet = new KubeFleet({
    api,
    node: 'n1',
    onEntries: () => undefined,
    onSpecDecision: () => undefined,
    onSpecDecisionGone: () => undefined,
  })
  await fleet.start(stop.signal)
  const summary = {
    state: 'learning',
    mode: 'learn',
    behaviours: 1,
    pending: 0,
    because: 'it is new',
  }
  const entries = (path: string) => [
    {
      schema: 'snug.behaviour/v1',
      id: `b${'0'.repeat(20)}`,
      actor: { exe: path },
      uid: 0,
      object: { kind: 'file', access: 'read', path },
      cells: [],
      decision: { kind: 'rejected', by: 'x', at: '2026-11-24T12:00:00Z', grants: [] },
    } as never,
  ]
  // The profile of this image is missing: the agent creates it, and another one created it meanwhile.
  const other = { ...image, repository: 'shop/other' }
  await fleet.publish({ image: other, entries: entries('/o'), summary })
  const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000)
  for (const path of ['/a', '/b', '/c']) {
    await fleet.publish({
      image,
      entries: entries(path),
      summary: { ...summary, behaviours: path.length },
    })
    now.mockReturnValue(Date.now() + 3_600_000)
  }
  now.mockRestore()
  // The pod that the server lists.
  const events = new PodEvents({
    api,
    node: 'n1',
    pod: (space, name) => engine.podNamed(space, name),
  })
  await vi.waitFor(() => expect(engine.podNamed('shop', 'web-1')).toBeDefined(), {
    timeout: patienceMs,
  })
  const [alert] = sampleAlerts
  const workload = { namespace: 'shop', kind: 'Job', name: 'tick', pod: 'web-1' }
  events.stored([{ ...(alert as Alert), id: ulid(), workload }])
  await expect.poll(() => [...used]).toContain('create events of ')
  await events.close()
  await expect.poll(() => [...used]).toContain('watch endpointslices of discovery.k8s.io')

  const roles = parseAllDocuments(readFileSync(rbac, 'utf8')).map((each) => each.toJS() as Role)
  const allowed = roles
    .filter(({ kind }) => kind === 'ClusterRole')
    .flatMap(({ rules }) => rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((one) => verbs.map((verb) => `${verb} ${one} of ${group}`)),
      ),
    )
  expect([...used].sort()).toEqual(allowed.sort())
})

interface Role {
  readonly kind: string
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[]
}
