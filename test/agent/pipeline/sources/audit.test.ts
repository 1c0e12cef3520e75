import { describe, expect, it } from 'vitest'
import type { SnugEvent } from '../../../../src/core/event/event.ts'
import { AuditMapper } from '../../../../src/plugins/sensors/audit/audit-source.ts'
import { audit } from '../../../fixtures/sensors/sensor-lines.ts'

const soon = new Date(1_795_530_775_000)

function read(
  text: string,
  options: { now?: Date; containerOf?: (pid: number) => string | undefined } = {},
) {
  const events: SnugEvent[] = []
  const ignored: string[] = []
  const mapper = new AuditMapper(
    {
      node: 'n1',
      source: 'audit:x',
      now: () => options.now ?? soon,
      ignore: (what) => ignored.push(what),
    },
    options.containerOf ?? (() => 'host'),
  )
  for (const line of text.split('\n')) mapper.take(line, events)
  return { events, ignored, mapper }
}

const exec = 'syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=2'
const path = (name: string, nametype = 'NORMAL', item = 0): string =>
  `type=PATH item=${item} name=${name} inode=1 dev=00:2f mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=${nametype}`

describe('audit records', () => {
  it('are joined by their serial, also where two events are written through each other', () => {
    const [a, b] = [
      audit(exec, [path('"/usr/sbin/nginx"')]),
      audit(exec, [path('"/usr/sbin/nginx"')]),
    ]
    const [first, second] = [a.split('\n'), b.split('\n')]
    const mixed = first.flatMap((line, at) => [line, second[at] ?? '']).join('\n')
    expect(read(mixed).events).toEqual(read(`${a}\n${b}`).events)
  })

  it('give a program with its arguments, including those encoded as hex', () => {
    const { events } = read(
      audit(exec, [
        'type=EXECVE argc=3 a0="nginx" a1="-g" a2=6461656D6F6E206F66663B',
        'type=CWD cwd="/"',
        path('"/usr/sbin/nginx"'),
      ]),
    )
    expect(events).toMatchObject([
      {
        kind: 'exec',
        exec: { path: '/usr/sbin/nginx' },
        process: { args: ['nginx', '-g', 'daemon off;'], uid: 101, pid: 52_699 },
      },
    ])
    expect(events[0]?.time).toBe('2026-11-24T14:32:52.816000Z')
  })

  it('give a script beside its interpreter', () => {
    const { events } = read(
      audit(exec, ['type=EXECVE argc=2 a0="/bin/sh" a1="/entry.sh"', path('"/entry.sh"')]),
    )
    expect(events).toMatchObject([{ exec: { path: '/usr/sbin/nginx', script: '/entry.sh' } }])
  })

  it.each([
    [
      'syscall=257 success=yes exit=3 a0=ffffff9c a1=7f a2=241',
      [path('"/srv/"', 'PARENT'), path('"new"', 'CREATE', 1)],
      { path: '/srv/new', access: ['write', 'create'] },
    ],
    [
      'syscall=257 success=no exit=-13 a0=ffffff9c a1=7f a2=0',
      [path('"/etc/shadow"')],
      { path: '/etc/shadow', access: ['read'], denied: true },
    ],
    [
      'syscall=263 success=yes exit=0 a0=ffffff9c',
      [path('"/srv/"', 'PARENT'), path('"/srv/x"', 'DELETE', 1)],
      { path: '/srv/x', access: ['delete'] },
    ],
    [
      'syscall=82 success=yes exit=0',
      [path('"a"', 'DELETE'), path('"b"', 'CREATE', 1)],
      { path: '/srv/a', access: ['rename'], to: '/srv/b' },
    ],
    [
      'syscall=257 success=yes exit=3 a2=0',
      [path('2F7372762FFF0A')],
      { path: '/srv/\\xff\n', access: ['read'] },
    ],
  ])('give files: %s', (call, records, file) => {
    expect(read(audit(call, ['type=CWD cwd="/srv"', ...records])).events).toMatchObject([
      { kind: 'file', file },
    ])
  })

  it.each([
    [
      '0200' + '1538' + '0A000007' + '0000000000000000',
      { protocol: 'tcp', address: '10.0.0.7', port: 5432 },
    ],
    [
      '0A00' + '01BB' + '00000000' + '20010DB8000000000000000000000001' + '00000000',
      { protocol: 'tcp', address: '2001:db8::1', port: 443 },
    ],
    ['01002F72756E2F64622E736F636B00', { protocol: 'unix', address: '/run/db.sock', port: 0 }],
    ['0100006462', { protocol: 'unix', address: '@db', port: 0 }],
  ])('give the peer of a connection: %s', (saddr, connect) => {
    const call = 'syscall=42 success=no exit=-115 a0=3'
    expect(read(audit(call, [`type=SOCKADDR saddr=${saddr}`])).events).toMatchObject([
      { kind: 'connect', connect },
    ])
  })

  it('give sensitive system calls, and count all others and failed ones', () => {
    const { events, ignored } = read(
      [
        audit('syscall=165 success=yes exit=0'),
        audit('syscall=1 success=yes exit=0'),
        audit('syscall=257 success=no exit=-2'),
      ].join('\n'),
    )
    expect(events).toMatchObject([{ kind: 'syscall', syscall: { name: 'mount' } }])
    expect(ignored).toEqual(['call number 1', 'failed system call'])
  })

  it('are read from an enriched log, which has names for numbers', () => {
    const text = audit('syscall=999 success=yes exit=0').replace(
      'key="feed"',
      'key="feed"\u001dARCH=x86_64 SYSCALL=setns AUID="unset"',
    )
    expect(read(text).events).toMatchObject([{ syscall: { name: 'setns' } }])
  })

  it('belong to the container of the process while that lives, and to none afterwards', () => {
    const text = audit('syscall=165 success=yes exit=0')
    const id = 'c'.repeat(64)
    const asked: number[] = []
    const containerOf = (pid: number) => {
      asked.push(pid)
      return pid === 52_600 ? id : undefined
    }
    const containers = (now: Date) =>
      read(text, { now, containerOf }).events.map((event) => event.container?.id)
    expect(containers(soon)).toEqual([id])
    expect(asked).toEqual([52_699, 52_600])
    expect(containers(new Date(soon.getTime() + 3_600_000))).toEqual(['host'])
    expect(asked.length).toBe(2)
  })

  it('hold the resume position until an event is complete, and yield it once nothing can follow', () => {
    const [call = ''] = audit('syscall=165 success=yes exit=0').split('\n')
    const { events, mapper } = read(call)
    expect([events.length, mapper.holds()]).toEqual([0, true])
    mapper.settle(events, false)
    expect([events.length, mapper.holds()]).toEqual([1, false])
  })

  it('make one loss of an event with too few fields', () => {
    const { events } = read(audit('syscall=42 success=yes exit=0'))
    expect(events).toMatchObject([{ kind: 'loss', loss: { reason: 'undecodable', count: 1 } }])
  })
})
