import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { imageKey } from '../../src/core/event/image-key.ts'
import type { FleetHold, HoldView } from '../../src/api/hold-views.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type {
  FleetDecision,
  FleetImageDetail,
  FleetImages,
  FleetIncidentClosure,
  FleetIncidentRow,
  FleetIncidents,
  FleetIncidentStory,
  FleetNodes,
  FleetReview,
  FleetReviewItem,
  FleetStatus,
  FleetWindow,
} from '../../src/console/reading/views.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { BucketFleet } from '../fixtures/bucket-fleet.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { Nats } from '../fixtures/nats.ts'
import { type FleetNode, type NodeImage, stateIs } from '../kube/fleet-node.ts'

/** `snug console` of a fleet without Kubernetes: two real agents, and one real nats-server for all. One story. */
const named = {
  repository: 'shop/web',
  digest: `sha256:${randomBytes(32).toString('hex')}`,
}
const image: NodeImage = { ...named, tag: '1', ref: imageKey(named), scope: undefined }
const name = profileName(named)
const at = `/v1/fleet/images/${name}`

let nats: Nats
let bucket: string
let served: ConsoleProcess
/** A second replica. */
let other: ConsoleProcess
let nodes: readonly [FleetNode, FleetNode]

beforeAll(async () => {
  nats = await Nats.start()
  const fleet = await BucketFleet.make(nats, image)
  const { config } = fleet
  bucket = fleet.bucket
  nodes = [fleet.host('vm-1'), fleet.host('vm-2.example.com')]
  await Promise.all(nodes.map(({ agent }) => agent.start()))
  served = await ConsoleProcess.start(config)
  other = await ConsoleProcess.start(config)
})

afterAll(async () => {
  await other?.[Symbol.asyncDispose]()
  await served?.[Symbol.asyncDispose]()
  for (const each of nodes ?? []) await each.agent[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

/** The item of the review about that file. */
async function itemOf(path: string, on = served): Promise<FleetReviewItem> {
  const isIt = ({ text }: FleetReviewItem): boolean => text === `read ${path}`
  const { rows } = await on.until<FleetReview>('/v1/fleet/review', ({ rows: all }) =>
    all.some(isIt),
  )
  const item = rows.find(isIt)
  if (item === undefined) throw new Error('it is not there any more')
  return item
}

const decides = (
  on: ConsoleProcess,
  as: 'viewer' | 'reviewer' | 'admin',
  what: 'approve' | 'reject' | 'mode',
  body: object,
  revision = '*',
) =>
  on.ask<FleetImageDetail & { readonly code?: string }>(`${at}/${what}`, {
    as,
    method: what === 'mode' ? 'PUT' : 'POST',
    body,
    headers: { 'if-match': revision },
  })

async function took(...all: readonly Promise<unknown>[]): Promise<number> {
  const began = performance.now()
  await Promise.all(all)
  return Math.round(performance.now() - began)
}

test('images and nodes of the fleet are there', async () => {
  await nodes[0].opened('/etc/a')
  await nodes[1].opened('/etc/b')
  const { rows } = await served.until<FleetImages>(
    '/v1/fleet/images',
    ({ rows: all }) => all[0]?.nodes === 2,
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ name, lineage: 'shop/web', state: 'learning', behaviours: 2 })
  const { rows: hosts } = await served.until<FleetNodes>('/v1/fleet/nodes', ({ states }) =>
    Boolean(states.working === 2),
  )
  expect(hosts.map(({ node }) => node)).toEqual(['vm-1', 'vm-2.example.com'])
  expect((await served.get<FleetStatus>('/v1/fleet')).store).toBe('nats')
})

test('the mode of an admin is on each host, with the author, and of a reviewer on none', async () => {
  expect((await decides(served, 'viewer', 'approve', { all: true })).status).toBe(403)
  expect((await decides(served, 'reviewer', 'mode', { mode: 'alert' })).status).toBe(403)
  const { status, body } = await decides(served, 'admin', 'mode', { mode: 'alert' })
  expect(status).toBe(200)
  const ms = await took(...nodes.map((each) => each.modeIs('alert')))
  console.log(`the mode is on both hosts after ${ms} ms`)
  expect(body).toMatchObject({ state: 'enforced', mode: 'alert' })
  const isMode = ({ what, who }: AuditView): boolean =>
    what === 'mode' && who === 'console:token:ada'
  await nodes[1].agent.until<AuditView[]>(['audit', 'list'], (all) => all.some(isMode))
})

test('an approval is on each host, also where the behaviour was not seen', async () => {
  await nodes[0].opened('/etc/new')
  const { behaviours, revision, nodeCount } = await itemOf('/etc/new')
  await served.until<FleetImages>('/v1/fleet/images', ({ rows: all }) => all[0]?.pending === 1)
  expect(nodeCount).toBe(1)
  const answer = await decides(served, 'reviewer', 'approve', { behaviours }, `"${revision}"`)
  expect(answer.status).toBe(200)
  expect(answer.body.written).toBe(1)
  expect(answer.headers.get('etag')).not.toBe(`"${revision}"`)
  const ms = await took(...nodes.map((each) => each.rows(stateIs('/etc/new', 'approved'))))
  console.log(`the approval is on both hosts after ${ms} ms`)
  for (const on of [served, other])
    await on.until<FleetReview>('/v1/fleet/review', ({ total }) => total === 0)
  const { rows } = await other.get<FleetWindow<FleetDecision>>('/v1/fleet/decisions')
  expect(rows[0]).toMatchObject({ what: 'approve', by: 'console:token:rita', profile: name })
  expect(rows[0]).not.toHaveProperty('node')
})

test('of two people who decide on one state, the second one is refused, at any replica', async () => {
  await nodes[1].opened('/etc/both-see')
  const { behaviours, revision } = await itemOf('/etc/both-see')
  await itemOf('/etc/both-see', other)
  const answers = await Promise.all([
    decides(served, 'reviewer', 'approve', { behaviours }, revision),
    decides(other, 'admin', 'reject', { behaviours }, revision),
  ])
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 412]))
  const late = answers.find(({ status }) => status === 412)
  expect(late?.body.code).toBe('REVISION_STALE')
  const state = answers[0].status === 200 ? 'approved' : 'rejected'
  for (const each of nodes) await each.rows(stateIs('/etc/both-see', state))
  const again = await decides(other, 'reviewer', 'reject', { behaviours }, revision)
  expect(again.status).toBe(412)
})

