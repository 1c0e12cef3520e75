import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acts, type Composition, compositionOf, lineOf, simplerThan } from './composition.ts'

const sample = (seed: number): readonly Composition[] =>
  fc.sample(compositionOf('later'), { seed, numRuns: 2_000 })

const cost = ({ names, runs, via }: Composition): number =>
  names.length + runs.length + (via === 'at' ? 0 : 1)

describe('compositions', () => {
  it('are the same for the same seed', () => {
    expect(sample(7)).toEqual(sample(7))
    expect(sample(7)).not.toEqual(sample(8))
  })

  it('have every action, and each with several ways to name, call and run it', () => {
    const all = sample(7)
    for (const act of Object.keys(acts)) {
      const of = all.filter((it) => it.act === act)
      expect(new Set(of.map(({ runs }) => runs.join())).size, act).toBeGreaterThan(10)
      expect(new Set(of.map(({ via }) => via)).size, act).toBeGreaterThan(2)
      if (acts[act as keyof typeof acts] !== 'none')
        expect(new Set(of.map(({ names }) => names.join())).size, act).toBeGreaterThan(2)
    }
  })

  it('become smaller with each step of taking them apart, down to none', () => {
    for (const it of sample(9)) {
      for (const simpler of simplerThan(it)) expect(cost(simpler)).toBe(cost(it) - 1)
      if (cost(it) === 0) expect(simplerThan(it)).toEqual([])
    }
  })

  it('are five words for the program that attacks', () => {
    for (const it of sample(10)) {
      expect(lineOf(3, it)).toMatch(/^3 [a-z-]+ \d [a-z0-9,-]+ [a-z,-]+$/)
    }
  })
})
