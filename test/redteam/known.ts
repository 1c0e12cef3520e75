import type { ActEvent } from '../../src/core/event/event.ts'
import type { Ground } from './ground.ts'
import { claimOf, type Result } from './oracle.ts'

/** A kind of composition that a family of hooks cannot name or stop, with the kernel's reason. */
interface Limit {
  readonly name: string
  readonly reason: string
  /** The family that has it; without: both. */
  readonly family?: Ground['family']
  /** `about`: events up to then of the same kind as the act. */
  readonly covers: (result: Result, about: readonly ActEvent[], ground: Ground) => boolean
}

const ringSocket = ['bind', 'listen', 'connect']

const throughLink = /^\S*(\/proc\/(self|thread-self|\d+)\/(fd|cwd|root)|\/dev\/fd)\b/

function stringOf(event: ActEvent): string {
  if (event.kind === 'file') return event.file.path
  if (event.kind === 'exec') return event.process.script ?? ''
  // Of a connection that is made, the address is the file of the listener.
  if (event.kind === 'connect' && event.connect.protocol === 'unix') return event.connect.address
  if (event.kind === 'syscall') return (event.syscall.target ?? '').replace(/^\w+ (?=\/)/, '')
  return ''
}

const limits: readonly Limit[] = [
  {
    name: 'a name through /proc/…/fd, cwd or root',
    reason:
      'the act is reported as the call returns, under the string that the caller passed: no tracepoint has the file',
    covers: ({ finding, effect }, about) =>
      finding === 'silent' &&
      about.some(
        (event) => throughLink.test(stringOf(event)) && !(effect && event.kind === 'connect'),
      ),
  },
  {
    name: 'an attempt that permissions refuse',
    reason: 'security hooks come after the kernel has asked for permission',
    family: 'security',
    covers: ({ finding, effect, observation }) =>
      finding === 'silent' && !effect && observation.composition.runs.includes('user'),
  },
  {
    name: 'a datagram by io_uring',
    reason:
      'Linux before 6.15 has no cgroup hook that finds the process, and the submission of each send is not looked at',
    family: 'tracepoints',
    covers: ({ finding, observation }, _, { before615 }) =>
      finding === 'silent' &&
      before615 &&
      observation.composition.act === 'send' &&
      observation.composition.via.startsWith('ring'),
  },
  {
    name: 'a group that permissions refuse',
    reason: 'of the identities that are refused, only the user root is an attempt',
    covers: ({ finding, effect, observation }) =>
      finding === 'silent' && !effect && observation.composition.act === 'setgid',
  },
  {
    name: 'an execution that permissions refuse',
    reason: 'the tracepoint comes with the new program, and there is none',
    covers: ({ finding, effect, observation: { composition, seen } }) =>
      finding === 'silent' &&
      !effect &&
      seen['killed'] !== '1' &&
      composition.act.startsWith('exec') &&
      composition.runs.includes('user'),
  },
  {
    name: 'a signal that permissions refuse',
    reason:
      'no tracepoint comes before the kernel refuses it, and its return does not have the receiver',
    covers: ({ finding, effect, observation }) =>
      finding === 'silent' && !effect && observation.composition.act === 'signal',
  },
  {
    name: 'the address of a bind, listen or connect by io_uring',
    family: 'tracepoints',
    reason:
      'the submission is reported, which has the operation and not the address; cgroup hooks have the address of a ' +
      'connect and of a datagram socket from Linux 6.15 on',
    covers: ({ finding, observation }, about) =>
      finding === 'silent' &&
      observation.composition.via.startsWith('ring') &&
      about.some(
        (event) =>
          event.kind === 'syscall' &&
          event.syscall.name === 'io_uring' &&
          ringSocket.includes(event.syscall.target ?? ''),
      ),
  },
]

export function limitOf(
  result: Result,
  events: readonly ActEvent[],
  ground: Ground,
): Limit | undefined {
  // A string that was reported before is only counted: it stands for another object then.
  const until = events.filter((event) => Date.parse(event.time) <= result.observation.to + 2)
  return limits.find(
    ({ family, covers }) =>
      (family ?? ground.family) === ground.family &&
      covers(result, until.filter(claimOf(result)), ground),
  )
}
