import { describe, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import { bytesOfName } from '../../../src/core/event/name-bytes.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { microsOf } from '../../../src/core/event/time.ts'
import type { KernelLimits } from '../../../src/core/compile/compile-kernel.ts'
import { compileKernel } from '../../fixtures/without-pauses.ts'
import { KernelReading } from '../../fixtures/kernel-reading.ts'
import { run } from '../../../src/core/compile/path-automaton.ts'
import { behaviourId, behaviourKey, behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, learned, outcome, shaper } from '../../fixtures/event-fixture.ts'

const at = '2026-11-24T13:40:27.123456Z'

function kernelOf(profile: Profile, shipped: readonly string[] = [], limits?: KernelLimits) {
  const compiled = compileKernel(profile, {
    now: microsOf(at),
    shippedMatching: (automaton) => shipped.filter((path) => run(automaton, bytesOfName(path)) > 0),
    ...(limits === undefined ? {} : { limits }),
  })
  const reading = new KernelReading(compiled.profile)
  const reports = (event: ActEvent) =>
    behavioursOf(event, shaper).map((ref) => reading.evaluate(ref)?.verdict ?? 'nothing')
  return { ...compiled, reports }
}

function decided(peer: string, kind: 'approved' | 'rejected', until?: string): ProfileEntry {
  const actor = { exe: '/usr/sbin/nginx' }
  const object = { kind: 'connect', protocol: 'tcp', peer, port: 5432 } as const
  const id = behaviourId(behaviourKey(actor, 101, object))
  const decision = {
    kind,
    by: 'cli:root',
    at: '2026-11-24T12:00:00.000000Z',
    grants: [{ origin: 'entrypoint' as const }],
    ...(until === undefined ? {} : { until }),
  }
  return { schema: 'snug.behaviour/v1', id, actor, uid: 101, object, cells: [], decision }
}

const word = (n: number) => String(n).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')

const ints = (folder: string, name = '.json', count = 5) =>
  Array.from({ length: count }, (_, n) => act.file(`${folder}/${n}${name}`))

describe('the compiled profile', () => {
  it('where the kernel knows no drift, lets a program pass that is expected as drift, and refuses none for it', () => {
    const drift = (path: string) => act.exec(path, {}, true)
    const known = learned(act.exec('/usr/bin/tool'), drift('/opt/app'), drift('/usr/bin/tool'))
    const decide = (path: string, kind: 'approved' | 'rejected'): void => {
      const [ref] = behavioursOf(drift(path), shaper)
      if (ref === undefined) throw new Error('no behaviour')
      known.decide(behaviourId(ref.key), { kind, by: 'cli:root', at })
    }
    decide('/opt/app', 'approved')
    decide('/usr/bin/tool', 'rejected')
    const options = { now: microsOf(at), shippedMatching: () => [], knowsDrift: false }
    const { profile } = compileKernel(known, options)
    const execs = profile.rules.map(({ object, deny }) => ({ object, deny }))
    expect(execs).toEqual([
      { object: { kind: 'exec', path: '/usr/bin/tool' }, deny: undefined },
      { object: { kind: 'exec', path: '/opt/app' }, deny: undefined },
    ])
  })

  it('lists the paths of a pattern that has only a few', () => {
    const { profile } = kernelOf(learned(...ints('/srv', '.json', 2)))
    expect(profile.rules.map(({ object }) => object.kind)).toEqual(['file', 'file'])
    expect(profile.automaton.accept).toHaveLength(2)
  })

  it('has no path of code that is mapped: a program that mapped one is not stopped from mapping others, except what was rejected', () => {
    const maps = (path: string, uid = 101) => act.file(path, ['exec'], { uid })
    const profile = learned(maps('/tmp/lib1.so'), maps('/tmp/lib2.so'), act.file('/srv/a'))
    const [rejected] = behavioursOf(maps('/tmp/lib2.so'), shaper)
    if (rejected === undefined) throw new Error('no behaviour')
    profile.decide(behaviourId(rejected.key), { kind: 'rejected', by: 'cli:root', at })
    const { reports } = kernelOf(profile)
    expect(
      ['/tmp/lib1.so', '/tmp/lib2.so', '/tmp/lib3.so'].map((path) => reports(maps(path))),
    ).toEqual([['report'], ['deny'], ['report']])
    expect(reports(maps('/tmp/lib1.so', 0))).toEqual(['nothing'])
  })

  it('numbers a pattern once for all who have it', () => {
    const both = learned(
      ...ints('/srv'),
      ...ints('/srv').map((event) =>
        act.file(event.kind === 'file' ? event.file.path : '', ['read'], { uid: 0 }),
      ),
    )
    const { profile } = kernelOf(both)
    const sets = profile.rules.flatMap(({ object }) =>
      object.kind === 'file-pattern' ? object.set : [],
    )
    expect(sets).toEqual([1, 1])
  })

  it('excludes files that the image ships from patterns', () => {
    const { profile, reports } = kernelOf(learned(...ints('/srv')), [
      '/srv/9.json',
      '/srv/evil.json',
      '/etc/passwd',
    ])
    expect(profile.shipped).toEqual(['/srv/9.json'])
    expect(reports(act.file('/srv/9.json'))).toEqual(['nothing'])
    expect(reports(act.file('/srv/8.json'))).toEqual(['allow'])
  })

  it('asks for the path that is renamed whether the image ships it', () => {
    const renames = [1, 2, 3].map((n) => act.file(`/a/${n}`, ['rename'], {}, { to: `/b/${n}` }))
    const { profile, reports } = kernelOf(learned(...renames), ['/a/7', '/b/8'])
    expect(profile.shipped).toEqual(['/a/7', '/b/8'])
    expect(reports(act.file('/a/7', ['rename'], {}, { to: '/b/7' }))).toEqual(['nothing'])
    expect(reports(act.file('/a/8', ['rename'], {}, { to: '/b/8' }))).toEqual(['allow'])
  })

  it('lets the smallest block of addresses decide, and a name or an address before it', () => {
    const profile = learned(act.connect('10.1.0.9', 5432))
    profile.merge([
      decided('10.0.0.0/8', 'approved'),
      decided('10.1.0.0/16', 'rejected'),
      decided('10.1.2.0/24', 'approved'),
    ])
    const { profile: compiled, reports } = kernelOf(profile)
    expect(compiled.prefixes).toHaveLength(3)
    const asked = ['10.9.9.9', '10.1.9.9', '10.1.2.3', '10.1.0.9', '11.0.0.1']
    const expected = ['allow', 'deny', 'allow', 'allow', 'nothing']
    expect(asked.map((address) => reports(act.connect(address, 5432))[0])).toEqual(expected)
    const judged = asked.map(
      (address) => outcome(profile, act.connect(address, 5432)) === 'expected',
    )
    expect(judged).toEqual(expected.map((verdict) => verdict === 'allow'))
    expect(reports(act.connect('10.9.9.9', 80))).toEqual(['nothing'])
  })

  it('takes no IPv4 address for one of a block of IPv6', () => {
    const profile = new Profile(shaper)
    profile.merge([decided('::/64', 'approved')])
    const { profile: compiled, reports } = kernelOf(profile)
    // To the kernel each IPv4 address is one of IPv6.
    expect(compiled.prefixes).toEqual([
      { cidr: '0.0.0.0/0', number: 1 },
      { cidr: '::/64', number: 2 },
    ])
    expect(reports(act.connect('::2', 5432))).toEqual(['allow'])
    expect(reports(act.connect('10.0.0.1', 5432))).toEqual(['nothing'])
    expect(outcome(profile, act.connect('10.0.0.1', 5432))).toBe('deviation')
  })

  it('takes no unix socket for a block of addresses, whatever it is called', () => {
    const entry = decided('10.0.0.0/8', 'approved')
    const object = { kind: 'connect', protocol: 'unix', peer: '10.0.0.0/8', port: 0 } as const
    const id = behaviourId(behaviourKey(entry.actor, entry.uid, object))
    const { profile } = kernelOf(Profile.load([{ ...entry, id, object }], shaper))
    expect(profile.prefixes).toEqual([])
    expect(profile.rules.map((rule) => rule.object)).toEqual([object])
  })

  it('gives a prefix the rules of those around it', () => {
    const other = { ...decided('10.1.0.0/16', 'approved'), uid: 0, actor: { exe: '/bin/sh' } }
    const profile = Profile.load([decided('10.0.0.0/8', 'approved'), other], shaper)
    const { reports } = kernelOf(profile)
    expect(reports(act.connect('10.1.0.1', 5432))).toEqual(['allow'])
    expect(reports(act.connect('10.1.0.1', 5432, { uid: 0, exe: '/bin/sh' }))).toEqual(['allow'])
    expect(reports(act.connect('10.2.0.1', 5432, { uid: 0, exe: '/bin/sh' }))).toEqual(['nothing'])
  })

  it('omits expired approvals and returns when the next one expires', () => {
    const profile = Profile.load(
      [
        decided('10.0.0.1', 'approved', '2026-11-24T13:00:00.000000Z'),
        decided('10.0.0.2', 'approved', '2026-11-24T15:00:00.000000Z'),
        decided('10.0.0.3', 'approved', '2026-11-24T14:00:00.000000Z'),
        decided('10.0.0.4', 'approved'),
      ],
      shaper,
    )
    const { ends, profile: compiled } = kernelOf(profile)
    expect(compiled.rules).toHaveLength(3)
    expect(ends).toBe(microsOf('2026-11-24T14:00:00.000000Z'))
    expect(kernelOf(learned(act.exec('/bin/sh'))).ends).toBeUndefined()
  })
})

describe('a profile that is too large for the kernel', () => {
  const files = Array.from({ length: 300 }, (_, n) => act.file(`/var/cache/x/${word(n)}`))
  const few = [act.file('/etc/a'), act.file('/etc/b'), act.exec('/bin/x')]

  it('is widened where it is noisiest, and the widening is reported', () => {
    const profile = learned(...files, ...few)
    const {
      profile: compiled,
      widenings,
      reports,
    } = kernelOf(profile, [], { rules: 100, states: 8192 })
    expect(compiled.widened).toEqual([
      "/usr/sbin/nginx as uid 101 may read anything in /var/cache/x/ in the kernel's profile, " +
        'except files of the image. Its 300 known paths do not fit into the kernel',
    ])
    profile.widen(widenings)
    for (const [event, expected] of [
      [act.file('/var/cache/x/new'), true],
      [act.file('/var/cache/x/new', ['write']), false],
      [act.file('/var/cache/x/new', ['read'], { uid: 0 }), false],
      [act.file('/var/cache/x/y/new'), false],
      [act.file('/var/cache/y'), false],
      [act.file('/etc/a'), true],
      [act.file('/etc/c'), false],
    ] as const) {
      expect(reports(event)).toEqual([expected ? 'allow' : 'nothing'])
      expect(outcome(profile, event) === 'expected').toBe(expected)
    }
  })

  it('lists the files that the image ships one by one, and keeps rejections', () => {
    const profile = learned(...files, ...few)
    const shipped = files
      .slice(0, 50)
      .flatMap((event) => (event.kind === 'file' ? event.file.path : []))
    const [ref] = behavioursOf(act.file('/var/cache/x/jj'), shaper)
    const no = { kind: 'rejected', by: 'cli:root', at, reason: 'no' } as const
    expect(profile.decide(behaviourId(ref?.key ?? ''), no)).toBe(true)
    const all = [...shipped, '/var/cache/x/unread']
    const { reports } = kernelOf(profile, all, { rules: 200, states: 8192 })
    expect(reports(act.file(shipped[0] ?? ''))).toEqual(['allow'])
    expect(reports(act.file('/var/cache/x/unread'))).toEqual(['nothing'])
    expect(reports(act.file('/var/cache/x/jj'))).toEqual(['deny'])
    expect(reports(act.file('/var/cache/x/new'))).toEqual(['allow'])
  })

  it('merges patterns where there are too many states', () => {
    const patterns = Array.from({ length: 40 }, (_, n) => ints('/opt/in', `.${word(n)}-x`)).flat()
    const profile = learned(...patterns, ...ints('/srv'))
    const {
      profile: compiled,
      widenings,
      reports,
    } = kernelOf(profile, [], { rules: 1000, states: 120 })
    expect(compiled.automaton.accept.length).toBeLessThanOrEqual(120)
    expect(widenings).toHaveLength(1)
    expect(reports(act.file('/opt/in/new'))).toEqual(['allow'])
    expect(reports(act.file('/srv/new.json'))).toEqual(['nothing'])
  })

  it('knows long names by their beginnings where they would fill the automaton, and reports it', () => {
    const long = (name: string) => `/${name}${'/deep'.repeat(100)}`
    const renames = ['a', 'b', 'c'].flatMap((name) =>
      ints(long(name), '.tmp').map((event, n) => {
        const path = event.kind === 'file' ? event.file.path : ''
        return act.file(path, ['rename'], {}, { to: `${long(name)}/${n}.json` })
      }),
    )
    const profile = learned(...renames, ...ints('/srv'))
    const limits = { rules: 1000, states: 1000 }
    const { profile: compiled, widenings, reports } = kernelOf(profile, [], limits)
    expect(compiled.automaton.accept.length).toBeLessThanOrEqual(1000)
    expect(compiled.widened).toContain(
      `/usr/sbin/nginx as uid 101 may rename anything that begins as ${long('a').slice(0, 128)}… ` +
        `→ ${long('a').slice(0, 128)}… in the kernel's profile, except files of the image. ` +
        'Known paths are too long for the kernel',
    )
    profile.widen(widenings)
    for (const [path, to, expected] of [
      [`${long('a')}/99.tmp`, `${long('a')}/99.json`, true],
      [`${long('a')}/else`, `${long('a')}/else`, true],
      [`${long('a')}/else`, '/etc/cron.d/x', false],
      [`${long('a').slice(0, 100)}/else`, `${long('a')}/else`, false],
    ] as const) {
      const event = act.file(path, ['rename'], {}, { to })
      expect(reports(event)).toEqual([expected ? 'allow' : 'nothing'])
      expect(outcome(profile, event) === 'expected').toBe(expected)
    }
    expect(reports(act.file('/var/new.json'))).toEqual(['nothing'])
  })

  it('refuses by its beginning what was rejected and is too long, except where that begins a known one', () => {
    const shell = (code: string) => act.run('/bin/sh', ['sh', '-c', code])
    const long = (beginning: string, end: string) => `${beginning} ${'x'.repeat(600)} ${end}`
    const known = [shell('true'), shell(long('tar', 'here'))]
    const rejected = [
      shell(long('rm', '/a')),
      shell(long('wget', '/b')),
      shell(long('tar', 'there')),
    ]
    const profile = learned(...known)
    for (const event of rejected) {
      const refs = behavioursOf(event, shaper)
      profile.observe(event, refs, { phase: 'later' })
      for (const { key } of refs)
        profile.decide(behaviourId(key), { kind: 'rejected', by: 'cli:root', at })
    }
    const { profile: compiled, reports } = kernelOf(profile, [], { rules: 100, states: 1_200 })
    expect(rejected.map((event) => reports(event))).toEqual([['deny'], ['deny'], ['deny']])
    expect(known.map((event) => reports(event))).toEqual([['allow'], ['allow']])
    expect(reports(shell(long('rm', '/c')))).toEqual(['deny'])
    expect(reports(shell(long('tar', 'else')))).toEqual(['allow'])
    expect(reports(shell('rm /a'))).toEqual(['nothing'])
    expect(compiled.widened).toContain(
      '/usr/sbin/nginx as uid 101 may not run /bin/sh with arguments that begin as rejected ' +
        "in the kernel's profile: a rejected command line does not fit into the kernel",
    )
  })

  it('is refused where nothing can be made wider, never cut off', () => {
    const programs = Array.from({ length: 30 }, (_, n) => act.exec(`/bin/${word(n)}`))
    let code = ''
    try {
      kernelOf(learned(...programs), [], { rules: 20, states: 8192 })
    } catch (error) {
      code = error instanceof SnugError ? error.code : String(error)
    }
    expect(code).toBe('PROFILE_TOO_LARGE')
  })
})

describe('the patterns of a large service', () => {
  it('fit well within the limits of the automaton', () => {
    // Folders that stand beside each other and hold the same would be one place: these stand in the root.
    const kinds = [
      (i: number, n: number) => `/pg${word(i)}/base/${n}_fsm`,
      (i: number, n: number) => `/pg${word(i)}/base/${n}`,
      (i: number, n: number) => `/app${word(i)}/${n}.json`,
      (i: number, n: number) => `/work${word(i)}/app-3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`,
      (i: number, n: number) => `/log${word(i)}/2026-11-2${n}.log`,
      (i: number, n: number) => `/cache${word(i)}/deadbee${n}`,
      (i: number, n: number) => `/proc/${i}/fd/${n}`,
    ]
    const events = kinds.flatMap((path) =>
      Array.from({ length: 50 }, (_, i) =>
        [1, 2, 3, 4].flatMap((n) => [act.file(path(i, n)), act.file(path(i, n), ['write'])]),
      ).flat(),
    )
    const profile = learned(...events)
    const shaped = [...profile.all()].filter(({ shape }) => shape !== undefined)
    expect(shaped.length).toBeGreaterThan(100)
    const { profile: compiled } = kernelOf(profile)
    expect(compiled.widened).toEqual([])
    expect(compiled.automaton.accept.length).toBeLessThan(8192)
  })
})
