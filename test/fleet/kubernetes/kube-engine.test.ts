import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import { KubeEngine } from '../../../src/fleet/kubernetes/kube-engine.ts'
import { sandboxImage } from '../../../src/fleet/kubernetes/sandboxes.ts'
import { containerId, digestOf, ownerOf, podOf } from '../../fixtures/kube-pods.ts'
import { ScriptedApi } from '../../fixtures/kube-server.ts'

let server: ScriptedApi
let engine: KubeEngine
let stop: AbortController
let now: number
let written: ContainerIdentity[]
let left: string[]

beforeEach(async () => {
  server = new ScriptedApi('/api/v1/pods')
  await server.start()
  stop = new AbortController()
  now = 0
  written = []
  left = []
})

afterEach(async () => {
  stop.abort()
  await server.kill()
})

async function start(more: { readonly deletes?: true } = {}): Promise<void> {
  engine = new KubeEngine({ api: server.api(), node: 'n1', now: () => now, ...more })
  engine.subscribe((identity) => written.push(identity))
  engine.subscribeLeft((id, how) => left.push(`${id.slice(0, 6)} ${how}`))
  await engine.start(stop.signal)
}

const web = containerId('web')
const cgroup = (id: string, pod = 'uid-web-1'): string => `/kubepods/burstable/pod${pod}/${id}`

/** A uid of hexadecimal digits, as in the name of a cgroup. */
const uid = '25d6a901-093d-4b6f-b0d7-082496137022'
function withUid(facts: Parameters<typeof podOf>[0]): object {
  const pod = podOf(facts)
  return { ...pod, metadata: { ...pod.metadata, uid } }
}

describe('the containers of a node’s pods', () => {
  it('are those of this node, known from the status of the pod on and for a while after', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await start()
    const listed = server.asked.find(({ path }) => path === '/api/v1/pods')
    expect(listed?.query.get('fieldSelector')).toBe('spec.nodeName=n1')
    expect(engine.known(web)).toMatchObject({
      name: 'web-1/web',
      image: { repository: 'localhost/web' },
    })
    expect(await engine.lookup(containerId('docker'), `/docker/${containerId('docker')}`)).toBe(
      'unknown',
    )
    server.remove('web-1')
    await expect.poll(() => left).toEqual([`${web.slice(0, 6)} gone`])
    expect(engine.known(web)).toMatchObject({ name: 'web-1/web' })
  })

  it('are waited for where their pod’s status has yet to come', async () => {
    await start()
    expect(await engine.lookup(web, cgroup(web, uid))).toBe('unavailable')
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await expect.poll(() => written.map(({ id }) => id)).toEqual([web])
  })

  it('keep the image that they were made of where the pod’s image is changed in place', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await start()
    const pod = podOf({ app: [{ name: 'web' }], before: { web } })
    const next = containerId('next')
    const status = {
      ...pod.status,
      containerStatuses: [
        {
          ...pod.status?.containerStatuses?.[0],
          containerID: `containerd://${next}`,
          imageID: `localhost/web@${digestOf('web 2')}`,
        },
      ],
    }
    server.put('web-1', { ...pod, status })
    await expect.poll(() => engine.known(next)?.image.digest).toBe(digestOf('web 2'))
    expect(engine.known(web)?.image.digest).toBe(digestOf('web'))
    expect(left).toEqual([`${web.slice(0, 6)} stopped`])
  })

  it('have a pod that is known by its cgroup, as soon as the server reports it', async () => {
    await start()
    const early = engine.pod(uid, stop.signal)
    const never = new AbortController()
    const other = engine.pod('0'.repeat(32), never.signal)
    server.put('web-1', withUid({ app: [{ name: 'web' }] }))
    expect(await early).toMatchObject({ uid, name: 'web-1' })
    const again = await engine.pod(uid, stop.signal)
    expect(again?.asked.get('web')).toMatchObject({
      image: 'localhost/web:1',
      rest: { probes: [] },
    })
    never.abort()
    expect(await other).toBeUndefined()
  })

  it('stay known while the server is away', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await start()
    await server.kill()
    await expect.poll(() => engine.state.kind).toBe('degraded')
    expect(engine.known(web)).toBeDefined()
    expect(left).toEqual([])
  })

  it('are of the CronJob that made their Job', async () => {
    const path = '/apis/batch/v1/namespaces/shop/jobs/tick-1'
    const cron = ownerOf('CronJob', 'tick', 'batch/v1')
    server.others.set(path, { metadata: { name: 'tick-1', ownerReferences: [cron] } })
    const owner = ownerOf('Job', 'tick-1', 'batch/v1')
    server.put('web-1', podOf({ app: [{ name: 'web' }], owner }))
    await start()
    await expect.poll(() => written[0]?.workload).toMatchObject({ kind: 'CronJob', name: 'tick' })
  })

  it('have a runtime class with its handler, and so has the sandbox', async () => {
    const path = '/apis/node.k8s.io/v1/runtimeclasses/sealed'
    server.others.set(path, { metadata: { name: 'sealed' }, handler: 'kata-qemu' })
    server.put('web-1', withUid({ app: [{ name: 'web' }], runtimeClassName: 'sealed' }))
    await start()
    await expect.poll(() => engine.known(web)?.runtime).toEqual(['sealed', 'kata-qemu'])
    expect((await engine.pod(uid, stop.signal))?.runtime).toEqual(['sealed', 'kata-qemu'])
    const pause = containerId('pause')
    await engine.lookup(pause, cgroup(pause, uid))
    now += 4_000
    expect(await engine.lookup(pause, cgroup(pause, uid))).toMatchObject({
      name: 'web-1/sandbox',
      runtime: ['sealed', 'kata-qemu'],
    })
    expect(server.asked.filter(({ path: of }) => of === path)).toHaveLength(1)
  })

  it('have their runtime class alone where the server does not return its handler', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }], runtimeClassName: 'sealed' }))
    await start()
    await expect.poll(() => engine.known(web)?.runtime).toEqual(['sealed'])
  })

  it('belong to their Job where the server does not return its owner', async () => {
    const owner = ownerOf('Job', 'tick-1', 'batch/v1')
    server.put('web-1', podOf({ app: [{ name: 'web' }], owner }))
    await start()
    await expect.poll(() => written[0]?.workload).toMatchObject({ kind: 'Job', name: 'tick-1' })
  })
})

