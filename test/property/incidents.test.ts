import '../fixtures/seeded.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { severities } from '../../src/core/event/alert-words.ts'
import { type IncidentFact, incidentFact } from '../../src/core/incident/incident-fact.ts'
import {
  campaignMs,
  type Incidents,
  incidentsOf,
  nearMs,
} from '../../src/core/incident/incidents.ts'
import { finish } from '../../src/core/steps.ts'
import { alertAt, type GivenAlert } from '../fixtures/incident-alerts.ts'
import { cases } from '../fixtures/random-cases.ts'

const hourMs = 3_600_000
const containers = ['web-1', 'web-2', 'db-1', 'db-2']

const severity = fc.constantFrom(...severities)
const exec = { kind: 'exec', exec: { path: '/bin/sh', drift: false } }
const reach = fc.constantFrom('203.0.113.7', '203.0.113.8', '10.1.0.7').map((address) => ({
  kind: 'connect',
  connect: { protocol: 'tcp', address, port: 443 },
}))

/** Anything that may be an alert: its id is its number, later. */
const anything = fc.record(
  {
    atMs: fc.integer({ min: 0, max: 12 * hourMs }),
    severity,
    container: fc.constantFrom(...containers),
    behaviour: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    process: fc.record(
      {
        pid: fc.integer({ min: 10, max: 20 }),
        ppid: fc.integer({ min: 10, max: 20 }),
        session: fc.constantFrom('s1', 's2'),
      },
      { requiredKeys: ['pid'] },
    ),
    act: fc.oneof(fc.constant(exec), reach),
  },
  { requiredKeys: ['atMs', 'severity', 'container', 'behaviour', 'process'] },
)
/** What a service does that its profile does not have: by its own process, which nothing began. */
const ordinary = fc.record({
  atMs: fc.integer({ min: 0, max: 12 * hourMs }),
  severity: fc.constantFrom('low' as const, 'medium' as const),
  container: fc.constantFrom(...containers),
  behaviour: fc.constantFrom('x', 'y', 'z'),
  process: fc.constant({ pid: 1 }),
  act: reach,
})

type Drawn = Omit<GivenAlert, 'id'>

function factsOf(drawn: readonly Drawn[], prefix = 'a'): readonly IncidentFact[] {
  return drawn.map((each, at) => {
    const image = each.container?.split('-')[0] ?? ''
    return incidentFact(alertAt({ image, ...each, id: `${prefix}${String(at).padStart(4, '0')}` }))
  })
}

function incidents(facts: readonly IncidentFact[]): Incidents {
  return finish(incidentsOf(facts))
}

/** Grave alerts by incident. */
function graveGroups({ incidents: found }: Incidents): readonly string[] {
  return found
    .map(({ members }) => members.filter(({ fact }) => fact.role === 'grave'))
    .filter((members) => members.length > 0)
    .map((members) =>
      members
        .map(({ fact }) => fact.id)
        .sort()
        .join(' '),
    )
    .sort()
}

