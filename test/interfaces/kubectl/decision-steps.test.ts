import { describe, expect, it } from 'vitest'
import { approvalSteps, modeSteps } from '../../../src/interfaces/kubectl/decision-steps.ts'
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
