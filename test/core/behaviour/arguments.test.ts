import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { objectText } from '../../../src/core/behaviour/describe.ts'
import { act, feed, learned, outcome, shaper, verdictOn } from '../../fixtures/event-fixture.ts'

const sh = (...args: readonly string[]) => act.run('/bin/sh', ['sh', ...args])
const text = (...[path, args]: Parameters<typeof act.run>): string => {
  const [ref] = behavioursOf(act.run(path, args), shaper)
  return objectText(ref!.object)
}

describe('the pattern of a command line', () => {
  it.each([
    ['/bin/sh', ['sh', '-c', 'id', 'x'], '/bin/sh -c id …'],
    ['/usr/bin/dash', ['-sh', '-ec', 'echo hi'], "/usr/bin/dash -ec 'echo hi' …"],
    ['/bin/bash', ['bash', '-o', 'pipefail', '-c', 'id'], '/bin/bash -o pipefail -c id …'],
    ['/bin/bash', ['bash', '/opt/run.sh', '--fast'], '/bin/bash /opt/run.sh …'],
    ['/bin/sh', ['sh'], '/bin/sh'],
    ['/bin/sh', ['sh', '-x'], '/bin/sh -x'],
    [
      '/usr/bin/python3.13',
      ['python3', '-W', 'ignore', '-m', 'http.server', '80'],
      '/usr/bin/python3.13 -W ignore -m http.server …',
    ],
    ['/usr/bin/perl5.40', ['perl', '-ne', 'print', 'file'], '/usr/bin/perl5.40 -ne print …'],
    [
      '/usr/bin/mawk',
      ['awk', '-F:', '{print $1}', '/etc/passwd'],
      "/usr/bin/mawk -F: '{print $<int>}' …",
    ],
    ['/bin/busybox', ['/bin/wget', 'http://x/'], '/bin/busybox as wget …'],
    ['/bin/busybox', ['busybox', 'wget', 'x'], '/bin/busybox as busybox wget …'],
    ['/bin/busybox', ['sh', '-c', 'id'], '/bin/busybox as sh -c id …'],
    ['/usr/bin/sort', ['sort', '-u', 'x'], '/usr/bin/sort'],
    ['/usr/bin/node_exporter', ['node_exporter', 'x'], '/usr/bin/node_exporter'],
    ['/usr/bin/shuf', ['shuf', '-c'], '/usr/bin/shuf'],
  ] as const)('of %s %j is %s', (path, args, output) => expect(text(path, args)).toBe(output))

  it('is nothing where the runtime runs it, or a script is run', () => {
    const event = act.run('/bin/sh', ['sh', '-c', 'id'], { exe: '/bin/sh' })
    const [ref] = behavioursOf(event, shaper)
    expect(ref?.actor.exe).toBe('(runtime)')
    expect(objectText(ref!.object)).toBe('/bin/sh')
  })
})