describe('incidents of any alerts', () => {
  const numRuns = cases(500)

  test('do not depend on the order in which alerts arrive', () => {
    const shuffled = fc
      .array(anything, { maxLength: 40 })
      .map((drawn) => factsOf(drawn))
      .chain((facts) =>
        fc.tuple(fc.constant(facts), fc.shuffledSubarray([...facts], { minLength: facts.length })),
      )
    fc.assert(
      fc.property(shuffled, ([facts, others]) => {
        expect(incidents(others)).toEqual(incidents(facts))
      }),
      { numRuns },
    )
  })

  test('have each alert once, none graver than its incident, and none above low outside', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (drawn) => {
        const facts = factsOf(drawn)
        const { incidents: found, outside } = incidents(facts)
        const members = found.flatMap((incident) => incident.members.map(({ fact }) => fact))
        expect([...members, ...outside].map(({ id }) => id).sort()).toEqual(
          facts.map(({ id }) => id),
        )
        expect(outside.filter((fact) => fact.severity !== 'low')).toEqual([])
        for (const incident of found) {
          const ranks = incident.members.map(({ fact }) => severities.indexOf(fact.severity))
          expect(severities.indexOf(incident.severity)).toBe(Math.max(...ranks))
        }
      }),
      { numRuns },
    )
  })

  test('explain each alert by another one of the incident, back to the one it is named after', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 40 }), (drawn) => {
        for (const { id, members } of incidents(factsOf(drawn)).incidents) {
          const others = new Map(members.map(({ fact, link }) => [fact.id, link?.other]))
          for (const { fact } of members) {
            let at: string | undefined = fact.id
            for (let step = 0; step < members.length && at !== id; step++) at = others.get(at ?? '')
            expect(at).toBe(id)
          }
        }
      }),
      { numRuns },
    )
  })

  test('connect the same grave alerts, whatever is ordinary around them', () => {
    const both = fc.tuple(
      fc.array(anything, { maxLength: 20 }),
      fc.array(ordinary, { maxLength: 60 }),
    )
    fc.assert(
      fc.property(both, ([drawn, around]) => {
        const facts = factsOf(drawn)
        const all = [...facts, ...factsOf(around, 'o')]
        expect(graveGroups(incidents(all))).toEqual(graveGroups(incidents(facts)))
      }),
      { numRuns },
    )
  })
})

/** One intruder: steps in some replicas of a service, one container after the other. */
const campaign = fc.record({
  service: fc.constantFrom('web', 'db', 'cache', 'mail', 'queue'),
  replicas: fc.integer({ min: 1, max: 10 }),
  steps: fc.array(
    fc.record({
      severity: fc.constantFrom('medium' as const, 'high' as const, 'critical' as const),
      waitMs: fc.integer({ min: 0, max: nearMs / 10 }),
    }),
    { minLength: 0, maxLength: 8 },
  ),
  pauseMs: fc.integer({ min: 0, max: campaignMs / 2 }),
})

describe('campaigns against several services, with ordinary deviations in between', () => {
  test('are one incident each, and no incident mixes two', () => {
    const drawn = fc.tuple(
      fc.array(campaign, { minLength: 1, maxLength: 20 }),
      fc.array(fc.tuple(ordinary, fc.integer({ min: 0, max: 9 })), { maxLength: 100 }),
    )
    fc.assert(
      fc.property(drawn, ([campaigns, around]) => {
        const all: Drawn[] = []
        const campaignOf: number[] = []
        /** When the next campaign against a service may begin. */
        const free = new Map<string, number>()
        for (const [number, { service, replicas, steps, pauseMs }] of campaigns.entries()) {
          let atMs = free.get(service) ?? 0
          let last = atMs
          for (let replica = 0; replica < replicas; replica++) {
            const where = { container: `${service}-${replica}`, image: service }
            // The way in is the same in each of them, and what follows is not.
            const first = { severity: 'high' as const, behaviour: 'way in' }
            all.push({ ...where, atMs, ...first, process: { pid: 100 }, act: exec })
            let stepMs = atMs
            for (const { severity: grave, waitMs } of steps) {
              stepMs += waitMs
              all.push({ ...where, atMs: stepMs, severity: grave, behaviour: `b${all.length}` })
            }
            last = Math.max(last, stepMs)
            atMs += pauseMs
          }
          while (campaignOf.length < all.length) campaignOf.push(number)
          free.set(service, last + 7 * hourMs)
        }
        const lowest = around.map(([novel, replica]) => ({
          ...novel,
          severity: 'low' as const,
          container: `${novel.container.split('-')[0]}-${replica}`,
        }))
        const { incidents: found } = incidents([...factsOf(all), ...factsOf(lowest, 'o')])
        const mixes = found.map(({ members }) => [
          ...new Set(members.map(({ fact }) => campaignOf[Number(fact.id.slice(1))])),
        ])
        const mixed = mixes.flat().sort((a, b) => (a ?? -1) - (b ?? -1))
        expect(mixed).toEqual(campaigns.map((_, number) => number))
        expect(found).toHaveLength(campaigns.length)
      }),
      { numRuns: cases(200) },
    )
  })
})