test('a rejection is on each host, over an approval too', async () => {
  const { decisions } = await served.get<FleetImageDetail>(at)
  const id = decisions.find(({ subject }) => subject === 'read /etc/new')?.id ?? ''
  expect((await decides(served, 'reviewer', 'reject', { behaviours: [id] })).status).toBe(200)
  for (const each of nodes) await each.rows(stateIs('/etc/new', 'rejected'))
})

test('everything that waits is approved by what the console shows, and the answer has how many', async () => {
  await nodes[0].opened('/etc/one', '/etc/two', '/etc/three')
  await served.until<FleetReview>(
    '/v1/fleet/review',
    ({ rows }) => rows.flatMap(({ behaviours }) => behaviours).length === 3,
  )
  const { body, status } = await decides(served, 'reviewer', 'approve', { all: true })
  expect(status).toBe(200)
  expect(body.written).toBe(3)
  for (const each of nodes) await each.rows(stateIs('/etc/three', 'approved'))
  await served.until<FleetReview>('/v1/fleet/review', ({ total }) => total === 0)
  const none = await decides(served, 'reviewer', 'approve', { all: true })
  expect([none.status, none.body.code]).toEqual([400, 'DECISION_INVALID'])
})

test('a behaviour in quarantine is approved as such only', async () => {
  await nodes[0].opened('/etc/shadow')
  const { behaviours, guardrails } = await itemOf('/etc/shadow')
  expect(guardrails).toEqual(['shadow-read'])
  const plain = await decides(served, 'reviewer', 'approve', { behaviours })
  expect([plain.status, plain.body.code]).toEqual([400, 'DECISION_INVALID'])
  const released = await decides(served, 'reviewer', 'approve', { quarantined: behaviours })
  expect(released.status).toBe(200)
  for (const each of nodes) await each.rows(stateIs('/etc/shadow', 'approved'))
})

test('a behaviour that no node showed is decided on by nobody', async () => {
  const body = { behaviours: [`b${'0'.repeat(20)}`] }
  const answer = await decides(served, 'reviewer', 'approve', body)
  expect([answer.status, answer.body.code]).toEqual([404, 'BEHAVIOUR_UNKNOWN'])
})

test('a console that was killed has all of it again', async () => {
  // Agents send decided alerts again when they like.
  const ofBucket = async (on: ConsoleProcess): Promise<object> => {
    const isDecided = ({ pending }: FleetImageDetail): boolean => pending === 0
    const { openAlerts: _, ...rest } = await on.until<FleetImageDetail>(at, isDecided)
    return rest
  }
  const before = await ofBucket(served)
  await served.end('SIGKILL')
  await served.begin()
  expect(await ofBucket(served)).toEqual(before)
  expect(await ofBucket(other)).toEqual(before)
})

