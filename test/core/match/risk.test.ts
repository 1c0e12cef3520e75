import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { severities, causeAccesses, placeClasses } from '../../../src/core/event/alert-words.ts'
import { origins } from '../../../src/core/event/event-words.ts'
import type { RiskFacts } from '../../../src/core/event/alert.ts'
import { replicaShift, replicaText } from '../../../src/core/match/replicas.ts'
import { hiddenBy, hidings, lossSeverity, singleFrom } from '../../../src/core/match/loss-risk.ts'
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

const facts = fc.record(
  {
    access: fc.constantFrom(...causeAccesses),
    place: fc.constantFrom(...placeClasses),
    actor: fc.constantFrom('known' as const, 'new' as const, 'drift' as const),
    origin: fc.constantFrom(...origins),
    drift: fc.boolean(),
    shipped: fc.boolean(),
    usual: fc.boolean(),
    local: fc.boolean(),
    leavesRoot: fc.boolean(),
    replicas: fc.constantFrom('most' as const, 'few' as const),
  },
  {
    requiredKeys: [
      'access',
      'place',
      'actor',
      'origin',
      'drift',
      'shipped',
      'usual',
      'local',
      'leavesRoot',
    ],
  },
)

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

describe('the severity of a loss', () => {
  const of = (reason: string, count?: number, blocks = false) =>
    lossSeverity({ reason, count, blocks })

  it('is low where a single act may be lost by accident, until that is frequent or the version blocks', () => {
    expect([of('file-gone', 4), of('file-gone', singleFrom), of('file-gone')]).toEqual([
      'low',
      'medium',
      'medium',
    ])
    expect(of('file-gone', 4, true)).toBe('medium')
    expect(of('answers-full', 10_000, true)).toBe('low')
  })

  it('is at least medium for a gap, and high where something runs unblocked that was to be blocked', () => {
    for (const blocks of [false, true]) {
      expect([of('ring-full', 1, blocks), of('sensor-gap', 0, blocks)]).toEqual([
        'medium',
        'medium',
      ])
    }
    expect([of('too-many-containers', 1), of('too-many-containers', 1, true)]).toEqual([
      'medium',
      'high',
    ])
  })

  it('is medium for a reason that only a foreign sensor knows, whatever its name', () => {
    for (const reason of ['several', 'their own', 'constructor', ''])
      expect(of(reason, 1)).toBe('medium')
  })

  it('never falls as more is lost, nor where the version blocks', () => {
    const rank = (severity: (typeof severities)[number]) => severities.indexOf(severity)
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(hiddenBy), 'ring-full'),
        fc.nat(1_000),
        fc.nat(1_000),
        fc.boolean(),
        (reason, count, more, blocks) => {
          const before = rank(of(reason, count, blocks))
          expect(rank(of(reason, count + more, blocks))).toBeGreaterThanOrEqual(before)
          expect(rank(of(reason, count, true))).toBeGreaterThanOrEqual(before)
        },
      ),
    )
  })
})

it('docs/alerts.md shows what the losses of each reason may hide', () => {
  const page = readFileSync(new URL('../../../docs/alerts.md', import.meta.url), 'utf8')
  for (const hiding of hidings) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${hiding} |`))
    const reasons = Object.keys(hiddenBy).filter((reason) => hiddenBy[reason] === hiding)
    for (const reason of reasons) expect(row, hiding).toContain(`\`${reason}\``)
    const few = lossSeverity({ reason: reasons[0] ?? '', count: 1, blocks: false })
    expect(row, hiding).toContain(`| ${few}`)
  }
  expect(page).toContain(`${singleFrom} events`)
})

it('docs/alerts.md shows the table', () => {
  const page = readFileSync(new URL('../../../docs/alerts.md', import.meta.url), 'utf8')
  for (const access of causeAccesses) {
    const row = placeClasses.map((place) => riskTable[access][place]).join(' | ')
    expect(page).toContain(`| ${access} | ${row} |`)
  }
})