/** Ways to give code to an interpreter, each with an ordinary text and one that an attacker put there. */
const waysToRunCode: readonly (readonly [string, readonly string[]])[] = [
  // What `system()` of glibc 2.41 and later calls.
  ['/bin/sh', ['sh', '-c', '--', 'CODE']],
  ['/bin/sh', ['sh', '-ec', '--', 'CODE']],
  ['/bin/sh', ['sh', '-c', '-e', 'CODE']],
  ['/bin/sh', ['sh', '-c', '-', 'CODE']],
  ['/bin/bash', ['bash', '-lc', 'CODE']],
  ['/bin/bash', ['bash', '-euo', 'pipefail', '-c', 'CODE', 'name']],
  ['/bin/bash', ['bash', '-eo', 'pipefail', '+O', 'extglob', '-xc', '--', 'CODE']],
  ['/bin/bash', ['bash', '--rcfile', '/dev/null', '-ic', 'CODE']],
  ['/bin/bash', ['bash', ...Array.from({ length: 20 }, () => '-e'), '-c', 'CODE']],
  ['/usr/bin/env', ['sh', '-c', 'CODE']],
  ['/usr/bin/fish', ['fish', '--command=CODE']],
  ['/usr/bin/fish', ['fish', '-c', 'true', '-c', 'CODE']],
  ['/usr/bin/python3.13', ['python3', '-Ic', 'CODE']],
  ['/usr/bin/python3.13', ['python3', '-cCODE']],
  ['/usr/bin/python3.13', ['python3', '-W', 'ignore', '-uc', 'CODE']],
  ['/usr/bin/python3.13', ['python3', '--', 'CODE']],
  ['/usr/bin/perl', ['perl', '-e', 'true', '-e', 'CODE', 'file']],
  ['/usr/bin/perl', ['perl', '-lne', 'CODE', 'file']],
  ['/usr/bin/perl', ['perl', '-i.pre', '-e', 'CODE', 'file']],
  ['/usr/bin/perl', ['perl', '-MSocket', '-eCODE']],
  ['/usr/bin/ruby', ['ruby', '-rset', '-ne', 'CODE']],
  ['/usr/bin/php8.4', ['php', '-n', '-rCODE']],
  ['/usr/bin/php8.4', ['php', '-B', 'true', '--process-code', 'CODE']],
  ['/usr/bin/lua5.4', ['lua', '-e', 'true', '-e', 'CODE']],
  ['/usr/bin/node', ['node', '--env-file', '.env', '--eval=CODE']],
  ['/usr/bin/node', ['node', '-pe', 'CODE']],
  ['/usr/bin/node', ['node', '-e', 'true', '-p', 'CODE']],
  ['/usr/bin/deno', ['deno', 'eval', '--ext', 'ts', 'CODE']],
  ['/usr/bin/mawk', ['awk', '-F', ':', '--', 'CODE', '/etc/passwd']],
  ['/usr/bin/gawk', ['gawk', '-f', 'lib.awk', '-e', 'CODE']],
  ['/bin/busybox', ['busybox', 'sh', '-c', '--', 'CODE']],
  ['/bin/busybox', ['busybox', 'busybox', 'ash', '-ec', 'CODE']],
  ['/bin/busybox', ['sh', '-c', '--', 'CODE']],
  ['/bin/busybox', ['/bin/hush', '-c', 'CODE']],
]

describe('code that an interpreter is given', () => {
  it.each(waysToRunCode)('of %s %j is never any code once one was learned', (path, args) => {
    const program = path === '/usr/bin/env' ? '/bin/sh' : path
    const run = (code: string) =>
      act.run(
        program,
        args.map((arg) => arg.replace('CODE', code)),
        path === program ? {} : { exe: path },
      )
    const profile = learned(run('ordinary'))
    expect(outcome(profile, run('ordinary'))).toBe('expected')
    expect(outcome(profile, run('injected'))).toBe('deviation')
  })
})

