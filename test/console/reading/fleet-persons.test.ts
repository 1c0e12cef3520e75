import { beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import {
  type AlertSession,
  type SessionPerson,
  unknown,
} from '../../../src/core/person/session-person.ts'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import { FleetIncidents } from '../../../src/console/reading/fleet-incidents.ts'
import { FleetPersons } from '../../../src/console/reading/fleet-persons.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { personStory } from '../../../src/console/reading/person-views.ts'
import { alertIn } from '../../../src/console/reading/stream-record.ts'
import { alertAt, type GivenAlert, startMs } from '../../fixtures/incident-alerts.ts'

const all = { offset: 0, limit: 100 }
const minute = 60_000
const fleet = { revision: 0, profiles: () => [], profile: () => undefined }
const at = (ms: number): string => new Date(startMs + ms).toISOString()
let window: AlertWindow
let seq: number

beforeEach(() => {
  window = new AlertWindow(1_000)
  seq = 0
})

function arrives(given: GivenAlert, sessions: readonly unknown[], change: Partial<Alert> = {}) {
  const alert = { ...alertAt(given), ...change, sessions }
  const value = JSON.parse(JSON.stringify(alert)) as unknown
  const kept = alertIn({ seq: ++seq, time: alert.time, value }, new Interned())
  if (kept === undefined) throw new Error('no alert')
  window.put(kept)
}

const by = (
  id: string,
  name: string,
  more: { readonly since?: number; readonly certainty?: 'likely'; readonly as?: string } = {},
): AlertSession => {
  const { since = 0, certainty = 'certain', ...rest } = more
  const person: SessionPerson = { certainty, name, from: '10.1.2.3', candidates: 1, ...rest }
  return { id, since: at(since), person }
}
const nobody = (id: string, why: Parameters<typeof unknown>[0]): AlertSession => {
  return { id, since: at(0), person: unknown(why) }
}
const persons = (): FleetPersons => new FleetPersons(new FleetIncidents(window, { fleet }))
const shell = { id: 'b-1', kind: 'exec', object: '/bin/sh', text: 'run /bin/sh' }

describe('persons of a fleet', () => {
  it('have what they did in which containers on which nodes, with the incidents', async () => {
    arrives({ id: '01', atMs: minute, node: 'n1', container: 'a' }, [by('s1', 'alice')], {
      behaviour: shell,
    })
    arrives(
      { id: '01', atMs: 2 * minute, node: 'n2', container: 'b', severity: 'medium', image: 'pay' },
      [by('s1', 'alice', { since: minute, certainty: 'likely', as: 'deployer' })],
    )
    arrives({ id: '02', atMs: 3 * minute, node: 'n2', container: 'c' }, [by('s9', 'bob')])
    const found = persons()
    const { total, rows } = await found.page(all)
    expect(total).toBe(2)
    expect(rows.map(({ name }) => name)).toEqual(['bob', 'alice'])
    expect(rows[1]).toEqual({
      name: 'alice',
      as: ['deployer'],
      from: ['10.1.2.3'],
      sessions: 2,
      certainties: { certain: 1, likely: 1 },
      alerts: 2,
      open: 2,
      severity: 'high',
      firstSeen: at(0),
      lastSeen: at(2 * minute),
      nodes: ['n1', 'n2'],
      nodeCount: 2,
      places: ['b', 'a'],
      containerCount: 2,
      incidentCount: 2,
    })
    const story = await found.story('alice')
    expect(story.containers).toMatchObject([
      {
        node: 'n2',
        id: 'b',
        image: 'pay',
        severity: 'medium',
        alerts: 1,
        sessionCount: 1,
        sessions: [
          { id: 's1', since: at(minute), certainty: 'likely', as: 'deployer', from: '10.1.2.3' },
        ],
      },
      {
        node: 'n1',
        id: 'a',
        image: 'shop/web',
        sessions: [{ id: 's1', since: at(0), certainty: 'certain', alerts: 1 }],
        acts: [{ seq: 1, text: 'run /bin/sh', severity: 'high', count: 1, others: 0 }],
      },
    ])
    expect(story.incidents).toMatchObject([
      { id: '01 n1', state: 'open', alerts: 1, theirs: 1 },
      { id: '01 n2', severity: 'medium' },
    ])
    expect(personStory.parse(story)).toEqual(story)
  })

  it('get no act of somebody else that is in the same alert', async () => {
    const sessions = [by('s1', 'alice'), by('s2', 'bob'), nobody('s3', 'no-request')]
    arrives({ id: '01', atMs: 0, container: 'a' }, sessions)
    const found = persons()
    for (const [name, own] of [
      ['alice', 's1'],
      ['bob', 's2'],
    ] as const) {
      const { containers, sessions: count } = await found.story(name)
      expect(count).toBe(1)
      expect(containers[0]?.sessions.map(({ id }) => id)).toEqual([own])
      expect(containers[0]?.acts).toMatchObject([{ others: 2 }])
    }
  })

  it('are none of sessions of which nobody is named: these are counted by the reason', async () => {
    arrives({ id: '01', atMs: 0, container: 'a' }, [nobody('s1', 'waiting'), by('s2', 'alice')])
    arrives({ id: '02', atMs: 1, container: 'a' }, [nobody('s1', 'several-persons')])
    arrives({ id: '03', atMs: 2, container: 'b', node: 'n2' }, [nobody('s1', 'several-persons')])
    const { rows, covers } = await persons().page(all)
    expect(rows.map(({ name }) => name)).toEqual(['alice'])
    // A session counts once, as the latest message has it.
    expect(covers).toEqual({
      alerts: 3,
      from: at(0),
      sessions: 3,
      unnamed: [{ why: 'several-persons', text: 'requests of several persons fit', sessions: 2 }],
    })
  })

  it('lose what an agent takes back', async () => {
    arrives({ id: '01', atMs: 0 }, [by('s1', 'alice')])
    expect((await persons().page(all)).total).toBe(1)
    arrives({ id: '01', atMs: 0 }, [nobody('s1', 'several-persons')])
    expect((await persons().page(all)).total).toBe(0)
    await expect(persons().story('alice')).rejects.toMatchObject({ code: 'PERSON_UNKNOWN' })
  })

  it('are as they are known now: an alert that is decided on stays, and its incident is closed', async () => {
    const decision = { kind: 'acknowledged', by: 'rita', at: at(minute) } as const
    arrives({ id: '01', atMs: 0 }, [by('s1', 'alice')], { decision })
    const found = await persons().story('alice')
    expect(found).toMatchObject({ alerts: 1, open: 0, incidents: [{ state: 'closed' }] })
    arrives({ id: '01', atMs: 0 }, [by('s1', 'alice')], {
      decision: { ...decision, kind: 'allowed' },
    })
    expect(await persons().story('alice')).toMatchObject({ alerts: 1, incidents: [] })
  })

  it('are listed by node and text, in ranges', async () => {
    arrives({ id: '01', atMs: 0, node: 'n1', container: 'web' }, [by('s1', 'alice')])
    arrives({ id: '02', atMs: 1, node: 'n2', container: 'db' }, [by('s2', 'bob', { as: 'root' })])
    const found = persons()
    const names = async (query: object): Promise<readonly string[]> =>
      (await found.page({ ...all, ...query })).rows.map(({ name }) => name)
    expect(await names({ node: 'n1' })).toEqual(['alice'])
    expect(await names({ q: 'ROOT' })).toEqual(['bob'])
    expect(await names({ q: 'web' })).toEqual(['alice'])
    expect(await names({ offset: 1 })).toEqual(['alice'])
  })

  it('have the latest containers, the gravest acts in order of time, and the number of all', async () => {
    for (let n = 0; n < 120; n += 1)
      arrives({ id: `c${n}`, atMs: 100 + n, container: `c${n}` }, [by('s', 'eve')])
    const { containers, containerCount } = await persons().story('eve')
    expect([containers.length, containerCount]).toEqual([100, 120])
    expect(containers[0]?.id).toBe('c119')
    window.clear()
    for (let n = 0; n < 30; n += 1) {
      const severity = n < 5 ? 'high' : 'low'
      arrives({ id: `${n}`, atMs: n, severity, container: 'a' }, [by(`s${n}`, 'eve', { since: n })])
    }
    const [only] = (await persons().story('eve')).containers
    expect([only?.alerts, only?.sessionCount, only?.sessions.length]).toEqual([30, 30, 10])
    expect(only?.sessions[0]?.id).toBe('s29')
    const times = only?.acts.map(({ firstSeen }) => firstSeen)
    expect(times).toEqual([0, 1, 2, 3, 4, ...Array.from({ length: 15 }, (_, n) => 15 + n)].map(at))
  })
})

describe('a session of a message', () => {
  const sessionsOf = (sessions: unknown) => {
    const value = { ...JSON.parse(JSON.stringify(alertAt({ id: '01', atMs: 0 }))), sessions }
    return alertIn({ seq: 1, time: at(0), value }, new Interned())
  }

  it('names nobody where only a later version knows what its person means', () => {
    const { id, since } = by('s1', 'alice')
    const later = { certainty: 'guessed', name: 'alice', candidates: 1 }
    const hidden = { certainty: 'unknown', why: 'of a later version', name: 'alice' }
    const kept = sessionsOf([
      { id, since, person: later },
      { id: 's2', since, person: hidden },
    ])
    expect(kept?.persons).toEqual([])
    expect(kept?.sessions).toEqual([{ id: 's2', since, why: 'of a later version' }])
  })

  it('is one of sixteen at most, and what is none leaves the alert out', () => {
    const many = Array.from({ length: 40 }, (_, n) => by(`s${n}`, `user${n}`))
    expect(sessionsOf(many)?.sessions).toHaveLength(16)
    expect(sessionsOf(undefined)?.sessions).toBeUndefined()
    expect(sessionsOf([{ id: 's1', person: 'alice' }])).toBeUndefined()
  })
})
