import fc from 'fast-check'
import { expect, it } from 'vitest'
import { behavioursOf, runtime } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { Access } from '../../src/core/event/event-words.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { classEntries } from '../../src/core/lifecycle/open-version.ts'
import { OpenClass } from '../../src/core/match/open-class.ts'
import { openFoldersOf } from '../../src/core/match/open-folders.ts'
import { isLocal } from '../../src/core/match/risk.ts'
import type { Profile } from '../../src/core/profile/profile.ts'
import { act, feed, guardrails, learned, shaper } from '../fixtures/event-fixture.ts'
import { KernelReading } from '../fixtures/kernel-reading.ts'
import { cases } from '../fixtures/random-cases.ts'

const decision = { kind: 'approved', by: 'jo', at: '2026-11-24T14:00:00.000Z' } as const

const folder = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 0, maxLength: 3 })
  .chain((names) =>
    fc
      .constantFrom('/workspace', '/usr/bin', '/tmp', '/opt', '/root/.ssh', '/etc/cron.d')
      .map((top) => [top, ...names].join('/')),
  )
const path = fc
  .tuple(folder, fc.constantFrom('x', 'y', 'tool', 'id_rsa', 'lib.so'))
  .map((parts) => parts.join('/'))
const peers = ['127.0.0.1', '198.51.100.7', '198.51.100.8', '169.254.169.254'] as const
const at = fc.record({
  exe: fc.constantFrom('/bin/bash', '/usr/bin/dpkg', '/workspace/a/tool', '/tmp/x'),
  uid: fc.constantFrom(0, 33, 1000),
  origin: fc.constantFrom('entrypoint', 'exec-in'),
})

const event: fc.Arbitrary<ActEvent> = at.chain((by) =>
  fc.oneof(
    fc.tuple(path, fc.boolean()).map(([one, drift]) => act.exec(one, by, drift)),
    fc
      .tuple(path, fc.constantFrom<Access>('read', 'write', 'create', 'delete', 'exec'))
      .map(([one, access]) => act.file(one, [access], by)),
    fc.tuple(path, path).map(([from, to]) => act.file(from, ['rename'], by, { to })),
    fc.tuple(path, path).map(([name, to]) => act.file(name, ['create'], by, { to })),
    fc
      .tuple(fc.constantFrom(...peers), fc.constantFrom(80, 443))
      .map(([peer, port]) => act.connect(peer, port, by)),
    fc.constantFrom(0, 33, 34).map((uid) => act.identity(by.uid, uid, by)),
    fc.constantFrom('CAP_CHOWN', 'CAP_SYS_ADMIN').map((name) => act.capability(name, by)),
    fc
      .constantFrom('ptrace', 'mount', 'truncate')
      .map((name) => act.syscall(name, by, '/workspace/a')),
  ),
)
const events = fc.array(event, { maxLength: 30 })

function open(window: readonly ActEvent[]): Profile {
  const profile = learned(...window)
  const folders = openFoldersOf(profile.outline(), (id) => guardrails.isOfPrograms(id))
  profile.merge(classEntries(folders, decision))
  return profile
}

const now = microsOf(act.exec('/x').time)
const unexpected = (profile: Profile, one: ActEvent) =>
  behavioursOf(one, shaper).filter((ref) => !profile.isExpected(ref, now))

function answers(profile: Profile, exam: readonly ActEvent[]): readonly boolean[] {
  const openClass = new OpenClass(profile, guardrails)
  return exam.map((one) => openClass.expects(one, unexpected(profile, one)))
}

it('what a version of class open does after its window makes nothing expected', () => {
  fc.assert(
    fc.property(events, events, events, (window, later, exam) => {
      const profile = open(window)
      const before = answers(profile, exam)
      feed(profile, later, 'later')
      expect(answers(profile, exam)).toEqual(before)
    }),
    { numRuns: cases(300) },
  )
})

it('it keeps what a guardrail is about, but for programs, to the programs of the window', () => {
  fc.assert(
    fc.property(events, events, (window, exam) => {
      const profile = open(window)
      const openClass = new OpenClass(profile, guardrails)
      for (const one of exam) {
        const refs = unexpected(profile, one)
        if (refs.length === 0 || !openClass.expects(one, refs)) continue
        const fired = refs.flatMap((ref) => guardrails.fired(ref, one, false))
        expect(fired.filter(({ id }) => !guardrails.isOfPrograms(id))).toEqual([])
      }
    }),
    { numRuns: cases(300) },
  )
})

it('the kernel stops no peer and no identity of it that the matcher expects', () => {
  fc.assert(
    fc.property(events, events, (window, exam) => {
      const profile = open(window)
      const openClass = new OpenClass(profile, guardrails)
      const compiled = compileKernel(profile, { now, shippedMatching: () => [], isOpen: true })
      const rules = compiled.profile.rules.flatMap(({ anyone, ...rule }) => (anyone ? [rule] : []))
      const reading = new KernelReading({ ...compiled.profile, rules })
      for (const one of exam) {
        const [ref] = behavioursOf(one, shaper)
        const isOfKernel = one.kind === 'connect' || one.kind === 'identity'
        if (ref === undefined || !isOfKernel || isLocal(ref)) continue
        const refs = unexpected(profile, one)
        if (refs.length > 0 && !openClass.expects(one, refs)) continue
        if (ref.object.kind === 'identity' && ref.object.from.uid === 0) continue
        const anyones = { ...ref, actor: runtime, uid: 0, origin: 'entrypoint' as const }
        expect(reading.evaluate(anyones)?.verdict).toBe('allow')
      }
    }),
    { numRuns: cases(300) },
  )
})
