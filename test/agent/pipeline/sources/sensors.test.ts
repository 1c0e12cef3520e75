import { describe, expect, it } from 'vitest'
import type { ActEvent, SnugEvent } from '../../../../src/core/event/event.ts'
import { falcoFormat } from '../../../../src/plugins/sensors/falco/falco-source.ts'
import { kubearmorFormat } from '../../../../src/plugins/sensors/kubearmor/kubearmor-source.ts'
import type { LineFormat } from '../../../../src/agent/pipeline/sources/line-format.ts'
import { tetragonFormat } from '../../../../src/plugins/sensors/tetragon/tetragon-source.ts'
import { traceeFormat } from '../../../../src/plugins/sensors/tracee/tracee-source.ts'
import * as lines from '../../../fixtures/sensors/sensor-lines.ts'

const now = new Date('2026-11-24T15:00:00Z')

/** All events of the lines, and the lines without an event, by type. */
function read(format: LineFormat, ...text: readonly string[]) {
  const events: SnugEvent[] = []
  const ignored: string[] = []
  const mapper = format.open({
    node: 'n1',
    source: `${format.name}:x`,
    now: () => now,
    ignore: (what) => ignored.push(what),
  })
  for (const line of text) mapper.take(line, events)
  return { events, ignored }
}

function one(format: LineFormat, line: string): ActEvent {
  const { events } = read(format, line)
  const [event] = events
  if (event === undefined || event.kind === 'loss') throw new Error('no act')
  return event
}

