import { intruderActs } from '../../e2e/intruder-acts.ts'
import { type ActSetting, anyOf, callOf, type EvalAct, execOf, fileAt, type Tactic } from './act.ts'

/** Where the acts that the end-to-end test does have their place in ATT&CK. */
const places: Readonly<Record<string, readonly [Tactic, string]>> = {
  'a shell from the service': ['execution', 'T1059.004'],
  'a package manager': ['execution', 'T1072'],
  'a dropped binary': ['execution', 'T1204.002'],
  'a program that is only in memory': ['defence evasion', 'T1620'],
  'reading the password hashes': ['credential access', 'T1003.008'],
  'a new outbound connection': ['command and control', 'T1095'],
  'a reverse shell': ['command and control', 'T1071'],
  'a cron job': ['persistence', 'T1053.003'],
  'a move to uid 0': ['privilege escalation', 'T1548.001'],
  "the container runtime's socket": ['privilege escalation', 'T1611'],
  'a service account token': ['credential access', 'T1528'],
  'a binary overwritten': ['persistence', 'T1554'],
  'a preload file': ['persistence', 'T1574.006'],
  'an ssh key': ['persistence', 'T1098.004'],
  'ptrace of another process': ['privilege escalation', 'T1055.008'],
  'a mount': ['privilege escalation', 'T1611'],
  'a namespace': ['privilege escalation', 'T1611'],
  'a kernel module': ['persistence', 'T1547.006'],
  'a new listener': ['persistence', 'T1205'],
  'a deleted configuration': ['impact', 'T1485'],
  'another identity': ['defence evasion', 'T1078'],
  'a raw socket': ['discovery', 'T1040'],
}

const leaves: Readonly<Record<string, EvalAct['leaves']>> = {
  'a cron job': { path: '/etc/cron.daily/refresh' },
  'a preload file': { path: '/etc/ld.so.preload' },
  'an ssh key': { path: '/root/.ssh/authorized_keys' },
  'a deleted configuration': { path: '/etc/redis/redis.conf', gone: true },
}

/** Where it is stopped its child goes on, and redis waits for that child for ever: so it comes last. */
const leavesAChild = 'ptrace of another process'

/** From within redis, which runs as root: the end-to-end test's acts, and more. */
export function redisActs(setting: ActSetting): readonly EvalAct[] {
  const known = intruderActs(setting).map(({ name, command, alerts }): EvalAct => {
    const [tactic, technique] = places[name] ?? ['execution', 'T1059']
    const left = leaves[name]
    return {
      name,
      tactic,
      technique,
      via: 'redis',
      does: command,
      alerts,
      ...(left === undefined ? {} : { leaves: left }),
    }
  })
  const more = (
    name: string,
    tactic: Tactic,
    technique: string,
    does: readonly string[],
    alerts: EvalAct['alerts'],
    left?: EvalAct['leaves'],
  ): EvalAct => ({
    name,
    tactic,
    technique,
    via: 'redis',
    does,
    alerts,
    ...(left === undefined ? {} : { leaves: left }),
  })
  const act = (...args: string[]): readonly string[] => ['ops.act', ...args]
  const shell = (line: string): readonly string[] => ['ops.run', line]
  const shellOr = (alerts: EvalAct['alerts']): EvalAct['alerts'] =>
    anyOf(alerts, ({ event, action }) => action !== 'alerted' && event.kind === 'exec')
  return [
    ...known.filter(({ name }) => name !== leavesAChild),
    more(
      'an account added',
      'persistence',
      'T1136.001',
      act('write', '/etc/passwd'),
      fileAt('/etc/passwd'),
    ),
    more(
      'the authentication changed',
      'persistence',
      'T1556.003',
      act('write', '/etc/pam.d/common-auth'),
      fileAt('/etc/pam.d/common-auth'),
    ),
    more(
      'a unit for the init system',
      'persistence',
      'T1543.002',
      act('create', '/etc/systemd/system/refresh.service'),
      fileAt('/etc/systemd/system/refresh.service'),
      { path: '/etc/systemd/system/refresh.service' },
    ),
    more(
      "a login shell's start-up file",
      'persistence',
      'T1546.004',
      act('write', '/root/.bashrc'),
      fileAt('/root/.bashrc'),
    ),
    more(
      "the host's core pattern",
      'privilege escalation',
      'T1611',
      act('write', '/proc/sys/kernel/core_pattern'),
      fileAt('/proc/sys/kernel/core_pattern'),
    ),
    more(
      'a disk of the host as a device',
      'privilege escalation',
      'T1611',
      shell('mknod /tmp/vda b 254 0'),
      shellOr(anyOf(callOf(/mknod/i), execOf(/mknod$/))),
      { path: '/tmp/vda' },
    ),
    more(
      "into the host's namespaces",
      'privilege escalation',
      'T1611',
      shell('nsenter -t 1 -m true'),
      shellOr(anyOf(callOf(/setns/), execOf(/nsenter$/))),
    ),
    more(
      'a payload decoded and run',
      'defence evasion',
      'T1140',
      shell('echo dHJ1ZQo= | base64 -d | sh'),
      shellOr(execOf(/base64$/)),
    ),
    more(
      'a program called like the service',
      'defence evasion',
      'T1036.005',
      shell('cp /usr/bin/true /tmp/redis-server && /tmp/redis-server'),
      shellOr(execOf(/^\/tmp\/redis-server$/)),
    ),
    more(
      'an allowed program by the loader',
      'defence evasion',
      'T1218',
      act('exec', '/lib64/ld-linux-x86-64.so.2', '/usr/bin/true'),
      execOf(/ld-linux/),
    ),
    more(
      'the list of mounts',
      'discovery',
      'T1613',
      act('read', '/proc/1/mountinfo'),
      fileAt(/^\/proc\/.*\/mountinfo$/),
    ),
    more(
      'who else is there',
      'discovery',
      'T1087.001',
      act('exec', '/usr/bin/getent', 'passwd'),
      execOf(/getent$/),
    ),
    ...known.filter(({ name }) => name === leavesAChild),
  ]
}