test('a hold reaches the hosts by its key, and so does its release', async () => {
  const how = { as: 'admin', method: 'POST' } as const
  const body = { container: 'a'.repeat(64), level: 'freeze', for: '10m', reason: 'a web shell' }
  const ordered = await served.ask(`${at}/holds`, { ...how, body })
  expect(ordered.status, JSON.stringify(ordered.body)).toBe(200)
  const second = { ...how, body: { level: 'stop', for: '10m', reason: 'all of it' } }
  expect((await served.ask(`${at}/holds`, second)).status).toBe(200)
  const path = '/v1/fleet/holds'
  const all = await served.until<FleetWindow<FleetHold>>(path, ({ total }) => total === 2)
  const by = 'console:token:ada'
  expect(all.rows.map((hold) => [hold.by, hold.container, hold.level])).toEqual([
    [by, undefined, 'stop'],
    [by, 'a'.repeat(64), 'freeze'],
  ])
  const onHosts = async (length: number): Promise<readonly HoldView[]> => {
    const wants = (holds: readonly HoldView[]): boolean => holds.length === length
    const [holds] = await Promise.all(
      nodes.map(({ agent }) => agent.until(['quarantine', 'list'], wants)),
    )
    return holds ?? []
  }
  const ids = new Set(all.rows.map(({ id }) => id))
  expect(new Set((await onHosts(2)).map(({ id }) => id.split('-')[0]))).toEqual(ids)
  // The other replica has them too, and releases them.
  await other.until<FleetWindow<FleetHold>>(path, ({ total }) => total === 2)
  for (const { id } of all.rows) {
    const release = { ...how, body: { id } }
    expect((await other.ask(`${at}/release-hold`, release)).status).toBe(200)
  }
  await served.until<FleetWindow<FleetHold>>(path, ({ total }) => total === 0)
  await onHosts(0)
  const unknown = { ...how, body: { id: 'h0' } }
  expect(await served.ask(`${at}/release-hold`, unknown)).toMatchObject({
    status: 404,
    body: { code: 'HOLD_UNKNOWN' },
  })
})

test('an incident is closed on each host at any replica, over a new start, and again after an undo', async () => {
  for (const each of nodes) await each.opened('/etc/gshadow')
  const list = '/v1/fleet/incidents?state=open'
  const isBoth = ({ nodeCount }: FleetIncidentRow): boolean => nodeCount === 2
  const { rows } = await served.until<FleetIncidents>(list, ({ rows: all }) => all.some(isBoth))
  const seen = rows.find(isBoth)
  const path = `/v1/fleet/incidents/${encodeURIComponent(seen?.id ?? '')}`
  // What a host has not seen yet waits for it.
  await nodes[1].agent.kill()
  const body = { revision: seen?.revision, reason: 'an exercise' }
  const how = { as: 'reviewer', method: 'POST', body } as const
  expect((await served.ask(`${path}/close`, { ...how, as: 'viewer' })).status).toBe(403)
  const answer = await served.ask<FleetIncidentClosure>(`${path}/close`, how)
  expect(answer.body).toEqual({ id: seen?.id, alerts: seen?.open, left: 0 })
  const stale = await served.ask<{ readonly code: string }>(`${path}/close`, how)
  expect([stale.status, stale.body.code]).toEqual([412, 'REVISION_STALE'])
  const by = 'console:token:rita'
  const closed = { kind: 'acknowledged', by, reason: 'an exercise' }
  for (const on of [served, other]) {
    const waits = await on.until<FleetIncidentStory>(path, ({ unconfirmed }) => unconfirmed === 1)
    expect(waits).toMatchObject({ state: 'closed', open: 0, closed })
  }
  await served.end('SIGKILL')
  await served.begin()
  const waits = await served.until<FleetIncidentStory>(path, ({ unconfirmed }) => unconfirmed === 1)
  expect(waits).toMatchObject({ state: 'closed', closed })
  await nodes[1].agent.start()
  for (const on of [served, other])
    await on.until<FleetIncidentStory>(path, ({ state, unconfirmed }) => {
      return state === 'closed' && unconfirmed === 0
    })
  for (const { agent } of nodes) {
    const entries = await agent.json<AuditView[]>(['audit', 'list'])
    const entry = entries.find(({ what }) => what === 'incident-close')
    expect(entry).toMatchObject({ who: by, incident: seen?.id, reason: 'an exercise' })
  }

  // A person opens it again on a host: the console has it open, and closes it again.
  const entries = await nodes[0].agent.json<AuditView[]>(['audit', 'list'])
  const { seq } = entries.find(({ what }) => what === 'incident-close') ?? {}
  const undone = await nodes[0].agent.cli(['audit', 'undo', `${seq}`])
  expect(undone.code, undone.stderr).toBe(0)
  const again = await other.until<FleetIncidentStory>(path, ({ state }) => state === 'open')
  expect(again).toMatchObject({ state: 'open', unconfirmed: 0 })
  const second = { ...how, body: { ...body, revision: again.revision } }
  expect((await other.ask(`${path}/close`, second)).status).toBe(200)
  await served.until<FleetIncidentStory>(path, ({ state, unconfirmed }) => {
    return state === 'closed' && unconfirmed === 0
  })
})

