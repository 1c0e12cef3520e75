import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignments } from '../../src/core/person/assignments.ts'
import {
  type AuditedRequest,
  auditedRequest,
  joined,
} from '../../src/core/person/audited-request.ts'
import { personsOf, type SeenSession, skewMs } from '../../src/core/person/session-join.ts'
import { auditEvent } from '../fixtures/audit-lines.ts'
import { cases } from '../fixtures/random-cases.ts'

/**
 * Persons who enter one pod at about the same time with few different commands. The log may lose lines, double them and
 * change their order; its clock is off; others enter without the API server.
 */
const startMs = Date.parse('2026-12-01T10:00:00Z')
const commands = [['sh'], ['sh', '-c', 'id'], ['bash']]

interface Entry {
  readonly user: string
  readonly command: number
  readonly container: string
  /** Of the request, after the start. */
  readonly atMs: number
  /** From the request to the first event. */
  readonly tookMs: number
  readonly lastedMs: number
  /** Into the container without the API server. */
  readonly isForeign: boolean
  /** Lines of its request are lost. */
  readonly isLost: boolean
  /** By a WebSocket. */
  readonly isGet: boolean
  /** One line, or both; once, or twice. */
  readonly stages: readonly ('RequestReceived' | 'ResponseStarted' | 'ResponseComplete')[]
}

const entry: fc.Arbitrary<Entry> = fc.record({
  user: fc.constantFrom('alice', 'bob', 'mallory'),
  command: fc.nat(commands.length - 1),
  container: fc.constantFrom('web', 'proxy'),
  atMs: fc.nat(20_000),
  tookMs: fc.oneof(fc.integer({ min: 5, max: 60 }), fc.integer({ min: 5, max: 3_000 })),
  lastedMs: fc.oneof(fc.integer({ min: 5, max: 900 }), fc.integer({ min: 3_100, max: 60_000 })),
  isForeign: fc.boolean(),
  isLost: fc.boolean(),
  isGet: fc.boolean(),
  stages: fc
    .array(fc.constantFrom('RequestReceived', 'ResponseStarted', 'ResponseComplete'), {
      minLength: 1,
      maxLength: 4,
    })
    .map((stages) => stages),
})

interface World {
  readonly entries: readonly Entry[]
  /** By how much the API server’s clock is ahead. */
  readonly skew: number
  readonly order: number
}

const world: fc.Arbitrary<World> = fc.record({
  entries: fc.array(entry, { minLength: 1, maxLength: 9 }),
  skew: fc.integer({ min: -skewMs, max: skewMs }),
  order: fc.nat(),
})

function sessionsOf({ entries }: World): readonly SeenSession[] {
  return entries.map(({ command, container, atMs, tookMs }, at) => ({
    key: `c/${at}`,
    namespace: 'shop',
    pod: 'web-0',
    container,
    isEphemeral: false,
    beganMs: startMs + atMs + tookMs,
    program: { args: commands[command] ?? [] },
    isWhole: true,
  }))
}

/** As the agent makes them of the lines: those of one request are joined. */
function requestsOf({ entries, skew, order }: World): readonly AuditedRequest[] {
  const lines = entries.flatMap(({ stages, isForeign, isLost, ...of }, at) =>
    isForeign || isLost
      ? []
      : stages.map((stage) =>
          auditEvent({
            user: of.user,
            command: commands[of.command] ?? [],
            container: of.container,
            atMs: startMs + of.atMs + skew,
            id: `request-${at}`,
            stage,
            more: { verb: of.isGet ? 'get' : 'create' },
            laterMs:
              stage === 'ResponseComplete' ? of.tookMs + of.lastedMs : Math.min(of.tookMs, 20),
          }),
        ),
  )
  const turn = lines.length === 0 ? 0 : order % lines.length
  const turned = [...lines.slice(turn), ...lines.slice(0, turn)]
  if (order % 2 === 1) turned.reverse()
  const requests = new Map<string, AuditedRequest>()
  for (const line of turned) {
    const request = auditedRequest(line)
    if (typeof request === 'string') throw new Error(request)
    const before = requests.get(request.key)
    requests.set(request.key, before === undefined ? request : joined(before, request))
  }
  return [...requests.values()]
}

describe('sessions and requests of one pod', () => {
  it('never name another person than the one who began the session', () => {
    let [namedCount, unknownCount] = [0, 0]
    fc.assert(
      fc.property(world, (given) => {
        const persons = personsOf(sessionsOf(given), requestsOf(given))
        for (const [at, { user, isForeign }] of given.entries.entries()) {
          const person = persons.get(`c/${at}`)
          if (person?.certainty === 'certain' || person?.certainty === 'likely') {
            namedCount += 1
            expect(isForeign).toBe(false)
            expect(person.name).toBe(user)
          } else unknownCount += 1
        }
      }),
      { numRuns: cases(5_000) },
    )
    // Both happen, and often.
    expect(namedCount).toBeGreaterThan(cases(1_000))
    expect(unknownCount).toBeGreaterThan(cases(1_000))
  })

  it('name everybody where the log is whole and no two do the same at once', () => {
    fc.assert(
      fc.property(world, (given) => {
        const entries = given.entries.slice(0, commands.length).map((one, command) => ({
          ...one,
          command,
          isForeign: false,
          isLost: false,
        }))
        const whole = { ...given, entries }
        const persons = personsOf(sessionsOf(whole), requestsOf(whole))
        for (const [at, { user }] of entries.entries())
          expect(persons.get(`c/${at}`)).toMatchObject({ name: user, certainty: 'certain' })
      }),
      { numRuns: cases(2_000) },
    )
  })

  it('give the same in any order', () => {
    fc.assert(
      fc.property(world, fc.nat(), (given, order) => {
        const one = personsOf(sessionsOf(given), requestsOf(given))
        const sessions = [...sessionsOf(given)].reverse()
        const other = personsOf(sessions, requestsOf({ ...given, order }))
        for (const [key, person] of one) {
          const again = other.get(key)
          expect(again?.certainty).toBe(person.certainty)
          expect(again?.candidates).toBe(person.candidates)
          expect(again).toEqual(person)
        }
      }),
      { numRuns: cases(2_000) },
    )
  })
})

it('assignments are those that trying all of them finds', () => {
  const edges = fc.array(fc.uniqueArray(fc.nat(4), { maxLength: 5 }), { maxLength: 5 })
  fc.assert(
    fc.property(edges, (given) => {
      const all = everyMatching(given)
      const expected =
        all.length === 0
          ? undefined
          : given.map((rights, left) =>
              rights.filter((right) => all.some((m) => m[left] === right)),
            )
      expect(assignments(given, 5)).toEqual(expected)
    }),
    { numRuns: cases(3_000) },
  )
})

/** The right vertex of each left one, in each matching that covers the left. */
function everyMatching(edges: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const [first, ...rest] = edges
  if (first === undefined) return [[]]
  return first.flatMap((right) =>
    everyMatching(rest.map((rights) => rights.filter((each) => each !== right))).map((found) => [
      right,
      ...found,
    ]),
  )
}
