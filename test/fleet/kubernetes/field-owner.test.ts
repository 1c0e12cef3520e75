import { describe, expect, it } from 'vitest'
import { ownerOf } from '../../../src/fleet/kubernetes/field-owner.ts'

const managers = [
  {
    manager: 'helm',
    time: '2026-11-24T12:00:00Z',
    fieldsV1: { 'f:spec': { '.': {}, 'f:image': { 'f:digest': {} } } },
  },
  {
    manager: 'ann',
    time: '2026-11-24T12:00:01Z',
    fieldsV1: { 'f:spec': { 'f:mode': {}, 'f:approve': { 'f:behaviours': { 'v:"b1"': {} } } } },
  },
  {
    manager: 'bob',
    time: '2026-11-24T12:00:02Z',
    fieldsV1: { 'f:spec': { 'f:approve': { 'f:behaviours': { 'v:"b2"': {} } } } },
  },
  { manager: 'agent', time: '2026-11-24T12:00:09Z', fieldsV1: { 'f:status': { 'f:mode': {} } } },
]

describe('the author of a part of an object', () => {
  it.each([
    ['f:mode', 'ann'],
    ['f:approve f:behaviours v:"b1"', 'ann'],
    ['f:approve f:behaviours v:"b2"', 'bob'],
    ['f:image f:digest', 'helm'],
  ])('is its owner, not a later author of another part: %s', (path, manager) => {
    expect(ownerOf(managers, ['f:spec', ...path.split(' ')])?.manager).toBe(manager)
  })

  it('is the latest of several owners', () => {
    const both = [...managers, { ...managers[1], manager: 'eve', time: '2026-11-24T12:00:03Z' }]
    expect(ownerOf(both, ['f:spec', 'f:mode'])?.manager).toBe('eve')
  })

  it('is the owner of the parent where nobody owns the part by itself', () => {
    expect(ownerOf(managers, ['f:spec', 'f:approve', 'f:all'])?.manager).toBe('bob')
    expect(ownerOf([], ['f:spec'])).toBeUndefined()
  })
})
