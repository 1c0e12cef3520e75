import { beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { incidentFact } from '../../../src/core/incident/incident-fact.ts'
import { incidentsOf } from '../../../src/core/incident/incidents.ts'
import { finish } from '../../../src/core/steps.ts'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import { FleetIncidents } from '../../../src/console/reading/fleet-incidents.ts'
import type { KnownProfile } from '../../../src/console/reading/console-fleet.ts'
import type { SharedClosing } from '../../../src/core/lifecycle/shared-closing.ts'
import { profileName } from '../../../src/fleet/fleet-image.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { alertIn } from '../../../src/console/reading/stream-record.ts'
import { alertAt, type GivenAlert, startMs } from '../../fixtures/incident-alerts.ts'

const all = { offset: 0, limit: 100 }
const minute = 60_000
const profileOf = (repository: string): string => profileName({ repository, digest: 'sha256:0' })
/** Names of the profiles that the fleet has. */
let known: ReadonlySet<string>
let window: AlertWindow
let seq: number
let alerts: Alert[]

beforeEach(() => {
  window = new AlertWindow(1_000)
  seq = 0
  closings = []
  revision = 0
  known = new Set([profileOf('shop/web')])
  alerts = []
})

function arrives(given: GivenAlert, change: Partial<Alert> = {}): void {
  const alert: Alert = { ...alertAt(given), ...change }
  alerts.push(alert)
  const value = JSON.parse(JSON.stringify(alert)) as unknown
  const kept = alertIn({ seq: ++seq, time: alert.time, value }, new Interned())
  if (kept === undefined) throw new Error('no alert')
  window.put(kept)
}

/** Closings of one profile. */
let closings: readonly SharedClosing[]
let revision: number
const fleet = {
  get revision() {
    return revision
  },
  profiles: () => [{ closings } as KnownProfile],
  profile: (name: string) => (known.has(name) ? ({ name } as KnownProfile) : undefined),
}
const incidents = (): FleetIncidents => new FleetIncidents(window, { fleet })
const reads = { id: 'b-1', kind: 'file', object: '/etc/shadow', text: 'read /etc/shadow' }

describe('incidents of a fleet', () => {
  it('of two nodes are one where replicas do the same grave thing, with its steps and nodes', async () => {
    const same = { behaviour: 'b-1', severity: 'high' } as const
    arrives({ id: '01', atMs: 0, node: 'n1', container: 'a', ...same }, { behaviour: reads })
    arrives({ id: '01', atMs: minute, node: 'n2', container: 'b', ...same }, { behaviour: reads })
    arrives(
      { id: '02', atMs: 2 * minute, node: 'n2', container: 'b', severity: 'critical' },
      { attack: ['T1059'], behaviour: { ...reads, id: 'b-2', text: 'read /etc/x' } },
    )
    const { total, rows } = await incidents().page(all)
    expect(total).toBe(1)
    expect(rows[0]).toMatchObject({
      id: '01 n1',
      severity: 'critical',
      state: 'open',
      alerts: 3,
      containers: 2,
      nodes: ['n1', 'n2'],
      nodeCount: 2,
      places: ['b', 'a'],
      attack: ['T1059'],
      title: 'b and 1 more (2 containers): php reads /etc/x',
    })
    const story = await incidents().story('02 n2')
    expect(story.steps).toMatchObject([
      { text: 'read /etc/shadow', alerts: 2, containers: 2, nodes: ['n1', 'n2'], seq: 1 },
      { text: 'read /etc/x', alerts: 1, nodes: ['n2'], seq: 3 },
    ])
  })

  it('are those that the rules of an agent make of the same alerts', async () => {
    for (let at = 0; at < 60; at += 1) {
      const severity = (['low', 'medium', 'high'] as const)[at % 3] ?? 'low'
      const process = at % 4 === 0 ? { pid: 100 + at, session: `s${at % 5}` } : {}
      const given = { id: `${at}`.padStart(3, '0'), atMs: at * 7 * minute, severity, process }
      arrives({ ...given, node: `n${at % 3}`, container: `c${at % 7}`, behaviour: `b${at % 9}` })
    }
    const groupsOf = (ids: readonly (readonly string[])[]): readonly string[] =>
      ids.map((members) => members.toSorted().join()).sort()
    const named = alerts.map((alert) => ({
      ...incidentFact(alert),
      id: `${alert.id} ${alert.node}`,
    }))
    const expected = finish(incidentsOf(named)).incidents.map(({ members }) =>
      members.map(({ fact }) => fact.id),
    )
    const found = incidents()
    const { rows } = await found.page(all)
    const byIncident = new Map<string, string[]>()
    for (const { id } of named) {
      const story = await found.story(id).catch(() => undefined)
      if (story !== undefined) byIncident.set(story.id, [...(byIncident.get(story.id) ?? []), id])
    }
    expect(rows.length).toBeGreaterThan(3)
    expect(groupsOf([...byIncident.values()])).toEqual(groupsOf(expected))
  })

  it('are listed by state, severity, node and text', async () => {
    const decision = { kind: 'acknowledged', by: 'x', at: '2026-11-24T12:00:00Z' } as const
    arrives({ id: '01', atMs: 0, node: 'n1', container: 'a', image: 'shop/a' })
    arrives({ id: '02', atMs: 0, node: 'n2', container: 'b', image: 'shop/b', severity: 'medium' })
    arrives({ id: '03', atMs: 0, node: 'n3', container: 'c', image: 'shop/c' }, { decision })
    const ids = async (query: object): Promise<readonly string[]> =>
      (await incidents().page({ ...all, ...query })).rows.map(({ id }) => id)
    expect(await ids({})).toEqual(['03 n3', '01 n1', '02 n2'])
    expect(await ids({ state: 'open' })).toEqual(['01 n1', '02 n2'])
    expect(await ids({ state: 'closed' })).toEqual(['03 n3'])
    expect(await ids({ severity: 'high' })).toEqual(['03 n3', '01 n1'])
    expect(await ids({ node: 'n2' })).toEqual(['02 n2'])
    expect(await ids({ q: 'shop/a' })).toEqual(['01 n1'])
    expect(await ids({ offset: 1, limit: 1 })).toEqual(['01 n1'])
  })

  it('have no alert that a person allowed, and one in none has no story', async () => {
    const decision = { kind: 'allowed', by: 'x', at: '2026-11-24T12:00:00Z' } as const
    arrives({ id: '01', atMs: 0 }, { decision })
    arrives({ id: '02', atMs: 0, container: 'other', severity: 'low' })
    expect((await incidents().page(all)).total).toBe(0)
    for (const id of ['01 n1', '02 n1', 'none']) {
      await expect(incidents().story(id)).rejects.toMatchObject({ code: 'INCIDENT_UNKNOWN' })
    }
  })

  it('are derived again once alerts came, and not at each question', async () => {
    let isNews: () => void = () => undefined
    const news = new Promise<void>((resolve) => (isNews = resolve))
    const found = new FleetIncidents(window, { fleet, onNews: isNews })
    arrives({ id: '01', atMs: 0, container: 'a' })
    const [first, again] = await Promise.all([found.page(all), found.page(all)])
    expect(first.rows[0]).toBe(again.rows[0])
    arrives({ id: '02', atMs: 5 * 3_600_000, container: 'b' })
    // At once it is the one before, and readers are notified of the next one.
    expect((await found.page(all)).total).toBe(1)
    await news
    expect((await found.page(all)).total).toBe(2)
  })
})

describe('a closing at the console', () => {
  const how = { reason: 'an exercise' }
  const acknowledged = (by: string, atMs: number) =>
    ({
      kind: 'acknowledged',
      by,
      at: new Date(startMs + atMs).toISOString(),
      reason: how.reason,
    }) as const
  const only = async (found = incidents()) => {
    const { rows } = await found.page(all)
    expect(rows).toHaveLength(1)
    const [row] = rows
    if (row === undefined) throw new Error('no incident')
    return row
  }

  /** Writes it, as the route does. */
  async function closes(atMs: number, found = incidents()) {
    const { revision: read, id } = await only(found)
    const what = await found.closing(id, { ...how, revision: read })
    const at = new Date(startMs + atMs).toISOString()
    closings = [
      ...closings,
      ...[...what.closings.values()].map((each) => ({ ...each, by: 'rita', at })),
    ]
    revision += 1
    return what
  }

  beforeEach(() => {
    arrives({ id: '01', atMs: 0, node: 'n1', container: 'a', behaviour: 'b-1' })
    arrives({ id: '01', atMs: 1, node: 'n2', container: 'b', behaviour: 'b-1' })
    arrives({ id: '02', atMs: 2, node: 'n2', container: 'b', severity: 'critical' })
  })

  it('names the open alerts as they were seen, in the profile of their image', async () => {
    const before = await only()
    const { closings: written, alerts: named, left, id } = await closes(minute)
    expect({ id, named, left }).toEqual({ id: '01 n1', named: 3, left: 0 })
    expect([...written.keys()]).toEqual([profileOf('shop/web')])
    expect([...written.values()]).toMatchObject([
      {
        id: expect.stringMatching(/^c[0-9a-f]{12}$/) as string,
        incident: '01 n1',
        title: before.title,
        reason: 'an exercise',
        alerts: [
          { node: 'n2', severity: 'critical', ids: ['02'] },
          { node: 'n1', severity: 'high', ids: ['01'] },
          { node: 'n2', severity: 'high', ids: ['01'] },
        ],
      },
    ])
  })

  it('closes the incident at once, and shows how many alerts their nodes have not confirmed', async () => {
    const found = incidents()
    expect(await only(found)).toMatchObject({ state: 'open', open: 3, unconfirmed: 0 })
    await closes(minute, found)
    const closed = { kind: 'acknowledged', by: 'rita', reason: 'an exercise' }
    expect(await only(found)).toMatchObject({ state: 'closed', open: 0, unconfirmed: 3, closed })
    expect((await found.page({ ...all, state: 'open' })).total).toBe(0)
    // Another replica has the same, and so has this one after a restart.
    expect(await only()).toEqual(await only(found))
    const decision = acknowledged('spec:rita', 2 * minute)
    for (const [id, node, container] of [
      ['01', 'n1', 'a'],
      ['01', 'n2', 'b'],
    ] as const)
      arrives({ id, atMs: 0, node, container, behaviour: 'b-1' }, { decision })
    expect(await only()).toMatchObject({ state: 'closed', unconfirmed: 1, closed })
    arrives({ id: '02', atMs: 2, node: 'n2', container: 'b', severity: 'critical' }, { decision })
    closings = []
    revision += 1
    expect(await only()).toMatchObject({
      state: 'closed',
      unconfirmed: 0,
      closed: { kind: 'acknowledged', by: 'spec:rita', at: decision.at, reason: 'an exercise' },
    })
  })

  it('is refused where an alert joined since, and where someone else closed it first', async () => {
    const { id, revision: read } = await only()
    arrives({ id: '03', atMs: 3, node: 'n2', container: 'b' })
    const stale = { code: 'REVISION_STALE' }
    await expect(incidents().closing(id, { ...how, revision: read })).rejects.toMatchObject(stale)
    const { revision: now } = await only()
    await closes(minute)
    await expect(incidents().closing(id, { ...how, revision: now })).rejects.toMatchObject(stale)
    const unknown = { code: 'INCIDENT_UNKNOWN' }
    await expect(incidents().closing('none', { ...how, revision: now })).rejects.toMatchObject(
      unknown,
    )
  })

  it('does not cover an alert that joins, or became graver: the incident is open again', async () => {
    await closes(minute)
    arrives({ id: '03', atMs: 3, node: 'n2', container: 'b' })
    expect(await only()).toMatchObject({ state: 'open', open: 1, unconfirmed: 3 })
    expect(await only()).not.toHaveProperty('closed')
    arrives({
      id: '01',
      atMs: 0,
      node: 'n1',
      container: 'a',
      behaviour: 'b-1',
      severity: 'critical',
    })
    expect(await only()).toMatchObject({ state: 'open', open: 2, unconfirmed: 2 })
    const second = await closes(2 * minute)
    expect(second.alerts).toBe(2)
    expect(await only()).toMatchObject({ state: 'closed', open: 0, unconfirmed: 4 })
  })

  it('does not cover an alert that a person opened again on its node, until it is closed again', async () => {
    await closes(minute)
    const given = { id: '02', atMs: 2, node: 'n2', container: 'b', severity: 'critical' } as const
    arrives(given, { decision: acknowledged('spec:rita', 2 * minute) })
    const reopened = { time: new Date(startMs + 3 * minute).toISOString() }
    arrives(given, reopened)
    // It repeats.
    arrives(given, { ...reopened, count: 2 })
    expect(await only()).toMatchObject({ state: 'open', open: 1, unconfirmed: 2 })
    expect((await closes(4 * minute)).alerts).toBe(1)
    expect(await only()).toMatchObject({ state: 'closed', open: 0, unconfirmed: 3 })
  })

  it('names at most 500 alerts of a version, the gravest first, and the others are left', async () => {
    for (let at = 0; at < 600; at += 1)
      arrives({ id: `m${at}`, atMs: at, node: 'n2', container: 'b', severity: 'high' })
    const first = await closes(minute)
    expect([first.alerts, first.left]).toEqual([500, 103])
    expect([...first.closings.values()][0]?.alerts[0]).toMatchObject({ ids: ['02'] })
    expect(await only()).toMatchObject({ state: 'open', open: 103, unconfirmed: 500 })
    const second = await closes(2 * minute)
    expect([second.alerts, second.left]).toEqual([103, 0])
    expect(await only()).toMatchObject({ state: 'closed', open: 0 })
  })

  it('names an alert of an image without a profile where its node reads another one', async () => {
    const gone = { image: 'shop/gone', behaviour: 'b-2' }
    arrives({ id: '03', atMs: 3, node: 'n1', container: 'a', ...gone })
    arrives({ id: '04', atMs: 4, node: 'n3', container: 'd', ...gone })
    known = new Set()
    const { id, revision: read } = await only()
    const none = await incidents().closing(id, { ...how, revision: read })
    expect([none.closings.size, none.alerts, none.left]).toEqual([0, 0, 5])
    known = new Set([profileOf('shop/web')])
    const what = await incidents().closing(id, { ...how, revision: read })
    expect([what.alerts, what.left]).toEqual([4, 1])
    const named = [...what.closings.values()].flatMap((each) => each.alerts)
    expect(named.flatMap(({ node, ids }) => ids.map((one) => `${one} ${node}`))).toEqual([
      '02 n2',
      '01 n1',
      '03 n1',
      '01 n2',
    ])
  })
})

it('an alert whose cause or connection has no known form is read, or is none', () => {
  const message = (change: object) => {
    const value = JSON.parse(JSON.stringify({ ...alertAt({ id: '01', atMs: 0 }), ...change }))
    return alertIn({ seq: 1, time: alertAt({ id: '01', atMs: 0 }).time, value }, new Interned())
  }
  const behaviour = { ...reads, text: 'read /etc/shadow' }
  const cause = { id: 'c', names: 3, access: 'of a later version', place: '/x' }
  expect(message({ behaviour, cause })?.incident.stepText).toBe('reads /etc/shadow')
  expect(message({ event: { kind: 'connect' } })).toBeUndefined()
  expect(message({ event: undefined })).toBeUndefined()
})
