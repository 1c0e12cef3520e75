import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type PodView, viewOf } from '../../../src/fleet/kubernetes/pod-containers.ts'
import { sandboxImage } from '../../../src/fleet/kubernetes/sandboxes.ts'
import { NriEngine } from '../../../src/fleet/nri/nri-engine.ts'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import {
  encodeMessage,
  type Messages,
} from '../../../src/agent/pipeline/identity/nri/nri-messages.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'
import { containerId, digestOf, podOf } from '../../fixtures/kube-pods.ts'
import { ScriptedCri, ScriptedRuntime } from '../../fixtures/nri-runtime.ts'

const sandbox = { id: containerId('sandbox'), uid: 'uid-web-1' }
const web = { id: containerId('made'), podSandboxId: sandbox.id, name: 'web', state: 1 }
const probe = { exec: { command: ['/bin/probe'] } }
/** As the API server has it before its containers are made. */
const asked = { ...podOf({ app: [{ name: 'web', livenessProbe: probe }] }), status: {} }

let runtime: ScriptedRuntime
let cri: ScriptedCri
let stop: AbortController
let engine: NriEngine
let pod: PodView | undefined
let known: Set<string>
let seen: ContainerIdentity[]
let left: string[]
let refused: string[]
let stopped: string[]

beforeEach(async () => {
  runtime = new ScriptedRuntime()
  await runtime.start()
  cri = new ScriptedCri(runtime.folder)
  await cri.start()
  stop = new AbortController()
  pod = viewOf(asked)
  known = new Set()
  seen = []
  left = []
  refused = []
  stopped = []
})

afterEach(async () => {
  stop.abort()
  cri.stop()
  await runtime.stop()
})

async function start(failClosed = false): Promise<void> {
  engine = new NriEngine({
    socket: runtime.socket,
    runtime: cri.socket,
    failClosed,
    pods: {
      pod: async (name, signal) => {
        if (pod?.cgroupNames.includes(name) === true) return pod
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        return undefined
      },
      known: (id) => (known.has(id) ? identityOf(id) : undefined),
      refusalOf: (container, act) => `${act} of ${container?.workload?.pod}`,
      stop: async ({ id, workload }) => {
        stopped.push(`${id} of ${workload?.pod}`)
        return true
      },
    },
    onRefused: ({ container }) => refused.push(container),
  })
  engine.subscribe((identity) => seen.push(identity))
  engine.subscribeLeft((id, how) => left.push(`${id} ${how}`))
  await engine.start(stop.signal)
}

function change(event: number, container: typeof web | null = web): Promise<Messages['Response']> {
  const payload = encodeMessage('StateChange', { event, pod: sandbox, container })
  return runtime.call('StateChange', payload)
}

describe('a container of a pod, by the Node Resource Interface', () => {
  it('is known before it starts: by the image that the runtime made it of, and what its pod asks for', async () => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    await start()
    expect(engine.state).toEqual({ kind: 'running' })
    await change(5)
    await expect.poll(() => seen).toHaveLength(1)
    expect(seen[0]).toEqual({
      id: web.id,
      name: 'web-1/web',
      image: { repository: 'localhost/web', tag: '1', digest: digestOf('web') },
      imageId: digestOf('web'),
      labels: {},
      workload: { kind: 'Pod', name: 'web-1', namespace: 'shop', pod: 'web-1' },
      entrypoint: [],
      probes: [probe.exec.command],
      declaredUser: '',
      initInjected: false,
      addresses: [],
      mounts: [],
    })
    expect(engine.known(web.id)).toBe(seen[0])
  })

  it('is asked about again at its start where the runtime did not know it yet', async () => {
    await start()
    await change(5)
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    expect((await change(6)).status).toBeNull()
    expect(seen).toHaveLength(1)
  })

  it('starts once all listeners have done their part', async () => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    await start(true)
    const order: string[] = []
    engine.subscribeStarting(async ({ id }) => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(id)
    })
    await change(5)
    await change(6)
    expect(order).toEqual([web.id])
  })

  it('starts although the kernel does not judge it yet', async () => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    await start()
    engine.subscribeStarting(() => new Promise(() => undefined))
    expect((await change(6)).status).toBeNull()
    expect(refused).toEqual([])
  })

  it('does not start then if the agent fails closed', async () => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    await start(true)
    engine.subscribeStarting(() => new Promise(() => undefined))
    const { status } = await change(6)
    expect(status?.message).toContain('block.failClosed')
    expect(refused).toEqual([web.id])
  })

  it.each([
    ['its pod is not known', () => (pod = undefined)],
    ['the runtime does not name its image', () => cri.images.clear()],
  ])('does not start then either where %s', async (_, spoil) => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    spoil()
    await start(true)
    expect((await change(6)).status?.message).toContain('block.failClosed')
    expect(seen).toEqual([])
  })

  it('may be the sandbox of the pod, which is known at once', async () => {
    await start()
    await change(1, null)
    expect(seen.map(({ id }) => id)).toEqual([sandbox.id])
    expect(engine.known(sandbox.id)).toMatchObject({ name: 'web-1/sandbox', image: sandboxImage })
    expect(await engine.lookup(sandbox.id)).toBe(engine.known(sandbox.id))
    await change(3, null)
    // Its last events may still arrive.
    expect(engine.known(sandbox.id)).toMatchObject({ image: sandboxImage })
    expect(await engine.lookup(web.id)).toBe('unknown')
    expect(left).toEqual([`${sandbox.id} gone`])
  })

  it('is gone once it is removed, unless another engine reports its end', async () => {
    cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
    await start()
    for (const event of [5, 11]) await change(event)
    expect(left).toEqual([`${web.id} gone`])
    await change(5)
    known.add(web.id)
    await change(11)
    expect(left).toHaveLength(1)
  })
})

it('stops a container that its pod’s status does not name yet by that pod', async () => {
  cri.images.set(web.id, `localhost/web@${digestOf('web')}`)
  await start()
  await change(5)
  await expect.poll(() => engine.refusal(web.id, 'freeze')).toBe('freeze of web-1')
  expect(await engine.act(web.id, 'freeze')).toBe(false)
  expect(await engine.act(web.id, 'stop')).toBe(true)
  expect(stopped).toEqual([`${web.id} of web-1`])
  await change(11)
  expect(await engine.act(web.id, 'stop')).toBe(true)
  expect(stopped).toHaveLength(1)
})

describe('the connection to the Node Resource Interface', () => {
  it('is made again after the runtime has ended it, with what there is then', async () => {
    await start()
    await change(5)
    runtime.present = { pods: [sandbox], containers: [] }
    runtime.drop()
    await expect.poll(() => engine.state.kind).toBe('degraded')
    await expect.poll(() => engine.state.kind).toBe('running')
    expect(runtime.registered).toHaveLength(2)
    await expect.poll(() => left).toEqual([`${web.id} gone`])
  })

  it('is reported where there is none', async () => {
    await runtime.stop()
    await start()
    expect(engine.state).toMatchObject({ kind: 'degraded' })
  })
})
