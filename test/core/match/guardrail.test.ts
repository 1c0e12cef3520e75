import { describe, expect, it } from 'vitest'
import type { ActEvent, FileAct } from '../../../src/core/event/event.ts'
import { behaviourKinds, type IdentityRoute } from '../../../src/core/event/event-words.ts'
import { Guardrails } from '../../../src/core/match/guardrail.ts'
import { judge } from '../../../src/core/match/judge.ts'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { callNames, capabilityNames } from '../../../src/agent/pipeline/sources/ebpf/abi-names.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import {
  act,
  feed,
  guardrails,
  guardrailsOn,
  learned,
  shaper,
  shippedGuardrails,
  verdictOn,
  type Where,
} from '../../fixtures/event-fixture.ts'

const root: Where = { uid: 0, exe: '/bin/busybox' }
const file = (
  path: string,
  access: 'read' | 'write' | 'create' | 'delete' = 'write',
  where = root,
) => act.file(path, [access], where)
const asShipped = (path: string): ActEvent => {
  const event = act.syscall('chmod', root, path)
  if (event.kind !== 'syscall') return event
  return { ...event, syscall: { ...event.syscall, asShipped: true } }
}
const rename = (from: string, to: string) => act.file(from, ['rename'], root, { to })
const link = (from: string, name: string) => act.file(name, ['create'], root, { to: from })

function through(event: ActEvent, route: IdentityRoute): ActEvent {
  if (event.kind !== 'identity') return event
  return { ...event, identity: { ...event.identity, through: route } }
}

/** As the sensor reports a file that was opened. */
function opened(path: string, of: Partial<FileAct>): ActEvent {
  const event = file(path)
  return event.kind === 'file' ? { ...event, file: { ...event.file, ...of } } : event
}

