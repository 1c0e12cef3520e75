import { describe, expect, it } from 'vitest'
import { type BehaviourId, behaviourId } from '../../../src/core/behaviour/behaviour.ts'
import { PackedIds } from '../../../src/core/profile/packed-ids.ts'

const ids = Array.from({ length: 50 }, (_, n) => behaviourId(`behaviour ${n}`))

describe('packed ids', () => {
  it('are those that were packed, and no others', () => {
    const packed = new PackedIds(ids)
    expect(packed.size).toBe(50)
    expect(packed.keys()).toEqual(ids)
    for (const id of ids) expect(packed.has(id)).toBe(true)
    const [first = '', second = ''] = ids
    for (const other of ['', ' ', first.slice(1), first.slice(0, -1), `${first} ${second}`]) {
      expect(packed.has(other as BehaviourId)).toBe(false)
    }
  })

  it('may be none', () => {
    const packed = new PackedIds([])
    expect(packed.size).toBe(0)
    expect(packed.keys()).toEqual([])
    expect(packed.has('' as BehaviourId)).toBe(false)
  })
})
