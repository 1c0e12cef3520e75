import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { finish } from '../../../../src/core/steps.ts'
import { RecordIds } from '../../../../src/agent/pipeline/alerts/record-ids.ts'
import { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import { packedTogether } from '../../../../src/agent/records/alerts/kept-alert.ts'
import { act, techniques } from '../../../fixtures/event-fixture.ts'
import { findingOf } from '../../../fixtures/findings.ts'
import { cases } from '../../../fixtures/random-cases.ts'

const startMs = Date.parse('2026-11-24T13:40:27Z')

/** The same ids in each store. */
class Numbers extends RecordIds {
  #last = 0

  override next(): string {
    this.#last += 1
    return String(this.#last).padStart(26, '0')
  }
}

function storeOf(capacity: number): AlertStore {
  return new AlertStore({
    node: 'n1',
    capacity,
    ids: new Numbers(),
    storms: { each: 30, withinMs: 60_000, always: 'critical' },
    techniques,
  })
}

interface Step {
  readonly what: 'raise' | 'repeat' | 'decide' | 'reopen' | 'report' | 'tick'
  readonly n: number
  readonly folder: number
  readonly container: number
  readonly rests: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant('raise' as const) },
    fc.constantFrom('repeat' as const, 'decide' as const, 'reopen' as const),
    fc.constantFrom('report' as const, 'tick' as const),
  ),
  n: fc.nat({ max: 400 }),
  folder: fc.nat({ max: 60 }),
  container: fc.nat({ max: 40 }),
  rests: fc.nat({ max: 5 }).map((each) => each === 0),
})

function eventOf({ n, folder, container }: Step): ActEvent {
  const path = `/srv/f${folder}/${n}/x${n % 7}.in`
  const event = n % 3 === 0 ? act.exec(`/opt/t${n}`) : act.file(path, ['write'])
  return { ...event, container: { id: container.toString(16).padStart(64, '0') } }
}

/** What the store answers to it. */
function apply(store: AlertStore, each: Step, nowMs: number): unknown {
  const time = new Date(nowMs).toISOString()
  const all = store.newestFirst
  const { id = '' } = all[each.n % Math.max(1, all.length)] ?? {}
  const finding = findingOf({ ...eventOf(each), time })
  switch (each.what) {
    case 'raise':
      return store.raise(finding, nowMs)
    case 'repeat':
      return store.repeat(finding.fingerprint, 3, time)
    case 'decide': {
      const kind = each.n % 2 === 0 ? 'acknowledged' : 'allowed'
      return store.has(id) ? store.decide(id, { kind, by: 'me', at: time, reason: 'r' }) : undefined
    }
    case 'reopen':
      return store.has(id) ? store.reopen(id, 0) : undefined
    case 'report':
      return store.reportedBy(finding.fingerprint, 'falco')
    case 'tick':
      return store.tick(nowMs)
  }
}

function stateOf(store: AlertStore): unknown {
  const { size, openCount, pruned, counts } = store
  return { alerts: store.list({ limit: Infinity }), size, openCount, pruned, counts }
}

describe('Alerts that rest', () => {
  it('are those that never rested, whatever happens to both', () => {
    let packed = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 300, maxLength: 600 }), (steps) => {
        const [one, other] = [storeOf(200), storeOf(200)]
        let nowMs = startMs
        for (const each of steps) {
          nowMs += 1_000
          expect(apply(one, each, nowMs)).toEqual(apply(other, each, nowMs))
          if (!each.rests) continue
          packed += [...one.restSteps()].length
          expect(one.drainChanged()).toEqual(other.drainChanged())
        }
        expect(stateOf(one)).toEqual(stateOf(other))
      }),
      { numRuns: cases(25) },
    )
    expect(packed).toBeGreaterThan(cases(25))
  })

  it('answer what views ask of all alerts as the whole alerts do', () => {
    const store = storeOf(1_000)
    for (let n = 0; n < 200; n++) {
      const each = { what: 'raise', n, folder: n % 60, container: n % 12, rests: false } as const
      store.raise(findingOf(eventOf(each)), startMs)
      const [{ id } = { id: '' }] = store.newestFirst
      if (n % 9 === 0) store.decide(id, { kind: 'acknowledged', by: 'me', at: 'now', reason: 'r' })
    }
    finish(store.restSteps())
    expect([...store.restSteps()]).toHaveLength(Math.floor(store.size / packedTogether))
    for (const kept of store.newestFirst) {
      const { whole } = kept
      const asked: readonly (keyof Alert & keyof typeof kept)[] = [
        ...(['id', 'severity', 'type', 'firstSeen', 'lastSeen', 'count', 'image'] as const),
        ...(['decision', 'container', 'process', 'behaviour', 'cause', 'samples'] as const),
        ...(['loaded', 'reasons', 'guardrails'] as const),
      ]
      for (const name of asked) expect(kept[name]).toEqual(whole[name])
      expect(kept.behaviourId).toBe(whole.behaviour?.id)
      expect(kept.sampleIds).toEqual((whole.samples ?? []).map(({ id }) => id))
      expect(kept.causeId).toBe(whole.cause?.id)
      expect(kept.containerId).toBe(whole.container?.id)
    }
  })

  it('are awake again once they change, and rest again', () => {
    const store = storeOf(1_000)
    for (let n = 0; n < packedTogether; n++) {
      const each = { what: 'raise', n, folder: n, container: n, rests: false } as const
      store.raise(findingOf(eventOf({ ...each, container: n })), startMs)
    }
    finish(store.restSteps())
    const before = store.list({ limit: Infinity })
    finish(store.restSteps())
    expect(store.list({ limit: Infinity })).toEqual(before)
    for (const { id } of before)
      store.decide(id, { kind: 'acknowledged', by: 'me', at: 'now', reason: 'r' })
    finish(store.restSteps())
    const decided = store.list({ limit: Infinity })
    finish(store.restSteps())
    expect(store.list({ limit: Infinity })).toEqual(decided)
    expect(decided.every(({ decision }) => decision?.kind === 'acknowledged')).toBe(true)
  })
})
