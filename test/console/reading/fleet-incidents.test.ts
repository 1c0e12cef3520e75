import { beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { incidentFact } from '../../../src/core/incident/incident-fact.ts'
import { incidentsOf } from '../../../src/core/incident/incidents.ts'
import { finish } from '../../../src/core/steps.ts'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import { FleetIncidents } from '../../../src/console/reading/fleet-incidents.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { alertIn } from '../../../src/console/reading/stream-record.ts'
import { alertAt, type GivenAlert } from '../../fixtures/incident-alerts.ts'

const all = { offset: 0, limit: 100 }
const minute = 60_000
let window: AlertWindow
let seq: number
let alerts: Alert[]

beforeEach(() => {
  window = new AlertWindow(1_000)
  seq = 0
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

const incidents = (): FleetIncidents => new FleetIncidents(window)
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
    const found = new FleetIncidents(window, isNews)
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