describe('a process in a pod’s cgroup that belongs to no container', () => {
  const sandbox = containerId('pause')
  const ask = (id: string) => engine.lookup(id, cgroup(id, uid))

  it('is its sandbox, once every container is known and the status had time to come', async () => {
    server.put('web-1', withUid({ app: [{ name: 'web' }] }))
    await start()
    expect(await ask(sandbox)).toBe('unavailable')
    now = 4_000
    expect(await ask(sandbox)).toMatchObject({ name: 'web-1/sandbox', image: sandboxImage })
  })

  it('is waited for where there are two of them: one is a container that was just restarted', async () => {
    server.put('web-1', withUid({ app: [{ name: 'web' }] }))
    await start()
    const next = containerId('next')
    await ask(sandbox)
    await ask(next)
    now = 10_000
    expect(await ask(sandbox)).toBe('unavailable')
    const pod = withUid({ app: [{ name: 'web' }], before: { web: next } })
    server.put('web-1', pod)
    await expect.poll(() => engine.known(sandbox)?.image).toEqual(sandboxImage)
    expect(engine.known(next)?.image.repository).toBe('localhost/web')
  })

  it('is never a second sandbox', async () => {
    server.put('web-1', withUid({ app: [{ name: 'web' }] }))
    await start()
    await ask(sandbox)
    now = 4_000
    await ask(sandbox)
    const stranger = containerId('stranger')
    await ask(stranger)
    now = 60_000
    expect(await ask(stranger)).toBe('unavailable')
  })
})

describe('the names of addresses', () => {
  const slice = (service: string, name: string, endpoints: object[]): object => ({
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels: { 'kubernetes.io/service-name': service },
    },
    endpoints,
  })
  const endpoint = (address: string, uid?: string): object => ({
    addresses: [address],
    ...(uid === undefined ? {} : { targetRef: { kind: 'Pod', uid } }),
  })
  const list = (items: object[]): object => ({ metadata: { resourceVersion: '1' }, items })
  const service = (name: string, day: number, spec: object, namespace = 'shop'): object => ({
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      resourceVersion: '1',
      creationTimestamp: `2026-11-0${day}T00:00:00Z`,
    },
    spec,
  })

  it.each(['v1', 'v1beta1'])(
    'are those of services and their endpoints, whichever node has them (%s)',
    async (version) => {
      const versions = version === 'v1' ? ['v1', 'v1beta1'] : ['v1beta1']
      server.others.set('/apis/discovery.k8s.io', {
        versions: versions.map((each) => ({ version: each })),
      })
      const headless = ['a-second-name', 'exporter', 'kubelet', 'kubernetes', 'headless']
      server.others.set(
        '/api/v1/services',
        list([
          service('user-db', 2, { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00::9'] }),
          ...headless.map((name) => service(name, 1, { clusterIP: 'None' })),
        ]),
      )
      server.others.set(
        `/apis/discovery.k8s.io/${version}/endpointslices`,
        list([
          slice('user-db', 's-1', [endpoint('10.244.1.4', 'p1')]),
          slice('a-second-name', 's-2', [endpoint('10.244.1.4', 'p1')]),
          slice('exporter', 's-3', [endpoint('192.168.0.1', 'p2')]),
          slice('kubelet', 's-4', [endpoint('192.168.0.1', 'p3')]),
          slice('kubernetes', 's-5', [endpoint('192.168.0.2')]),
        ]),
      )
      await start()
      await expect.poll(() => engine.peer('10.244.1.4')).toEqual({ name: 'a-second-name.shop' })
      await expect.poll(() => engine.peer('10.96.0.9')).toEqual({ name: 'user-db.shop' })
      expect(engine.peer('fd00::9')).toEqual({ name: 'user-db.shop' })
      expect(engine.peer('192.168.0.1')).toBeUndefined()
      expect(engine.peer('192.168.0.2')).toEqual({ name: 'kubernetes.shop' })
      expect([...engine.addresses()]).toHaveLength(5)
    },
  )

  it('are not taken over by a later service, whatever it claims', async () => {
    server.others.set('/apis/discovery.k8s.io', { versions: [{ version: 'v1' }] })
    const claims = { clusterIP: '10.96.0.66', externalIPs: ['10.96.0.9', '10.244.1.4', '1.1.1.1'] }
    server.others.set(
      '/api/v1/services',
      list([
        service('user-db', 1, { clusterIP: '10.96.0.9' }),
        service('a', 2, claims, 'evil'),
        service('a', 2, { clusterIP: 'None' }),
      ]),
    )
    server.others.set(
      '/apis/discovery.k8s.io/v1/endpointslices',
      list([
        slice('user-db', 's-1', [endpoint('10.244.1.4', 'p1')]),
        slice('a', 's-2', [endpoint('10.244.1.4', 'p1')]),
        slice('not-there', 's-3', [endpoint('10.244.1.4', 'p1'), endpoint('10.0.0.1')]),
      ]),
    )
    await start()
    await expect.poll(() => engine.peer('10.244.1.4')).toBeDefined()
    await expect.poll(() => engine.peer('10.96.0.66')).toEqual({ name: 'a.evil' })
    expect(engine.peer('10.96.0.9')).toEqual({ name: 'user-db.shop' })
    expect(engine.peer('10.244.1.4')).toEqual({ name: 'user-db.shop' })
    expect(engine.peer('1.1.1.1')).toBeUndefined()
    expect(engine.peer('10.0.0.1')).toBeUndefined()
  })
})

