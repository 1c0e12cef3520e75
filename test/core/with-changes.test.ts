import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { beforeAll, describe, expect, it } from 'vitest'
import { withChanges } from '../../src/core/with-changes.ts'

setFlagsFromString('--allow-natives-syntax')
const haveSameClass = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (
  a: object,
  b: object,
) => boolean

const hasMembersInPlace = runInThisContext('(object) => %HasFastProperties(object)') as (
  object: object,
) => boolean

const some = 300
const plain = (n: number) => ({ id: `b${n}`, text: 'read' })

function classesOf(objects: readonly object[]): number {
  const found: object[] = []
  for (const one of objects) {
    if (!found.some((other) => haveSameClass(one, other))) found.push(one)
  }
  return found.length
}

describe('A copy with changes', () => {
  // As in an agent that has read many reports: the class of `{}` has no room for one more first member.
  beforeAll(() => {
    for (let n = 0; n < 5_000; n++) Object.assign({}, { [`first${n}`]: n })
  })

  it('has what the object has and the changes, and the object stays as it is', () => {
    const object = Object.freeze({ a: 1, b: 2, c: undefined })
    const copy = withChanges(object, { b: 3, d: 4 })
    expect(Object.entries(copy)).toEqual([
      ['a', 1],
      ['b', 3],
      ['c', undefined],
      ['d', 4],
    ])
    expect(object).toEqual({ a: 1, b: 2, c: undefined })
  })

  it('shares its hidden class with all others made so', () => {
    const copies = Array.from({ length: some }, (_, n) => withChanges(plain(n), { form: { n } }))
    const again = copies.map((copy) => withChanges(copy, { text: 'write', more: 1 }))
    expect(classesOf(copies)).toBe(1)
    expect(classesOf(again)).toBe(1)
  })

  it.each([4, 12, 14, 16, 17, 24, 31])(
    'of %i members has them in place, and not in a hash table',
    (n) => {
      const object = Object.fromEntries(Array.from({ length: n }, (_, at) => [`member${at}`, at]))
      const copies = Array.from({ length: some }, (_, at) =>
        withChanges(withChanges(object, { member1: at }), { more: at }),
      )
      expect(copies.filter(hasMembersInPlace)).toHaveLength(some)
      expect(classesOf(copies)).toBe(1)
    },
  )
})
