import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView, VersionView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('blocked')}:1`
const { docker, socket } = sharedEngine()
/** Reads a greeting in a loop, and runs the orders that the test writes: so the test makes it misbehave. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do cat /etc/motd; if [ -e /tmp/orders ]; then (. /tmp/orders); fi; sleep 0.2; done',
]
let agent: Agent
let container: Docker.Container

beforeAll(async () => {
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: { '/bin/other': '#!/bin/sh\necho it ran\n' },
    dockerfile: [
      'RUN chmod 755 /bin/other',
      'HEALTHCHECK --interval=1s --timeout=10s CMD cat /etc/hostname',
    ],
  })
  agent = await startAgent({
    docker: socket,
    config: {
      learn: { floor: '3s', ceiling: '1h', unseen: 1 },
      block: { canary: 1, budget: 1_000 },
    },
  })
  container = await startContainer(docker, image, service)
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function version(): Promise<VersionView> {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  const [found] = versions
  if (found === undefined) throw new Error(`no version of ${image}`)
  return found
}

const isStopped = ({ action }: Alert): boolean => action === 'blocked' || action === 'killed'
const isOf = (alert: Alert, { id }: Docker.Container): boolean => alert.container?.id === id

const about =
  (text: string, action: Alert['action']) =>
  ({ behaviour, action: done }: Alert): boolean =>
    done === action && (behaviour?.text.includes(text) ?? false)

/** The counter is of this process of the agent: it is read before each end of one. */
async function expectNoDisagreement(): Promise<void> {
  const status = await agent.json<StatusView>(['status'])
  expect(status.counters['kernelDisagreements']).toBe(0)
  expect(status.degraded).toEqual([])
}

test('a version that has alerted for its floor blocks on an operator’s command, which reports how this host blocks', async () => {
  await expect.poll(async () => (await agent.cli(['profile', 'mode', image, 'block'])).code).toBe(0)
  expect(await version()).toMatchObject({ mode: 'block', notes: [], blocking: { armed: true } })
  const { stops } = await agent.json<StatusView>(['status'])
  expect(stops.find(({ act }) => act === 'exec')?.how).not.toBe('alerted')
})

test('a deviation is stopped and reported, and the service continues', async () => {
  const { exitCode, stdout } = await execIn(docker, container, ['/bin/cat', '/etc/group'])
  expect(exitCode).not.toBe(0)
  expect(stdout).toBe('')
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some((alert) => isOf(alert, container) && isStopped(alert)),
  )
  expect(alerts.every(({ type }) => type !== 'enforcement')).toBe(true)
  const { State } = await container.inspect()
  expect(State.Running).toBe(true)
})

test('its health check stays healthy', async () => {
  const since = Date.now()
  const checked = async (): Promise<number[]> => {
    const { State } = await container.inspect()
    const log = (State.Health?.Log ?? []) as readonly { Start: string; ExitCode: number }[]
    return log.filter(({ Start }) => Date.parse(Start) > since).map(({ ExitCode }) => ExitCode)
  }
  await expect.poll(async () => (await checked()).length).toBeGreaterThanOrEqual(3)
  expect(new Set(await checked())).toEqual(new Set([0]))
})

test('ten new containers at once are blocked from their first program on', async () => {
  const others = await Promise.all(
    Array.from({ length: 10 }, () => startContainer(docker, image, ['/bin/other'])),
  )
  try {
    for (const other of others) {
      const { StatusCode } = (await other.wait()) as { StatusCode: number }
      expect(StatusCode).not.toBe(0)
      const output = await other.logs({ stdout: true, stderr: true })
      expect(output.toString()).not.toContain('it ran')
      await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
        list.some((alert) => isOf(alert, other) && isStopped(alert)),
      )
    }
  } finally {
    await Promise.all(others.map(removeContainer))
  }
})

test('break-glass disables blocking, and its end enables it again', async () => {
  const tried = ['/bin/cat', '/etc/passwd']
  await agent.json(['break-glass', image, '--for', '10m', '--reason', 'a test'])
  await expect.poll(async () => (await execIn(docker, container, tried)).exitCode).toBe(0)
  // Nothing of this container was let pass before.
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some((alert) => about('run /bin/busybox', 'alerted')(alert) && isOf(alert, container)),
  )
  await agent.json(['break-glass', image, '--end'])
  await expect.poll(async () => (await execIn(docker, container, tried)).exitCode).not.toBe(0)
  expect((await execIn(docker, container, tried)).stdout).toBe('')
  await expectNoDisagreement()
})

test('an agent that was killed blocks again once it is back', async () => {
  await agent.kill()
  await agent.start()
  // It arms a version once its new sensor has confirmed the profile.
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions: [shown] }) => shown?.mode === 'block' && shown.blocking?.armed === true,
  )
  await expect
    .poll(async () => (await execIn(docker, container, ['/bin/other'])).exitCode)
    .not.toBe(0)
})

test('a canary container is blocked, and the other containers are only alerted on', async () => {
  const others = await Promise.all(
    Array.from({ length: 7 }, () => startContainer(docker, image, service)),
  )
  try {
    const ids = new Set([container, ...others].map(({ id }) => id))
    await agent.json(['profile', 'mode', image, 'block', '--canary', '0.3'])
    const { versions } = await agent.until<LineageView>(
      ['image', 'show', image],
      (lineage) => lineage.versions[0]?.blocking?.containers.length === ids.size,
    )
    const shown = versions[0]?.blocking?.containers ?? []
    const enforced = shown.filter((each) => each.enforced)
    expect(enforced.length).toBeGreaterThan(0)
    for (const { id, enforced: isEnforced } of shown) {
      const { exitCode } = await execIn(docker, docker.getContainer(id), ['/bin/other'])
      expect(exitCode !== 0, id).toBe(isEnforced)
    }
  } finally {
    await Promise.all(others.map(removeContainer))
  }
})

test('no learned behaviour was ever blocked', expectNoDisagreement)
