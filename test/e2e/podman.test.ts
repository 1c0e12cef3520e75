import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HoldView } from '../../src/api/hold-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import {
  alertsOn,
  expectLearned,
  misledConfig,
  misledService,
  untilArmed,
} from '../fixtures/misled-service.ts'
import { importBusybox, type Podman, startPodman } from '../fixtures/podman.ts'

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
        ...misledConfig,
      },
    })
    container = await start(misledService)
  })

  afterAll(async () => {
    await agent[Symbol.asyncDispose]()
    await podman.stop()
  })

  test('its containers are learned by image', async () => {
    await expectLearned(agent, image, 'podman')
  })

  test('an attack from within the service raises an alert', async () => {
    await execIn(podman.docker, container, ['/bin/sh', '-c', 'echo cat /etc/group >/tmp/orders'])
    const alerts = await alertsOn(
      agent,
      container.id,
      '/etc/group',
      (action) => action === 'alerted',
    )
    const found = alerts.find(({ behaviour }) => behaviour?.text.includes('/etc/group'))
    expect(found).toMatchObject({ image: { repository: image.split(':')[0] } })
  })

  test('in block mode it is stopped, and the service goes on', async () => {
    await setMode(agent, image, 'block')
    await untilArmed(agent, image)
    const tried = await execIn(podman.docker, container, ['/bin/cat', '/etc/shadow'])
    expect(tried).toMatchObject({ stdout: '' })
    expect(tried.exitCode).not.toBe(0)
    await alertsOn(agent, container.id, '', (action) => action !== 'alerted')
    expect((await container.inspect()).State.Running).toBe(true)
  })

  test('a new container blocks once Podman has reported it', async () => {
    const other = await start(misledService)
    const run = () => execIn(podman.docker, other, ['/bin/other'])
    await expect.poll(async () => (await run()).exitCode).not.toBe(0)
    expect((await run()).stdout).toBe('')
    await alertsOn(agent, other.id, '', (action) => action !== 'alerted')
    await removeContainer(other)
  })

  test('a quarantine freezes it until its release, and stops it', async () => {
    const hold = (level: string): Promise<HoldView> =>
      agent.json(['quarantine', container.id, '--level', level, '--reason', 'a web shell'])
    const held = [{ id: container.id, state: 'held' }]
    const stateOf = async () => (await container.inspect()).State
    expect((await hold('freeze')).containers).toMatchObject(held)
    expect((await stateOf()).Paused).toBe(true)
    await agent.json(['release', container.id])
    expect(await stateOf()).toMatchObject({ Paused: false, Running: true })
    expect((await hold('stop')).containers).toMatchObject(held)
    expect((await stateOf()).Running).toBe(false)
  })
})
