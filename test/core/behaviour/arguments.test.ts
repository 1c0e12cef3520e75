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

  it('may have any arguments once many different ones were observed', () => {
    const words = Array.from({ length: 17 }, (_, n) => sh('-c', `do ${'x'.repeat(n + 1)}`))
    const profile = learned(...words.slice(0, 16))
    expect(outcome(profile, sh('-c', 'id'))).toBe('deviation')
    feed(profile, words.slice(16))
    expect(outcome(profile, sh('-c', 'id'))).toBe('expected')
    expect(outcome(profile, act.run('/bin/bash', ['bash', '-c', 'id']))).toBe('deviation')
    expect(profile.size).toBe(17)
  })

  it('is not known by arguments that were cut, nor refused for want of any', () => {
    const profile = learned(sh('-c', 'date'))
    expect(outcome(profile, act.run('/bin/sh', ['sh', '-c', 'date'], {}, true))).toBe('deviation')
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('expected')
    expect(outcome(learned(sh('-c', 'date')), act.exec('/bin/bash'))).toBe('deviation')
    const any = learned(act.run('/bin/sh', ['sh', '-c', 'date'], {}, true))
    expect(outcome(any, sh('-c', 'id'))).toBe('expected')
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
