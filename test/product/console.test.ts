import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type {
  FleetAlerts,
  FleetIncidents,
  FleetIncidentStory,
  FleetNodes,
  FleetReview,
  FleetStatus,
} from '../../src/console/reading/views.ts'
import type { IncidentPage } from '../../src/api/incident-views.ts'
import { fleetRoutes } from '../../src/console/fleet-routes.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { Nats } from '../fixtures/nats.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'

/**
 * `snug console` with a real nats-server and two real agents. Lists and watches of the API server are simulated: test/kube
 * has the real one. One story.
 */
let fleet: SimulatedFleet
let nats: Nats
let proxy: TcpProxy
let served: ConsoleProcess
const agents: Agent[] = []
/** An agent that observes nothing. */
let blind: Agent | undefined

beforeAll(async () => {
  fleet = await SimulatedFleet.start()
  nats = await Nats.start()
  await nats.makeStream()
  await nats.makeReportStream()
  proxy = await TcpProxy.before(nats.port)
  for (const node of ['n1', 'n2', 'n4']) {
    fleet.node(node)
    const agent = new Agent({
      config: {
        node,
        // Of the last one the sensor does not start.
        ...(node === 'n4'
          ? { sources: ['ebpf'], sensor: { path: '/bin/false' }, kernelState: 'none' }
          : { sources: ['file:-'] }),
        engines: { docker: { socket: 'none' } },
        sinks: [
          {
            name: 'console',
            type: 'nats',
            servers: [`127.0.0.1:${nats.port}`],
            subject: nats.subject,
            reports: { subject: nats.reports, every: '1s' },
            only: { severity: 'low' },
            storms: 'each',
          },
        ],
      },
    })
    await agent.start()
    if (node === 'n4') blind = agent
    else agents.push(agent)
  }
  fleet.node('n3', 'none')
  served = await ConsoleProcess.start({
    kubernetes: { access: fleet.kubeconfig },
    alerts: {
      type: 'nats',
      servers: [`127.0.0.1:${proxy.port}`],
      stream: 'SNUG',
      subject: nats.subject,
      reports: { stream: 'SNUG_AGENTS', subject: nats.reports },
    },
  })
})

afterAll(async () => {
  await served?.[Symbol.asyncDispose]()
  for (const agent of [...agents, blind]) await agent?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
  await fleet?.[Symbol.asyncDispose]()
})

async function deviate(agent: Agent, containers: number, each: number): Promise<void> {
  const file = join(agent.folder, `events-${containers}-${each}.ndjson`)
  writeFileSync(file, reverseShells({ containers, each }))
  await agent.cli(['event', 'replay', file])
}

test('no route answers without a credential, except liveness and readiness', async () => {
  const open: string[] = []
  for (const { method, path, body } of fleetRoutes) {
    if (path === '/v1/session' && method === 'DELETE') continue
    const at = path.replace(/:\w+/g, '1')
    const how = body === undefined ? {} : { body: '{}' }
    const headers = { 'content-type': 'application/json', 'if-match': '*' }
    const { status } = await fetch(`${served.url}${at}`, { method, headers, ...how })
    if (status < 400) open.push(path)
    else expect(status, `${method} ${path}`).toBeLessThan(500)
  }
  expect(open).toEqual(['/healthz', '/readyz'])
  const wrong = await fetch(`${served.url}/v1/fleet`, {
    headers: { authorization: 'Bearer x.y.z' },
  })
  expect(wrong.status).toBe(401)
})

test('a viewer decides nothing, and a reviewer sets no mode', async () => {
  const at = '/v1/fleet/images/shop-web-0/'
  const headers = { 'if-match': '*' }
  const approve = { method: 'POST', body: { all: true }, headers }
  expect((await served.ask(`${at}approve`, { ...approve, as: 'viewer' })).status).toBe(403)
  expect((await served.ask(`${at}approve`, { ...approve, as: 'reviewer' })).status).toBe(404)
  const mode = { method: 'PUT', body: { mode: 'block' }, headers }
  expect((await served.ask(`${at}mode`, { ...mode, as: 'reviewer' })).status).toBe(403)
})

test('an alert of any node is there, and readers are notified of it', async () => {
  const socket = new WebSocket(`${served.url.replace('http', 'ws')}/v1/live`, {
    headers: { authorization: `Bearer ${served.tokens.viewer}` },
  })
  const messages: { readonly type: string; readonly topic?: string }[] = []
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString('utf8'))))
  await expect.poll(() => messages.length).toBeGreaterThan(0)
  for (const agent of agents) await deviate(agent, 3, 2)
  await expect
    .poll(() => messages.filter(({ topic }) => topic === 'alerts').length)
    .toBeGreaterThan(0)
  socket.close()
  const { rows } = await served.until<FleetAlerts>(
    '/v1/fleet/alerts',
    ({ rows: all }) => all.length >= 12,
  )
  expect(new Set(rows.map(({ node }) => node))).toEqual(new Set(['n1', 'n2']))
  const [first] = rows
  // From its creation at the node to the stream; the console has it at once then.
  const lateMs = Math.max(...rows.map((row) => Date.parse(row.receivedAt) - idTime(row.id)))
  console.log(`the slowest alert was there after ${lateMs} ms`)
  const whole = await served.get<{ readonly id: string; readonly event: object }>(
    `/v1/fleet/alerts/${first?.seq}`,
  )
  expect(whole.id).toBe(first?.id)
  expect(whole.event).toBeDefined()
})

