import type { ActEvent } from '../../src/core/event/event.ts'
import type { Access } from '../../src/core/event/event-words.ts'
import type { Act } from './composition.ts'
import type { Batch, Observation } from './field.ts'

/** Of `acts.h`. */
const FIRST_PORT = 20_000
const FIRST_UID = 30_000
const SLOTS = 256
const EPERM = 1
const EACCES = 13
const EROFS = 30
const ECONNREFUSED = 111

/**
 * `impossible`: the composition does not work here, and nothing was tried. `silent`: it was tried, and no event names
 * it. `untrue`: an event says that it was stopped, and it had its effect. `lost`: no event, but a loss of the container
 * is reported.
 */
export type Finding = 'true' | 'impossible' | 'silent' | 'untrue' | 'lost'

export interface Result {
  readonly observation: Observation
  readonly finding: Finding
  readonly effect: boolean
  /** What was reported of the act. */
  readonly witnesses: readonly ActEvent[]
}

interface Claim {
  /** Whether the event is about an act of this kind. */
  readonly is: (event: ActEvent) => boolean
  /** Whether processes outside of the act saw its effect. Beyond that: a process went on after it came off. */
  readonly shows?: (it: Observation) => boolean
  /** The kernel asks for it before the act: a process that is killed for it has not reached the act. */
  readonly capability?: string
}

const file = (...access: Access[]): Claim['is'] => {
  const inRing = ['openat', 'unlinkat', 'renameat', 'linkat', 'symlinkat', 'mkdirat', 'setxattr']
  return (event) =>
    (event.kind === 'file' && access.some((one) => event.file.access.includes(one))) ||
    (event.kind === 'syscall' &&
      event.syscall.name === 'io_uring' &&
      inRing.some((name) => event.syscall.target?.startsWith(name)))
}

const call =
  (...names: string[]): Claim['is'] =>
  (event) =>
    event.kind === 'syscall' && names.includes(event.syscall.name)

const has =
  (key: string, value = '1') =>
  (it: Observation): boolean =>
    it.seen[key] === value

const leaked = ({ seen, token }: Observation): boolean => seen['leak']?.startsWith(token) === true
const arrived = (it: Observation): boolean => Number(it.seen['arrived']) > 0
const opened: Claim['shows'] = has('open')

const claims: Readonly<Record<Act, Claim>> = {
  read: { is: file('read'), shows: leaked },
  write: { is: file('write'), shows: has('changed') },
  'read-write': { is: file('read', 'write'), shows: (it) => leaked(it) || has('changed')(it) },
  empty: { is: file('write'), shows: (it) => has('emptied')(it) || has('changed')(it) },
  create: { is: file('create', 'write'), shows: has('made') },
  unlink: { is: file('delete'), shows: has('gone') },
  rmdir: { is: file('delete') },
  rename: { is: file('rename'), shows: has('gone') },
  link: { is: file('create') },
  symlink: { is: file('create'), shows: has('made') },
  mkdir: { is: file('create'), shows: has('made') },
  mknod: { is: file('create'), shows: has('made') },
  'setuid-bit': { is: call('chmod'), shows: has('setuid') },
  'set-time': { is: call('utimensat'), shows: has('changed') },
  chown: { is: file('setattr'), shows: has('owner'), capability: 'CAP_CHOWN' },
  rights: { is: file('setattr'), shows: has('rights') },
  'file-capabilities': {
    is: either(call('setxattr'), file('setattr')),
    shows: has('capable'),
    capability: 'CAP_SETFCAP',
  },
  truncate: { is: either(file('write'), call('truncate')), shows: has('emptied') },
  exec: { is: (event) => event.kind === 'exec', shows: has('ran') },
  'exec-memory': { is: (event) => event.kind === 'exec', shows: has('ran') },
  'exec-script': { is: (event) => event.kind === 'exec', shows: has('ran') },
  'exec-dropped': { is: (event) => event.kind === 'exec', shows: has('ran') },
  map: { is: file('exec') },
  'map-later': { is: file('exec') },
  connect: { is: (event) => event.kind === 'connect', shows: arrived },
  multipath: { is: (event) => event.kind === 'connect', shows: arrived },
  'connect-datagrams': { is: (event) => event.kind === 'connect', shows: arrived },
  send: { is: (event) => event.kind === 'connect', shows: arrived },
  'fast-open': { is: (event) => event.kind === 'connect', shows: arrived },
  listen: { is: (event) => event.kind === 'listen', shows: opened },
  bind: { is: (event) => event.kind === 'listen', shows: opened },
  'connect-unix': { is: (event) => event.kind === 'connect', shows: arrived },
  'connect-abstract': { is: (event) => event.kind === 'connect', shows: arrived },
  setuid: { is: identity('setuid') },
  setresuid: { is: identity('setuid') },
  seteuid: { is: identity('setuid') },
  setgid: { is: identity('setgid') },
  mount: { is: call('mount'), shows: has('mounted') },
  'open-tree': { is: call('open_tree') },
  chroot: { is: call('chroot'), shows: has('went_on') },
  'memory-file': { is: call('memfd_create'), shows: has('went_on') },
  unshare: { is: call('unshare') },
  enter: { is: call('setns') },
  'be-traced': { is: call('ptrace') },
  trace: { is: call('ptrace') },
  signal: { is: call('kill'), shows: (it) => Number(it.seen['signals']) > 0 },
  bpf: { is: call('bpf') },
  perf: { is: either(call('perf_event_open'), (event) => event.kind === 'capability') },
  'page-faults': { is: call('userfaultfd') },
  key: { is: call('keyctl') },
  'raw-socket': { is: call('socket', 'io_uring'), shows: has('went_on') },
  'packet-socket': { is: call('socket', 'io_uring'), shows: has('went_on') },
  'take-descriptor': { is: call('pidfd_getfd') },
  'read-memory': { is: call('process_vm_readv') },
}

