import { describe, expect, it } from 'vitest'
import { bytesOfName } from '../../../src/core/event/name-bytes.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { microsOf } from '../../../src/core/event/time.ts'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import { KernelReading } from '../../fixtures/kernel-reading.ts'
import { run } from '../../../src/core/compile/path-automaton.ts'
import { type BehaviourObject, behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, learned, outcome, shaper } from '../../fixtures/event-fixture.ts'

/** Written beside the file that it replaces, and renamed onto it. */
const replaces = (name: string): readonly ActEvent[] => [
  act.file(name, ['write', 'create']),
  act.file(name, ['rename'], {}, { to: '/opt/state/init' }),
]
const removes = (path: string, more = {}) => act.file(path, ['delete'], {}, more)

const literally = learned(...replaces('/opt/state/init.new'))
const byPattern = learned(...[1, 2, 3].flatMap((n) => replaces(`/opt/state/init.${n}`)))

/** The common answer of matcher and kernel; they must not differ. */
function reports(profile: Profile, event: ActEvent, shipped: readonly string[] = []): boolean {
  const compiled = compileKernel(profile, {
    now: microsOf(event.time),
    shippedMatching: (automaton) => shipped.filter((path) => run(automaton, bytesOfName(path)) > 0),
  })
  const reading = new KernelReading(compiled.profile)
  const reported = behavioursOf(event, shaper).map((ref) => reading.evaluate(ref)?.verdict)
  const expected = outcome(profile, event) === 'expected'
  expect(reported.every((one) => one === 'allow')).toBe(expected)
  return expected
}

/** The same profile, with these renames rejected by a person. */
function without(profile: Profile, is: (object: BehaviourObject) => boolean): Profile {
  const entries = profile.entries().map((entry) =>
    is(entry.object)
      ? {
          ...entry,
          decision: {
            kind: 'rejected' as const,
            by: 'cli:root',
            at: '2026-11-24T12:00:00.000000Z',
            grants: [],
          },
        }
      : entry,
  )
  return Profile.load(entries, shaper)
}

const does = (access: string) => (object: BehaviourObject) =>
  object.kind === 'file' && object.access === access

describe('a file that is made and renamed away', () => {
  it('may be deleted, by its name and by a pattern', () => {
    expect(reports(literally, removes('/opt/state/init.new'))).toBe(true)
    expect(reports(byPattern, removes('/opt/state/init.1'))).toBe(true)
    expect(reports(byPattern, removes('/opt/state/init.4711'))).toBe(true)
  })

  it('does not allow a delete of the file that it replaces, nor of its neighbours', () => {
    for (const path of [
      '/opt/state/init',
      '/opt/state/init.old',
      '/opt/state/init.4711x',
      '/state',
    ])
      expect(reports(byPattern, removes(path)), path).toBe(false)
  })

  it('may not be deleted by another actor', () => {
    for (const where of [{ uid: 0 }, { exe: '/bin/sh' }, { origin: 'probe' as const }])
      expect(reports(byPattern, act.file('/opt/state/init.4711', ['delete'], where))).toBe(false)
  })

  it('has to be both: one alone is not enough', () => {
    const made = learned(...[1, 2, 3].map((n) => act.file(`/opt/state/init.${n}`, ['write'])))
    const renamed = learned(
      ...[1, 2, 3].map((n) =>
        act.file(`/opt/state/init.${n}`, ['rename'], {}, { to: '/opt/state/init' }),
      ),
    )
    expect(reports(made, removes('/opt/state/init.1'))).toBe(false)
    expect(reports(renamed, removes('/opt/state/init.1'))).toBe(false)
  })

  it('may not be deleted where the image ships it', () => {
    const shipped = { shipped: true }
    expect(reports(byPattern, removes('/opt/state/init.7', shipped), ['/opt/state/init.7'])).toBe(
      false,
    )
    expect(
      reports(literally, removes('/opt/state/init.new', shipped), ['/opt/state/init.new']),
    ).toBe(false)
  })

  it.each(['write', 'rename'])('may not be deleted where a person rejected to %s it', (access) => {
    expect(reports(without(byPattern, does(access)), removes('/opt/state/init.4711'))).toBe(false)
    expect(reports(without(literally, does(access)), removes('/opt/state/init.new'))).toBe(false)
  })

  it('may not be deleted where a person rejected that', () => {
    const deleted = learned(
      ...[1, 2, 3].flatMap((n) => [
        ...replaces(`/opt/state/init.${n}`),
        removes(`/opt/state/init.${n}`),
      ]),
    )
    expect(reports(deleted, removes('/opt/state/init.4711'))).toBe(true)
    expect(reports(without(deleted, does('delete')), removes('/opt/state/init.4711'))).toBe(false)
  })

  it('may not be deleted where one name was rejected, and the others may', () => {
    const one = (object: BehaviourObject): boolean =>
      object.kind === 'file' && object.path === '/opt/state/init.new'
    const both = learned(
      ...replaces('/opt/state/init.new'),
      ...[1, 2, 3].flatMap((n) => replaces(`/opt/state/init.${n}`)),
    )
    expect(reports(without(both, one), removes('/opt/state/init.new'))).toBe(false)
    expect(reports(without(both, one), removes('/opt/state/init.2'))).toBe(true)
  })
})
