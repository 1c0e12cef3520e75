import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type {
  FleetAlerts,
  FleetImages,
  FleetMap,
  FleetNodes,
  FleetReview,
  FleetStatus,
} from '../../src/console/reading/views.ts'
import { residentMiB } from '../bench/process-usage.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { digestOf } from '../fixtures/kube-pods.ts'
import { entryOf, nodeEntry } from '../fixtures/node-entries.ts'
import { Nats } from '../fixtures/nats.ts'
import { sampleAlert } from '../fixtures/server-fixtures.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'

/** Objects and alerts stand for the nodes here: the test measures the console, with a real server for the alerts. */
const nodes = 5_000
const images = 2_000
/** Nodes that published something of an image. */
const publishers = 10
/** Ten hours of 10,000 an hour, and a few that are in the stream only. */
const alerts = 110_000
const window = 100_000
/** Of processor time, which other load on the machine leaves alone. */
const answerMs = 200

let fleet: SimulatedFleet
let nats: Nats
let served: ConsoleProcess

const imageOf = (i: number) => ({
  repository: `registry.local/team-${i % 40}/app-${i}`,
  digest: digestOf(`app-${i}`),
  scope: `ns-${i % 40}`,
})
const nodeOf = (i: number): string => `node-${String(i % nodes).padStart(4, '0')}`

/** What a node published of an image: three files, a port, and calls to a service, to a name and to an address. */
function entriesOf(i: number, n: number) {
  const node = nodeOf(i * publishers + n)
  const called = (i * 7 + n * 131) % images
  const connect = (peer: string, port: number) =>
    entryOf({ kind: 'connect', protocol: 'tcp', peer, port }, node)
  return [
    ...[0, 1, 2].map((each) => nodeEntry(`/srv/${node}/${each}`, node)),
    entryOf({ kind: 'listen', protocol: 'tcp', address: '0.0.0.0', port: 8080 }, node),
    connect(`app-${called}.ns-${called % 40}`, 8080),
    connect(`api-${n}.vendor-${i % 300}.example.`, 443),
    connect(`10.${i % 200}.${n}.${i % 250}`, 5432),
  ]
}

function* messages(): Iterable<string> {
  for (let i = 0; i < alerts; i++) {
    const time = new Date(Date.UTC(2026, 10, 24) + i * 360).toISOString()
    const cause = i % 400
    const id = `b${cause.toString(16).padStart(20, '0')}`
    const node = nodeOf(i * 7)
    yield JSON.stringify(
      sampleAlert(`01${String(i).padStart(24, '0')}`, {
        node,
        time,
        firstSeen: time,
        lastSeen: time,
        severity: (['low', 'medium', 'high', 'critical'] as const)[i % 97 === 0 ? 3 : i % 3]!,
        image: { ...imageOf(i % images), tag: '1.4' },
        workload: { namespace: `ns-${i % 40}`, kind: 'Deployment', name: `app-${i % images}` },
        behaviour:
          cause % 10 === 0
            ? {
                id,
                kind: 'connect',
                object: `tcp evil-${cause}.example.:4444`,
                text: `connect ${cause}`,
              }
            : { id, kind: 'file', object: `/srv/${cause}`, text: `read /srv/${cause}` },
        // Three quarters were decided on.
        ...(i % 4 === 0 ? {} : { decision: { kind: 'allowed', by: 'token:rita', at: time } }),
      }),
    )
  }
}

beforeAll(async () => {
  fleet = await SimulatedFleet.start()
  for (let i = 0; i < nodes; i++) fleet.node(nodeOf(i))
  for (let i = 0; i < images; i++) {
    const image = imageOf(i)
    fleet.profile(image, { pending: i % 10 === 0 ? 3 : 0 })
    for (let n = 0; n < publishers; n++)
      fleet.slice(
        image,
        nodeOf(i * publishers + n),
        { learnedAt: '2026-11-21T08:00:00Z' },
        entriesOf(i, n),
      )
  }
  nats = await Nats.start()
  await nats.makeStream()
  await nats.publish(messages())
  served = await ConsoleProcess.start({
    kubernetes: { access: fleet.kubeconfig },
    alerts: {
      type: 'nats',
      servers: [`127.0.0.1:${nats.port}`],
      stream: 'SNUG',
      subject: nats.subject,
      window,
    },
  })
})

