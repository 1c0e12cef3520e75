import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Cell } from '../../src/core/profile/evidence.ts'
import { LiveEntry } from '../../src/core/profile/live-entry.ts'
import type { EvidenceCell } from '../../src/core/profile/profile-entry.ts'
import { SharedParts } from '../../src/core/profile/shared-parts.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { type PlainCell, PlainEvidence } from './plain-evidence.ts'

const minute = 60_000_000
const from = Date.parse('2026-11-24T00:00:00Z') * 1_000

const actor = { exe: '/usr/bin/tool' }
const object = { kind: 'file', access: 'read', path: '/srv/<int>' } as const

const name = fc.record({
  // Many containers, so that the list gets an index, and few, so that cells are found again.
  container: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 200 })).map((n) => `c${n}`),
  origin: fc.constantFrom('entrypoint' as const, 'exec-in' as const),
  session: fc.option(fc.constantFrom('s1', 's2'), { nil: undefined }),
  phase: fc.constantFrom('learned' as const, 'later' as const, 'derived' as const),
})

const when = fc.nat({ max: 300 * 60 }).map((seconds) => from + seconds * 1_000_000)

const seen = fc.record({
  do: fc.constant('see' as const),
  name,
  when,
  count: fc.integer({ min: 1, max: 9 }),
  node: fc.constantFrom('n1', 'n2', 'n3'),
  source: fc.constantFrom('ebpf', 'falco'),
  guardrails: fc.subarray(['a-guardrail', 'b-guardrail'], { maxLength: 2 }),
  literal: fc.option(fc.nat({ max: 40 }), { nil: undefined }),
})

const step = fc.oneof(
  { weight: 6, arbitrary: seen },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), nth: fc.nat(), when }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('absorb' as const), nth: fc.nat(), into: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('merge' as const), nth: fc.nat(), into: name }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Without witnesses and guardrails. */
function bare(step: Step): Step {
  return step.do === 'see' ? { ...step, literal: undefined, guardrails: [] } : step
}

/** The same in few cells, which so get wide buckets with several events. */
function dense(step: Step): Step {
  const each = bare(step)
  if (each.do !== 'see') return each
  const container = `c${each.count % 3}`
  const [origin, phase] = ['entrypoint', 'learned'] as const
  return { ...each, name: { container, origin, session: undefined, phase } }
}

type Named = Pick<PlainCell, 'container' | 'origin' | 'session' | 'phase'>

function cellOf(entry: LiveEntry, { container, origin, session, phase }: Named): Cell {
  return entry.cell(container, origin, session, phase)
}

function seeIn(cell: Pick<Cell, 'see' | 'from' | 'trip' | 'witness'>, step: Step): void {
  if (step.do !== 'see') return
  cell.see(step.count, step.when)
  cell.from(step.node, step.source)
  cell.trip(step.guardrails, step.when)
  if (step.literal === undefined) return
  cell.witness({ text: `/srv/${step.literal}`, values: [`${step.literal}`] }, step.when)
}

/** Both forms of the evidence after the same steps. */
function after(steps: readonly Step[]): {
  readonly entry: LiveEntry
  readonly plain: PlainEvidence
} {
  const entry = new LiveEntry(actor, 0, object, shaper)
  const plain = new PlainEvidence()
  const plainCell = ({ container, origin, session, phase }: Named) =>
    plain.cell(container, origin, session, phase)
  const nth = (n: number): PlainCell => [...plain.cells.values()][n % plain.cells.size] as PlainCell
  for (const step of steps) {
    if (step.do !== 'see' && plain.cells.size === 0) continue
    switch (step.do) {
      case 'see':
        seeIn(cellOf(entry, step.name), step)
        seeIn(plainCell(step.name) as unknown as Cell, step)
        break
      case 'forget': {
        const cell = nth(step.nth)
        const compact = cellOf(entry, cell)
        compact.forget(step.when, step.when + 30 * minute)
        cell.forget(step.when, step.when + 30 * minute)
        expect(compact.empty).toBe(cell.empty)
        if (!cell.empty) break
        entry.dropCell(compact)
        plain.drop(cell)
        break
      }
      case 'absorb': {
        const cell = nth(step.nth)
        const into = nth(step.into)
        if (cell === into) break
        const compact = cellOf(entry, cell)
        cellOf(entry, into).absorb(compact, 1)
        into.absorb(cell)
        entry.dropCell(compact)
        plain.drop(cell)
        break
      }
      case 'merge': {
        const cell = nth(step.nth)
        if (cell.empty) break
        const json: EvidenceCell = cell.toJSON()
        cellOf(entry, step.into).merge(json)
        plainCell(step.into).merge(json)
        break
      }
      case 'compact':
        entry.compact()
    }
  }
  return { entry, plain }
}

const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b)

const anySteps = fc.array(step, { minLength: 1, maxLength: 300 })
const steps = fc.oneof(
  anySteps,
  anySteps.map((all) => all.map(bare)),
  fc.array(step, { minLength: 100, maxLength: 300 }).map((all) => all.map(dense)),
)

describe('Evidence in its compact form', () => {
  it('equals plain cells after any events, forgetting, adding up and merging', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { entry, plain } = after(all)
        expect(entry.toJSON().cells).toEqual(plain.toJSON())
      }),
      { numRuns: cases(300) },
    )
  })

  it('is the same after it was stored and read again', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { entry, plain } = after(all)
        const stored = JSON.parse(JSON.stringify(entry.stored(1)))
        const again = LiveEntry.ofStored(stored, shaper, new SharedParts())
        expect(again.toJSON().cells).toEqual(plain.toJSON())
      }),
      { numRuns: cases(200) },
    )
  })

  it('finds the cells of a container, and the container that alone showed it', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { entry, plain } = after(all)
        const cells = [...plain.cells.values()]
        for (const container of ['c0', 'c1', 'c100']) {
          const own = cells.filter((cell) => cell.container === container)
          expect(entry.isShownBy(container)).toBe(own.length > 0)
          const counts = entry.cellsOf(container).map(({ count }) => count)
          expect(sorted(counts)).toEqual(sorted(own.map(({ count }) => count)))
        }
        const ofService = cells.filter(
          ({ origin, phase }) => origin !== 'exec-in' && phase !== 'derived',
        )
        const containers = new Set(ofService.map(({ container }) => container))
        const isOne = containers.size === 1 && ofService.every((cell) => cell.containers === 1)
        const only = {
          container: ofService[0]?.container,
          first: Math.min(...ofService.map(({ first }) => first)),
          last: Math.max(...ofService.map(({ last }) => last)),
        }
        expect(entry.onlyContainer()).toEqual(isOne ? only : undefined)
      }),
      { numRuns: cases(200) },
    )
  })

  it('shows the same in a cell that was given out before, once others were dropped', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 4 }), (all, dropped) => {
        const { entry } = after(all)
        entry.compact()
        const cells = [...entry.allCells()]
        const before = cells.map((cell) => cell.toJSON())
        for (const [i, cell] of cells.entries()) if (i % 5 === dropped) entry.dropCell(cell)
        entry.compact()
        expect(cells.map((cell) => cell.toJSON())).toEqual(before)
        const left = before.filter((_, i) => i % 5 !== dropped)
        expect([...entry.allCells()].map((cell) => cell.toJSON())).toEqual(left)
      }),
      { numRuns: cases(100) },
    )
  })
})