function either(...claims: readonly Claim['is'][]): Claim['is'] {
  return (event) => claims.some((claim) => claim(event))
}

function identity(name: string): Claim['is'] {
  return (event) => event.kind === 'identity' || call(name)(event)
}

/** Its text has the number of the slot, as every name that a composition makes. */
function names({ slot }: Observation, event: ActEvent): boolean {
  if (event.kind === 'connect' && event.connect.port !== 0)
    return event.connect.port === FIRST_PORT + slot
  if (event.kind === 'listen') return event.listen.port === FIRST_PORT + SLOTS + slot
  if (event.kind === 'identity') {
    const id = FIRST_UID + slot
    return event.identity.to.uid === id || event.identity.to.gid === id
  }
  const text =
    event.kind === 'file'
      ? `${event.file.path} ${event.file.to ?? ''}`
      : event.kind === 'exec'
        ? `${event.exec.path} ${event.process.script ?? ''}`
        : event.kind === 'connect'
          ? event.connect.address
          : event.kind === 'syscall'
            ? (event.syscall.target ?? '')
            : ''
  return new RegExp(`(^|[/@: ])s${slot}($|[-/ ])`).test(text)
}

/** Acts whose events name no object: they are found by their time. */
const nameless: ReadonlySet<Act> = new Set<Act>([
  'exec-memory',
  'unshare',
  'enter',
  'be-traced',
  'trace',
  'signal',
  'bpf',
  'perf',
  'page-faults',
  'key',
  'raw-socket',
  'packet-socket',
  'take-descriptor',
  'read-memory',
])

function during({ from, to }: Observation, event: ActEvent): boolean {
  const at = Date.parse(event.time)
  return at >= from - 2 && at <= to + 2
}

/** Events about the act. A repeat of a nameless one is only counted: then the reports before it stand for it. */
function witnessesOf(it: Observation, events: readonly ActEvent[]): readonly ActEvent[] {
  const { act, runs } = it.composition
  const about = events.filter(claims[act].is)
  // As another user the identity that is asked for is root's, which has no number of its own.
  if (nameless.has(act) || (act.startsWith('set') && runs.includes('user')))
    return about.filter((event) => Date.parse(event.time) <= it.to + 2)
  // The object has an allowed name by now: that it was given it is what is reported.
  const moved = it.composition.names.includes('exchange') ? events.filter(file('rename')) : []
  return [...about, ...moved].filter((event) => names(it, event))
}

/** The process was killed for the capability of the act. A repeat of that is only counted: an earlier report stands for it. */
function isForCapability({ composition: { act }, to }: Observation, event: ActEvent): boolean {
  return (
    event.kind === 'capability' &&
    event.capability.name === claims[act].capability &&
    Date.parse(event.time) <= to + 2
  )
}

/** Whether an event is of the kind that the act of the result is. */
export function claimOf({ observation }: Result): (event: ActEvent) => boolean {
  // A step before it was stopped.
  if (observation.seen['armed'] !== '1') return isStopped
  const { act, via } = observation.composition
  return via.startsWith('ring') ? either(claims[act].is, call('io_uring')) : claims[act].is
}

function isStopped(event: ActEvent): boolean {
  return event.enforced === 'blocked' || event.enforced === 'killed' || event.survives !== undefined
}

export function judged({ observations, events, losses }: Batch): readonly Result[] {
  return observations.map((observation) => {
    const { seen } = observation
    const result = Number(seen['result'])
    const witnesses = witnessesOf(observation, events)
    const { shows } = claims[observation.composition.act]
    const armed = seen['armed'] === '1'
    const unanswered = observation.composition.moment === 'first' && result === ECONNREFUSED
    const effect = armed && (result === 0 || unanswered || shows?.(observation) === true)
    const finding = ((): Finding => {
      const killed = result === -1 && seen['killed'] === '1'
      // Then the act is what was stopped, or a step before it, of which it is a part.
      if (killed && !effect) {
        const reported =
          witnesses.length > 0 ||
          events.some(
            (event) =>
              isStopped(event) &&
              (during(observation, event) || isForCapability(observation, event)),
          )
        if (reported) return 'true'
        return losses.length > 0 ? 'lost' : 'silent'
      }
      const refused = [EPERM, EACCES, EROFS].includes(result)
      if (!armed || (!effect && !refused)) return 'impossible'
      if (witnesses.length === 0) return losses.length > 0 ? 'lost' : 'silent'
      if (!effect) return 'true'
      const admits = witnesses.some(
        ({ enforced }) => enforced === 'missed' || enforced === undefined,
      )
      return admits ? 'true' : 'untrue'
    })()
    return { observation, finding, effect, witnesses }
  })
}