afterAll(async () => {
  await served?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
  await fleet?.[Symbol.asyncDispose]()
})

/** Processor time of the thread that answers, in milliseconds: other load on the machine does not count. */
function spentMs(): number {
  const stat = readFileSync(`/proc/${served.pid}/task/${served.pid}/schedstat`, 'utf8')
  return Number(stat.split(' ')[0]) / 1e6
}

interface Figures {
  /** Milliseconds of processor time: in the median, which other load on the machine leaves alone, and of the slowest. */
  readonly spent: number
  readonly most: number
  /** Milliseconds until the slowest answer. */
  readonly took: number
}

/** Of a few answers, each after a change, so that none is a view that was made before. */
async function figuresOf(path: string): Promise<Figures> {
  const spent: number[] = []
  let took = 0
  for (let i = 0; i < 5; i++) {
    fleet.profile(imageOf(i), { generation: 2 })
    await delay(700)
    const before = spentMs()
    const { status, tookMs } = await served.ask(path)
    expect(status).toBe(200)
    spent.push(Math.round(spentMs() - before))
    took = Math.max(took, Math.round(tookMs))
  }
  spent.sort((a, b) => a - b)
  return { spent: spent[2] ?? 0, most: spent.at(-1) ?? 0, took }
}

test('the console answers for 5,000 nodes, 2,000 images and 110,000 alerts', async () => {
  const status = await served.get<FleetStatus>('/v1/fleet')
  expect(status.images).toBe(images)
  expect(status.nodes.working).toBe(nodes)
  expect(status.alerts.kept).toBe(window)
  expect(status.faults).toEqual([])
  expect((await served.get<FleetImages>('/v1/fleet/images')).total).toBe(images)
  expect((await served.get<FleetNodes>('/v1/fleet/nodes?limit=500')).rows).toHaveLength(500)
  const review = await served.get<FleetReview>('/v1/fleet/review')
  expect(review.rows).toHaveLength(100)
  const map = await served.get<FleetMap>('/v1/fleet/map?limit=1000')
  expect(map.rows).toHaveLength(1_000)
  // Of each image: ten services, of ten names of a domain one party, and ten blocks.
  expect(map.states.learned).toBe(images * 21)
  expect(map.states.alert).toBeGreaterThan(0)
  const figures: Record<string, Figures> = {}
  for (const path of [
    '/v1/fleet',
    '/v1/fleet/images?q=app-1',
    `/v1/fleet/review?q=read`,
    '/v1/fleet/nodes?state=working&offset=4000',
    '/v1/fleet/map?limit=1000',
    '/v1/fleet/map?q=vendor-7',
    '/v1/fleet/map?party=image:registry.local/team-7/app-7%23ns-7',
    '/v1/fleet/decisions',
    '/v1/fleet/alerts?severity=critical',
    '/v1/fleet/alerts?q=no-such-text',
    '/v1/fleet/alerts?node=node-0007&next=20000',
  ])
    figures[path] = await figuresOf(path)
  console.log('milliseconds:', figures, 'MiB:', residentMiB(served.pid))
  for (const [path, { spent }] of Object.entries(figures))
    expect(spent, path).toBeLessThan(answerMs)
})

test('an alert of the oldest part of the stream is found, page after page', async () => {
  let next = ''
  const found: number[] = []
  for (;;) {
    const page = await served.get<FleetAlerts>(`/v1/fleet/alerts?node=${nodeOf(7)}&limit=10${next}`)
    found.push(...page.rows.map(({ seq }) => seq))
    if (page.next === undefined) break
    next = `&next=${page.next}`
  }
  // Every 5,000th alert is of this node.
  expect(found).toEqual(Array.from({ length: 22 }, (_, i) => (21 - i) * nodes + 2))
})
