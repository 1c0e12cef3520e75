import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { imageKey } from '../../src/core/event/image-key.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type {
  FleetAlerts,
  FleetImageDetail,
  FleetImages,
  FleetNodes,
  FleetReview,
  FleetStatus,
} from '../../src/console/reading/views.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { BucketFleet } from '../fixtures/bucket-fleet.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { earlierBuild } from '../fixtures/earlier-build.ts'
import { Nats } from '../fixtures/nats.ts'
import { type FleetNode, has, type NodeImage, stateIs } from '../kube/fleet-node.ts'

/**
 * A fleet in the middle of an upgrade: an agent and a console of an earlier build, and those of the present one, beside
 * one nats-server. One story.
 */
const earlier = 'c283cc306e16fb67701e0b0f10602b591f0543f8'
const named = { repository: 'shop/web', digest: `sha256:${randomBytes(32).toString('hex')}` }
const image: NodeImage = { ...named, tag: '1', ref: imageKey(named), scope: undefined }
const at = `/v1/fleet/images/${profileName(named)}`

let nats: Nats
let old: FleetNode
let present: FleetNode
let oldConsole: ConsoleProcess
let presentConsole: ConsoleProcess
const nodes = (): readonly FleetNode[] => [old, present]
const consoles = (): readonly ConsoleProcess[] => [oldConsole, presentConsole]

beforeAll(async () => {
  const build = earlierBuild(earlier)
  nats = await Nats.start()
  const fleet = await BucketFleet.make(nats, image)
  old = fleet.host('vm-old', build)
  present = fleet.host('vm-present')
  for (const { agent } of nodes()) await agent.start()
  oldConsole = await ConsoleProcess.start(fleet.config, { build })
  presentConsole = await ConsoleProcess.start(fleet.config)
})
afterAll(async () => {
  for (const served of consoles()) await served?.[Symbol.asyncDispose]()
  for (const node of nodes()) await node?.agent[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

test('each agent has what the other one learned, and each console has both', async () => {
  await old.opened('/etc/of-old')
  await present.opened('/etc/of-present')
  for (const node of nodes()) await node.rows(has('/etc/of-old', '/etc/of-present'))
  for (const served of consoles()) {
    const { rows } = await served.until<FleetImages>(
      '/v1/fleet/images',
      ({ rows: all }) => all[0]?.nodes === 2,
    )
    expect(rows).toMatchObject([{ lineage: 'shop/web', state: 'learning', behaviours: 2 }])
    await served.until<FleetNodes>('/v1/fleet/nodes', ({ states }) => states.working === 2)
  }
})

test.each([
  ['earlier', 'alert'],
  ['present', 'learn'],
  ['present', 'alert'],
] as const)(
  'the mode that a person sets at the %s console is on both hosts: %s',
  async (of, mode) => {
    const served = of === 'earlier' ? oldConsole : presentConsole
    const { status } = await decides(served, 'mode', { mode })
    expect(status).toBe(200)
    for (const node of nodes()) await node.modeIs(mode)
  },
)

test.each([
  ['earlier', 'present'],
  ['present', 'earlier'],
])(
  'an alert of the %s agent is decided at the %s console, and both agents apply it',
  async (from) => {
    const [node, served] = from === 'earlier' ? [old, presentConsole] : [present, oldConsole]
    // One after the other: reads of one folder that wait together are one item of the review.
    for (const [what, state] of [
      ['approve', 'approved'],
      ['reject', 'rejected'],
    ] as const) {
      const path = `/etc/${state}-of-${from}`
      const isOf = ({ text }: { readonly text: string }): boolean => text === `read ${path}`
      await node.opened(path)
      for (const each of consoles())
        await each.until<FleetAlerts>('/v1/fleet/alerts', ({ rows }) => rows.some(isOf))
      const { rows } = await served.until<FleetReview>('/v1/fleet/review', ({ rows: all }) =>
        all.some(isOf),
      )
      const { behaviours = [] } = rows.find(isOf) ?? {}
      expect((await decides(served, what, { behaviours })).status).toBe(200)
      for (const each of nodes()) await each.rows(stateIs(path, state))
    }
  },
)

test('nobody ignores a value of the other build', async () => {
  for (const { agent } of nodes())
    await agent.until<StatusView>(['status'], ({ degraded }) => !degraded.join().includes('fleet'))
  for (const served of consoles()) {
    const { faults, alerts } = await served.get<FleetStatus>('/v1/fleet')
    expect(faults).toEqual([])
    expect(alerts.ignored).toBe(0)
  }
})

function decides(
  served: ConsoleProcess,
  what: 'approve' | 'reject' | 'mode',
  body: object,
): ReturnType<typeof served.ask<FleetImageDetail>> {
  return served.ask<FleetImageDetail>(`${at}/${what}`, {
    as: 'admin',
    method: what === 'mode' ? 'PUT' : 'POST',
    body,
    headers: { 'if-match': '*' },
  })
}
