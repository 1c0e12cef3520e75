import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BehaviourView, ProfileView } from '../../src/api/profile-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('worker')}:1`
const { docker, socket } = sharedEngine()
/** The service asks the time and reads its greeting in a loop. It never reads `/etc/group`, nor asks for ids. */
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

test('an operator’s actions by docker exec are kept apart from the service’s behaviour', async () => {
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(reads('/etc/motd')),
  )
  const { stdout } = await execIn(docker, container, ['/bin/cat', '/etc/group'])
  expect(stdout).toContain('root:')
  const { behaviours } = await agent.until<ProfileView>(['profile', 'show', image], (view) =>
    view.behaviours.some(reads('/etc/group')),
  )
  // `/bin/busybox` itself is run by both: such a row has both origins, and its state is the service's.
  const operator = behaviours.filter(({ origins }) => origins.join() === 'exec-in')
  expect(operator.filter(reads('/etc/group'))).toHaveLength(1)
  expect(operator.every(({ state }) => state === 'apart')).toBe(true)
  const learned = behaviours.filter(({ state }) => state === 'learned')
  expect(learned.some(reads('/etc/motd'))).toBe(true)
  expect(learned.some(reads('/etc/group'))).toBe(false)
  expect(learned.every(({ origins }) => origins.includes('entrypoint'))).toBe(true)
})

test('the service is reported when it later does what only the operator did', async () => {
  await agent.json(['profile', 'mode', image, 'alert'])
  const other = await startContainer(docker, image, ['/bin/sh', '-c', 'cat /etc/group; sleep 60'])
  try {
    const reported = ({ event, container: at }: Alert): boolean =>
      at?.id === other.id && event.kind === 'file' && event.file.path === '/etc/group'
    const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
      list.some(reported),
    )
    const item = alerts.find(reported)
    expect(item?.type).toBe('deviation')
    expect(item?.process?.origin).toBe('entrypoint')
  } finally {
    await removeContainer(other)
  }
})
