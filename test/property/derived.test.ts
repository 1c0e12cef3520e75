import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { Derivation } from '../../src/core/learning/derivation.ts'
import { KernelReading } from '../fixtures/kernel-reading.ts'
import { judge } from '../../src/core/match/judge.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { finish } from '../../src/core/steps.ts'
import { guardrails, shaper } from '../fixtures/event-fixture.ts'
import { imageFacts } from '../fixtures/image-facts.ts'
import { cases } from '../fixtures/random-cases.ts'

const time = '2026-11-24T13:40:27.123456Z'
const now = microsOf(time)
function event(act: Readonly<Record<string, unknown>>): ActEvent {
  const image = { repository: 'shop/web', digest: 'sha256:aa' }
  const base = { v: 1, time, node: 'n1', source: 'ebpf', container: { id: 'c1' }, image }
  return { ...base, ...act } as ActEvent
}

/** An image with two programs, three libraries, a folder of data and secret files. */
const programs: Readonly<Record<string, readonly string[]>> = {
  '/bin/one': ['libone.so', 'libc.so.6'],
  '/bin/two': ['libtwo.so', 'libc.so.6'],
  '/lib/libone.so': ['libtwo.so'],
  '/lib/libtwo.so': [],
  '/lib/libc.so.6': [],
  '/lib/ld.so': [],
}
const words = ['a', 'b', 'c', 'd', 'e'].map((name) => `/usr/share/words/${name}`)
const modes: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.keys(programs).map((path) => [path, 0o100755])),
  ...Object.fromEntries(words.map((path) => [path, 0o100644])),
  '/usr/share/words/key': 0o100600,
  '/usr/share/words/tool': 0o100755,
  '/etc/ld.so.cache': 0o100644,
  '/etc/secret': 0o100644,
}
const facts = imageFacts(programs, modes)

/** Read by the C library; it is in no layer. */
const ofKernel = '/proc/sys/vm/overcommit_memory'

const act: fc.Arbitrary<ActEvent> = fc
  .record({
    exe: fc.constantFrom('/bin/one', '/bin/one', '/bin/two', '/opt/other'),
    uid: fc.constantFrom(33, 33, 33, 0),
    origin: fc.constantFrom('entrypoint', 'entrypoint', 'entrypoint', 'exec-in', 'probe'),
    layer: fc.constantFrom('image', 'image', 'image', 'container'),
    path: fc.constantFrom(...Object.keys(modes), ofKernel),
    runs: fc.nat(5),
  })
  .map(({ exe, uid, origin, layer, path, runs }) => {
    const process = { pid: 1, exe, uid, gid: uid, parent: '/bin/one', origin } as const
    return runs === 0
      ? event({ kind: 'exec', process, exec: { path: exe, drift: false } })
      : event({
          kind: 'file',
          process,
          file:
            path === ofKernel
              ? { path, access: ['read'], layer: 'container' }
              : { path, access: ['read'], shipped: true, layer },
        })
  })

const world = fc.tuple(
  fc.array(act, { minLength: 5, maxLength: 40 }),
  fc.array(act, { minLength: 20, maxLength: 40 }),
)

function learned(seen: readonly ActEvent[]): Profile {
  const profile = new Profile(shaper)
  profile.derived.derivation = new Derivation(facts, (path) => path === '/usr/share/words/e')
  for (const each of seen) {
    profile.observe(each, behavioursOf(each, shaper), { phase: 'learned' })
  }
  return profile
}

function isExpected(profile: Profile, each: ActEvent): boolean {
  const refs = behavioursOf(each, shaper)
  return judge(profile, each, refs, { guardrails, explain: false }).outcome === 'expected'
}

