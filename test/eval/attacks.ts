import { type Attack, type AttackSetting, type Look, mentions, type Tactic } from './attack.ts'
import type { Argument, Call, Doing } from './door.ts'

/** Numbers of system calls, and of their flags, on x86-64. */
export const nr = {
  read: 0,
  write: 1,
  close: 3,
  dup2: 33,
  socket: 41,
  connect: 42,
  sendto: 44,
  bind: 49,
  listen: 50,
  execve: 59,
  truncate: 76,
  rename: 82,
  mkdir: 83,
  unlink: 87,
  symlink: 88,
  chmod: 90,
  ptrace: 101,
  setresuid: 117,
  openat: 257,
  utimensat: 280,
  memfd: 319,
  execveat: 322,
} as const

const here = -100
const [append, create, truncate, writeOnly, nonBlocking] = [0x400, 0x40, 0x200, 1, 0x800]
const [inet, packet, stream, dgram, raw] = [2, 17, 1, 2, 3]
const emptyPath = 0x1000
const inProgress = -115
const result = (at: number): Argument => ({ result: at })

const write = (path: string, text: string, mode = 0o644, flags = truncate): readonly Call[] => [
  [nr.openat, here, path, writeOnly | create | flags, mode],
  [nr.write, result(0), text, Buffer.byteLength(text)],
  [nr.close, result(0)],
]
const read = (path: string): readonly Call[] => [
  [nr.openat, here, path, 0],
  [nr.read, result(0), { buffer: 256 }, 256],
]
const run = (path: string, ...args: readonly string[]): Call => [
  nr.execve,
  path,
  { array: [path, ...args] },
  0,
]
const shell = (line: string): Call => run('/bin/sh', '-c', line)

/** `struct sockaddr_in` */
function address(host: string, port: number): Argument {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16LE(inet, 0)
  bytes.writeUInt16BE(port, 2)
  for (const [i, part] of host.split('.').entries()) bytes[4 + i] = Number(part)
  return { bytes }
}
const dial = (host: string, port: number, type = stream): readonly Call[] => [
  [nr.socket, inet, type, 0],
  [nr.connect, result(0), address(host, port), 16],
]

const made = (path: string) => (_: Doing, before: Look, after: Look) =>
  before.stat(path) === undefined && after.stat(path) !== undefined
/** Whether the call at this index returned a result of success. */
const gave =
  (at: number, least = 0) =>
  (doing: Doing) =>
    (doing.results[at] ?? -1) >= least
const reached = (_: Doing, before: Look, after: Look) => after.received > before.received
const onData =
  (test: (before: Look, after: Look, file: string) => boolean): Attack['happened'] =>
  (_, before, after, { file }) =>
    file !== undefined && test(before, after, file)
const withFile =
  (calls: (file: string) => readonly Call[]) =>
  ({ file }: AttackSetting) =>
    file === undefined ? [] : calls(file)
const ofData: Attack['named'] = (alert, { file }) =>
  mentions('file', file ?? '\0')(alert, { data: '', address: '', port: 0 })

type Rest = Pick<Attack, 'calls' | 'happened' | 'named'> & Partial<Pick<Attack, 'leaves'>>
const attack = (name: string, tactic: Tactic, technique: string, rest: Rest): Attack => ({
  name,
  tactic,
  technique,
  ...rest,
})

/** A file that is written, with this text. */
function drops(
  name: string,
  tactic: Tactic,
  technique: string,
  path: string,
  text: string,
): Attack {
  return attack(name, tactic, technique, {
    calls: () => write(path, text),
    happened: made(path),
    named: mentions('file', path),
    leaves: [path],
  })
}

/** A line at the end of a file that the image has. */
function appends(name: string, tactic: Tactic, technique: string, path: string): Attack {
  return attack(name, tactic, technique, {
    calls: () => write(path, '\n', 0o644, append),
    happened: (_, before, after) => after.stat(path)?.size !== before.stat(path)?.size,
    named: mentions('file', path),
  })
}

function reads(name: string, tactic: Tactic, technique: string, path: string, as = path): Attack {
  return attack(name, tactic, technique, {
    calls: () => read(path),
    happened: gave(1, 1),
    named: mentions('file', new RegExp(as)),
  })
}