describe('the stop of a container', () => {
  const path = '/api/v1/namespaces/shop/pods/web-1'
  const ended = (): object => {
    const pod = podOf({ app: [{ name: 'web' }] })
    const [status] = pod.status?.containerStatuses ?? []
    const containerStatuses = [{ ...status, state: { terminated: { exitCode: 137 } } }]
    return { ...pod, status: { ...pod.status, containerStatuses } }
  }

  it('deletes its pod, that very one, and is done once the container has ended', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await start({ deletes: true })
    expect(engine.refusal(web, 'stop')).toBeUndefined()
    let isDone = false
    const stopped = engine.act(web, 'stop').finally(() => (isDone = true))
    await expect.poll(() => server.sent).toHaveLength(1)
    const body = { preconditions: { uid: 'uid-web-1' }, gracePeriodSeconds: 10 }
    expect(server.sent).toMatchObject([{ method: 'DELETE', path, body }])
    expect(isDone).toBe(false)
    server.put('web-1', ended())
    expect(await stopped).toBe(true)
    expect(await engine.act(web, 'stop')).toBe(true)
    expect(server.sent).toHaveLength(1)
  })

  it.each([
    [0, 1],
    [3, 3],
    [300, 10],
  ])('of a pod that asks for %i seconds kills it after %i', async (asked, given) => {
    const pod = podOf({ app: [{ name: 'web' }] })
    const spec = { ...pod.spec, terminationGracePeriodSeconds: asked }
    server.put('web-1', { ...pod, spec })
    await start({ deletes: true })
    const stopped = engine.act(web, 'stop')
    await expect.poll(() => server.sent).toMatchObject([{ body: { gracePeriodSeconds: given } }])
    server.remove('web-1')
    expect(await stopped).toBe(true)
  })

  it('fails where the server refuses, and not where the pod is gone', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }] }))
    await start({ deletes: true })
    await expect.poll(() => server.watching).toBe(1)
    server.refusals.push({ status: 403, body: { message: 'pods "web-1" is forbidden' } })
    await expect(engine.act(web, 'stop')).rejects.toThrow('pods "web-1" is forbidden')
    server.refusals.push({ status: 404 })
    const stopped = engine.act(web, 'stop')
    await expect.poll(() => server.refusals).toEqual([])
    server.remove('web-1')
    expect(await stopped).toBe(true)
  })

  it('is refused where that is off, for a static pod, and so is a freeze', async () => {
    server.put('web-1', podOf({ app: [{ name: 'web' }], owner: ownerOf('Node', 'n1') }))
    await start()
    expect(engine.refusal(web, 'stop')).toContain('`engines.kubernetes.deleteHeld` is off')
    stop.abort()
    stop = new AbortController()
    await start({ deletes: true })
    expect(engine.refusal(web, 'stop')).toContain('its pod is static')
    expect(engine.refusal(web, 'freeze')).toContain('a kubelet runs it')
    expect(await engine.act(web, 'thaw')).toBe(false)
    expect(server.sent).toEqual([])
  })
})
