import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { setMode } from '../fixtures/learned-agent.ts'

const image = `${uniqueName('declared')}:1`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []
let agent: Agent

const loop = '#!/bin/sh\nwhile true; do\n  /bin/cat /etc/motd\n  /bin/sleep 0.2\ndone\n'

beforeAll(async () => {
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: { '/app/run': loop },
    // By name: its uid is in the image.
    dockerfile: ['USER web', 'CMD ["/app/run"]'],
  })
  agent = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 }, block: { canary: 1 } },
  })
  await run()
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function run(user?: string): Promise<Docker.Container> {
  const container = await startContainer(
    docker,
    image,
    undefined,
    user === undefined ? {} : { User: user },
  )
  started.push(container)
  return container
}

const alertsOf = async ({ id }: Docker.Container): Promise<readonly Alert[]> =>
  (await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])).filter(
    ({ container }) => container?.id === id,
  )

/** Waits until the agent has recorded the image's usual behaviour for this container. */
async function seen({ id }: Docker.Container): Promise<void> {
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(
      ({ text, containers }) => text.includes('/etc/motd') && containers.includes(id),
    ),
  )
}

test('the profile names the user that the image declares, and no number', async () => {
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  expect([...new Set(behaviours.map(({ uid }) => uid))]).toEqual(['declared'])
})

test('the image started under an arbitrary uid is no stranger', async () => {
  const container = await run('1000680000:0')
  await seen(container)
  expect(await alertsOf(container)).toEqual([])
})

test('the same image as root is a deviation, and the alert names the user', async () => {
  const container = await run('0')
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some((alert) => alert.container?.id === container.id),
  )
  const [alert] = await alertsOf(container)
  expect(alert?.reasons.join('\n')).toContain('only as the declared user, not as uid 0')
})

test('in block mode the kernel distinguishes the users in the same way', async () => {
  await setMode(agent, image, 'block')
  const arbitrary = await run('4711')
  await seen(arbitrary)
  expect(await alertsOf(arbitrary)).toEqual([])
  expect((await arbitrary.inspect()).State.Running).toBe(true)
  const root = await docker.createContainer({ Image: image, User: '0' })
  started.push(root)
  // Refused by a hook, the start fails, and the engine reports why; killed by a tracepoint, it has ended by that.
  const refused = await root.start().then(
    () => undefined,
    (error: unknown) => String(error),
  )
  if (refused === undefined) expect(await root.wait()).toMatchObject({ StatusCode: 137 })
  else expect(refused).toMatch(/operation not permitted/i)
  const [alert] = await agent
    .until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
      list.some(({ container }) => container?.id === root.id),
    )
    .then((list) => list.filter(({ container }) => container?.id === root.id))
  expect(alert?.action).toBe(refused === undefined ? 'killed' : 'blocked')
  expect(alert?.reasons.join('\n')).toContain('only as the declared user, not as uid 0')
})

test('a container that ran before the agent is no stranger either', async () => {
  const [first] = started
  if (first === undefined) throw new Error('nothing was started')
  // The other agent has no stored state: the sensor has to find the container's user itself.
  await using other = await startAgent({
    docker: socket,
    config: { learn: { floor: '3s', ceiling: '1h', unseen: 1 } },
  })
  const { behaviours } = await other.until<ProfileView>(['profile', 'show', image], (view) =>
    view.behaviours.some(
      ({ text, containers }) => text.includes('/etc/motd') && containers.includes(first.id),
    ),
  )
  const own = behaviours.filter(({ containers }) => containers.includes(first.id))
  expect([...new Set(own.map(({ uid }) => uid))]).toEqual(['declared'])
})
