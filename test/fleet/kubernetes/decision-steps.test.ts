import { describe, expect, it } from 'vitest'
import {
  approvalSteps,
  modeSteps,
  rejectionSteps,
} from '../../../src/fleet/kubernetes/decision-steps.ts'
import { digestOf } from '../../fixtures/kube-pods.ts'

const image = { repository: 'shop/web', digest: digestOf('web') }
const nothing = { all: false, behaviours: [], quarantined: [] }

describe('an approval', () => {
  it('is added to those in the object', () => {
    const spec = { image, approve: { behaviours: ['b1'] } }
    expect(approvalSteps(spec, { ...nothing, behaviours: ['b2'] })).toEqual([
      { approve: { behaviours: ['b1', 'b2'] } },
    ])
  })

  it('is removed and added again where the object has it, as agents apply it once', () => {
    const spec = { image, approve: { behaviours: ['b1', 'b2'], quarantined: ['b3'] } }
    expect(approvalSteps(spec, { ...nothing, behaviours: ['b2'] })).toEqual([
      { approve: { behaviours: ['b1'], quarantined: ['b3'] } },
      { approve: { behaviours: ['b1', 'b2'] } },
    ])
    expect(approvalSteps({ image, approve: { all: true } }, { ...nothing, all: true })).toEqual([
      { approve: { all: null, behaviours: [], quarantined: [] } },
      { approve: { all: true } },
    ])
  })

  it('ends a rejection of the same behaviour, and no other', () => {
    const spec = { image, reject: { behaviours: ['b1', 'b2'] } }
    expect(approvalSteps(spec, { ...nothing, quarantined: ['b1'] })).toEqual([
      { approve: { quarantined: ['b1'] }, reject: { behaviours: ['b2'] } },
    ])
  })
})

it('a mode that stands in the object already is removed first', () => {
  expect(modeSteps({ image, mode: 'alert' }, 'block')).toEqual([{ mode: 'block' }])
  expect(modeSteps({ image, mode: 'block' }, 'block')).toEqual([{ mode: null }, { mode: 'block' }])
})

describe('a rejection', () => {
  it('is added to those in the object, and ends an approval of the same behaviour', () => {
    const approve = { behaviours: ['b1', 'b2'], quarantined: ['b3'] }
    const spec = { image, approve, reject: { behaviours: ['b4'] } }
    expect(rejectionSteps(spec, ['b2', 'b3'])).toEqual([
      {
        reject: { behaviours: ['b4', 'b2', 'b3'] },
        approve: { behaviours: ['b1'], quarantined: [] },
      },
    ])
    expect(rejectionSteps(spec, ['b5'])).toEqual([{ reject: { behaviours: ['b4', 'b5'] } }])
  })

  it('is removed and added again where the object has it', () => {
    const spec = { image, reject: { behaviours: ['b1', 'b2'] } }
    expect(rejectionSteps(spec, ['b1'])).toEqual([
      { reject: { behaviours: ['b2'] } },
      { reject: { behaviours: ['b2', 'b1'] } },
    ])
  })
})
