import { describe, expect, it } from 'vitest'
import { LiveLog } from '../../../src/api/live-log.ts'
import { RestingItems } from '../../../src/api/resting-items.ts'
import { finish } from '../../../src/core/steps.ts'

const first = 1_790_000_000_000_000

interface Act {
  readonly n: number
  readonly path: string
  readonly process: { readonly exe: string; readonly pid: number }
}

function actOf(n: number): Act {
  return { n, path: `/srv/${n % 50}/deviation`, process: { exe: '/usr/bin/service', pid: n } }
}

function itemsOf(count: number): RestingItems<Act> {
  const items = new RestingItems<Act>()
  for (let n = first; n < first + count; n++) items.add(n, actOf(n))
  return items
}

function rest(items: Pick<RestingItems<Act>, 'restSteps'>): number {
  return [...items.restSteps()].length
}

describe('items that rest', () => {
  it('have the same numbers and are equal, in any order, and while more come', () => {
    const items = itemsOf(1_000)
    rest(items)
    expect(rest(items)).toBe(7)
    for (let n = first + 1_000; n < first + 1_300; n++) items.add(n, actOf(n))
    for (let at = 0; at < 1_300; at++) {
      const n = first + ((at * 739) % 1_300)
      expect(items.get(n)).toEqual(actOf(n))
    }
    expect([items.get(first - 1), items.get(first + 1_300)]).toEqual([undefined, undefined])
  })

  it('are compressed by the second round after their block was full', () => {
    const items = itemsOf(300)
    expect(rest(items)).toBe(0)
    for (let n = first + 300; n < first + 400; n++) items.add(n, actOf(n))
    expect([rest(items), rest(items), rest(items)]).toEqual([2, 1, 0])
  })

  it('go in whole blocks, and leave the later ones as they are', () => {
    const items = itemsOf(700)
    rest(items)
    rest(items)
    items.dropBefore(first + 300)
    expect(items.get(first + 200)).toBeUndefined()
    for (let n = first + 300; n < first + 700; n++) expect(items.get(n)).toEqual(actOf(n))
  })

  it('begin at any number again once they were cleared', () => {
    const items = itemsOf(200)
    items.clear()
    items.add(77, actOf(77))
    items.add(78, actOf(78))
    expect([items.get(first), items.get(77), items.get(78)]).toEqual([
      undefined,
      actOf(77),
      actOf(78),
    ])
  })
})

describe('a live log whose messages rest', () => {
  it('gives each reader what one without rest gives, and counts the same as lost', () => {
    const [resting, plain] = [1, 2].map(() => new LiveLog<number>({ capacity: 500, first }))
    if (resting === undefined || plain === undefined) throw new Error('two logs are compared')
    const wants = (n: number): boolean => n % 3 !== 0
    const readersOf = (log: LiveLog<number>) => [
      log.subscribe({ wants }),
      log.subscribe({ wants, from: first }),
    ]
    const both = [resting, plain].map((log) => ({ log, readers: readersOf(log) }))
    let seed = 5
    const below = (limit: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % limit
    }
    let published = 0
    let taken = 0
    for (let round = 0; round < 400; round++) {
      for (let left = below(120); left > 0; left--, published++) {
        for (const { log } of both) log.publish('t', published)
      }
      if (below(3) === 0) finish(resting.restSteps())
      if (below(4) === 0) {
        const from = first + below(published + 1)
        for (const { log, readers } of both) {
          readers[1]?.close()
          readers[1] = log.subscribe({ wants, from })
        }
      }
      const [which, max] = [below(2), below(300)]
      const [mine, other] = both.map(({ readers }) => readers[which]?.take(max) ?? [])
      expect(mine).toEqual(other)
      taken += mine?.length ?? 0
      const [a, b] = both.map(({ log }) => finish(log.recordedSteps(20, Infinity, wants)))
      expect(a).toEqual(b)
    }
    expect(taken).toBeGreaterThan(5_000)
  })
})