describe('guardrails fire on', () => {
  it.each<[string, ActEvent]>([
    ['exec-drift', act.exec('/tmp/dropped', root, true)],
    ['exec-drift', act.exec('/usr/bin/ls', root, true)],
    ['exec-memfd', act.exec('memfd:x', root, true)],
    ['shell-on-socket', act.exec('/bin/sh', { socketStdio: true })],
    ['shell-on-socket', act.exec('/bin/busybox', { socketStdio: true })],
    ['shell-on-socket', act.exec('/usr/bin/bash', { socketStdio: true })],
    ['runtime-socket', act.connect('/var/run/docker.sock', 0, root, 'unix')],
    ['runtime-socket', act.connect('/run/containerd/containerd.sock', 0, root, 'unix')],
    ['runtime-socket', act.connect('/host/run/docker.sock', 0, root, 'unix')],
    ['runtime-socket', file('/run/crio/crio.sock', 'read')],
    ['kernel-knobs', opened('/host/p/sys/kernel/core_pattern', { usualMount: '/proc' })],
    ['kernel-knobs', opened('/m/sys/fs/binfmt_misc/register', { usualMount: '/proc' })],
    ['kernel-knobs', opened('/m/register', { usualMount: '/proc/sys/fs/binfmt_misc' })],
    ['process-tampering', opened('/host/p/7/mem', { usualMount: '/proc' })],
    ['raw-device', opened('/srv/data/volume', { device: 'block' })],
    ['raw-device', opened('/tmp/m', { device: 'memory', access: ['read'] })],
    ['shadow-read', file('…/etc/shadow', 'read')],
    ['service-account-token', file('/run/secrets/kubernetes.io/serviceaccount/token', 'read')],
    [
      'service-account-token',
      file(
        '/run/secrets/kubernetes.io/serviceaccount/..2026_11_24_13_40_27.123456789/token',
        'read',
      ),
    ],
    ['shadow-read', file('/etc/shadow', 'read')],
    ['shadow-read', file('/etc/shadow-', 'read')],
    ['shadow-read', file('/etc/gshadow', 'read')],
    ['write-binaries', file('/usr/bin/ls')],
    ['write-binaries', file('/bin/ls', 'create')],
    ['write-binaries', file('/usr/local/bin/x\ny')],
    ['write-binaries', file('/usr/sbin/.hidden')],
    ['write-binaries', file('/sbin/deep/er')],
    ['write-binaries', file('/lib/x86_64-linux-gnu/libc.so.6')],
    ['write-binaries', file('/usr/bin/ls', 'delete')],
    ['write-binaries', rename('/tmp/evil', '/usr/bin/ls')],
    ['write-binaries', rename('/usr/bin/ls', '/tmp/ls')],
    ['shadow-read', rename('/etc/shadow', '/tmp/s')],
    ['shadow-read', link('/etc/shadow', '/tmp/s')],
    ['private-keys', rename('/root/.ssh', '/tmp/keys')],
    ['private-keys', rename('/home/bob/.ssh', '/tmp/bob')],
    ['cron', link('/etc/crontab', '/tmp/c')],
    ['cron', rename('/tmp/jobs', '/etc/cron.d')],
    ['accounts', link('/etc/passwd', '/tmp/p')],
    ['library-drift', act.file('/tmp/evil.so', ['exec'], root, { layer: 'container' })],
    ['library-drift', act.file('/memfd:x', ['exec'], root, { layer: 'container' })],
    ['change-root', act.syscall('chroot', root)],
    ['setuid-file', act.syscall('chmod', root, '/usr/bin/su')],
    ['file-capabilities', act.syscall('setxattr', root, '/usr/bin/su')],
    ['login-modules', file('/etc/pam.d/sshd')],
    ['login-modules', file('/lib/x86_64-linux-gnu/security/pam_unix.so')],
    ['preload', file('/etc/ld.so.preload', 'create')],
    ['preload', rename('/tmp/x', '/etc/ld.so.preload')],
    ['cron', file('/etc/crontab')],
    ['cron', file('/etc/cron.d/x\ny', 'create')],
    ['cron', file('/var/spool/cron/crontabs/root')],
    ['cron', file('/etc/crontabs/root')],
    ['ssh-access', file('/root/.ssh/authorized_keys', 'create')],
    ['ssh-access', file('/home/bob/.ssh/authorized_keys')],
    ['ssh-access', file('/etc/ssh/sshd_config')],
    ['login-scripts', file('/etc/profile.d/x.sh', 'create')],
    ['boot-scripts', file('/etc/rc.local')],
    ['services', file('/etc/systemd/system/x.service', 'create')],
    ['login-scripts', file('/root/.bashrc')],
    ['accounts', file('/etc/passwd')],
    ['sudo-rights', file('/etc/sudoers.d/x', 'create')],
    ['kernel-module', act.syscall('finit_module', root)],
    ['kernel-module', act.syscall('init_module', root)],
    ['bpf', act.syscall('bpf', root)],
    ['process-tampering', act.syscall('ptrace', root)],
    ['process-tampering', act.syscall('process_vm_writev', root)],
    ['process-tampering', file('/proc/812/mem')],
    ['become-root', act.identity(101, 0)],
    ['setuid-program', through(act.identity(101, 0), 'setuid-program')],
    ...['mount', 'unshare', 'setns', 'pivot_root', 'move_mount'].map((name): [string, ActEvent] => [
      'namespace-tricks',
      act.syscall(name, root),
    ]),
    ['raw-device', file('/dev/sda', 'read')],
    ['raw-device', file('/dev/nvme0n1p1', 'read')],
    ['raw-device', file('/dev/mem', 'read')],
    ['raw-device', file('/dev/kmsg')],
    ['kernel-knobs', file('/sys/fs/cgroup/rdma/x/release_agent')],
    ['kernel-knobs', file('/proc/sys/kernel/core_pattern')],
    ['cloud-metadata', act.connect('169.254.169.254', 80)],
    ['dns-forged', act.listen('127.0.0.11', 53)],
    ['package-install', act.exec('/usr/bin/apt-get', root)],
    ['package-install', act.exec('/sbin/apk', root)],
    ['package-install', act.exec('/usr/bin/pip3', root)],
    ['io-uring', act.syscall('io_uring_setup')],
    ['open-by-handle', act.syscall('open_by_handle_at', root)],
    ['private-keys', file('/root/.ssh/id_ed25519', 'read')],
  ])('%s: %j', (id, event) => expect(guardrailsOn(event)).toContain(id))
})

it('what its path does not say about a file is a reason', () => {
  const reasonsOf = (event: ActEvent) => verdictOn(new Profile(shaper), event).reasons
  expect(reasonsOf(opened('/m/sysrq-trigger', { usualMount: '/proc' }))).toContain(
    'the file is of a file system that is usually mounted at /proc',
  )
  expect(reasonsOf(opened('/proc/sysrq-trigger', { usualMount: '/proc' }))).toEqual(
    reasonsOf(file('/proc/sysrq-trigger')),
  )
  expect(reasonsOf(opened('/srv/volume', { device: 'block' }))).toContain(
    'the file gives access to a disk',
  )
})