describe('a program that is identified by its arguments', () => {
  it('may run with the arguments that were observed and with no others', () => {
    const profile = learned(sh('-c', 'date'))
    expect(outcome(profile, sh('-c', 'date'))).toBe('expected')
    expect(outcome(profile, sh('-c', 'date', 'with', 'more'))).toBe('expected')
    for (const other of [
      ['-c', 'id'],
      ['-c', 'date;id'],
      ['-c', ''],
      ['-ec', 'date'],
      ['/tmp/x'],
      [],
    ])
      expect(outcome(profile, sh(...other)), other.join(' ')).toBe('deviation')
    expect(verdictOn(profile, sh('-c', 'id')).reasons).toEqual([
      '/usr/sbin/nginx (uid 101) has never executed /bin/sh -c id … in this image; it normally executes /bin/sh -c date …',
    ])
  })

  it('allows no other arguments because it once ran with none', () => {
    const profile = learned(sh(), sh('-x'))
    expect(outcome(profile, sh('-x'))).toBe('expected')
    expect(outcome(profile, sh('-c', 'id'))).toBe('deviation')
    expect(outcome(profile, sh('-x', '-c', 'id'))).toBe('deviation')
  })

  it('generalises a typed part after three witnesses, like a path', () => {
    const gzip = (day: number) => sh('-c', `gzip /log/app-2026-11-${day}.log`)
    const profile = learned(gzip(10), gzip(11))
    expect(outcome(profile, gzip(12))).toBe('deviation')
    feed(profile, [gzip(12)])
    expect(outcome(profile, gzip(25))).toBe('expected')
    expect(outcome(profile, sh('-c', 'gzip /log/app-evil.log'))).toBe('deviation')
    expect(outcome(profile, sh('-c', 'gzip /log/app-2026-11-25.log; id'))).toBe('deviation')
  })

  it('may have other words as arguments of known commands once many were observed', () => {
    const words = Array.from({ length: 17 }, (_, n) =>
      sh('-c', `show ${'x'.repeat(n + 1)} | wc -l`),
    )
    const profile = learned(...words.slice(0, 16))
    expect(outcome(profile, sh('-c', 'show other | wc -l'))).toBe('deviation')
    feed(profile, words.slice(16))
    expect(outcome(profile, sh('-c', 'show other | wc -l'))).toBe('expected')
    for (const code of [
      'id',
      'show x',
      'show x; id | wc -l',
      'show x | wc -c',
      'show $(id) | wc -l',
      'show -x | wc -l',
      'show x y | wc -l',
      'sh x | wc -l',
      'show x > y | wc -l',
    ]) {
      expect(outcome(profile, sh('-c', code)), code).toBe('deviation')
    }
    expect(outcome(profile, sh('-c', '--', 'show other | wc -l'))).toBe('deviation')
    expect(outcome(profile, sh())).toBe('deviation')
    expect(profile.size).toBe(17)
  })

  it('may never run any code, however much of it was observed', () => {
    const python = (code: string) => act.run('/usr/bin/python3', ['python3', '-c', code])
    const scripts = Array.from({ length: 40 }, (_, n) => `run${'x'.repeat(n)}()`)
    const profile = learned(
      ...scripts.map(python),
      ...scripts.map((code) => sh('-c', code)),
      ...scripts.map((_, n) => sh('-c', '/opt/job', `${n}`)),
    )
    expect(outcome(profile, python(scripts[39]!))).toBe('expected')
    expect(outcome(profile, python('evil()'))).toBe('deviation')
    expect(outcome(profile, sh('-c', 'evil()'))).toBe('deviation')
    expect(outcome(profile, sh('-c', 'evil'))).toBe('deviation')
  })

  it('is known by the beginning of arguments that were cut, and by no whole ones', () => {
    const profile = learned(sh('-c', 'date'))
    const cut = (code: string) => act.run('/bin/sh', ['sh', '-c', code], {}, true)
    expect(outcome(profile, cut('date'))).toBe('deviation')
    expect(outcome(profile, act.run('/bin/sh', ['sh', '-c', 'date', 'x'], {}, true))).toBe(
      'expected',
    )
    const long = learned(cut('date'))
    expect(outcome(long, cut('date'))).toBe('expected')
    expect(outcome(long, cut('datf'))).toBe('deviation')
    expect(outcome(long, sh('-c', 'id'))).toBe('deviation')
    expect(outcome(long, sh('-c', 'date'))).toBe('deviation')
  })

  it('is not refused where a source does not report its arguments', () => {
    const profile = learned(sh('-c', 'date'))
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('expected')
    expect(outcome(learned(sh('-c', 'date')), act.exec('/bin/bash'))).toBe('deviation')
  })

  it('stays expected as stored before arguments were distinguished, except where a person decides', () => {
    const profile = learned(act.exec('/bin/sh'))
    expect(outcome(profile, sh('-c', 'id'))).toBe('expected')
    feed(profile, [sh('-c', 'curl evil')])
    const entry = profile.entries().find(({ object }) => 'args' in object)
    profile.decide(entry!.id, { kind: 'rejected', by: 'a', at: '2026-11-24T13:00:00Z' })
    expect(outcome(profile, sh('-c', 'curl evil'))).toBe('deviation')
    expect(outcome(profile, sh('-c', 'id'))).toBe('expected')
  })
})
