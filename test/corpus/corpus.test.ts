import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { parseEventLine } from '../../src/core/event/parse-event.ts'
import { passedOn } from '../../src/core/lifecycle/inheritance.ts'
import { compile } from '../fixtures/compiled-profile.ts'
import { judge } from '../../src/core/match/judge.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { feed, guardrails, shaper } from '../fixtures/event-fixture.ts'

/**
 * A scenario is a folder: `learn.ndjson` is what the image was learned from, `profile.json` what came of it
 * (rewrite it with UPDATE_CORPUS=1 and read the difference), `events.ndjson` what is judged by it, and
 * `expected.json` the verdict on each line, written by hand.
 */
interface Expected {
  readonly outcome: string
  readonly guardrails?: readonly string[]
  readonly reason?: string
}

const here = new URL('.', import.meta.url)
const scenarios = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

const text = (scenario: string, name: string) =>
  readFileSync(new URL(`${scenario}/${name}`, here), 'utf8')
const events = (scenario: string, name: string) =>
  text(scenario, name)
    .trimEnd()
    .split('\n')
    .map((line) => parseEventLine(line) as ActEvent)

function learn(scenario: string): readonly ProfileEntry[] {
  const profile = new Profile(shaper)
  const lesson = events(scenario, 'learn.ndjson')
  feed(profile, lesson)
  const taught = lesson[0]?.image?.digest ?? ''
  const [first] = events(scenario, 'events.ndjson')
  // Learned from another version: what is judged by is the prior that the new version gets.
  if (first?.image?.digest === taught) return profile.entries()
  const next = new Profile(shaper)
  const predecessor = { digest: taught, windowDone: true }
  next.merge(
    [...profile.outline()].flatMap((one) => passedOn(predecessor, one.inheritable()) ?? []),
  )
  return next.entries()
}

describe.each(scenarios)('the scenario %s', (scenario) => {
  if (process.env['UPDATE_CORPUS'] === '1') {
    const entries = learn(scenario).map((entry) => `  ${JSON.stringify(entry)}`)
    writeFileSync(new URL(`${scenario}/profile.json`, here), `[\n${entries.join(',\n')}\n]\n`)
  }
  const profile = JSON.parse(text(scenario, 'profile.json')) as ProfileEntry[]

  it('is learned as it was', () => {
    expect(learn(scenario)).toEqual(profile)
  })

  it('gets the verdicts that it should', () => {
    const compiled = compile(profile, shaper)
    const verdicts = events(scenario, 'events.ndjson').map((event) => {
      const verdict = judge(compiled, event, behavioursOf(event, shaper), { guardrails })
      return {
        outcome: verdict.outcome,
        guardrails: verdict.guardrails.map((guardrail) => guardrail.id),
        reason: verdict.reasons.at(-1),
      }
    })
    const expected = JSON.parse(text(scenario, 'expected.json')) as Expected[]
    expect(verdicts).toEqual(
      expected.map((one, i) => ({
        outcome: one.outcome,
        guardrails: one.guardrails ?? [],
        reason: one.reason ?? verdicts[i]?.reason,
      })),
    )
  })
})

it('there are scenarios to run', () => expect(scenarios.length).toBeGreaterThanOrEqual(7))
