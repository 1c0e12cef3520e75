import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent, FileAct } from '../../src/core/event/event.ts'
import { bytesOfName } from '../../src/core/event/name-bytes.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { SnugError } from '../../src/errors.ts'
import type { CompiledKernel } from '../../src/core/compile/compile-kernel.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { PathAutomaton } from '../../src/core/compile/kernel-profile.ts'
import { Guardrails } from '../../src/core/match/guardrail.ts'
import { judge } from '../../src/core/match/judge.ts'
import { run } from '../../src/core/compile/path-automaton.ts'
import { type BehaviourRef, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { isDrawn } from '../../src/core/behaviour/ports.ts'
import { isPathPlace } from '../../src/core/behaviour/place-pattern.ts'
import { isDnsPeer } from '../../src/core/behaviour/dns-name.ts'
import { isWildcard } from '../../src/core/behaviour/peer.ts'
import { matchedRuleOf } from '../../src/core/profile/matched-rule.ts'
import type { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { seedOfRun } from '../fixtures/seed.ts'
import { Acts } from './acts.ts'
import { buildImage, newId, removeTree } from './container.ts'
import { act, before } from './drawn-acts.ts'
import { choice, profileOf } from './drawn-profile.ts'
import { Recorder } from './recorder.ts'
import { repetitions } from '../fixtures/repetitions.ts'

/** Each profile gets new events: the number of profiles, and of events for each. */
const profiles = repetitions(12)
const actsEach = 1_200
const seed = seedOfRun()

const guardrails = new Guardrails({ schema: 'snug.guardrails/v1', guardrails: [] })

let image: string
let recorder: Recorder

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
})
afterAll(async () => {
  await recorder.stop()
  removeTree(image)
})

function keyOf(event: ActEvent): string {
  return behavioursOf(event, shaper)
    .map((ref) => `${ref.origin} ${ref.key} ${ref.literal?.text ?? ''} ${ref.address ?? ''}`)
    .sort()
    .join('\n')
}

/** The events of a container that performs these lines, by behaviour. Each container is new: all start in one state. */
async function eventsOf(
  lines: readonly string[],
  scope: number,
  uid: number,
): Promise<ReadonlyMap<string, ActEvent>> {
  const id = newId()
  recorder.source.control.assign(id, scope)
  await recorder.source.obeyed()
  recorder.messages.length = 0
  const acts = new Acts(image, id, uid)
  await acts.did([])
  recorder.source.control.resolvers?.(id, ['127.0.0.1'], [])
  await recorder.source.obeyed()
  await acts.did([...before, ...lines])
  await recorder.source.obeyed()
  const events = recorder.acts(acts.id).map((event) => refined(event, uid === 0))
  await acts.stop()
  return new Map(events.map((event) => [keyOf(event), event]))
}

/** Names of addresses, as an engine would give them. */
const names: Readonly<Record<string, string>> = { '127.0.0.2': 'db', '::1': 'cache.shop' }

/** As the answers in each container give them whose user may play the resolver: port 53 is root's. */
const answered: Readonly<Record<string, string>> = {
  '198.51.100.5': 'api.test.',
  '2001:db8::5': 'api.test.',
  '198.51.100.6': 'a\\032b.test.',
  '198.51.100.7': 'b.api.test.',
}

/**
 * The event with what the daemon would add: some paths count as the image's, which no pattern takes, and some addresses
 * have a name.
 */
function refined(event: ActEvent, hasAnswers: boolean): ActEvent {
  if (event.kind === 'connect') {
    const byDns = hasAnswers ? answered[event.connect.address] : undefined
    const known = names[event.connect.address] ?? byDns
    return known === undefined ? event : { ...event, connect: { ...event.connect, name: known } }
  }
  if (event.kind !== 'file') return event
  const { file } = event
  const linked = linkedPath(file)
  const shipped = isShipped(file.path) ? { shipped: true } : {}
  const toShipped = linked !== undefined && isShipped(linked) ? { toShipped: true } : {}
  return { ...event, file: { ...file, ...shipped, ...toShipped } }
}

/** Root is never taken for another, nor another for root. */
const usersOf = (round: number): readonly [number, number] => (round % 3 === 2 ? [7, 8] : [0, 0])

/** The file that a hard link names. */
const linkedPath = ({ access, to }: FileAct): string | undefined =>
  access.includes('create') ? to : undefined

const isShipped = (at: string): boolean => at.startsWith('/tmp/') && at.length % 5 === 0

function taken(events: readonly ActEvent[], automaton: PathAutomaton): string[] {
  const paths = events.flatMap((event) =>
    event.kind === 'file' ? [event.file.path, linkedPath(event.file) ?? []].flat() : [],
  )
  return paths.filter((at) => isShipped(at) && takes(automaton, at))
}

function takes(automaton: PathAutomaton, at: string): boolean {
  return run(automaton, bytesOfName(at)) > 0 || endsAlive(automaton, at)
}

