import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BehaviourView, ProfileView } from '../../src/api/profile-views.ts'
import type {
  AuditCheckView,
  AuditView,
  ForgetResult,
  IncidentResult,
} from '../../src/api/review-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const disturbed = `${uniqueName('disturbed')}:1`
const calm = `${uniqueName('calm')}:1`
const { docker, socket } = sharedEngine()
const service = ['/bin/sh', '-c', 'while true; do /bin/date; cat /etc/motd; sleep 0.2; done']
const started: Docker.Container[] = []
let agent: Agent
let container: Docker.Container

beforeAll(async () => {
  for (const image of [disturbed, calm]) {
    await busyboxImage(docker, { name: image, labels: { test: image } })
  }
  agent = await startAgent({ docker: socket })
  container = await startContainer(docker, disturbed, service)
  started.push(container, await startContainer(docker, calm, service))
})

afterAll(async () => {
  for (const each of started) await removeContainer(each)
  await agent[Symbol.asyncDispose]()
})

const reads = (path: string) => (row: BehaviourView) =>
  row.kind === 'file' && row.object.includes(path)
const idsOf = ({ behaviours }: ProfileView) => behaviours.map(({ id }) => id).sort()

/** Both services have shown all of their behaviours: their profiles differ only in the rows of `apart`. */
async function settled(apart: (row: BehaviourView) => boolean): Promise<ProfileView> {
  const quiet = await agent.until<ProfileView>(['profile', 'show', calm], ({ behaviours }) =>
    behaviours.some(reads('/etc/motd')),
  )
  const own = ({ version, behaviours }: ProfileView): ProfileView => ({
    version,
    behaviours: behaviours.filter((row) => !apart(row)),
  })
  return agent.until<ProfileView>(
    ['profile', 'show', disturbed],
    (view) => idsOf(own(view)).join() === idsOf(quiet).join(),
  )
}

test('an exec session that is forgotten leaves the profile of one that never was', async () => {
  await execIn(docker, container, ['/bin/sh', '-c', '/bin/cat /etc/group; /bin/id; true'])
  const { behaviours } = await agent.until<ProfileView>(['profile', 'show', disturbed], (view) =>
    view.behaviours.some(reads('/etc/group')),
  )
  const [session, ...others] = new Set(behaviours.flatMap(({ sessions }) => sessions))
  expect(others).toEqual([])
  if (session === undefined) throw new Error('no session')
  await settled(({ origins }) => origins.join() === 'exec-in')
  const args = ['profile', 'forget', disturbed, '--session', session, '--reason', 'a look']
  const result = await agent.json<ForgetResult>(args)
  expect(result.gone.map(({ text }) => text)).toContain('read /etc/group')
  expect(result.acts).toBeGreaterThan(0)
  const after = await settled(() => false)
  expect(after.behaviours.flatMap(({ sessions }) => sessions)).toEqual([])
  expect(after.behaviours.every(({ origins }) => origins.join() === 'entrypoint')).toBe(true)
})

test('an incident forgets its session and rejects its exclusive behaviours', async () => {
  await agent.json(['profile', 'mode', disturbed, 'alert'])
  await execIn(docker, container, ['/bin/cat', '/etc/passwd'])
  const reported = ({ process, container: at }: Alert): boolean =>
    at?.id === container.id && process?.session !== undefined
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(reported),
  )
  const alert = alerts.find(reported)
  const session = alert?.process?.session
  if (alert === undefined || session === undefined) throw new Error('no session')
  await agent.until<ProfileView>(['profile', 'show', disturbed], ({ behaviours }) =>
    behaviours.some(reads('/etc/passwd')),
  )
  const args = ['profile', 'incident', disturbed, '--session', session, '--reason', 'not one of us']
  const result = await agent.json<IncidentResult>(args)
  expect(result.rejected.map(({ text }) => text)).toContain('read /etc/passwd')
  expect(result.alerts).toContain(alert.id)
  const view = await agent.json<ProfileView>(['profile', 'show', disturbed])
  expect(view.behaviours.find(reads('/etc/passwd'))?.state).toBe('rejected')
  // A behaviour of the service stays learned although the intruder showed it too.
  expect(view.behaviours.find(reads('/etc/motd'))?.state).toBe('learned')
})

test('all of it is on record, and the record holds over a restart', async () => {
  const list = await agent.json<AuditView[]>(['audit', 'list'])
  expect(list.map(({ what }) => what)).toEqual(
    expect.arrayContaining(['forget', 'incident', 'mode']),
  )
  expect(list.find(({ what }) => what === 'incident')).toMatchObject({
    who: 'cli:root',
    reason: 'not one of us',
  })
  const before = await agent.json<AuditCheckView>(['audit', 'verify'])
  expect(before).toMatchObject({ ok: true, faults: [] })
  const { folder } = agent
  await agent.stop()
  agent = await startAgent({ docker: socket, folder })
  const after = await agent.json<AuditCheckView>(['audit', 'verify'])
  expect(after.ok).toBe(true)
  expect(after.entries).toBeGreaterThanOrEqual(before.entries)
  const view = await agent.json<ProfileView>(['profile', 'show', disturbed])
  expect(view.behaviours.find(reads('/etc/passwd'))?.state).toBe('rejected')
  expect(view.behaviours.some(reads('/etc/group'))).toBe(false)
})