describe('falco', () => {
  const exec = { 'evt.type': 'execve', 'proc.cmdline': 'nginx -g x', 'proc.pexepath': '/bin/sh' }

  it('gives a program with its parent, its container and its image', () => {
    expect(one(falcoFormat, lines.falco(exec))).toEqual({
      v: 1,
      kind: 'exec',
      time: '2026-11-24T14:32:52.816964723Z',
      node: 'n1',
      source: 'falco',
      container: { id: lines.containerId, name: 'web' },
      image: { repository: 'nginx', tag: '1.27', digest: lines.digest },
      process: {
        pid: 52_699,
        ppid: 52_600,
        exe: '/usr/sbin/nginx',
        args: ['nginx', '-g', 'x'],
        uid: 101,
        parent: '/bin/sh',
        origin: 'entrypoint',
      },
      exec: { path: '/usr/sbin/nginx', drift: false },
    })
  })

  it('gives no image to the container `host`, whatever the fields contain: it is never profiled', () => {
    for (const id of ['host', '', null, '<NA>']) {
      const event = one(
        falcoFormat,
        lines.falco({ ...exec, 'container.full_id': null, 'container.id': id }),
      )
      expect([event.container.id, event.image]).toEqual(['host', undefined])
    }
  })

  it('gives no image without a digest, because a tag is no version', () => {
    const event = one(falcoFormat, lines.falco({ ...exec, 'container.image.digest': '<NA>' }))
    expect(event.image).toBeUndefined()
  })

  it.each([
    [
      { 'evt.type': 'openat', 'fd.name': '/etc//passwd', 'evt.is_open_write': true },
      { path: '/etc/passwd', access: ['write'] },
    ],
    [
      {
        'evt.type': 'openat',
        'fd.name': '/a',
        'evt.is_open_write': true,
        'evt.is_open_read': true,
        'evt.is_open_create': true,
      },
      { path: '/a', access: ['read', 'write', 'create'] },
    ],
    [
      { 'evt.type': 'openat', 'fd.name': '/etc/shadow', 'evt.res': 'EACCES' },
      { path: '/etc/shadow', access: ['read'], denied: true },
    ],
    [
      { 'evt.type': 'unlinkat', 'fs.path.name': '/tmp/x' },
      { path: '/tmp/x', access: ['delete'] },
    ],
    [
      { 'evt.type': 'renameat2', 'fs.path.source': '/a', 'fs.path.target': '/b' },
      { path: '/a', access: ['rename'], to: '/b' },
    ],
    [
      { 'evt.type': 'open', 'fd.name': '/odd\\x41' },
      { path: '/odd\\\\x41', access: ['read'] },
    ],
  ])('gives files: %j', (fields, file) => {
    expect(one(falcoFormat, lines.falco(fields))).toMatchObject({ kind: 'file', file })
  })

  it('gives connections by their server end, and those to a path', () => {
    const tcp = {
      'evt.type': 'connect',
      'fd.l4proto': 'tcp',
      'fd.sip': '::ffff:10.0.0.7',
      'fd.sport': 5432,
    }
    expect(one(falcoFormat, lines.falco(tcp))).toMatchObject({
      connect: { protocol: 'tcp', address: '10.0.0.7', port: 5432 },
    })
    const unix = { 'evt.type': 'connect', 'fd.name': 'ffff8a->ffff9b /run/db.sock', 'fd.sip': null }
    expect(one(falcoFormat, lines.falco(unix))).toMatchObject({
      connect: { protocol: 'unix', address: '/run/db.sock', port: 0 },
    })
  })

  it('does not invent an address that Falco did not report', () => {
    const event = { 'evt.type': 'connect', 'fd.name': '', 'fd.sip': null }
    expect(() => read(falcoFormat, lines.falco(event))).toThrow(/address/)
  })

  it('counts lines without an event and failed calls, and continues', () => {
    const { events, ignored } = read(
      falcoFormat,
      lines.falco({}),
      lines.falco({ 'evt.type': 'dup' }),
      lines.falco({ 'evt.type': 'openat', 'fd.name': '/none', 'evt.res': 'ENOENT' }),
      lines.falcoOpen('/a'),
    )
    expect(events.length).toBe(1)
    expect(ignored).toEqual(['event without evt.type', 'event dup', 'failed system call'])
  })

  it('reports its own drops as a loss', () => {
    const drop = JSON.stringify({
      rule: 'Falco internal: syscall event drop',
      time: '2026-11-24T14:32:52Z',
      output_fields: { n_drops: 17 },
    })
    expect(read(falcoFormat, drop).events).toMatchObject([
      { kind: 'loss', source: 'falco:x', loss: { reason: 'dropped by falco', count: 17 } },
    ])
  })

  it('treats `null` and `<NA>` as missing, and keeps an id of 12 digits', () => {
    const unknown = {
      'container.full_id': null,
      'proc.cmdline': null,
      'proc.ppid': null,
      'group.gid': '<NA>',
      'proc.tty': null,
      'k8s.pod.name': '<NA>',
      'container.name': '<NA>',
    }
    const event = one(falcoFormat, lines.falco({ ...exec, ...unknown }))
    expect(event.container).toEqual({ id: lines.containerId.slice(0, 12) })
    expect(event.process).toEqual({
      pid: 52_699,
      exe: '/usr/sbin/nginx',
      uid: 101,
      parent: '/bin/sh',
      origin: 'entrypoint',
    })
    expect(event).not.toHaveProperty('workload')
  })

  it('reads the time of an event that is beyond what a number holds', () => {
    const alert = JSON.parse(lines.falco(exec)) as { time?: string; output_fields: object }
    delete alert.time
    // As text, so that it is not rounded before it is parsed.
    const line = JSON.stringify(alert).replace(
      '"evt.type"',
      '"evt.time":1685022245478445995,"evt.type"',
    )
    expect(one(falcoFormat, line).time).toBe('2023-05-25T13:44:05.478446Z')
  })

  it('keeps exec sessions apart from the service, by the number of the process in its container', () => {
    const shim = '/usr/bin/containerd-shim-runc-v2'
    const { events } = read(
      falcoFormat,
      lines.falco({ ...exec, 'proc.pexepath': shim, 'proc.pid': 10, 'proc.vpid': 1 }),
      lines.falco({ ...exec, 'proc.pexepath': shim, 'proc.pid': 20, 'proc.vpid': 31 }),
      lines.falco({
        'evt.type': 'openat',
        'fd.name': '/etc/shadow',
        'proc.pid': 21,
        'proc.ppid': 20,
      }),
      lines.falco({ 'evt.type': 'openat', 'fd.name': '/srv/a', 'proc.pid': 11, 'proc.ppid': 10 }),
    )
    const reported = events.flatMap((event) => (event.kind === 'loss' ? [] : [event.process]))
    expect(reported.map(({ origin }) => origin)).toEqual([
      'entrypoint',
      'exec-in',
      'exec-in',
      'entrypoint',
    ])
    expect(reported[2]?.session).toBe(reported[1]?.session)
    expect(reported[0]?.parent).toBeUndefined()
  })

  it('leaves out the steps of the runtime in a container, and not a program that has its name', () => {
    const { events, ignored } = read(
      falcoFormat,
      lines.falco({ ...exec, 'proc.exepath': '/usr/sbin/runc', 'proc.pexepath': '/usr/sbin/runc' }),
      lines.falco({ ...exec, 'proc.exepath': '/tmp/runc', 'proc.pexepath': '/bin/sh' }),
    )
    expect(ignored).toEqual(['step of the runtime'])
    expect(events.length).toBe(1)
  })
})

