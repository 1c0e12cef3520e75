import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PeerView, PictureView, RunView } from '../../src/api/page-views.ts'
import { layoutOf } from '../../src/page/image/peer-layout.ts'
import { type Branch, forestOf } from '../../src/page/image/process-forest.ts'

function pictureOf(
  names: readonly string[],
  runs: readonly (readonly [number, number])[],
): PictureView {
  const views = runs.map(
    ([from, to], i): RunView => ({ from, to, id: `b${i}`, state: 'learned', drift: false }),
  )
  const programs = names.map((exe) => ({ exe, users: [], acts: [], open: 0 }))
  return { programs, runs: views, peers: [], left: { programs: 0, peers: 0 }, deviations: 0 }
}

function outline(branches: readonly Branch[]): string {
  return branches
    .map(({ program, again, branches: below }) => {
      const inside = below.length === 0 ? '' : `(${outline(below)})`
      return `${program.exe}${again ? '*' : ''}${inside}`
    })
    .join(' ')
}

describe('the forest of programs', () => {
  it('has the programs without a parent as its roots, in order of name', () => {
    const picture = pictureOf(
      ['rt', 'sh', 'web', 'awk'],
      [
        [0, 1],
        [1, 2],
        [1, 3],
      ],
    )
    expect(outline(forestOf(picture))).toBe('rt(sh(awk web))')
  })

  it('expands a program once, where it is closest to the root, and names it elsewhere', () => {
    const picture = pictureOf(
      ['rt', 'a', 'b', 'c'],
      [
        [0, 1],
        [1, 2],
        [2, 3],
        [1, 3],
      ],
    )
    expect(outline(forestOf(picture))).toBe('rt(a(b(c*) c))')
  })

  it('has a root for a program that is only reached by a cycle, and terminates', () => {
    const picture = pictureOf(
      ['a', 'b', 'c'],
      [
        [0, 1],
        [1, 0],
        [2, 2],
      ],
    )
    expect(outline(forestOf(picture))).toBe('a(b(a*)) c')
  })

  it('expands every program exactly once, whatever starts what', () => {
    const runs = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 30 })
    fc.assert(
      fc.property(runs, (list) => {
        const done: number[] = []
        const walk = (branches: readonly Branch[]): void => {
          for (const { index, again, branches: below } of branches) {
            if (!again) done.push(index)
            walk(below)
          }
        }
        walk(forestOf(pictureOf('abcdefgh'.split(''), list)))
        expect(done.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      }),
    )
  })
})

describe('the graph of peers', () => {
  const peer = (
    name: string,
    programs: readonly number[],
    more: Partial<PeerView> = {},
  ): PeerView => ({
    protocol: 'tcp',
    peer: name,
    port: 80,
    direction: 'out',
    programs,
    count: 1,
    state: 'learned',
    ...more,
  })

  it('puts a peer near the programs that talk to it, and an edge for each', () => {
    const picture = pictureOf(['a', 'quiet', 'b'], [])
    const peers = [peer('of-b', [2]), peer('of-both', [0, 2]), peer('of-a', [0])]
    const { programs, peers: placed, edges } = layoutOf({ ...picture, peers })
    expect(programs.map(({ text }) => text)).toEqual(['a', 'b'])
    expect(placed.map(({ text }) => text)).toEqual(['tcp of-a:80', 'tcp of-both:80', 'tcp of-b:80'])
    expect(edges).toHaveLength(4)
    expect(placed.every(({ y }, i) => i === 0 || y > (placed[i - 1]?.y ?? 0))).toBe(true)
  })

  it('is the same in whatever order the peers are listed', () => {
    const picture = pictureOf(['a', 'b'], [])
    const all = ['x', 'y', 'z', 'w'].map((name, i) => peer(name, [i % 2], { port: i }))
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 4 }), (peers) => {
        expect(layoutOf({ ...picture, peers }).peers).toEqual(
          layoutOf({ ...picture, peers: all }).peers,
        )
      }),
    )
  })
})
