import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FleetConnection, FleetParty } from '../../src/console/reading/views.ts'
import { mapLayout, rowHeight } from '../../src/console/page/map-layout.ts'

const party = (id: string): FleetParty => ({ id, kind: 'image', name: id, listens: [], left: 0 })

function connection(
  from: string,
  to: string,
  state: FleetConnection['state'] = 'learned',
): FleetConnection {
  const key = `${from} ${to} ${state}`
  const facts = { protocol: 'tcp', port: 80, nodes: 1, programs: [], peers: [], peerCount: 1 }
  return { key, from, to, state, ...facts }
}

function laidOut(pairs: readonly (readonly [number, number])[], ids = 20) {
  const parties = Array.from({ length: ids }, (_, i) => party(String(i)))
  return mapLayout(
    parties,
    pairs.map(([from, to]) => connection(String(from), String(to))),
  )
}

const pairsOf = (most: number) =>
  fc.array(fc.tuple(fc.nat({ max: most }), fc.nat({ max: most })), { maxLength: 60 })

describe('the layout of the map', () => {
  it('has each party once, and no two at one place', () => {
    fc.assert(
      fc.property(pairsOf(19), (pairs) => {
        const { nodes, height } = laidOut(pairs)
        expect(new Set(nodes.map(({ party: { id } }) => id))).toEqual(
          new Set(pairs.flat().map(String)),
        )
        for (const a of nodes) {
          expect(a.y).toBeLessThan(height)
          for (const b of nodes)
            if (a !== b && a.x === b.x)
              expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(rowHeight - 0.001)
        }
      }),
    )
  })

  it('has callers to the left of those that they call, where there is no circle', () => {
    fc.assert(
      fc.property(pairsOf(5), (pairs) => {
        const upwards = pairs.filter(([a, b]) => a < b)
        for (const { from, to } of laidOut(upwards).edges) expect(from.x).toBeLessThan(to.x)
      }),
    )
  })

  it('is the same whatever the order of what it is made of', () => {
    fc.assert(
      fc.property(pairsOf(9), (pairs) => {
        const place = (list: typeof pairs) =>
          laidOut(list)
            .nodes.map(({ party: { id }, x, y }) => `${id} ${x} ${y}`)
            .sort()
        expect(place([...pairs].reverse())).toEqual(place(pairs))
      }),
    )
  })

  it('ends with a chain of thousands, and with a circle', () => {
    const long = Array.from({ length: 5_000 }, (_, i) => [i, i + 1] as const)
    expect(laidOut(long, 5_001).nodes).toHaveLength(5_001)
    const circle = [...long.slice(0, 9), [9, 0] as const]
    expect(laidOut(circle).nodes).toHaveLength(10)
  })

  it('has one line from one party to another, with what is most urgent first and on top', () => {
    const parties = ['a', 'b', 'c'].map(party)
    const { edges } = mapLayout(parties, [
      connection('a', 'b'),
      connection('a', 'b', 'alert'),
      connection('a', 'c'),
    ])
    expect(
      edges.map(({ key, connections }) => [key, connections.map(({ state }) => state)]),
    ).toEqual([
      ['a c', ['learned']],
      ['a b', ['alert', 'learned']],
    ])
  })
})
