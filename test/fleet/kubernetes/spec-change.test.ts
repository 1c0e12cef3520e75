import { describe, expect, it } from 'vitest'
import type { SpecEntry } from '../../../src/core/lifecycle/decided-spec.ts'
import {
  approving,
  closing,
  holding,
  rejecting,
  releasing,
  settingMode,
} from '../../../src/fleet/kubernetes/spec-change.ts'
import { digestOf } from '../../fixtures/kube-pods.ts'

const image = { repository: 'shop/web', digest: digestOf('web') }
const ann = { by: 'ann', at: '2026-11-24T12:00:00.000Z' }
const bob = { by: 'bob', at: '2026-11-24T13:00:00.000Z' }
const nothing = { all: false, behaviours: [], quarantined: [] }
const entry = (behaviour: string, action: SpecEntry['action'], author = ann): SpecEntry => ({
  behaviour,
  action,
  ...author,
})

describe('a decision on a behaviour', () => {
  const spec = { image, decisions: [entry('b1', 'reject'), entry('b2', 'approve')] }

  it('replaces the one on the same behaviour, and leaves the others to their authors', () => {
    expect(approving({ ...nothing, quarantined: ['b1'] })(spec, bob)).toEqual({
      decisions: [entry('b2', 'approve'), entry('b1', 'release', bob)],
    })
    expect(rejecting(['b2', 'b3'])(spec, bob)).toEqual({
      decisions: [entry('b1', 'reject'), entry('b2', 'reject', bob), entry('b3', 'reject', bob)],
    })
  })

  it('is a new one where it is repeated', () => {
    expect(approving({ ...nothing, behaviours: ['b2'] })(spec, bob)).toEqual({
      decisions: [entry('b1', 'reject'), entry('b2', 'approve', bob)],
    })
  })

  it('is later than the one that it replaces, also where the clock of its author is behind', () => {
    const slow = { by: 'bob', at: '2026-11-24T11:00:00Z' }
    const after = '2026-11-24T12:00:00.001Z'
    expect(rejecting(['b2'])(spec, slow)).toEqual({
      decisions: [entry('b1', 'reject'), entry('b2', 'reject', { by: 'bob', at: after })],
    })
    const mode = { value: 'alert', ...ann } as const
    expect(settingMode('block')({ image, mode }, slow)).toEqual({
      mode: { value: 'block', by: 'bob', at: after },
    })
  })

  it('is of everything that waits where no behaviour is named', () => {
    expect(approving({ ...nothing, all: true })({ image }, bob)).toEqual({
      decisions: [entry('*', 'approve', bob)],
    })
  })
})

describe('a hold', () => {
  const ordered = { id: 'h00000001', level: 'network', reason: 'a web shell' } as const
  const order = { ...ordered, forMs: 3_600_000 }
  const held = { ...ordered, ...ann, until: '2026-11-24T13:00:00.000Z' }

  it('stands beside the others, and lasts from the time of its author', () => {
    expect(holding(order)({ image }, ann)).toEqual({ holds: [held] })
    const other = { ...held, id: 'h00000002', until: '2026-11-25T12:00:00.000Z' }
    expect(holding(order)({ image, holds: [other] }, ann)).toEqual({ holds: [other, held] })
  })

  it('leaves the object with the next one, once it is over', () => {
    const next = { ...order, id: 'h00000003' }
    const { holds } = holding(next)({ image, holds: [held] }, bob) as { readonly holds: object }
    expect(holds).toEqual([{ ...held, id: 'h00000003', ...bob, until: '2026-11-24T14:00:00.000Z' }])
  })

  it('is released once, in the name of the first who did, and stays as it was ordered', () => {
    const released = { ...held, released: bob }
    expect(releasing(held.id)({ image, holds: [held] }, bob)).toEqual({ holds: [released] })
    expect(releasing(held.id)({ image, holds: [released] }, ann)).toEqual({ holds: [released] })
    const why = { ...held, released: { ...bob, reason: 'it is over' } }
    expect(releasing(held.id, 'it is over')({ image, holds: [held] }, bob)).toEqual({
      holds: [why],
    })
    expect(() => releasing('h0')({ image, holds: [held] }, bob)).toThrow('has no hold `h0`')
  })
})

it('a closing stands beside those of others, in the name of its author', () => {
  const incident = {
    id: 'c00000001',
    incident: '01 n1',
    title: 'a web shell',
    reason: 'an exercise',
    alerts: [{ node: 'n1', severity: 'high', ids: ['01'] }],
  } as const
  const stands = { ...incident, ...ann }
  expect(closing(incident)({ image }, ann)).toEqual({ closings: [stands] })
  const next = { ...incident, id: 'c00000002' }
  expect(closing(next)({ image, closings: [stands] }, bob)).toEqual({
    closings: [stands, { ...next, ...bob }],
  })
})
