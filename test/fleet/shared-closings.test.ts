import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { severities } from '../../src/core/event/alert-words.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { FleetSync } from '../../src/fleet/fleet-sync.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { KubeFleet } from '../../src/fleet/kubernetes/kube-fleet.ts'
import { MemoryStore } from '../../src/agent/records/store/memory-store.ts'
import { daemonWorld, type DaemonWorld } from '../fixtures/daemon-fixtures.ts'
import { ScriptedApi } from '../fixtures/kube-server.ts'
import * as story from '../fixtures/page-story.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** Incidents that people close in ImageProfiles, on a node with the alerts of one intruder. */
const hourMs = 3_600_000
const node = 'n1'
const startMs = Date.now() - 3 * hourMs
const by = { who: 'cli:root', reason: 'seen in the tests' }
const who = 'spec:console:oidc:rita'

let profiles: ScriptedApi
let slices: ScriptedApi
let stop: AbortController
let store: MemoryStore
let world: DaemonWorld
let sync: FleetSync
let image: { readonly repository: string; readonly digest: string }
let generation = 0

async function begins(): Promise<void> {
  world = daemonWorld({
    rules: { floorMs: hourMs, ceilingMs: 24 * hourMs },
    startMs,
    node,
    store,
    alertsKept: 1_000,
  })
  await world.start()
}

async function joins(): Promise<void> {
  sync = new FleetSync({
    context: world.daemon,
    engine: world.engine,
    holds: world.daemon.sharedHolds,
    makeFleet: (link) => new KubeFleet({ api: profiles.api(), node, ...link }),
    shareWithinMs: hourMs,
    random: () => 1,
    tickMs: hourMs,
  })
  await sync.start(stop.signal)
}

async function happens(events: Parameters<typeof story.lines>[0]): Promise<void> {
  async function* chunks() {
    yield Buffer.from(story.lines(events))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

beforeEach(async () => {
  profiles = new ScriptedApi('/apis/snug.dev/v1alpha1/imageprofiles')
  slices = new ScriptedApi('/apis/snug.dev/v1alpha1/profileslices')
  for (const server of [profiles, slices]) await server.start()
  profiles.beside = slices
  stop = new AbortController()
  store = new MemoryStore()
  await begins()
  await happens(story.learned(startMs))
  await world.engine.setMode(story.webRepository, 'alert', by)
  world.advance(hourMs)
  await happens(story.intruder(startMs + hourMs))
  const { version } = await world.engine.profile(story.webRepository)
  image = { repository: version.image.repository, digest: version.image.digest }
  await joins()
})

afterEach(async () => {
  stop.abort()
  await world.stop()
  for (const server of [profiles, slices]) await server.kill()
})

const alerts = (): Promise<readonly Alert[]> => world.engine.alerts({ limit: 1_000 })
const open = async (): Promise<readonly string[]> =>
  (await alerts()).filter(({ decision }) => decision === undefined).map(({ id }) => id)

function closes(seen: readonly Pick<Alert, 'id' | 'severity'>[], more: object = {}): object {
  return {
    id: 'c00000001',
    incident: `${seen[0]?.id} ${node}`,
    title: 'a web shell in shop/web',
    by: 'console:oidc:rita',
    at: new Date(Date.now() - 1_000).toISOString(),
    reason: 'an exercise',
    alerts: seen.map(({ id, severity }) => ({ node, severity, ids: [id] })),
    ...more,
  }
}

function stands(...closings: readonly object[]): void {
  generation += 1
  profiles.put(profileName(image), { metadata: { generation }, spec: { image, closings } })
}

const entries = async () => {
  await world.daemon.journal.persist()
  return (await world.engine.audit(50)).filter(({ what }) => what.startsWith('incident-'))
}

describe('a closing in an ImageProfile', () => {
  it('acknowledges the alerts that it names in the name of its author, with one audit entry', async () => {
    const all = await alerts()
    const [unseen, ...seen] = all
    stands(closes(seen))
    await expect.poll(open).toEqual([unseen?.id])
    for (const { decision } of (await alerts()).slice(1))
      expect(decision).toMatchObject({ kind: 'acknowledged', by: who, reason: 'an exercise' })
    expect(await entries()).toMatchObject([
      {
        what: 'incident-close',
        who,
        incident: `${seen[0]?.id} ${node}`,
        name: 'a web shell in shop/web',
        reason: 'an exercise',
        alerts: seen.map(({ id }) => id).sort(),
      },
    ])
    const { incidents } = await world.engine.incidents({ limit: 10 })
    expect(incidents).toMatchObject([{ state: 'open', open: 1 }])
  })

  it('closes the incident on the node where it names all of its alerts', async () => {
    stands(closes(await alerts()))
    await expect.poll(open).toEqual([])
    const { incidents } = await world.engine.incidents({ limit: 10 })
    expect(incidents).toMatchObject([{ state: 'closed', closed: { by: who } }])
  })

  it('leaves alerts open that became graver, that other nodes have, and that it does not name', async () => {
    const [first, second] = await alerts()
    if (first === undefined || second === undefined) throw new Error('no alerts')
    const before = await open()
    const lighter = severities[severities.indexOf(first.severity) - 1] ?? 'critical'
    const wrong = closes([{ id: first.id, severity: lighter }])
    const elsewhere = closes([], {
      id: 'c00000002',
      alerts: [{ node: 'n2', severity: second.severity, ids: [second.id] }],
    })
    const last = closes([second], { id: 'c00000003' })
    stands(wrong, elsewhere, closes([{ id: 'none', severity: 'high' }], { id: 'c00000004' }))
    stands(wrong, elsewhere, last)
    await expect.poll(open).toEqual(before.filter((id) => id !== second.id))
    expect(await entries()).toHaveLength(1)
  })

  it('is applied once: an alert that a person opened again stays open, over a restart too', async () => {
    const all = await open()
    stands(closes(await alerts()))
    await expect.poll(open).toEqual([])
    const [entry] = await entries()
    await world.engine.undo(entry?.seq ?? 0, by)
    expect(await open()).toEqual(all)
    stands(closes(await alerts()), closes([], { id: 'c00000002' }))
    await sync.tick()
    await sync.tick()
    expect(await open()).toEqual(all)
    stop.abort()
    await world.stop()
    stop = new AbortController()
    await begins()
    await joins()
    await sync.tick()
    // The time without an agent is a loss, which is another alert.
    expect(await open()).toEqual(expect.arrayContaining([...all]))
    expect((await entries()).map(({ what }) => what)).toEqual(['incident-reopen', 'incident-close'])
  })

  it('that came while the agent was away is applied when it is back', async () => {
    stop.abort()
    await world.stop()
    stop = new AbortController()
    await begins()
    stands(closes(await alerts()))
    expect(await open()).not.toEqual([])
    await joins()
    await sync.tick()
    expect(await open()).toEqual([])
  })

  it.each([
    ['without a reason', { reason: '' }],
    ['of next year', { at: new Date(Date.now() + 9_000 * hourMs).toISOString() }],
    [
      'with more alerts than its bound',
      {
        alerts: [
          { node, severity: 'high', ids: Array.from({ length: 501 }, (_, at) => `01-${at}`) },
        ],
      },
    ],
  ])('%s makes its object invalid, which is reported', async (_, wrong) => {
    const before = await open()
    stands(closes(await alerts(), wrong))
    await expect
      .poll(async () => {
        await sync.tick()
        return world.daemon.faults.get('fleet')
      })
      .toContain('KUBE_OBJECT_INVALID')
    expect(await open()).toEqual(before)
  })
})
