import '../../fixtures/seeded.ts'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { severities } from '../../../src/core/event/alert-words.ts'
import type { ActEvent, SnugEvent } from '../../../src/core/event/event.ts'
import { parseEventLine } from '../../../src/core/event/parse-event.ts'
import { nearMs, treeMs } from '../../../src/core/incident/incidents.ts'
import {
  incidentCursor,
  type IncidentPage,
  type IncidentQuery,
  type IncidentStory,
  type IncidentView,
} from '../../../src/api/incident-views.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import type { Store } from '../../../src/agent/records/store/store.ts'
import { loadAttacks } from '../../../src/support/config/load-attacks.ts'
import { daemonWorld, type DaemonWorld } from '../../fixtures/daemon-fixtures.ts'
import * as story from '../../fixtures/page-story.ts'
import { patienceMs } from '../../fixtures/patience.ts'
import { drawn } from '../../fixtures/seed.ts'

const by = { who: 'cli:root', reason: 'an exercise of ours' }
const all = { limit: 100 }
const startMs = Date.parse('2026-11-24T12:00:00Z')
const hourMs = 3_600_000

let world: DaemonWorld

async function begin(store: Store = new MemoryStore()): Promise<void> {
  world = daemonWorld({
    rules: { floorMs: hourMs, ceilingMs: 24 * hourMs },
    startMs,
    store,
    alertsKept: 5_000,
  })
  await world.start()
}