describe('tetragon', () => {
  it('gives the exec of its documentation', () => {
    expect(one(tetragonFormat, lines.tetragon('process_exec', {}))).toMatchObject({
      kind: 'exec',
      time: '2023-10-06T22:03:57.700326678Z',
      container: { id: lines.containerId, name: 'spaceship' },
      image: { repository: 'tgraf/netperf', tag: 'latest', digest: lines.digest },
      workload: { namespace: 'default', name: 'xwing', pod: 'xwing' },
      process: {
        exe: '/usr/bin/curl',
        args: ['/usr/bin/curl', 'https://ebpf.io/', 'a b'],
        parent: '/bin/bash',
      },
    })
  })

  it('gives connections of both formats, and listened ports', () => {
    const sock = {
      family: 'AF_INET',
      protocol: 'IPPROTO_TCP',
      saddr: '10.1.0.2',
      sport: 4711,
      daddr: '10.0.0.7',
      dport: 5432,
    }
    const connect = { function_name: 'tcp_connect', args: [{ sock_arg: sock }] }
    expect(one(tetragonFormat, lines.tetragon('process_kprobe', connect))).toMatchObject({
      connect: { protocol: 'tcp', address: '10.0.0.7', port: 5432 },
    })
    const lsm = {
      function_name: 'socket_connect',
      args: [
        { sock_arg: { protocol: 'IPPROTO_UDP' } },
        { sockaddr_arg: { family: 'AF_INET6', addr: '2001:DB8:0::1', port: 53 } },
      ],
    }
    expect(one(tetragonFormat, lines.tetragon('process_lsm', lsm))).toMatchObject({
      connect: { protocol: 'udp', address: '2001:db8::1', port: 53 },
    })
    const listen = {
      function_name: 'inet_csk_listen_start',
      args: [{ sock_arg: { ...sock, saddr: '0.0.0.0', sport: 80 } }],
    }
    expect(one(tetragonFormat, lines.tetragon('process_kprobe', listen))).toMatchObject({
      kind: 'listen',
      listen: { address: '0.0.0.0', port: 80 },
    })
  })

  it.each([
    ['security_file_permission', [{ file_arg: { path: '/a' } }, { int_arg: 2 }], ['write']],
    ['security_file_permission', [{ file_arg: { path: '/a' } }, { int_arg: 4 }], ['read']],
    ['security_mmap_file', [{ file_arg: { path: '/a' } }, { uint_arg: 5 }], ['exec']],
    ['security_path_truncate', [{ path_arg: { path: '/a' } }], ['write']],
    ['file_open', [{ file_arg: { path: '/a' } }], ['read']],
  ])('gives files by the hooked function: %s %j', (name, args, access) => {
    const event = { function_name: name, args }
    expect(one(tetragonFormat, lines.tetragon('process_kprobe', event))).toMatchObject({
      file: { path: '/a', access },
    })
  })

  it('reads numbers that are written as text, and takes the cut id where there is no pod', () => {
    const line = lines.tetragon(
      'process_kprobe',
      {
        function_name: 'security_file_permission',
        args: [{ file_arg: { path: '/srv/a' } }, { int_arg: '2' }],
      },
      { pid: '52699', uid: '101', pod: undefined },
    )
    expect(one(tetragonFormat, line)).toMatchObject({
      container: { id: lines.containerId.slice(0, 31) },
      process: { pid: 52_699, uid: 101 },
      file: { path: '/srv/a', access: ['write'] },
    })
  })

  it.each([
    [2, ['write']],
    [4, ['read']],
    [6, ['read', 'write']],
  ])('gives the access to a file by the mask %d', (mask, access) => {
    const args = [{ file_arg: { path: '/a' } }, { int_arg: mask }]
    const hook = { function_name: 'security_file_permission', args }
    expect(one(tetragonFormat, lines.tetragon('process_kprobe', hook))).toMatchObject({
      file: { access },
    })
  })

  it('counts unknown hooks and kinds', () => {
    const { events, ignored } = read(
      tetragonFormat,
      lines.tetragon('process_kprobe', { function_name: 'fancy' }),
      lines.tetragon('process_exit', {}),
      lines.tetragon('process_loader', {}),
    )
    expect(events).toEqual([])
    expect(ignored).toEqual(['hook fancy', 'exit', 'event process_loader'])
  })

  it('reports the events that its rate limit dropped as a loss', () => {
    const limit = JSON.stringify({
      rate_limit_info: { number_of_dropped_process_events: '12' },
      time: '2023-10-06T22:03:57Z',
    })
    expect(read(tetragonFormat, limit).events).toMatchObject([{ loss: { count: 12 } }])
  })
})