test('a value that no agent writes is named, and nothing else changes', async () => {
  await nats.put(bucket, [
    ['decisions.any.mode', '{"schema":"snug.decision/v1"}'],
    ['slices.vm-9.any.0', '{'],
  ])
  const { faults } = await served.until<FleetStatus>('/v1/fleet', ({ faults: all }) =>
    all.some((fault) => fault.includes('and 1 more')),
  )
  expect(faults.join()).toContain('(FLEET_VALUE_INVALID)')
  expect(await served.get<FleetImageDetail>(at)).toMatchObject({ name, nodes: 2 })
  for (const key of ['decisions.any.mode', 'slices.vm-9.any.0']) await nats.purge(bucket, key)
})

test('a console without an engine for alerts serves the fleet, and refuses alerts by a code', async () => {
  const servers = [`127.0.0.1:${nats.port}`]
  await using quiet = await ConsoleProcess.start({ fleet: { type: 'nats', servers, bucket } })
  expect(await quiet.get<FleetImageDetail>(at)).toMatchObject({ name, nodes: 2 })
  const refused = await quiet.ask<{ readonly code: string }>('/v1/fleet/alerts')
  expect([refused.status, refused.body.code]).toEqual([404, 'ALERT_LOG_MISSING'])
})

test('while NATS is away the console serves what it has and names that, and catches up', async () => {
  await nats.kill()
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) =>
    faults.some((fault) => fault.includes('(FLEET_UNAVAILABLE)')),
  )
  expect(await served.get<FleetImageDetail>(at)).toMatchObject({ name, nodes: 2 })
  const refused = await decides(served, 'admin', 'mode', { mode: 'block' })
  expect([refused.status, refused.body.code]).toEqual([503, 'FLEET_UNAVAILABLE'])
  const alert = await served.ask<{ readonly code: string }>('/v1/fleet/alerts/1')
  expect([alert.status, alert.body.code]).toEqual([503, 'ALERT_LOG_UNAVAILABLE'])
  // A console that starts now has nothing to serve.
  await other.end()
  const begun = other.begin()
  const notReady = async (): Promise<string | undefined> => {
    const answer = await fetch(`${other.url}/readyz`).catch(() => undefined)
    return ((await answer?.json()) as { readonly code?: string } | undefined)?.code
  }
  await expect.poll(notReady).toBe('CONSOLE_STARTING')
  // A person decides on a host meanwhile.
  await nodes[0].setMode('learn')
  nats.startAgain()
  await begun
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) => faults.length === 0)
  await served.until<FleetImageDetail>(at, ({ mode }) => mode === 'learn')
  const { rows } = await served.get<FleetWindow<FleetDecision>>('/v1/fleet/decisions')
  expect(rows[0]).toMatchObject({ what: 'mode', subject: 'learn', node: 'vm-1' })
})

test('an agent that is gone is silent', async () => {
  const nodesOnce = (good: (states: FleetNodes['states']) => boolean): Promise<FleetNodes> =>
    served.until<FleetNodes>('/v1/fleet/nodes', ({ states }) => good(states))
  // Without NATS nobody reported.
  await nodesOnce(({ working }) => working === 2)
  await nodes[1].agent[Symbol.asyncDispose]()
  const { rows } = await nodesOnce(({ working, silent }) => working === 1 && silent === 1)
  expect(rows[0]).toMatchObject({ node: 'vm-2.example.com', state: 'silent' })
  expect(rows[1]).toMatchObject({ node: 'vm-1', state: 'working' })
})
