import type { Alert } from '../../src/core/event/alert.ts'
import type { ActEvent } from '../../src/core/event/event.ts'

/** The attacks of an intruder from within redis' own process, and how the alert must name each. */
export interface IntruderAct {
  readonly name: string
  /** The redis command. */
  readonly command: readonly string[]
  /** The alert that reports this attack and no other. */
  readonly alerts: (alert: Alert) => boolean
  /** Where a guardrail must fire: an ATT&CK technique that the alert names, or the parent of one. */
  readonly attack?: string
  /** What it changes in the container's files, as Docker names it: kind (`A`, `C`, `D`) and path. */
  readonly change?: string
}

export interface IntruderSetting {
  readonly hostAddress: string
  readonly hostPort: number
}

export function intruderActs({ hostAddress, hostPort }: IntruderSetting): readonly IntruderAct[] {
  const act = (...args: string[]): readonly string[] => ['ops.act', ...args]
  const shell = (line: string): readonly string[] => ['ops.run', line]
  return [
    {
      name: 'a shell from the service',
      command: shell('true'),
      alerts: exec((path) => /\/(dash|sh)$/.test(path)),
    },
    {
      name: 'a package manager',
      command: shell('apt-get install -y nmap'),
      alerts: exec((path) => path === '/usr/bin/apt-get'),
    },
    {
      name: 'a dropped binary',
      command: shell('cp /usr/bin/true /tmp/xmrig && /tmp/xmrig'),
      alerts: exec((path, event) => path === '/tmp/xmrig' && event.exec.drift),
      attack: 'T1105',
      change: 'A /tmp/xmrig',
    },
    {
      name: 'a program that is only in memory',
      command: act('memfd', '/usr/bin/true'),
      alerts: exec((_, event) => event.exec.driftKind === 'memfd'),
      attack: 'T1620',
    },
    {
      name: 'reading the password hashes',
      command: act('read', '/etc/shadow'),
      alerts: file('/etc/shadow', 'read'),
    },
    {
      name: 'a new outbound connection',
      command: act('connect', hostAddress, String(hostPort)),
      alerts: ({ event }) =>
        event.kind === 'connect' &&
        event.connect.address === hostAddress &&
        event.connect.port === hostPort,
    },
    {
      name: 'a reverse shell',
      command: act('reverse-shell', hostAddress, String(hostPort)),
      alerts: (alert) =>
        exec((path) => /\/(dash|sh)$/.test(path))(alert) &&
        (alert.event as ActEvent).process.socketStdio === true,
      attack: 'T1059',
    },
    {
      name: 'a cron job',
      command: act('create', '/etc/cron.daily/refresh'),
      alerts: file('/etc/cron.daily/refresh', 'create', 'write'),
      attack: 'T1053',
      change: 'A /etc/cron.daily/refresh',
    },
    {
      name: 'a move to uid 0',
      command: act('raise', '/usr/bin/passwd', '--help'),
      alerts: ({ event }) =>
        event.kind === 'identity' && event.identity.from.uid !== 0 && event.identity.to.uid === 0,
      attack: 'T1548',
    },
    {
      name: "the container runtime's socket",
      command: act('unix', '/var/run/docker.sock'),
      alerts: ({ event }) => JSON.stringify(event).includes('docker.sock'),
      attack: 'T1611',
    },
    {
      name: 'a service account token',
      command: act('read', '/run/secrets/kubernetes.io/serviceaccount/token'),
      alerts: file('/run/secrets/kubernetes.io/serviceaccount/token', 'read'),
      attack: 'T1528',
    },
    {
      name: 'a binary overwritten',
      command: act('write', '/usr/bin/passwd'),
      alerts: file('/usr/bin/passwd', 'write'),
      attack: 'T1554',
      change: 'C /usr/bin/passwd',
    },
    {
      name: 'a preload file',
      command: act('create', '/etc/ld.so.preload'),
      alerts: file('/etc/ld.so.preload', 'create', 'write'),
      attack: 'T1574',
      change: 'A /etc/ld.so.preload',
    },
    {
      name: 'an ssh key',
      command: act('create', '/root/.ssh/authorized_keys'),
      alerts: file('/root/.ssh/authorized_keys', 'create', 'write'),
      attack: 'T1098',
      change: 'A /root/.ssh/authorized_keys',
    },
    {
      name: 'ptrace of another process',
      command: act('ptrace'),
      alerts: syscall('ptrace'),
      attack: 'T1055',
    },
    { name: 'a mount', command: act('mount'), alerts: syscall('mount'), attack: 'T1611' },
    { name: 'a namespace', command: act('unshare'), alerts: syscall('unshare'), attack: 'T1611' },
    {
      name: 'a kernel module',
      command: act('module'),
      alerts: syscall('init_module'),
      attack: 'T1547',
    },
    {
      name: 'a new listener',
      command: act('listen', '31337'),
      alerts: ({ event }) => event.kind === 'listen' && event.listen.port === 31_337,
    },
    {
      name: 'a deleted configuration',
      command: act('delete', '/etc/redis/redis.conf'),
      alerts: file('/etc/redis/redis.conf', 'delete'),
      change: 'D /etc/redis/redis.conf',
    },
    {
      name: 'another identity',
      command: act('setuid', '33'),
      alerts: ({ event }) => event.kind === 'identity' && event.identity.to.uid === 33,
    },
    {
      name: 'a raw socket',
      command: act('raw-socket'),
      alerts: ({ event }) => event.kind === 'capability' && event.capability.name === 'CAP_NET_RAW',
    },
  ]
}

type ExecEvent = Extract<ActEvent, { kind: 'exec' }>

function exec(good: (path: string, event: ExecEvent) => boolean): IntruderAct['alerts'] {
  return ({ event }) => event.kind === 'exec' && good(event.exec.path, event)
}

function file(path: string, ...accesses: readonly string[]): IntruderAct['alerts'] {
  return ({ event }) =>
    event.kind === 'file' &&
    event.file.path === path &&
    event.file.access.some((access) => accesses.includes(access))
}

function syscall(name: string): IntruderAct['alerts'] {
  return ({ event }) => event.kind === 'syscall' && event.syscall.name === name
}
