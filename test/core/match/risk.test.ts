import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { severities } from '../../../src/core/event/alert.ts'
import { origins } from '../../../src/core/event/event.ts'
import { causeAccesses, placeClasses, type RiskFacts } from '../../../src/core/event/alert-risk.ts'
import { replicaShift, replicaText } from '../../../src/core/match/replicas.ts'
import { riskOf, riskTable } from '../../../src/core/match/risk.ts'

const plain: RiskFacts = {
  access: 'change',
  place: 'data',
  actor: 'known',
  origin: 'entrypoint',
  drift: false,
  shipped: false,
  usual: false,
  local: false,
  leavesRoot: false,
}
const severity = (facts: Partial<RiskFacts>) => riskOf({ ...plain, ...facts })
const rank = (facts: Partial<RiskFacts>) => severities.indexOf(severity(facts))

const facts = fc.record({
  access: fc.constantFrom(...causeAccesses),
  place: fc.constantFrom(...placeClasses),
  actor: fc.constantFrom('known' as const, 'new' as const, 'drift' as const),
  origin: fc.constantFrom(...origins),
  drift: fc.boolean(),
  shipped: fc.boolean(),
  usual: fc.boolean(),
  local: fc.boolean(),
  leavesRoot: fc.boolean(),
  replicas: fc.constantFrom('most' as const, 'few' as const, undefined),
})

describe('the severity of a deviation', () => {
  it('is low for usual and local behaviours of a program, and medium or higher for others', () => {
    expect(severity({ access: 'read' })).toBe('low')
    expect(severity({ usual: true })).toBe('low')
    expect(severity({ place: 'temporary' })).toBe('low')
    expect(severity({})).toBe('medium')
    expect(severity({ access: 'run', place: 'code' })).toBe('medium')
    expect(severity({ access: 'connect' })).toBe('medium')
    expect(severity({ access: 'connect', local: true })).toBe('low')
  })

  it('is never novelty for a secret or for code that the image did not ship', () => {
    fc.assert(
      fc.property(facts, (one) => {
        if (one.drift) expect(riskOf(one)).toBe('high')
        const isUse = one.access === 'read' || one.access === 'change'
        if (one.place === 'secret' && isUse) expect(rank(one)).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  it('is never critical, and has the value of the table for a single fact', () => {
    fc.assert(fc.property(facts, (one) => rank(one) < 3))
    for (const access of causeAccesses) {
      for (const place of placeClasses) {
        expect(severity({ access, place })).toBe(riskTable[access][place])
      }
    }
  })

  it('rises where one of many replicas does it, and does not fall where all of them do', () => {
    fc.assert(
      fc.property(facts, (one) => {
        const { replicas: _, ...alone } = one
        expect(rank({ ...one, replicas: 'few' })).toBeGreaterThanOrEqual(rank(alone))
        expect(rank({ ...one, replicas: 'most' })).toBe(rank(alone))
      }),
    )
  })
})

describe('the shift across replicas', () => {
  const nowMs = 10_000_000
  const since = (...agoMs: number[]) => agoMs.map((ms) => nowMs - ms)

  it.each([
    [since(1_000, 2_000, 3_000), 4, 'most'],
    [since(1_000), 10, undefined],
    [since(400_000), 10, 'few'],
    [since(400_000), 3, undefined],
    [since(400_000, 300_000, 1_000), 4, 'most'],
    [since(5_000_000, 2_000_000, 1_000), 4, undefined],
  ])('of %j among %i running is %s', (firstMs, running, shift) => {
    expect(replicaShift({ firstMs, running, nowMs })).toBe(shift)
  })

  it('does not depend on the order, and is stated with its figures', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(nowMs), { maxLength: 12 }), fc.nat(12), (firstMs, running) => {
        const shift = replicaShift({ firstMs, running, nowMs })
        expect(replicaShift({ firstMs: firstMs.toReversed(), running, nowMs })).toBe(shift)
      }),
    )
    expect(replicaText('few', 1, 10)).toBe('1 of 10 replicas does this: the others do not')
  })
})

it('docs/alerts.md shows the table', () => {
  const page = readFileSync(new URL('../../../docs/alerts.md', import.meta.url), 'utf8')
  for (const access of causeAccesses) {
    const row = placeClasses.map((place) => riskTable[access][place]).join(' | ')
    expect(page).toContain(`| ${access} | ${row} |`)
  }
})