describe('guardrails do not alert on normal containers', () => {
  it.each<[string, ActEvent]>([
    ['gosu leaving root', act.identity(0, 999, { exe: '/usr/local/bin/gosu', uid: 0 })],
    ['a service dropping its rights', act.identity(0, 101, { uid: 0 })],
    ['root that is held and taken back', through(act.identity(101, 0), 'held-id')],
    ['root staying root', act.identity(0, 0, root)],
    ['a shell of an entrypoint', act.exec('/bin/sh', root)],
    ['tini', act.exec('/usr/bin/tini', root)],
    ['chown at start', act.capability('CAP_CHOWN', root)],
    ['setuid at start', act.capability('CAP_SETUID', root)],
    ['binding port 80', act.capability('CAP_NET_BIND_SERVICE', root)],
    ['ldconfig', file('/etc/ld.so.cache~', 'create')],
    ['a library of the image', act.file('/usr/lib/x.so', ['exec'], root, { layer: 'image' })],
    ['a library of which no layer is known', act.file('/usr/lib/x.so', ['exec'], root)],
    ['a setuid program of the image, made so again', asShipped('/usr/bin/su')],
    ['a rotated log', rename('/var/log/app.log', '/var/log/app.log.1')],
    ['a mail that is delivered', link('/var/mail/tmp/1', '/var/mail/new/1')],
    ['a file of a folder beside keys', rename('/root/notes.new', '/root/notes')],
    ['ldconfig moving', rename('/etc/ld.so.cache~', '/etc/ld.so.cache')],
    ['reading the accounts', file('/etc/passwd', 'read')],
    ['reading its libraries', file('/usr/lib/x86_64-linux-gnu/libssl.so.3', 'read')],
    ['reading programs', file('/usr/bin/env', 'read')],
    [
      'python compiling root-owned modules',
      file('/usr/lib/python3/dist-packages/__pycache__/os.pyc'),
    ],
    ['its own data', file('/var/lib/postgresql/data/base/1/2619')],
    ['its pid file', file('/run/nginx.pid', 'create')],
    ['terminals', file('/dev/pts/0')],
    ['null', file('/dev/null')],
    ['its own memory map', file('/proc/812/maps', 'read')],
    ['oom score', file('/proc/812/oom_score_adj')],
    [
      'the CA of the service account',
      file('/run/secrets/kubernetes.io/serviceaccount/ca.crt', 'read'),
    ],
    ['a mounted secret of its own', file('/run/secrets/db_password', 'read')],
    ['learning known hosts', file('/root/.ssh/known_hosts', 'create')],
    ['connecting to its database', act.connect('10.0.0.7', 5432)],
    ['a stdio log socket', act.connect('/dev/log', 0, root, 'unix')],
    ['cgroup figures', file('/sys/fs/cgroup/memory.max', 'read')],
    ['hostname and resolver', file('/etc/resolv.conf')],
  ])('%s', (_, event) => expect(guardrailsOn(event)).toEqual([]))

  it('a package manager, io_uring or a resolver while learning, since some services live on them', () => {
    expect(guardrailsOn(act.listen('0.0.0.0', 53), true)).toEqual([])
    expect(guardrailsOn(act.exec('/usr/local/bin/npm'), true)).toEqual([])
    expect(guardrailsOn(act.syscall('io_uring_setup'), true)).toEqual([])
    expect(guardrailsOn(act.file('/etc/shadow'), true)).toEqual(['shadow-read'])
  })
})

describe('an event that trips a guardrail', () => {
  const shadow = act.file('/etc/shadow', ['read'])

  it('alerts on capabilities of a file also where no source observed them while learning', () => {
    const event = act.syscall('setxattr', root, '/usr/bin/su')
    const refs = behavioursOf(event, shaper)
    const options = { guardrails, observed: new Set(behaviourKinds) }
    const { outcome, guardrails: fires } = judge(new Profile(shaper), event, refs, options)
    expect([outcome, ...fires.map(({ id }) => id)]).toEqual(['unprofiled', 'file-capabilities'])
  })

  it('is never learned silently, and is expected once a person approved it', () => {
    const profile = learned(shadow, shadow)
    expect(verdictOn(profile, shadow)).toMatchObject({ outcome: 'deviation', severity: 'high' })
    const [entry] = profile.entries()
    expect(profile.state(entry!.id)).toBe('quarantined')
    profile.decide(entry!.id, { kind: 'approved', by: 'cli:root', at: '2026-11-24T14:00:00Z' })
    expect(verdictOn(profile, shadow).outcome).toBe('expected')
  })

  it('names the guardrail first and then the nearest behaviour', () => {
    const profile = learned(act.file('/etc/passwd'))
    const verdict = verdictOn(profile, shadow)
    expect(verdict.guardrails[0]?.id).toBe('shadow-read')
    expect(verdict.reasons[0]).toMatch(/^Opened the password hashes: /)
    expect(verdict.reasons[1]).toMatch(
      /has never read \/etc\/shadow in this image; .* read \/etc\/passwd$/,
    )
  })

  it('does not quarantine other behaviours of the same program', () => {
    const profile = new Profile(shaper)
    feed(profile, [shadow, act.file('/etc/hosts')])
    expect(verdictOn(profile, act.file('/etc/hosts')).outcome).toBe('expected')
  })
})

