import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LineageView, StatusView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { busyboxRoot, imageArchive } from '../fixtures/busybox-root.ts'
import { type Containerd, startContainerd } from '../fixtures/containerd.ts'
import { misledConfig, misledService } from '../fixtures/misled-service.ts'

const image = `registry.example/${uniqueName('sandboxed')}:1`
let containerd: Containerd
let agent: Agent

beforeAll(async () => {
  // gVisor cannot be installed here. The shim of its name is runc's: what containerd reports is the same.
  containerd = await startContainerd({ shims: ['containerd-shim-runsc-v1'] })
  const root = busyboxRoot()
  const archive = imageArchive(image, root)
  try {
    await containerd.ctr('image', 'import', archive)
  } finally {
    for (const path of [root, archive]) rmSync(path, { recursive: true, force: true })
  }
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

const untilBlind = (running: number): Promise<LineageView> =>
  agent.until<LineageView>(['image', 'show', image], ({ versions: [version] }) => {
    return version?.blind?.running === running
  })

test('a container of gVisor’s shim is blind, and one of runc beside it is not', async () => {
  await containerd.start(image, misledService)
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.state === 'enforced',
  )
  await containerd.start(image, misledService, ['--runtime', 'io.containerd.runsc.v1'])
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

test('it stays blind after a restart of the agent', async () => {
  await agent.stop()
  await agent.start()
  await untilBlind(1)
  expect((await agent.json<StatusView>(['status'])).containers).toMatchObject({ blind: 1 })
})