/** The automaton reads the path of a rename as the first half of its input. */
function endsAlive(automaton: PathAutomaton, at: string): boolean {
  let state = 1
  for (const byte of bytesOfName(at)) state = automaton.next[state * 256 + byte] ?? 0
  return (automaton.next[state * 256] ?? 0) !== 0
}

/** A port that is expected as one of a range. */
function isDrawnPort(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && isDrawn(by)
}

/** A socket or a call that is expected as one of a place. */
function isOfPlace(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && by.kind !== 'file' && isPathPlace(by)
}

/** A name that is expected as one of a wildcard. */
function isOfWildcard(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && isWildcard(by)
}

const isByDns = ({ object }: BehaviourRef): boolean =>
  object.kind === 'connect' && isDnsPeer(object.peer)

/** A delete that is expected by the rename that gives the name away. */
function isRenamedAway(profile: Profile, ref: BehaviourRef): boolean {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'delete') return false
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by?.kind === 'file' && by.access === 'rename'
}

/** A profile whose patterns the kernel has no room for is refused as a whole: no verdict follows from it. */
function compiledIfItFits(profile: Profile, done: readonly ActEvent[]): CompiledKernel | undefined {
  try {
    return compileKernel(profile, {
      now: microsOf('2026-11-24T00:00:00Z'),
      shippedMatching: (automaton) => taken(done, automaton),
    })
  } catch (error) {
    if (error instanceof SnugError && error.code === 'PROFILE_TOO_LARGE') return undefined
    throw error
  }
}

describe(`kernel and matcher give the same verdict on every event (SNUG_SEED=${seed})`, () => {
  it(`of ${actsEach} events each by ${profiles} profiles`, async () => {
    const { control } = recorder.source
    let judged = 0
    let expected = 0
    let patterns = 0
    let blocks = 0
    let programs = 0
    let renamedAway = 0
    let drawn = 0
    let byDns = 0
    let ofPlaces = 0
    let ofWildcards = 0
    let tooLarge = 0
    control.peers?.(Object.entries(names).map(([at, known]) => ({ address: at, name: known })))
    // Another one is drawn for each that does not fit, so that as many are compared.
    for (let round = 0; round < profiles + tooLarge; round++) {
      const scope = 100 + round
      const lines = fc.sample(act, { seed: seed + round, numRuns: actsEach })
      await recorder.everyEvent()
      // The image is learned as one user and runs as another: the declared user is the same.
      const [first, second] = usersOf(round)
      const done = [...(await eventsOf(lines, 1, first)).values()]
      control.filter('novelty')

      const choices = fc.sample(choice, { seed: seed + round, numRuns: 997 })
      const profile = profileOf(done, choices)
      const compiled = compiledIfItFits(profile, done)
      if (compiled === undefined) {
        tooLarge += 1
        expect(tooLarge).toBeLessThan(profiles / 4)
        continue
      }
      profile.widen(compiled.widenings)
      patterns += compiled.profile.rules.filter(
        ({ object }) => object.kind === 'file-pattern',
      ).length
      programs += compiled.profile.rules.filter(
        ({ object }) => object.kind === 'exec-pattern' && object.set > 0,
      ).length
      blocks += compiled.profile.prefixes.length
      control.profile?.(scope, compiled.profile)
      control.enforce?.(scope, { mode: 'alert', budget: 0 })
      const up = await eventsOf(lines, scope, second)

      for (const event of done) {
        const key = keyOf(event)
        const refs = behavioursOf(event, shaper)
        const { outcome } = judge(profile, event, refs, { guardrails })
        const kernel = up.has(key) ? 'deviation' : 'expected'
        judged += 1
        if (outcome === 'expected') expected += 1
        if (refs.some((ref) => isRenamedAway(profile, ref))) renamedAway += 1
        if (refs.some((ref) => isDrawnPort(profile, ref))) drawn += 1
        if (outcome === 'expected' && refs.some(isByDns)) byDns += 1
        if (refs.some((ref) => isOfPlace(profile, ref))) ofPlaces += 1
        if (refs.some((ref) => isOfWildcard(profile, ref))) ofWildcards += 1
        expect({ kernel, key }).toEqual({ kernel: outcome, key })
      }
    }
    const share = profiles / 12
    expect(judged).toBeGreaterThan(4_000 * share)
    expect(patterns).toBeGreaterThan(100 * share)
    expect(programs).toBeGreaterThan(100 * share)
    expect(blocks).toBeGreaterThan(10 * share)
    expect(renamedAway).toBeGreaterThan(profiles)
    expect(drawn).toBeGreaterThan(profiles)
    expect(byDns).toBeGreaterThan(profiles)
    expect(ofPlaces).toBeGreaterThan(profiles)
    expect(ofWildcards).toBeGreaterThan(profiles / 2)
    // Of both there are many: else it would show nothing.
    expect(expected).toBeGreaterThan(judged / 10)
    expect(expected).toBeLessThan((judged * 9) / 10)
  })
})
