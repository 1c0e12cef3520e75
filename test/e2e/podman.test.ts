import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LineageView, StatusView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import { importBusybox, type Podman, startPodman } from '../fixtures/podman.ts'

/** Reads a greeting in a loop, and runs the orders that the test writes: so the test makes it misbehave. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do cat /etc/motd; if [ -e /tmp/orders ]; then (. /tmp/orders); fi; sleep 0.2; done',
]

describe.each(['rootful', 'rootless'] as const)('%s Podman', (kind) => {
  const image = `localhost/${uniqueName(kind)}:1`
  let podman: Podman
  let agent: Agent
  let container: Docker.Container

  const start = (command: readonly string[]): Promise<Docker.Container> =>
    startContainer(podman.docker, image, command, podman.options)

  beforeAll(async () => {
    podman = await startPodman(kind)
    await importBusybox(podman.docker, image, {
      files: { '/bin/other': '#!/bin/sh\necho it ran\n' },
    })
    agent = await startAgent({
      config: {
        engines: { docker: { socket: 'none' }, podman: { sockets: [podman.socket] } },
        learn: { floor: '3s', ceiling: '1h', unseen: 1 },
        block: { canary: 1, budget: 1_000 },
      },
    })
    container = await start(service)
  }, 120_000)

  afterAll(async () => {
    await agent[Symbol.asyncDispose]()
    await podman.stop()
  })

  const alertsOf = (id: string, text: string, action: (done: Alert['action']) => boolean) =>
    agent.until<Alert[]>(['alert', 'list'], (list) =>
      list.some(
        (alert) =>
          alert.container?.id === id &&
          action(alert.action) &&
          alert.behaviour?.text.includes(text) === true,
      ),
    )

  test('its containers are learned by image', async () => {
    const { versions } = await agent.until<LineageView>(
      ['image', 'show', image],
      (lineage) => lineage.versions[0]?.mode === 'alert',
    )
    expect(versions).toMatchObject([{ notes: [] }])
    const { engines, degraded } = await agent.json<StatusView>(['status'])
    expect(engines).toEqual([{ name: 'podman', state: 'running' }])
    expect(degraded).toEqual([])
  })

  test('an attack from within the service raises an alert', async () => {
    await execIn(podman.docker, container, ['/bin/sh', '-c', 'echo cat /etc/group >/tmp/orders'])
    const alerts = await alertsOf(container.id, '/etc/group', (action) => action === 'alerted')
    const found = alerts.find(({ behaviour }) => behaviour?.text.includes('/etc/group'))
    expect(found).toMatchObject({ image: { repository: image.split(':')[0] } })
  })

  test('in block mode it is stopped, and the service goes on', async () => {
    await setMode(agent, image, 'block')
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.blocking?.armed === true,
    )
    const tried = await execIn(podman.docker, container, ['/bin/cat', '/etc/shadow'])
    expect(tried).toMatchObject({ stdout: '' })
    expect(tried.exitCode).not.toBe(0)
    await alertsOf(container.id, '', (action) => action !== 'alerted')
    expect((await container.inspect()).State.Running).toBe(true)
  })

  test('a new container blocks once Podman has reported it', async () => {
    const other = await start(service)
    const run = () => execIn(podman.docker, other, ['/bin/other'])
    await expect.poll(async () => (await run()).exitCode, { timeout: 30_000 }).not.toBe(0)
    expect((await run()).stdout).toBe('')
    await alertsOf(other.id, '', (action) => action !== 'alerted')
    await removeContainer(other)
  })
})