describe('tracee', () => {
  const execData = [
    { name: 'pathname', str: '/usr/sbin/nginx' },
    { name: 'argv', str_array: { value: ['nginx', '-g'] } },
  ]

  it('gives the same events for both of its formats', () => {
    const older = [
      { name: 'pathname', type: 'const char*', value: '/usr/sbin/nginx' },
      { name: 'argv', type: 'const char**', value: ['nginx', '-g'] },
    ]
    const a = one(traceeFormat, lines.tracee('sched_process_exec', execData))
    const b = one(traceeFormat, lines.olderTracee('sched_process_exec', older))
    expect(a).toMatchObject({ process: { parent: '/bin/sh', args: ['nginx', '-g'], uid: 101 } })
    expect(a.image).toEqual({ repository: 'nginx', tag: '1.27', digest: lines.digest })
    expect(b.image).toEqual(a.image)
    expect({ ...b.process, parent: '/bin/sh' }).toEqual(a.process)
    expect(b.time).toBe('2022-12-14T17:51:30.192939Z')
  })

  it('reads numbers bare or wrapped', () => {
    const bare = { host_pid: 52_699, pid: 7, real_user: { id: 101 } }
    const wrapped = one(traceeFormat, lines.tracee('sched_process_exec', execData))
    const plain = one(traceeFormat, lines.tracee('sched_process_exec', execData, bare))
    expect(plain.process).toEqual(wrapped.process)
  })

  it('reads addresses of every family, and flags as numbers and as names', () => {
    const connect = (remote: object) =>
      one(
        traceeFormat,
        lines.tracee('security_socket_connect', [{ name: 'remote_addr', sockaddr: remote }]),
      )
    expect(connect({ sa_family: 'AF_INET', sin_addr: '10.0.0.7', sin_port: '80' })).toMatchObject({
      connect: { address: '10.0.0.7', port: 80 },
    })
    expect(connect({ sa_family: 'AF_UNIX', sun_path: '/run/db.sock' })).toMatchObject({
      connect: { protocol: 'unix', address: '/run/db.sock', port: 0 },
    })
    const open = (flags: object) =>
      one(
        traceeFormat,
        lines.tracee('security_file_open', [
          { name: 'pathname', str: '/a' },
          { name: 'flags', ...flags },
        ]),
      )
    expect(open({ int32: 0o101 })).toMatchObject({ file: { access: ['write', 'create'] } })
    expect(open({ str: 'O_RDWR|O_LARGEFILE' })).toMatchObject({
      file: { access: ['read', 'write'] },
    })
  })

  it('takes a time in every unit, also since boot', () => {
    const time = (timestamp: unknown) =>
      one(traceeFormat, lines.olderTracee('sched_process_exec', execData, { timestamp })).time
    expect(time({ seconds: 1_764_000_000, nanos: 5_000 })).toBe('2025-11-24T16:00:00.000005Z')
    expect(time('1764000000000000000')).toBe('2025-11-24T16:00:00.000000Z')
    const sinceBoot = Date.parse(time(60_000_000_000))
    expect(sinceBoot).toBeLessThan(now.getTime())
  })

  it('gives a change of user, and not one of capabilities only', () => {
    const creds = (to: number) =>
      lines.tracee('commit_creds', [
        { name: 'old_cred', value: { Euid: 0, Egid: 0 } },
        { name: 'new_cred', value: { Euid: to, Egid: to } },
      ])
    expect(one(traceeFormat, creds(33))).toMatchObject({
      identity: { from: { uid: 0, gid: 0 }, to: { uid: 33, gid: 33 } },
    })
    expect(read(traceeFormat, creds(0)).ignored).toEqual(['event commit_creds'])
  })
})

