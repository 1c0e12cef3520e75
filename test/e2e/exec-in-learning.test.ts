import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BehaviourView, ProfileView } from '../../src/flow/engine.ts'
import type { Alert } from '../../src/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('worker')}:1`
const { docker, socket } = sharedEngine()
/** The service asks the time and reads its greeting for ever; it never looks at `/etc/group`, nor at ids. */
const service = ['/bin/sh', '-c', 'while true; do /bin/date; cat /etc/motd; sleep 0.2; done']
let agent: Agent
let container: Docker.Container

beforeAll(async () => {
  await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({ docker: socket })
  container = await startContainer(docker, image, service)
})

afterAll(async () => {
  await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

const reads = (path: string) => (row: BehaviourView) =>
  row.kind === 'file' && row.object.includes(path)

test('what an operator does by docker exec is kept apart from what the service does', async () => {
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(reads('/etc/motd')),
  )
  const { stdout } = await execIn(docker, container, ['/bin/cat', '/etc/group'])
  expect(stdout).toContain('root:')
  const { behaviours } = await agent.until<ProfileView>(['profile', 'show', image], (view) =>
    view.behaviours.some(reads('/etc/group')),
  )
  const operator = behaviours.filter(({ origins }) => origins.includes('exec-in'))
  expect(operator.filter(reads('/etc/group'))).toHaveLength(1)
  expect(operator.every(({ state }) => state === 'apart')).toBe(true)
  const learned = behaviours.filter(({ state }) => state === 'learned')
  expect(learned.some(reads('/etc/motd'))).toBe(true)
  expect(learned.some(reads('/etc/group'))).toBe(false)
  expect(learned.every(({ origins }) => !origins.includes('exec-in'))).toBe(true)
})

test('the service that does afterwards what only the operator did is told', async () => {
  await agent.json(['profile', 'mode', image, 'alert'])
  const alerts = agent.tail<Alert>(['alert', 'tail'])
  const other = await startContainer(docker, image, ['/bin/sh', '-c', 'cat /etc/group; sleep 60'])
  try {
    const { item } = await alerts.until(
      ({ event, container: at }) =>
        at?.id === other.id && event.kind === 'file' && event.file.path === '/etc/group',
      10_000,
      'an alert of the service reading /etc/group',
    )
    expect(item.type).toBe('deviation')
    expect(item.process?.origin).toBe('entrypoint')
  } finally {
    await removeContainer(other)
  }
})