export const attacks: readonly Attack[] = [
  attack('a shell', 'execution', 'T1059.004', {
    calls: () => [shell('echo 1 >/tmp/.m1')],
    happened: made('/tmp/.m1'),
    named: mentions('exec', /\/(sh|dash|bash)"/),
    leaves: ['/tmp/.m1'],
  }),
  attack('a program that was dropped', 'execution', 'T1204.002', {
    calls: () => [
      ...write('/tmp/kdevtmpfs', '#!/bin/sh\necho 1 >/tmp/.m2\n', 0o755),
      run('/tmp/kdevtmpfs'),
    ],
    happened: made('/tmp/.m2'),
    named: (...args) => ['exec', 'file'].some((kind) => mentions(kind, '/tmp/kdevtmpfs')(...args)),
    leaves: ['/tmp/.m2', '/tmp/kdevtmpfs'],
  }),
  attack('a program of the image that never ran', 'execution', 'T1072', {
    calls: () => [run('/usr/bin/dpkg', '--version')],
    happened: ({ end }) => end === 'exited 0',
    named: mentions('exec', '/usr/bin/dpkg'),
  }),
  attack('a program by the loader', 'stealth', 'T1218', {
    calls: () => [run('/lib64/ld-linux-x86-64.so.2', '/usr/bin/touch', '/tmp/.m3')],
    happened: made('/tmp/.m3'),
    named: mentions('exec', /ld-linux-x86-64|touch/),
    leaves: ['/tmp/.m3'],
  }),
  attack('a program that is only in memory', 'stealth', 'T1620', {
    calls: () => [
      [nr.memfd, 'cache', 0],
      [nr.write, result(0), '#!/bin/sh\necho 1 >/tmp/.m4\n', 26],
      [nr.execveat, result(0), '', { array: ['cache'] }, 0, emptyPath],
    ],
    happened: made('/tmp/.m4'),
    named: mentions('exec', /memfd|\/proc\/|\/(sh|dash)"/),
    leaves: ['/tmp/.m4'],
  }),
  drops('a cron job', 'persistence', 'T1053.003', '/etc/cron.d/refresh', '* * * * * root true\n'),
  drops('a unit', 'persistence', 'T1543.002', '/etc/systemd/system/x.service', '[Service]\n'),
  attack('an SSH key', 'persistence', 'T1098.004', {
    calls: () => [
      ...write('/root/.ssh/authorized_keys', 'ssh-rsa x'),
      [nr.mkdir, '/root/.ssh', 0o700],
      [nr.openat, here, '/root/.ssh/authorized_keys', writeOnly | create, 0o600],
    ],
    happened: made('/root/.ssh/authorized_keys'),
    named: mentions('file', '/root/.ssh'),
    leaves: ['/root/.ssh/authorized_keys'],
  }),
  drops('a preload file', 'persistence', 'T1574.006', '/etc/ld.so.preload', ''),
  appends('a program overwritten', 'persistence', 'T1554', '/usr/bin/diff'),
  appends('an account added', 'persistence', 'T1136.001', '/etc/passwd'),
  attack('a web shell among the data', 'persistence', 'T1505.003', {
    calls: ({ data }) => write(`${data}/shell.php`, '<?php system($_GET[0]); ?>'),
    happened: (doing, before, after, { data }) => made(`${data}/shell.php`)(doing, before, after),
    named: (alert, setting) => mentions('file', `${setting.data}/shell.php`)(alert, setting),
    leaves: ['shell.php'],
  }),
  attack('a hidden configuration among the data', 'persistence', 'T1546', {
    calls: ({ data }) => write(`${data}/.htaccess`, 'AddHandler cgi-script .txt\n'),
    happened: (doing, before, after, { data }) => made(`${data}/.htaccess`)(doing, before, after),
    named: (alert, setting) => mentions('file', `${setting.data}/.htaccess`)(alert, setting),
    leaves: ['.htaccess'],
  }),
  attack('a setuid program', 'privilege escalation', 'T1548.001', {
    calls: () => [...write('/tmp/su', 'x', 0o755), [nr.chmod, '/tmp/su', 0o4755]],
    happened: (_, __, after) => ((after.stat('/tmp/su')?.mode ?? 0) & 0o4000) !== 0,
    named: (...args) =>
      mentions('file', '/tmp/su')(...args) || mentions('syscall', /chmod/)(...args),
    leaves: ['/tmp/su'],
  }),
  attack('another identity', 'privilege escalation', 'T1078', {
    calls: () => [[nr.setresuid, 7, 7, 7]],
    happened: gave(0),
    named: (...args) => ['identity', 'capability'].some((kind) => mentions(kind, /./)(...args)),
  }),
  attack('the first process traced', 'privilege escalation', 'T1055.008', {
    calls: () => [[nr.ptrace, 0x4206, 1, 0, 0]],
    happened: gave(0),
    named: (...args) =>
      ['syscall', 'capability'].some((kind) => mentions(kind, /ptrace/i)(...args)),
  }),
  attack('a hidden folder', 'stealth', 'T1564.001', {
    calls: () => [
      [nr.mkdir, '/tmp/.x', 0o755],
      [nr.openat, here, '/tmp/.x/.y', writeOnly | create, 0o644],
    ],
    happened: made('/tmp/.x/.y'),
    named: mentions('file', '/tmp/.x'),
    leaves: ['/tmp/.x/.y', '/tmp/.x'],
  }),
  attack("a data file's time set back", 'stealth', 'T1070.006', {
    calls: withFile((file) => [[nr.utimensat, here, file, { bytes: Buffer.alloc(32) }, 0]]),
    happened: onData((_, after, file) => after.stat(file)?.mtimeMs === 0),
    named: (alert, setting) =>
      ofData(alert, setting) || mentions('syscall', /utime/)(alert, setting),
  }),
  attack('a link to the accounts among the data', 'stealth', 'T1036', {
    calls: ({ data }) => [[nr.symlink, '/etc/shadow', `${data}/notes-link`]],
    happened: (doing, before, after, { data }) => made(`${data}/notes-link`)(doing, before, after),
    named: (alert, setting) => mentions('file', `${setting.data}/notes-link`)(alert, setting),
    leaves: ['notes-link'],
  }),
  reads('the password hashes', 'credential access', 'T1003.008', '/etc/shadow'),
  reads(
    'secrets in the environment',
    'credential access',
    'T1552.007',
    '/proc/1/environ',
    '/environ',
  ),
  attack("another process's memory", 'credential access', 'T1003.007', {
    calls: () => [[nr.openat, here, '/proc/1/mem', 0]],
    happened: gave(0),
    named: mentions('file', /\/proc\/[^"]*\/mem/),
  }),
  attack("the cloud's metadata service", 'credential access', 'T1552.005', {
    calls: () => dial('169.254.169.254', 80, stream | nonBlocking),
    happened: ({ results }) => results[1] === inProgress || results[1] === 0,
    named: mentions('connect', '169.254.169.254'),
  }),
  reads('the connections of the machine', 'discovery', 'T1049', '/proc/net/tcp', '/net/tcp'),
  reads('what the first process is', 'discovery', 'T1057', '/proc/1/cmdline', '/cmdline'),
  reads('the mounts', 'discovery', 'T1613', '/proc/self/mountinfo', '/mountinfo'),
  attack('a raw socket', 'discovery', 'T1040', {
    calls: () => [[nr.socket, packet, raw, 0x300]],
    happened: gave(0),
    named: (...args) =>
      ['capability', 'syscall', 'connect', 'listen'].some((kind) =>
        mentions(kind, /raw|packet/i)(...args),
      ),
  }),
  attack('a scan of a neighbour', 'discovery', 'T1046', {
    calls: ({ address: host }) => dial(host, 22, stream | nonBlocking),
    happened: ({ results }) => results[1] === inProgress || results[1] === -111,
    named: (alert, setting) => mentions('connect', setting.address)(alert, setting),
  }),
  attack('a connection out', 'command and control', 'T1095', {
    calls: ({ address: host, port }) => dial(host, port),
    happened: reached,
    named: (alert, setting) => mentions('connect', setting.address)(alert, setting),
  }),
  attack('a datagram out', 'command and control', 'T1071.004', {
    calls: ({ address: host, port }) => [
      [nr.socket, inet, dgram, 0],
      [nr.sendto, result(0), 'beacon', 6, 0, address(host, port), 16],
    ],
    happened: reached,
    named: (alert, setting) => mentions('connect', setting.address)(alert, setting),
  }),
  attack('a reverse shell', 'command and control', 'T1059', {
    calls: ({ address: host, port }) => [
      ...dial(host, port),
      ...[0, 1, 2].map((fd): Call => [nr.dup2, result(0), fd]),
      shell('id; touch /tmp/.m5'),
    ],
    happened: made('/tmp/.m5'),
    named: (alert, setting) =>
      mentions('connect', setting.address)(alert, setting) ||
      mentions('exec', /\/(sh|dash|bash)"/)(alert, setting),
    leaves: ['/tmp/.m5'],
  }),
  attack('a door of the attacker', 'command and control', 'T1205', {
    calls: () => [
      [nr.socket, inet, stream, 0],
      [nr.bind, result(0), address('0.0.0.0', 4_444), 16],
      [nr.listen, result(0), 1],
    ],
    happened: gave(2),
    named: mentions('listen', /4444/),
  }),
  attack('a data file made empty', 'impact', 'T1485', {
    calls: withFile((file) => [[nr.truncate, file, 0]]),
    happened: onData(
      (before, after, file) => before.stat(file)?.size !== 0 && after.stat(file)?.size === 0,
    ),
    named: (alert, setting) =>
      ofData(alert, setting) || mentions('syscall', /truncate/)(alert, setting),
  }),
  attack('a data file renamed for ransom', 'impact', 'T1486', {
    calls: withFile((file) => [[nr.rename, file, `${file}.locked`]]),
    happened: onData(
      (before, after, file) =>
        before.stat(file) !== undefined && after.stat(`${file}.locked`) !== undefined,
    ),
    named: ofData,
  }),
  attack('a file of the image deleted', 'impact', 'T1485', {
    calls: () => [[nr.unlink, '/etc/debian_version']],
    happened: (_, before, after) =>
      before.stat('/etc/debian_version') !== undefined &&
      after.stat('/etc/debian_version') === undefined,
    named: mentions('file', '/etc/debian_version'),
  }),
]
