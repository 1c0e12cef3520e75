import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { type BehaviourRef, behavioursOf, runtime } from '../../src/core/behaviour/behaviour.ts'
import { SUBJECT_TO } from '../../src/core/behaviour/language.ts'
import { subjectOf } from '../../src/core/behaviour/subject.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { exportProfile } from '../fixtures/without-pauses.ts'
import { shippedPrior } from '../../src/supplychain/prior/shipped-prior.ts'
import {
  parseShippedProfile,
  type ShippedSpec,
} from '../../src/supplychain/prior/shipped-profile.ts'
import { act, learned, shaper } from '../fixtures/event-fixture.ts'
import { cases } from '../fixtures/random-cases.ts'
import { acts } from './event-arbitrary.ts'

const image = { repository: 'shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const programs = ['/usr/sbin/nginx', '/bin/sh', '/app/server']
/** Without programs nobody could do the rest. */
const starts = programs.map((path) => act.exec(path, { exe: path }))

/** What the text of the exported profile allows, read without any code of Snug. */
function allows(spec: ShippedSpec, ref: BehaviourRef): boolean {
  const { actor, object, origin, fixed } = ref
  if (origin === 'exec-in') return false
  const runs = (path: string, script = path): boolean =>
    spec.execs.some((exec) => exec.path === path && exec.args[0] === script)
  if (actor.exe !== runtime.exe && !spec.execs.some(({ path }) => path === actor.exe)) return false
  switch (object.kind) {
    case 'exec':
      return object.drift !== true && runs(object.path, object.script)
    case 'connect':
      return spec.egress.some(
        ({ ipAddresses, ports }) =>
          ipAddresses.includes(object.peer) &&
          ports.some(
            (to) => to.port === object.port && to.protocol?.toLowerCase() === object.protocol,
          ),
      )
    case 'file': {
      const [from = '', to] = (subjectOf(ref) ?? '').split(SUBJECT_TO)
      const opens = spec.opens.filter(({ path }) => matches(path, from, fixed === true))
      // A program owns the files of a pattern that it creates, and renames them within it.
      const own = opens.filter(
        ({ path, flags: all }) => path.includes('⋯') && all.includes('O_CREAT'),
      )
      if (to !== undefined) return own.some(({ path }) => matches(path, to, fixed === true))
      const flags = [
        ...opens.flatMap((open) => open.flags),
        ...(own.length > 0 ? ['O_RDONLY'] : []),
      ]
      const needed = {
        read: ['O_RDONLY'],
        write: ['O_WRONLY'],
        create: ['O_CREAT', 'O_WRONLY'],
        delete: ['O_CREAT'],
        rename: [],
        setattr: ['O_CREAT'],
        exec: [],
      }[object.access]
      return needed.some((flag) => flags.includes(flag))
    }
    case 'listen':
    case 'identity':
    case 'capability':
    case 'syscall':
      return false
  }
}

/** A file of the image is never part of a pattern. */
function matches(pattern: string, path: string, isFixed: boolean): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (!isFixed && part === '⋯'))
  )
}

/** Who creates the files of a pattern may read them. */
function withOwn(profile: unknown): ShippedSpec {
  const { spec } = parseShippedProfile(profile)
  const opens = spec.opens.map(({ path, flags }) => {
    const isOwn = path.includes('⋯') && flags.includes('O_CREAT')
    return { path, flags: isOwn ? [...new Set([...flags, 'O_RDONLY'])].sort() : flags }
  })
  return { ...spec, opens }
}

const lessons = fc.array(acts, { maxLength: 20 })

function roundTrip(lesson: readonly ActEvent[]) {
  const before = learned(...starts, ...lesson)
  const { text } = exportProfile('container-profile', image, before)
  const shipped = parseShippedProfile(parse(text))
  const users = [...new Set([...before.all()].map(({ uid }) => uid))]
  const { document } = shippedPrior(shipped, image, users)
  return { text, shipped, users, after: Profile.load(document.behaviours, shaper) }
}

it('a shipped profile is the same text after import and export', () => {
  fc.assert(
    fc.property(lessons, (lesson) => {
      const { text, after } = roundTrip(lesson)
      const again = exportProfile('container-profile', image, after).text
      expect(withOwn(parse(again))).toEqual(withOwn(parse(text)))
    }),
    { numRuns: cases(300) },
  )
})

it('an imported profile expects what the shipped one allows, and nothing else', () => {
  let [allowed, refused] = [0, 0]
  const runs = cases(300)
  fc.assert(
    fc.property(lessons, fc.array(acts, { maxLength: 20 }), (lesson, others) => {
      const { shipped, users, after } = roundTrip(lesson)
      for (const event of [...lesson, ...others]) {
        for (const ref of behavioursOf(event, shaper)) {
          const isAllowed = users.includes(ref.uid) && allows(shipped.spec, ref)
          expect([ref, shipped.spec.opens, after.isExpected(ref, 0)]).toEqual([
            ref,
            shipped.spec.opens,
            isAllowed,
          ])
          if (isAllowed) allowed += 1
          else refused += 1
        }
      }
    }),
    { numRuns: runs },
  )
  // Both sides come up.
  expect(allowed).toBeGreaterThan(runs)
  expect(refused).toBeGreaterThan(runs)
})
