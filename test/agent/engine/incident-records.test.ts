import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  isAlert,
  isIncident,
  type OutboundRecord,
} from '../../../src/core/event/outbound-record.ts'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { SnugEvent } from '../../../src/core/event/event.ts'
import { type IncidentRecord, updateMs } from '../../../src/core/incident/incident-record.ts'
import { nearMs } from '../../../src/core/incident/incidents.ts'
import type { SinkBinding } from '../../../src/agent/pipeline/delivery/sinks/sink.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { daemonWorld, type DaemonWorld, judged } from '../../fixtures/daemon-fixtures.ts'
import * as story from '../../fixtures/page-story.ts'
import { patienceMs } from '../../fixtures/patience.ts'
import { RecordSink } from '../../fixtures/record-sink.ts'

const by = { who: 'cli:root', reason: 'an exercise' }
const all = { limit: 100 }
const hourMs = 3_600_000
// The age of a record in the queue of a sink is by the real clock.
const startMs = Date.now()

let store: MemoryStore
let sink: RecordSink
let world: DaemonWorld

async function begin(alertsKept = 1_000): Promise<void> {
  world = daemonWorld({
    rules: { floorMs: hourMs, ceilingMs: 24 * hourMs },
    startMs,
    store,
    outlets: [sink],
    alertsKept,
  })
  await world.start()
}