describe('reads that follow from the files of the image', () => {
  it('are the same to the kernel and to the matcher', () => {
    const count = { expected: 0, deviations: 0, derived: 0 }
    fc.assert(
      fc.property(world, ([seen, exam]) => {
        const profile = learned(seen)
        const compiled = compileKernel(profile, { now, shippedMatching: () => [] })
        expect(compiled.derives).toBe(true)
        const reading = new KernelReading(compiled.profile)
        for (const each of exam) {
          const refs = behavioursOf(each, shaper)
          const kernel = refs.every((ref) => reading.evaluate(ref)?.verdict === 'allow')
          const judged = isExpected(profile, each)
          expect(kernel, JSON.stringify(each)).toBe(judged)
          count[judged ? 'expected' : 'deviations'] += 1
          if (judged && !refs.some(({ key }) => profile.allowance(key))) count.derived += 1
        }
      }),
      { numRuns: cases(400) },
    )
    expect(count.expected).toBeGreaterThan(cases(500))
    expect(count.deviations).toBeGreaterThan(cases(500))
    expect(count.derived).toBeGreaterThan(cases(100))
  })

  it('include what the C library reads of the kernel, and nothing beside it', () => {
    const read = (exe: string, path: string): ActEvent =>
      event({
        kind: 'file',
        process: { pid: 1, exe, uid: 33, gid: 33, origin: 'entrypoint' },
        file: { path, access: ['read'], layer: 'container' },
      })
    const profile = learned([read('/bin/one', '/etc/other'), read('/opt/other', '/etc/other')])
    expect(isExpected(profile, read('/bin/one', ofKernel))).toBe(true)
    for (const [exe, path] of [
      ['/bin/one', '/proc/sys/vm/swappiness'],
      ['/bin/one', '/proc/meminfo'],
      ['/opt/other', ofKernel],
      ['/bin/two', ofKernel],
    ] as const) {
      expect(isExpected(profile, read(exe, path)), `${exe} ${path}`).toBe(false)
    }
    profile.observe(read('/bin/one', ofKernel), behavioursOf(read('/bin/one', ofKernel), shaper), {
      phase: 'learned',
    })
    // Seen once, it is expected also before the image's files are read, as after a restart.
    profile.derived.derivation = undefined
    expect(isExpected(profile, read('/bin/one', ofKernel))).toBe(true)
    const { rules } = compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
    expect(rules.map(({ object }) => object)).toContainEqual({
      kind: 'file',
      access: 'read',
      path: ofKernel,
    })
  })

  it('exclude files that the container changed, and private, guarded or code files', () => {
    const all = [...words, '/usr/share/words/key', '/usr/share/words/tool', '/etc/ld.so.cache']
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), fc.constantFrom(...all), (seen, path) => {
        const profile = learned(seen)
        const read = (layer: 'image' | 'container') =>
          event({
            kind: 'file',
            process: { pid: 1, exe: '/bin/one', uid: 33, gid: 33, origin: 'entrypoint' },
            file: { path, access: ['read'], shipped: true, layer },
          })
        const [own] = behavioursOf(read('image'), shaper)
        if (own !== undefined && profile.allowance(own.key)?.grants.empty === false) return
        expect(isExpected(profile, read('container'))).toBe(false)
        if (!/key|tool|\/e$/.test(path)) return
        expect(isExpected(profile, read('image'))).toBe(false)
      }),
      { numRuns: cases(400) },
    )
  })

  it('are recorded, do not count for coverage, and need no review', () => {
    const read = (path: string, phase: 'learned' | 'later', profile: Profile) => {
      const each = event({
        kind: 'file',
        process: { pid: 1, exe: '/bin/one', uid: 33, gid: 33, origin: 'entrypoint' },
        file: { path, access: ['read'], shipped: true, layer: 'image' },
      })
      profile.observe(each, behavioursOf(each, shaper), { phase })
    }
    const profile = learned([])
    for (const path of ['/lib/libone.so', '/etc/secret']) read(path, 'learned', profile)
    read('/lib/libtwo.so', 'later', profile)
    const states = profile.entries().map(({ object, id }) => {
      return [object.kind === 'file' ? object.path : '', profile.state(id)]
    })
    expect(Object.fromEntries(states)).toEqual({
      '/lib/libone.so': 'derived',
      '/lib/libtwo.so': 'derived',
      '/etc/secret': 'learned',
    })
    expect(finish(profile.tally()).states.pending).toBe(0)
    // Suppressed counts from the kernel do not change that.
    const [library] = profile.entries().filter(({ object }) => {
      return object.kind === 'file' && object.path === '/lib/libone.so'
    })
    const seen = {
      container: 'c1',
      origin: 'entrypoint',
      count: 3,
      first: time,
      last: time,
    } as const
    const id = library?.id ?? ('' as never)
    profile.addCountUpdate(id, { ...seen, node: 'n1', source: 'ebpf' }, 'learned')
    expect(profile.state(id)).toBe('derived')
  })
})