test('one cause on two nodes is one item of the review', async () => {
  const { rows } = await served.get<FleetReview>('/v1/fleet/review')
  expect(rows.some(({ nodes }) => nodes.length === 2)).toBe(true)
})

test('the same grave thing on two nodes is one incident, until it is closed at both', async () => {
  const open = '/v1/fleet/incidents?state=open'
  const isOne = ({ rows }: FleetIncidents): boolean => rows[0]?.nodes.join() === 'n1,n2'
  const { total, rows } = await served.until<FleetIncidents>(open, isOne)
  expect(total).toBe(1)
  const [row] = rows
  const at = `/v1/fleet/incidents/${encodeURIComponent(row?.id ?? '')}`
  const { steps, alerts } = await served.get<FleetIncidentStory>(at)
  expect(steps.some(({ nodes }) => nodes.join() === 'n1,n2')).toBe(true)
  // It has what the incidents of both nodes have.
  const ofNodes = await Promise.all(
    agents.map((agent) => agent.json<IncidentPage>(['incident', 'list'])),
  )
  const each = ofNodes.flatMap(({ incidents }) => incidents)
  expect(each.reduce((sum, incident) => sum + incident.alerts, 0)).toBe(alerts)
})

test('a decision at a node ends what waits of it', async () => {
  const before = await served.get<FleetReview>('/v1/fleet/review')
  for (const agent of agents) {
    const open = await agent.json<readonly { readonly id: string }[]>(['alert', 'list'])
    for (const { id } of open) await agent.cli(['alert', 'ack', id, '--reason', 'a test'])
  }
  expect(before.total).toBeGreaterThan(0)
  await served.until<FleetReview>('/v1/fleet/review', ({ total }) => total === 0)
  const closed = '/v1/fleet/incidents?state=closed'
  await served.until<FleetIncidents>(closed, ({ rows }) => rows[0]?.nodes.join() === 'n1,n2')
  const { rows } = await served.get<FleetAlerts>('/v1/fleet/alerts?decided=true')
  expect(rows.map(({ decision }) => decision)).toEqual(rows.map(() => 'acknowledged'))
})

test('a console that was killed has all alerts again', async () => {
  const before = await served.get<FleetAlerts>('/v1/fleet/alerts?limit=500')
  await served.end('SIGKILL')
  await served.begin()
  const after = await served.get<FleetAlerts>('/v1/fleet/alerts?limit=500')
  expect(after.rows).toEqual(before.rows)
})

test('without its stream the console serves what it has, names the fault, and misses nothing afterwards', async () => {
  const before = await served.get<FleetAlerts>('/v1/fleet/alerts?limit=500')
  proxy.behave = 'refuse'
  const isFaulty = ({ faults }: FleetStatus): boolean =>
    faults.some((fault) => fault.includes('stream of the alerts'))
  await served.until<FleetStatus>('/v1/fleet', isFaulty)
  const [agent] = agents
  await deviate(agent!, 2, 3)
  const { rows } = await served.get<FleetAlerts>(`/v1/fleet/alerts?limit=${before.rows.length}`)
  expect(rows).toEqual(before.rows)
  proxy.behave = 'take'
  await served.until<FleetAlerts>(
    '/v1/fleet/alerts?limit=500',
    ({ rows: all }) => all.length > before.rows.length,
  )
  // The stream of the agents' reports has a connection of its own, which may come back later.
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) => faults.length === 0)
})

test('the state of each agent is shown: working, blind, silent, missing', async () => {
  const stateOf = async (wanted: string): Promise<FleetNodes> =>
    served.until<FleetNodes>('/v1/fleet/nodes', ({ rows }) =>
      rows.some(({ node, state }) => node === 'n1' && state === wanted),
    )
  const { rows } = await stateOf('working')
  expect(rows.find(({ node }) => node === 'n3')?.state).toBe('missing')
  await agents[0]?.[Symbol.asyncDispose]()
  const silent = await stateOf('silent')
  // The worst first.
  expect(silent.rows.map(({ node, state }) => `${node} ${state}`)).toEqual([
    'n3 missing',
    'n1 silent',
    'n4 blind',
    'n2 working',
  ])
  expect(silent.rows[2]?.reasons.join()).toContain('ebpf')
})

test('the report of an agent that only a later version reads is ignored with a code', async () => {
  const report = { schema: 'snug.agent/v2', node: 'n5', state: ['as', 'it', 'likes'] }
  await nats.publish([JSON.stringify(report)], `${nats.reports}.n5`)
  const isNamed = ({ faults }: FleetStatus): boolean =>
    faults.some((fault) => /`n5`.*`snug\.agent\/v2`.*\(FLEET_VALUE_INVALID\)/.test(fault))
  await served.until<FleetStatus>('/v1/fleet', isNamed)
  const { rows } = await served.get<FleetNodes>('/v1/fleet/nodes')
  expect(rows.find(({ node }) => node === 'n2')?.state).toBe('working')
})

test('SIGTERM ends it with 0', async () => {
  expect(await served.end()).toBe(0)
})

/** Of a ULID, in epoch milliseconds. */
function idTime(id: string): number {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  let sum = 0
  for (let at = 0; at < 10; at++) sum = sum * 32 + digits.indexOf(id.charAt(at))
  return sum
}