async function happens(events: Iterable<SnugEvent>): Promise<void> {
  async function* chunks() {
    yield Buffer.from(story.lines(events))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

function incidentsIn(records: readonly OutboundRecord[]): readonly IncidentRecord[] {
  return records.filter(isIncident)
}

async function close(): Promise<string> {
  const { incidents } = await world.engine.incidents({ ...all, state: 'open' })
  expect(incidents).toHaveLength(1)
  const { id = '', revision = '' } = incidents[0] ?? {}
  await world.engine.closeIncident(id, { revision }, by)
  return id
}

/** Resolves once the records of all that happened are stored. */
async function derived(): Promise<void> {
  const { daemon } = world
  await judged()
  await daemon.journal.persist()
  await daemon.incidentFeed.settled()
  await daemon.journal.persist()
}

/** Resolves once the sink has all that is due. */
async function settled(): Promise<void> {
  const { daemon } = world
  await derived()
  while (daemon.journal.dispatcher.waiting['siem'] !== 0) await judged()
}

/** The records that come with it. */
async function recordsOf(act: () => Promise<unknown>): Promise<readonly IncidentRecord[]> {
  await settled()
  const before = sink.records.length
  await act()
  await settled()
  return incidentsIn(sink.records.slice(before))
}

async function aMinute(): Promise<void> {
  world.advance(updateMs)
  await settled()
}

beforeEach(async () => {
  store = new MemoryStore()
  sink = new RecordSink()
  await begin()
  await happens(story.learned(startMs))
  await world.engine.setMode(story.webRepository, 'alert', by)
})
afterEach(async () => {
  await world.stop()
})

describe('the intruder of the shop', () => {
  let begun: IncidentRecord
  beforeEach(async () => {
    await happens(story.intruder(startMs + hourMs))
    await settled()
    // A derivation may see a part of the alerts. The rest is sent then, and the next update is due a minute later.
    await aMinute()
    await aMinute()
    begun = incidentsIn(sink.records).at(-1) as IncidentRecord
  })

  it('is one incident with records that have what the list of incidents shows', async () => {
    const { incidents } = await world.engine.incidents(all)
    const { id = '', revision: _, images: __, ...view } = incidents[0] ?? {}
    expect(begun).toMatchObject({ schema: 'snug.incident/v1', incident: id, node: 'n1', ...view })
    expect(begun.images).toEqual([`${story.webRepository}:1.4.2`])
    const { members } = await world.engine.incidentStory(id)
    expect(begun.alertIds).toEqual(members.map(({ alert }) => alert))
    const found = incidentsIn(sink.records)
    expect(new Set(found.map(({ incident }) => incident))).toEqual(new Set([id]))
    expect(found.map(({ revision }) => revision)).toEqual(found.map((_, at) => at + 1))
    expect(found[0]).toMatchObject({ state: 'open', revision: 1 })
  })

  it('gives its id to the alerts that are sent while it is known', async () => {
    await happens(story.deviation('/etc/shadow-', startMs + hourMs + 1_000))
    await settled()
    const latest = (): Alert | undefined => sink.records.filter(isAlert).at(-1)
    // On a busy machine the alert may have gone out before. Each repeat sends it again.
    let repeats = 1
    await expect
      .poll(async () => {
        repeats += 1
        await happens(story.deviation('/etc/shadow-', startMs + hourMs + repeats * 1_000))
        await settled()
        return latest()?.incident
      })
      .toBe(begun.incident)
    const alert = latest()
    expect(alert?.behaviour?.object).toBe('/etc/shadow-')
    // What is stored and shown has no incident, which may change.
    expect(world.engine.alert(alert?.id ?? '').incident).toBeUndefined()
  })

  it('is sent again a minute later where it only grows, and not for a repeat', async () => {
    const deviates = (path: string) => happens(story.deviation(path, startMs + hourMs + 1_000))
    expect(await recordsOf(() => deviates('/srv/shop/.env'))).toMatchObject([
      { revision: begun.revision + 1, alerts: begun.alerts + 1 },
    ])
    expect(await recordsOf(() => deviates('/home/x/.aws/credentials'))).toEqual([])
    expect(await recordsOf(() => deviates('/root/.ssh/id_rsa'))).toEqual([])
    expect(await recordsOf(aMinute)).toMatchObject([
      { revision: begun.revision + 2, alerts: begun.alerts + 3 },
    ])
    expect(await recordsOf(() => deviates('/root/.ssh/id_rsa'))).toEqual([])
    expect(await recordsOf(aMinute)).toEqual([])
  })

  it('is sent at once as it is closed, by whom and why, opens again and is closed again', async () => {
    const revision = begun.revision
    expect(await recordsOf(close)).toMatchObject([
      {
        revision: revision + 1,
        state: 'closed',
        open: 0,
        closed: { by: by.who, reason: by.reason },
      },
    ])
    const again = () => happens(story.intruder(startMs + hourMs + nearMs / 2))
    const [opened] = await recordsOf(again)
    expect(opened).toMatchObject({ revision: revision + 2, state: 'open' })
    expect(opened).not.toHaveProperty('closed')
    expect(await recordsOf(close)).toMatchObject([{ state: 'closed' }])
  })

  it('is closed by who allowed all that is in it', async () => {
    const records = await recordsOf(async () => {
      for (const { id } of await world.engine.alerts(all)) await world.engine.allowAlert(id, {}, by)
    })
    expect(records.at(-1)).toMatchObject({
      incident: begun.incident,
      state: 'closed',
      open: 0,
      closed: { kind: 'allowed', by: by.who },
    })
  })

  it('is not sent again after a restart, and what happened since is', async () => {
    await world.stop()
    const before = sink.records.length
    await begin()
    await settled()
    await aMinute()
    expect(incidentsIn(sink.records.slice(before))).toEqual([])
    expect(await recordsOf(close)).toMatchObject([
      { incident: begun.incident, revision: begun.revision + 1, state: 'closed' },
    ])
  })

  it('waits in its newest state for a sink that is down, also over a restart', async () => {
    sink.isDown = true
    await close()
    await derived()
    await happens(story.intruder(startMs + hourMs + nearMs / 2))
    await derived()
    // The first record of a reopened incident may have a part of its new alerts. The rest are due a minute later.
    world.advance(updateMs)
    await derived()
    const { incidents } = await world.engine.incidents(all)
    await world.stop()
    sink.isDown = false
    const { open = 0, alerts = 0 } = incidents[0] ?? {}
    expect(open).toBeGreaterThan(0)
    expect(await recordsAfterStart()).toMatchObject([
      { incident: begun.incident, state: 'open', open, alerts },
    ])
  })

  it('is in the queue of a sink that came later, as it is now', async () => {
    const other = new RecordSink()
    const limits = { outbox: { maxBytes: 1e6, maxAgeMs: 1e9, maxSpan: 1e3 }, repeatMs: 0 }
    const late = { ...other.sink, name: 'late' }
    await world.daemon.journal.changeSinks([sink, binding(other, late)], limits)
    const found = await other.until((records) => incidentsIn(records)[0])
    expect(found).toEqual(begun)
  })
})

function binding({ accepts, wantsIncidents }: RecordSink, sink: RecordSink['sink']): SinkBinding {
  return { sink, type: 'file', format: 'json', target: '', spec: 'late', accepts, wantsIncidents }
}

async function recordsAfterStart(): Promise<readonly IncidentRecord[]> {
  const before = sink.records.length
  await begin()
  await settled()
  return incidentsIn(sink.records.slice(before))
}

/** The intruder in a replica of the shop. */
function inReplica(replica: number, ms: number): readonly SnugEvent[] {
  const container = { id: `${replica}`.padStart(64, '0'), name: `web-${replica}` }
  return story.intruder(ms).map((event) => ({ ...event, container }) as SnugEvent)
}

it('an incident whose alerts are evicted ends, or is forgotten once it was closed', async () => {
  await world.stop()
  store = new MemoryStore()
  sink = new RecordSink()
  await begin(9)
  await happens(story.learned(startMs))
  await world.engine.setMode(story.webRepository, 'alert', by)
  await happens(inReplica(1, startMs + hourMs))
  await settled()
  const first = await close()
  await settled()
  // The alerts of another one take their place, and later those of a third one that of the second.
  await happens(inReplica(2, startMs + 9 * hourMs))
  await settled()
  await happens(inReplica(3, startMs + 20 * hourMs))
  await settled()
  await aMinute()
  const found = incidentsIn(sink.records)
  const statesOf = (id: string | undefined): readonly string[] =>
    found.filter(({ incident }) => incident === id).map(({ state }) => state)
  expect(statesOf(first)).toEqual(['open', 'closed'])
  const [second] = found.filter(({ incident }) => incident !== first)
  expect(statesOf(second?.incident)).toEqual(['open', 'ended'])
  const kept = [...world.daemon.journal.incidents.keys()]
  expect(kept).not.toContain(first)
  expect(kept).not.toContain(second?.incident)
  expect(kept.length).toBeGreaterThan(0)
  const { meta } = await store.load()
  expect(Object.keys(meta).filter((key) => key.startsWith('incident '))).toHaveLength(kept.length)
})

describe('two incidents', () => {
  const campaign = 100 * 60_000

  it('that become one end with a record that names the other', async () => {
    await happens(inReplica(1, startMs + hourMs))
    await happens(inReplica(2, startMs + hourMs + campaign))
    await settled()
    const ids = new Set(incidentsIn(sink.records).map(({ incident }) => incident))
    const [first, second] = [...ids].sort()
    expect(ids.size).toBe(2)
    const records = await recordsOf(() => happens(inReplica(3, startMs + hourMs + campaign / 2)))
    expect(records.filter(({ incident }) => incident === second)).toMatchObject([
      { state: 'ended', into: first },
    ])
    await aMinute()
    expect(incidentsIn(sink.records).at(-1)).toMatchObject({ incident: first, containers: 3 })
    await world.stop()
    expect(await recordsAfterStart()).toEqual([])
  })
})

it('without a sink that takes incidents none is derived, and alerts have no id of one', async () => {
  await world.stop()
  store = new MemoryStore()
  sink = new RecordSink((each) => !isIncident(each), false)
  await begin()
  await happens(story.learned(startMs))
  await world.engine.setMode(story.webRepository, 'alert', by)
  await happens(story.intruder(startMs + hourMs))
  await settled()
  expect(sink.records.filter(isAlert).length).toBeGreaterThan(3)
  expect(sink.records.filter((each) => isAlert(each) && each.incident !== undefined)).toEqual([])
  expect(world.daemon.journal.incidents.size).toBe(0)
})