describe('kubearmor', () => {
  it('takes a missing number for 0: no UID is root', () => {
    const line = lines.kubearmor({
      Operation: 'Process',
      Resource: '/bin/vault status',
      UID: undefined,
    })
    expect(one(kubearmorFormat, line)).toMatchObject({
      kind: 'exec',
      image: { repository: 'hashicorp/vault', tag: '1.13.1', digest: lines.digest },
      process: { uid: 0, args: ['/bin/vault', 'status'], parent: '/bin/sh' },
    })
  })

  it('reads an event without a time and without the pids of the host', () => {
    const line = lines.kubearmor({
      Operation: 'Process',
      Resource: '/bin/sh -ec vault status -tls-skip-verify',
      Data: 'syscall=SYS_EXECVE',
      ProcessName: '/bin/sh',
      ParentProcessName: '/usr/bin/runc',
      Source: '/usr/bin/runc',
      Timestamp: undefined,
      UpdatedTime: undefined,
      HostPID: undefined,
      HostPPID: undefined,
    })
    expect(one(kubearmorFormat, line)).toMatchObject({
      time: now.toISOString(),
      exec: { path: '/bin/sh' },
      process: { pid: 205, args: ['/bin/sh', '-ec', 'vault', 'status', '-tls-skip-verify'] },
    })
  })

  it('gives files by their flags, and a call that its policy refused as an attempt', () => {
    const file = (event: object) =>
      one(kubearmorFormat, lines.kubearmor({ Operation: 'File', Resource: '/a', ...event }))
    expect(file({ Data: 'syscall=SYS_OPENAT fd=-100 flags=O_WRONLY|O_CREAT' })).toMatchObject({
      file: { access: ['write', 'create'] },
    })
    expect(file({ Data: 'syscall=SYS_UNLINKAT flags=' })).toMatchObject({
      file: { access: ['delete'] },
    })
    expect(
      file({ Data: 'syscall=SYS_OPEN flags=O_RDONLY', Result: 'Permission denied' }),
    ).toMatchObject({ file: { access: ['read'], denied: true } })
  })

  it('reads addresses in every notation and omits inbound connections', () => {
    const net = (event: object) => lines.kubearmor({ Operation: 'Network', ...event })
    const probe = net({
      Resource: 'remoteip=10.0.0.7 port=443 protocol=TCP',
      Data: 'kprobe=tcp_connect domain=AF_INET',
    })
    expect(one(kubearmorFormat, probe)).toMatchObject({
      connect: { protocol: 'tcp', address: '10.0.0.7', port: 443 },
    })
    const call = net({
      Resource: 'sa_family=AF_INET sin_port=53 sin_addr=10.0.0.2',
      Data: 'syscall=SYS_CONNECT fd=3',
    })
    expect(one(kubearmorFormat, call)).toMatchObject({ connect: { address: '10.0.0.2', port: 53 } })
    const accept = net({
      Resource: 'remoteip=10.0.0.7 port=443 protocol=TCP',
      Data: 'kprobe=tcp_accept domain=AF_INET',
    })
    expect(read(kubearmorFormat, accept).ignored).toEqual(['network tcp_accept'])
  })
})

describe('what a process is called in its own PID namespace', () => {
  const open = { 'evt.type': 'openat', 'fd.name': '/srv/job.812' }

  it.each([
    ['falco', falcoFormat, lines.falco({ ...open, 'proc.vpid': 812 }), 812],
    ['tracee', traceeFormat, lines.traceeOpen('/srv/job.7'), 7],
    ['kubearmor', kubearmorFormat, lines.kubearmorOpen('/srv/job.205'), 205],
  ])('is reported by %s', (_, format, line, number) => {
    expect(one(format, line).process.vpid).toBe(number)
  })

  it.each([
    ['falco', falcoFormat, lines.falco(open)],
    ['tetragon', tetragonFormat, lines.tetragonRead('/srv/job.7')],
    [
      'kubearmor',
      kubearmorFormat,
      lines.kubearmor({ Operation: 'File', Resource: '/srv/job.205', HostPID: undefined }),
    ],
  ])('is not known where %s does not have it', (_, format, line) => {
    expect(one(format, line).process).not.toHaveProperty('vpid')
  })
})