async function happens(events: Iterable<SnugEvent>): Promise<void> {
  async function* chunks() {
    yield Buffer.from(story.lines(events))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

async function only(): Promise<IncidentView> {
  const { incidents } = await world.engine.incidents(all)
  expect(incidents).toHaveLength(1)
  return incidents[0] as IncidentView
}

async function close({ id, revision }: IncidentView) {
  return world.engine.closeIncident(id, { revision }, by)
}

afterEach(async () => {
  await world.stop()
})

describe('the intruder of the shop', () => {
  beforeEach(async () => {
    await begin()
    await happens(story.learned(startMs))
    await world.engine.setMode(story.webRepository, 'alert', by)
    await happens(story.intruder(startMs + hourMs))
  })

  it('is one incident, of the severity of its gravest alert and with all of its techniques', async () => {
    const found = await only()
    const alerts = await world.engine.alerts(all)
    expect(found).toMatchObject({ severity: 'high', state: 'open', containers: 1 })
    expect(found.alerts).toBe(alerts.length)
    expect(found.attack).toEqual([...new Set(alerts.flatMap(({ attack }) => attack))].sort())
    expect(found.title).toMatch(
      /^web-7c9: sh reads \/etc\/shadow, runs \/tmp\/kdevtmpfsi \(not from the image\), /,
    )
  })

  it('is found by each of its alerts, which is explained by another one of it', async () => {
    const { id, members } = await world.engine.incidentStory((await only()).id)
    for (const { alert, with: other } of members) {
      expect((await world.engine.incidentStory(alert)).id).toBe(id)
      expect((await world.engine.page.story(alert)).incident?.id).toBe(id)
      if (alert !== id) expect(members.map((member) => member.alert)).toContain(other)
    }
    await expect(world.engine.incidentStory('01-none')).rejects.toMatchObject({
      code: 'INCIDENT_UNKNOWN',
    })
  })

  it('closes with all of its alerts on record, allows nothing, and opens again by undo', async () => {
    const before = await only()
    const preview = await world.engine.closeIncident(
      before.id,
      { revision: before.revision, dryRun: true },
      by,
    )
    expect(preview.acknowledged).toHaveLength(before.alerts)
    expect(await only()).toEqual(before)

    const { incident, acknowledged } = await close(before)
    expect(incident).toMatchObject({ id: before.id, state: 'closed', open: 0 })
    expect(incident.closed).toMatchObject({ by: by.who, reason: by.reason })
    for (const id of acknowledged) {
      expect(world.engine.alert(id).decision).toMatchObject({
        kind: 'acknowledged',
        by: by.who,
      })
    }
    expect((await world.engine.incidents({ ...all, state: 'open' })).total).toBe(0)
    const [entry] = await world.engine.audit(1)
    expect(entry).toMatchObject({ what: 'incident-close', who: by.who, incident: before.id })
    expect(entry?.['alerts']).toEqual(acknowledged)

    await world.engine.undo(entry?.seq ?? 0, by)
    expect(await only()).toEqual(before)
    expect(await world.engine.verifyAudit()).toMatchObject({ ok: true })
  })

  it('opens again with the next alert of it, also with one of a repeated event', async () => {
    const { id } = await only()
    await close(await only())
    await happens(story.intruder(startMs + hourMs + nearMs / 2))
    expect(await only()).toMatchObject({ id, state: 'open', severity: 'high' })
  })

  it('is followed by another one where the same happens much later', async () => {
    const first = await only()
    await close(first)
    await happens(story.intruder(startMs + hourMs + treeMs + nearMs))
    const { incidents } = await world.engine.incidents({ ...all, state: 'open' })
    expect(incidents).toHaveLength(1)
    expect(incidents[0]).toMatchObject({ follows: first.id })
  })

  it('is not closed by a decision on what it was before', async () => {
    const before = await only()
    await happens(story.deviation('/etc/shadow-', startMs + hourMs + 1_000))
    const after = await only()
    expect(after.alerts).toBeGreaterThan(before.alerts)
    await expect(close(before)).rejects.toMatchObject({ code: 'REVISION_STALE' })
    expect(await only()).toEqual(after)
  })

  it('has no part that a person allowed', async () => {
    const { id, alerts } = await only()
    const allowed = (await world.engine.alerts(all)).find((alert) => alert.severity === 'medium')
    await world.engine.allowAlert(allowed?.id ?? '', {}, by)
    expect(await only()).toMatchObject({ id, alerts: alerts - 1 })
  })
})

it('incidents and their decisions are the same after a restart', async () => {
  const store = new MemoryStore()
  await begin(store)
  await happens(story.learned(startMs))
  await world.engine.setMode(story.webRepository, 'alert', by)
  await happens(story.intruder(startMs + hourMs))
  await close(await only())
  const before = await world.engine.incidentStory((await only()).id)
  await world.stop()
  await begin(store)
  expect(await world.engine.incidentStory((await only()).id)).toEqual(before)
})

describe('a list of incidents', () => {
  it('has each once over its pages, gravest first, and those that a filter wants', async () => {
    await begin()
    await happens(story.learned(startMs))
    for (const repository of [story.webRepository, story.databaseRepository]) {
      await world.engine.setMode(repository, 'alert', by)
    }
    for (const times of [1, 2, 3]) await happens(story.intruder(startMs + times * 24 * hourMs))
    await happens(story.deviation('/srv/shop/.env', startMs + 12 * hourMs))
    const listed = async (query: Partial<IncidentQuery>): Promise<readonly IncidentView[]> =>
      (await world.engine.incidents({ ...all, ...query })).incidents
    const found = await listed({})
    const ranks = found.map(({ severity }) => severities.indexOf(severity))
    expect(ranks).toEqual(ranks.toSorted((a, b) => b - a))
    expect(new Set(ranks).size).toBe(2)

    const paged: IncidentView[] = []
    for (const _ of found) {
      const last = paged.at(-1)
      const after = last === undefined ? {} : { after: incidentCursor(last) }
      paged.push(...(await listed({ ...after, limit: 1 })))
    }
    expect(paged).toEqual(found)

    expect(await listed({ severity: 'high' })).toEqual(
      found.filter((each) => each.severity === 'high'),
    )
    expect(await listed({ image: story.webRepository })).toEqual(found)
    expect(await listed({ image: story.databaseRepository })).toEqual([])
    await close(found[1] as IncidentView)
    expect((await listed({ state: 'closed' })).map(({ id }) => id)).toEqual([found[1]?.id])
    expect(await listed({ state: 'open' })).toHaveLength(found.length - 1)
  })
})

interface Service {
  readonly learned: readonly ActEvent[]
  /** The program that an intruder comes through. */
  readonly exe: string
}

function eventsIn(file: string): readonly ActEvent[] {
  const path = new URL(`../../../${file}`, import.meta.url)
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return lines.map(parseEventLine).filter((event) => event.kind !== 'loss')
}

function acts(events: Iterable<SnugEvent>, repository: string): readonly ActEvent[] {
  return [...events]
    .filter((event) => event.kind !== 'loss')
    .filter(({ image }) => image?.repository === repository)
}

/** Five services, each as a recording or another test has it. */
function fiveServices(): readonly Service[] {
  const shop = story.learned(startMs)
  const front = eventsIn('test/corpus/web-server/learn.ndjson').map((event) => ({
    ...event,
    image: { repository: 'registry.local/shop/front', digest: `sha256:${'f0'.repeat(32)}` },
  }))
  return [
    { learned: acts(shop, story.webRepository), exe: '/usr/bin/php-fpm8.4' },
    { learned: acts(shop, story.databaseRepository), exe: '/usr/lib/postgresql/17/bin/postgres' },
    { learned: acts(story.many(60), story.archiveRepository), exe: '/usr/bin/archiver' },
    { learned: front, exe: '/usr/sbin/nginx' },
    {
      learned: eventsIn('docs/demo/story.ndjson').filter(({ image }) => image?.tag === '1.0'),
      exe: '/usr/sbin/httpd',
    },
  ]
}

describe('twenty intrusions over five services', () => {
  it('are 20 to 22 incidents, whatever is new but ordinary in between, and none mixes two', async () => {
    await begin()
    const services = fiveServices()
    const traces = loadAttacks()
    const random = drawn()
    const below = (count: number): number => Math.floor(random() * count)
    for (const { learned } of services) await happens(learned)
    for (const { repository } of await world.engine.images()) {
      await world.engine.setMode(repository, 'alert', by)
    }

    const happened: ActEvent[] = []
    const at = (event: ActEvent, ms: number, { learned }: Service, replica: number): ActEvent => {
      const [{ image, container, node, source } = event] = learned
      const id = `${container.id.slice(0, 62)}0${replica}`
      const time = new Date(ms).toISOString()
      const where = { container: { id, name: `${container.name}-${replica}` }, node, source, time }
      return { ...event, ...where, ...(image && { image }) }
    }
    /** By container and time: the intrusion. */
    const intrusions: { readonly container: string; readonly from: number; readonly to: number }[] =
      []
    for (let intrusion = 0; intrusion < 20; intrusion++) {
      const service = services[intrusion % 5] as Service
      // What repeats an open alert is counted there, so each is in another container.
      const replica = Math.floor(intrusion / 5)
      // Intrusions into one service are hours apart, and those into others at any time.
      let ms = startMs + (24 + Math.floor(intrusion / 5) * 6) * hourMs + below(2 * hourMs)
      const from = ms
      let container = ''
      // Repeats are counted in the alert that there is.
      const steps = new Set(Array.from({ length: 4 + below(5) }, () => below(traces.length)))
      for (const step of steps) {
        const trace = traces[step]
        for (const event of trace?.events ?? []) {
          const own = JSON.stringify(event)
            .replaceAll(trace?.service ?? '', service.exe)
            .replaceAll('203.0.113.7', `198.51.100.${intrusion}`)
          const act = at(JSON.parse(own) as ActEvent, ms, service, replica)
          const pid = act.process.pid + 100_000 * (intrusion + 1)
          const ppid = (act.process.ppid ?? 1) + 100_000 * (intrusion + 1)
          happened.push({ ...act, process: { ...act.process, pid, ppid } })
          container = act.container.id
        }
        ms += below(nearMs / 4)
      }
      intrusions.push({ container, from, to: ms })
    }
    const novelty = 200
    for (let each = 0; each < novelty; each++) {
      const service = services[below(5)] as Service
      const ms = startMs + 24 * hourMs + below(26 * hourMs)
      const process = { pid: 100, exe: service.exe, uid: 33, origin: 'entrypoint' as const }
      const connect = { protocol: 'tcp', address: `10.9.${each}.7`, port: 5432 }
      const file = { path: `/tmp/${each}/upload-${each}.csv`, access: ['create' as const] }
      // One in four is above novelty.
      const what = each % 4 === 0 ? { kind: 'connect', connect } : { kind: 'file', file }
      const event = { v: 1, process, ...what } as unknown as ActEvent
      happened.push(at(event, ms, service, below(4)))
    }
    happened.sort((a, b) => (a.time < b.time ? -1 : 1))
    await happens(happened)

    const { incidents, outside } = await world.engine.incidents(all)
    const alerts = await world.engine.alerts({ limit: 5_000 })
    const ordinary = alerts.filter(({ process }) => process?.pid === 100)
    expect(ordinary.filter(({ severity }) => severity === 'medium').length).toBeGreaterThan(20)
    expect(ordinary.filter(({ severity }) => severity === 'low').length).toBeGreaterThan(10)
    expect(outside).toMatchObject({ medium: 0, high: 0, critical: 0 })
    const found = new Set<number>()
    let rows = 0
    for (const { id } of incidents) {
      const { members } = await world.engine.incidentStory(id)
      const own = new Set(
        members.map(({ alert }) => {
          const { container, firstSeen } = world.engine.alert(alert)
          return intrusions.findIndex(
            ({ container: other, from, to }) =>
              other === container?.id &&
              Date.parse(firstSeen) >= from &&
              Date.parse(firstSeen) <= to,
          )
        }),
      )
      // What is ordinary may stand beside one intrusion, or alone.
      own.delete(-1)
      expect(own.size, `${id} mixes ${[...own].join(', ')}`).toBeLessThanOrEqual(1)
      if (own.size === 1) rows += 1
      for (const one of own) found.add(one)
    }
    expect([...found].sort((a, b) => a - b)).toEqual(intrusions.map((_, one) => one))
    expect(rows).toBeLessThanOrEqual(22)
  })
})

describe('two thousand alerts of one campaign', () => {
  it('are one row, whose gravest alerts are listed however many follow, and close together', async () => {
    await begin()
    const [web] = fiveServices()
    await happens(web?.learned ?? [])
    await world.engine.setMode(story.webRepository, 'alert', by)
    const intruder = acts(story.intruder(startMs + hourMs), story.webRepository)
    const events: ActEvent[] = []
    for (let replica = 0; replica < 250; replica++) {
      const id = `${replica}`.padStart(64, '0')
      for (const event of intruder)
        events.push({ ...event, container: { id, name: `web-${replica}` } })
    }
    await happens(events)
    const { incidents, total }: IncidentPage = await world.engine.incidents(all)
    expect(total).toBe(1)
    expect(incidents[0]).toMatchObject({ containers: 250 })
    expect(incidents[0]?.alerts).toBeGreaterThanOrEqual(2_000)
    const row: IncidentStory = await world.engine.incidentStory(incidents[0]?.id ?? '')
    expect(row.steps.length).toBeLessThan(20)
    expect(row.steps.reduce((sum, { alerts }) => sum + alerts, 0)).toBe(row.alerts)
    expect(row.members.length + row.left.members).toBe(row.alerts)
    expect(row.members[0]?.severity).toBe(row.severity)

    const { acknowledged } = await close(row)
    const entries = (await world.engine.audit(all.limit)).filter(
      ({ what }) => what === 'incident-close',
    )
    const ofEntries = entries.map((entry) => entry['alerts'] as readonly string[])
    expect(ofEntries.flat().sort()).toEqual(acknowledged.toSorted())
    expect(acknowledged).toHaveLength(row.alerts)
    expect((await world.engine.incidents({ ...all, state: 'open' })).total).toBe(0)
  })
})
