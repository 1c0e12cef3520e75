import { describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { ProcessRef } from '../../../src/core/event/event.ts'
import { incidentFact } from '../../../src/core/incident/incident-fact.ts'
import {
  campaignMs,
  type Incident,
  type Incidents,
  incidentsOf,
  nearMs,
  treeMs,
} from '../../../src/core/incident/incidents.ts'
import { finish } from '../../../src/core/steps.ts'
import { alertAt as given, type GivenAlert as Given } from '../../fixtures/incident-alerts.ts'

const minute = 60_000

function incidents(...alerts: readonly Alert[]): Incidents {
  return finish(incidentsOf(alerts.map(incidentFact)))
}

function idsOf({ members }: Incident): readonly string[] {
  return members.map(({ fact }) => fact.id)
}

function groups(...alerts: readonly Given[]): readonly (readonly string[])[] {
  return incidents(...alerts.map(given))
    .incidents.map((incident) => idsOf(incident).toSorted())
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
}

const exec = { kind: 'exec', exec: { path: '/bin/sh', drift: false } }
const reach = (address: string): object => ({
  kind: 'connect',
  connect: { protocol: 'tcp', address, port: 443 },
})
const loss = (container?: string): object => ({
  kind: 'loss',
  loss: { reason: 'ring-full', count: 1, from: '', to: '' },
  container,
})

describe('alerts of one container', () => {
  it('are one incident where they are near in time, and two where they are not', () => {
    const a = { id: 'a', atMs: 0 }
    expect(groups(a, { id: 'b', atMs: nearMs })).toEqual([['a', 'b']])
    expect(groups(a, { id: 'b', atMs: nearMs + 1 })).toEqual([['a'], ['b']])
  })

  it('are one incident with one exec session, however long it lasts', () => {
    const process = { session: 's1', origin: 'exec-in' as const }
    const later = { atMs: 30 * 60 * minute, process }
    expect(groups({ id: 'a', atMs: 0, process }, { id: 'b', ...later })).toEqual([['a', 'b']])
    const other = { ...later, process: { ...process, session: 's2' } }
    expect(groups({ id: 'a', atMs: 0, process }, { id: 'b', ...other })).toEqual([['a'], ['b']])
  })

  it('are one incident with the processes of a program whose start is an alert', () => {
    const shell = { id: 'a', atMs: 0, severity: 'medium', process: { pid: 50 }, act: exec } as const
    const child = { id: 'b', atMs: treeMs, process: { pid: 51, ppid: 50 } }
    expect(groups(shell, child)).toEqual([['a', 'b']])
    expect(groups(shell, { ...child, atMs: treeMs + 1 })).toEqual([['a'], ['b']])
  })

  it('are not one incident because they are of the process of the service itself', () => {
    const first = { id: 'a', atMs: 0, process: { pid: 9 } }
    const later = { id: 'b', atMs: nearMs + 1, process: { pid: 9 } }
    expect(groups(first, later)).toHaveLength(2)
    const start = given({ ...first, act: exec })
    const { parent: _, ...process } = start.process as ProcessRef
    expect(incidents({ ...start, process }, given(later)).incidents).toHaveLength(2)
  })
})

describe('an alert that is not grave', () => {
  it('joins the nearest grave one, and never connects two of them', () => {
    const between = { id: 'm', atMs: nearMs - minute, severity: 'medium' as const }
    const last = { id: 'b', atMs: 2 * nearMs - 3 * minute }
    expect(groups({ id: 'a', atMs: 0 }, between, last)).toEqual([['a'], ['b', 'm']])
  })

  it('joins a grave one that is farther by those in between, and only one', () => {
    const severity = 'medium' as const
    const row = [1, 2, 3].map((at) => ({ id: `m${at}`, atMs: at * nearMs, severity }))
    expect(groups(...row, { id: 'z', atMs: 4 * nearMs })).toEqual([['m1', 'm2', 'm3', 'z']])
    const both = groups({ id: 'a', atMs: 0 }, ...row, { id: 'z', atMs: 4 * nearMs - minute })
    expect(both).toEqual([
      ['a', 'm1', 'm2'],
      ['m3', 'z'],
    ])
  })

  it('is an incident with others of its container where none is grave', () => {
    const severity = 'medium' as const
    const one = { id: 'a', atMs: 0, severity }
    expect(groups(one, { id: 'b', atMs: minute, severity })).toEqual([['a', 'b']])
  })
})

describe('novelty', () => {
  const severity = 'low' as const

  it('makes no incident, and joins none by time or behaviour', () => {
    const { incidents: found, outside } = incidents(
      given({ id: 'a', atMs: 0 }),
      given({ id: 'l', atMs: 1, severity }),
      given({ id: 'm', atMs: 1, severity, container: 'web-2', behaviour: 'b-a' }),
    )
    expect(found.map(idsOf)).toEqual([['a']])
    expect(outside.map(({ id }) => id)).toEqual(['l', 'm'])
  })

  it('joins by its session or its process, and connects nothing', () => {
    const shell = { id: 'a', atMs: 0, process: { pid: 50 }, act: exec }
    const novel = { id: 'l', atMs: 1, severity, process: { pid: 51, ppid: 50, session: 's' } }
    const other = { id: 'b', atMs: 2 * nearMs, process: { pid: 52, session: 's' } }
    expect(groups(shell, novel)).toEqual([['a', 'l']])
    expect(groups(shell, novel, other)).toEqual([['a'], ['b', 'l']])
  })
})

describe('several containers', () => {
  it('of one image with the same grave behaviour are one campaign, over nodes, and later another', () => {
    const replica = (at: number, atMs: number): Given => ({
      id: `r${at}`,
      atMs,
      container: `web-${at}`,
      node: `n${at % 2}`,
      behaviour: 'shell',
    })
    const ten = Array.from({ length: 10 }, (_, at) => replica(at, at * campaignMs))
    expect(groups(...ten)).toEqual([ten.map(({ id }) => id)])
    const late = incidents(...[...ten, replica(11, 10 * campaignMs + 1)].map(given)).incidents
    expect(late.map(({ id, follows }) => [id, follows])).toEqual([
      ['r11', 'r0'],
      ['r0', undefined],
    ])
  })

  it('of one image with the same behaviour that is not grave are one incident', () => {
    const one = { severity: 'medium' as const, behaviour: 'x' }
    const first = { id: 'a', atMs: 0, ...one }
    expect(groups(first, { id: 'b', atMs: 1, container: 'web-2', ...one })).toEqual([['a', 'b']])
  })

  it('with a grave alert each are not connected by a behaviour that is ordinary', () => {
    const both = { severity: 'medium' as const, behaviour: 'new-peer' }
    const web2 = { container: 'web-2' }
    expect(
      groups(
        { id: 'a', atMs: 0 },
        { id: 'm', atMs: 1, ...both },
        { id: 'b', atMs: 2, ...web2 },
        { id: 'n', atMs: 3, ...web2, ...both },
      ),
    ).toEqual([
      ['a', 'm'],
      ['b', 'n'],
    ])
  })

  it('of several images are one incident where intruders in them reach one public address', () => {
    const shell = (container: string) => ({
      container,
      image: container,
      process: { pid: 50 },
      act: exec,
    })
    const call = (container: string, address: string) => ({
      container,
      image: container,
      severity: 'medium' as const,
      process: { pid: 51, ppid: 50 },
      act: reach(address),
    })
    const both = (address: string) =>
      groups(
        { id: 'a', atMs: 0, ...shell('web') },
        { id: 'b', atMs: 1, ...call('web', address) },
        { id: 'c', atMs: 2, ...shell('db') },
        { id: 'd', atMs: 3, ...call('db', address) },
      )
    expect(both('203.0.113.7')).toEqual([['a', 'b', 'c', 'd']])
    for (const local of ['10.1.2.3', '169.254.169.254', '127.0.0.1', 'fd00::1']) {
      expect(both(local), local).toHaveLength(2)
    }
  })

  it('are not one incident because another process of each reached an address then', () => {
    const peer = (id: string, container: string): Given => ({
      id,
      atMs: 1,
      container,
      image: container,
      severity: 'medium',
      act: reach('203.0.113.7'),
    })
    const grave = (id: string, container: string) => ({ id, atMs: 0, container, image: container })
    expect(groups(grave('a', 'web'), peer('b', 'web'), grave('c', 'db'), peer('d', 'db'))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
  })
})

describe('a loss', () => {
  it('belongs to the grave alert of its container, and to none where it is of the whole node', () => {
    const lost = (id: string, change: Partial<Alert>): Alert => ({
      ...given({ id, atMs: 1, type: 'loss', severity: 'high', act: loss() }),
      ...change,
    })
    const { container: _, image: __, process: ___, ...ofNode } = lost('n', {})
    const { incidents: found, outside } = incidents(
      given({ id: 'a', atMs: 0, severity: 'high' }),
      lost('c', {}),
      lost('d', { container: { id: 'quiet' } }),
      ofNode,
    )
    expect(found.map(idsOf)).toEqual([['a', 'c']])
    expect(outside.map(({ id }) => id)).toEqual(['d', 'n'])
  })
})

describe('an incident', () => {
  it('has the severity of its gravest alert, which comes first, whatever the flood around it', () => {
    const flood = Array.from({ length: 2_000 }, (_, at) => ({
      id: `m${at}`,
      atMs: at,
      severity: 'medium' as const,
    }))
    const [found, ...others] = incidents(
      ...flood.map(given),
      given({ id: 'z', atMs: 2_001, severity: 'critical' }),
    ).incidents
    expect(others).toEqual([])
    expect(found?.severity).toBe('critical')
    expect(found?.members).toHaveLength(2_001)
    expect(found?.members[0]?.fact.id).toBe('z')
  })

  it('is named after the alert that was raised first, also where an earlier event arrives late', () => {
    const [found] = incidents(given({ id: 'a', atMs: 5 }), given({ id: 'b', atMs: 0 })).incidents
    expect(found?.id).toBe('a')
  })

  it('explains each of its alerts by another one, back to the first', () => {
    const [found] = incidents(
      given({ id: 'a', atMs: 0, behaviour: 'x' }),
      given({ id: 'b', atMs: 1, container: 'web-2', behaviour: 'x' }),
      given({ id: 'c', atMs: 2, container: 'web-2', severity: 'medium' }),
    ).incidents
    expect(found?.members.map(({ fact, link }) => [fact.id, link])).toEqual([
      ['a', undefined],
      ['b', { kind: 'replica', other: 'a' }],
      ['c', { kind: 'container', other: 'b' }],
    ])
  })

  it('has the summary of a storm where it has one of its alerts', () => {
    const summary = { kinds: {}, severities: {}, reasons: [], first: ['gone', 'a'] }
    const storm = { ...given({ id: 's', atMs: 9 * nearMs, severity: 'medium' }), summary }
    const { incidents: found } = incidents(given({ id: 'a', atMs: 0 }), storm)
    expect(found.map(idsOf)).toEqual([['a', 's']])
  })
})
