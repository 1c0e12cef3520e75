import { describe, expect, it } from 'vitest'
import type { DecisionAction, SpecEntry } from '../../../src/core/lifecycle/decided-spec.ts'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import type { KnownProfile } from '../../../src/console/reading/console-fleet.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { knownProfile } from '../../../src/console/reading/kube-state.ts'
import { alertIn, type KeptAlert } from '../../../src/console/reading/stream-record.ts'
import { sampleAlert } from '../../fixtures/server-fixtures.ts'

type Change = NonNullable<Parameters<typeof sampleAlert>[1]>
const keep = new Interned()

function kept(seq: number, id: string, change: Change = {}): KeptAlert {
  const value = JSON.parse(JSON.stringify(sampleAlert(id, change))) as unknown
  const alert = alertIn({ seq, time: new Date(seq * 1_000).toISOString(), value }, keep)
  if (alert === undefined) throw new Error('no alert')
  return alert
}

const behaviour = (id: string) => ({ id, kind: 'exec', object: '/bin/sh', text: `run ${id}` })
const author = { by: 'spec:x', at: '2026-11-24T00:00:00.000Z' }

function profile(decisions: readonly SpecEntry[] = []): KnownProfile {
  const { profile: name = '' } = kept(1, 'a')
  const image = { repository: 'registry.local/shop/web', digest: 'sha256:a' }
  const metadata = { name, uid: 'u', resourceVersion: '1', generation: 4 }
  return knownProfile({ metadata, spec: { image, decisions } })
}

const itemsOf = (window: AlertWindow, known?: KnownProfile) => window.groups.items(() => known)

describe('what waits for review', () => {
  it('is one item for each cause, over nodes and containers, the most severe first', () => {
    const window = new AlertWindow(100)
    const cause = {
      id: 'c1',
      access: 'run',
      place: '/bin/',
      placeClass: 'code',
      names: 12,
    } as const
    const samples = ['b1', 'b2'].map(behaviour)
    window.put(kept(1, 'a', { node: 'n1', cause, samples, behaviour: behaviour('b1') }))
    window.put(kept(2, 'b', { node: 'n2', cause, behaviour: behaviour('b3') }))
    window.put(kept(3, 'c', { behaviour: behaviour('b9'), severity: 'critical' }))
    const [first, second, ...more] = itemsOf(window)
    expect(more).toEqual([])
    expect(first?.behaviours).toEqual(['b9'])
    expect(second).toMatchObject({ nodeCount: 2, nodes: ['n1', 'n2'], alerts: 2, count: 6 })
    expect(second?.behaviours).toEqual(['b1', 'b2', 'b3'])
    expect(second?.unnamed).toBe(9)
  })

  it('ends where the node reports a decision', () => {
    const window = new AlertWindow(100)
    window.put(kept(1, 'a'))
    expect(itemsOf(window)).toHaveLength(1)
    window.put(kept(2, 'a', { decision: { kind: 'allowed', by: 'x', at: '' } }))
    expect(itemsOf(window)).toEqual([])
    expect(window.open).toBe(0)
  })

  it('ends where the object decides on it: an approval does not release from quarantine', () => {
    const window = new AlertWindow(100)
    window.put(kept(1, 'a', { behaviour: behaviour('b1'), guardrails: [] }))
    window.put(kept(2, 'b', { behaviour: behaviour('b2'), guardrails: ['drift'] }))
    const left = (action: DecisionAction) => {
      const decisions = ['b1', 'b2'].map((id) => ({ behaviour: id, action, ...author }))
      return itemsOf(window, profile(decisions)).map((each) => each.behaviours)
    }
    expect(left('approve')).toEqual([['b2']])
    expect(left('release')).toEqual([])
    expect(left('reject')).toEqual([])
    expect(itemsOf(window, profile())[0]).toMatchObject({ revision: '4', isGit: false })
  })
})

describe('the window', () => {
  it('keeps so many alerts, and counts what it keeps', () => {
    const window = new AlertWindow(3)
    for (let i = 1; i <= 5; i++) window.put(kept(i, `a${i}`, { node: `n${i}` }))
    expect(window.newestFirst().map(({ id }) => id)).toEqual(['a5', 'a4', 'a3'])
    expect([...window.byNode.keys()]).toEqual(['n3', 'n4', 'n5'])
    expect([window.open, ...window.openByProfile.values()]).toEqual([3, 3])
    expect(itemsOf(window)[0]?.alerts).toBe(3)
    expect([window.dropped, window.oldest?.seq]).toEqual([true, 3])
  })

  it('has each alert once, in its latest state, and those of two nodes with one id apart', () => {
    const window = new AlertWindow(10)
    window.put(kept(1, 'a', { node: 'n1', count: 1 }))
    window.put(kept(2, 'a', { node: 'n2', count: 1 }))
    window.put(kept(3, 'a', { node: 'n1', count: 7 }))
    expect(window.newestFirst().map(({ seq, count }) => [seq, count])).toEqual([
      [3, 7],
      [2, 1],
    ])
    expect(window.open).toBe(2)
  })
})

describe('a message of the stream', () => {
  it.each([
    ['text', 'x'],
    ['another schema', { schema: 'other/v1' }],
    ['a severity that is a number', { ...sampleAlert('a'), severity: 5 }],
    ['a time that is none', { ...sampleAlert('a'), firstSeen: 'yesterday' }],
    ['a name of a megabyte', { ...sampleAlert('a'), node: 'n'.repeat(1 << 20) }],
  ])('with %s is no alert', (_, value) => {
    expect(alertIn({ seq: 1, time: '', value }, keep)).toBeUndefined()
  })

  it('is cut where a container chose a long text', () => {
    const long = { ...behaviour('b1'), text: 'x'.repeat(5_000) }
    expect(kept(1, 'a', { behaviour: long }).text).toHaveLength(300)
  })
})
