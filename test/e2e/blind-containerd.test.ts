import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { ContainerdEngine } from '../../src/agent/pipeline/identity/containerd/containerd-engine.ts'
import type { ContainerIdentity } from '../../src/agent/pipeline/identity/identity.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { type Containerd, startContainerd } from '../fixtures/containerd.ts'
import { misledConfig, misledService } from '../fixtures/misled-service.ts'

const image = `registry.example/${uniqueName('sandboxed')}:1`
let containerd: Containerd
let agent: Agent

beforeAll(async () => {
  // The shim of gVisor's name is runc's: what containerd reports is the same.
  containerd = await startContainerd({ shims: ['containerd-shim-runsc-v1'] })
  await containerd.import(image)
  agent = await startAgent({
    config: {
      engines: {
        docker: { socket: 'none' },
        podman: { sockets: [] },
        containerd: { socket: containerd.socket },
      },
      ...misledConfig,
    },
  })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await containerd.stop()
})

const flags = ['--runtime', 'io.containerd.runsc.v1'] as const
const ids = new Set<string>()

/** An engine without an agent and its sensor. */
async function following(): Promise<{ engine: ContainerdEngine; end: () => void }> {
  const stop = new AbortController()
  const engine = new ContainerdEngine({ socket: containerd.socket })
  await engine.start(stop.signal)
  return { engine, end: () => stop.abort() }
}

const untilBlind = (running: number): Promise<LineageView> =>
  agent.until<LineageView>(['image', 'show', image], ({ versions: [version] }) => {
    return version?.blind?.running === running
  })

test('a container of gVisor’s shim is blind, and one of runc beside it is not', async () => {
  ids.add(await containerd.start(image, misledService))
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.state === 'enforced',
  )
  ids.add(await containerd.start(image, misledService, flags))
  const { versions } = await untilBlind(1)
  expect(versions).toMatchObject([
    {
      state: 'incomplete',
      blind: { running: 1, of: 2, reasons: ['the runtime `runsc` has its own kernel'] },
    },
  ])
  const refused = await agent.cli(['profile', 'mode', image, 'block'])
  expect(refused.stderr).toContain('MODE_BLIND')
})

test('its engine reports since when it runs, which no sensor may see', async () => {
  const { engine, end } = await following()
  try {
    const present = [...ids].map((id) => engine.known(id)?.runsSince)
    expect(present).toEqual([expect.any(String), expect.any(String)])
    const reported = new Promise<ContainerIdentity>((resolve) => {
      engine.subscribe((identity) => {
        if (identity.runsSince !== undefined && !ids.has(identity.id)) resolve(identity)
      })
    })
    const id = await containerd.start(image, ['/bin/sleep', '600'], flags)
    expect(await reported).toMatchObject({ id, runtime: ['io.containerd.runsc.v1'] })
    await containerd.ctr('task', 'rm', '-f', id)
    await expect.poll(() => engine.known(id)?.runsSince).toBeUndefined()
  } finally {
    end()
  }
})

test('it stays blind after a restart of the agent', async () => {
  await agent.stop()
  await agent.start()
  await untilBlind(1)
  expect((await agent.json<StatusView>(['status'])).containers).toMatchObject({ blind: 1 })
})