it('a guardrail with a list of hashes fires on such content alone, once it is known', () => {
  const [bad, other] = ['ab'.repeat(32), 'cd'.repeat(32)] as const
  const rule = {
    id: 'known-bad',
    title: 'a known bad file',
    severity: 'critical',
    attack: [],
    why: 'a list has it',
    when: [
      { kind: 'exec', path: ['/usr/bin/never'] },
      { kind: 'exec', path: ['/tmp/**'], hash: [bad] },
    ],
  } as const
  const own = new Guardrails({ schema: 'snug.guardrails/v1', guardrails: [rule] })
  const fired = (path: string, sha256?: string): readonly string[] => {
    const event = act.exec(path, root, true)
    if (event.kind !== 'exec') return []
    const hashed = { ...event, exec: { ...event.exec, ...(sha256 !== undefined && { sha256 }) } }
    return behavioursOf(hashed, shaper).flatMap((ref) => [
      ...own.fired(ref, hashed, false).map(({ id }) => `judged ${id}`),
      ...own.firedByHash(ref, hashed).map(({ id }) => id),
    ])
  }
  expect(fired('/tmp/x')).toEqual([])
  expect(fired('/tmp/x', other)).toEqual([])
  expect(fired('/opt/x', bad)).toEqual([])
  expect(fired('/tmp/x', bad)).toEqual(['judged known-bad', 'known-bad'])
  // Its other condition is about no content.
  expect(fired('/usr/bin/never', bad)).toEqual(['judged known-bad'])
})

describe('guardrails.yaml', () => {
  it('gives each guardrail a unique id, and techniques in the form of ATT&CK', () => {
    const ids = shippedGuardrails.guardrails.map((guardrail) => guardrail.id)
    expect(new Set(ids).size).toBe(ids.length)
    const attack = shippedGuardrails.guardrails.flatMap((guardrail) => guardrail.attack)
    for (const technique of attack) expect(technique).toMatch(/^T\d{4}(\.\d{3})?$/)
  })

  it('names only calls and capabilities that the sensor can report', () => {
    const conditions = shippedGuardrails.guardrails.flatMap(({ when }) => when)
    const named = (kind: 'syscall' | 'capability'): readonly string[] =>
      conditions.flatMap((one) => (one.kind === kind && 'name' in one ? (one.name ?? []) : []))
    expect(callNames).toEqual(expect.arrayContaining([...named('syscall')]))
    expect(capabilityNames).toEqual(expect.arrayContaining([...named('capability')]))
  })

  it('holds conditions by origin and by actor', () => {
    const rule = { title: 't', severity: 'low', attack: ['T1000'], why: 'w' } as const
    const own = new Guardrails({
      schema: 'snug.guardrails/v1',
      guardrails: [
        { ...rule, id: 'a', when: [{ kind: 'exec', origin: ['exec-in'] }] },
        { ...rule, id: 'b', when: [{ kind: 'exec', actor: ['/usr/**'] }] },
        { ...rule, id: 'c', when: [{ kind: 'exec', exceptActor: ['/usr/**'] }] },
      ],
    })
    const ids = (where: Where) => {
      const event = act.exec('/bin/ls', where)
      return behavioursOf(event, shaper).flatMap((ref) =>
        own.fired(ref, event, false).map(({ id }) => id),
      )
    }
    expect(ids({ origin: 'exec-in' })).toEqual(['a', 'b'])
    expect(ids({ exe: '/app/x' })).toEqual(['c'])
  })

  it('except a program, and not one that was put in its place', () => {
    const read = (where: Where, more: { drift?: boolean } = {}): readonly string[] => {
      const plain = act.file('/etc/shadow', ['read'], where)
      const event = { ...plain, process: { ...plain.process, ...more } }
      return behavioursOf(event, shaper).flatMap((ref) =>
        guardrails.fired(ref, event, false).map(({ id }) => id),
      )
    }
    expect(read({ exe: '/usr/sbin/unix_chkpwd' })).toEqual([])
    expect(read({ exe: '/usr/sbin/unix_chkpwd' }, { drift: true })).toContain('shadow-read')
    expect(read({ exe: '/usr/bin/cat' })).toContain('shadow-read')
  })
})
