import type { SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import type {
  LineContext,
  LineFormat,
  LineMapper,
} from '../../../agent/pipeline/sources/line-format.ts'
import { SnugError } from '../../../errors.ts'
import { type Bag, given, need, plainEventOf } from '../json-fields.ts'
import { accessOfFlags } from '../open-flags.ts'
import { sensorTime } from '../sensor-time.ts'
import { socketAddress } from '../socket-address.ts'
import type { GvisorMessage, GvisorPacket } from './gvisor-messages.ts'
import { Sandbox, type UserOf } from './sandbox.ts'

const kinds: readonly EventKind[] = ['exec', 'file', 'connect', 'identity', 'loss']

/**
 * gVisor's own trace of system calls: what the containers of a sandbox do inside of its kernel. Each line is a packet, as
 * `snug-sensor --packets` prints them.
 */
export const gvisorFormat: LineFormat = {
  name: 'gvisor',
  kinds,
  // The answer to its greeting: version 1 of the protocol.
  packets: '0801',
  follow: false,
  open: (context) => new GvisorMapper(context),
}

type Of<Name extends GvisorMessage['name']> = Extract<GvisorMessage, { name: Name }>

const line = /^(\d+)(?: ((?:[0-9a-f]{2})+))?$/
const EPERM = 1
const EACCES = 13
const EINPROGRESS = 115
/** Of the type of a socket, without the flags of its descriptor. */
const SOCKET_KIND = 0xf
const transports: ReadonlyMap<number, string> = new Map([
  [1, 'tcp'],
  [2, 'udp'],
  [3, 'raw'],
])
const wholeCount = 2 ** 32

class GvisorMapper implements LineMapper {
  readonly inside = new Set<string>()
  readonly #context: LineContext
  readonly #sandboxes = new Map<string, Sandbox>()
  #read: ((bytes: Buffer) => GvisorPacket) | undefined

  constructor(context: LineContext) {
    this.#context = context
  }

  /** Agents without gVisor need no protobuf. */
  readonly load = async (): Promise<void> => {
    this.#read = (await import('./gvisor-messages.ts')).readPacket
  }

  readonly take = (text: string, into: SnugEvent[]): void => {
    const [, peer = '', hex] = line.exec(text) ?? []
    if (peer === '') throw new SnugError('EVENT_INVALID', 'the line is no packet of a peer')
    if (hex === undefined) return this.#gone(peer)
    if (this.#read === undefined) throw new SnugError('INTERNAL', 'the format is not loaded')
    const { message, dropped } = this.#read(Buffer.from(hex, 'hex'))
    const sandbox = this.#sandboxOf(peer)
    if (dropped !== sandbox.dropped) into.push(this.#loss(sandbox, dropped))
    if (typeof message === 'number') this.#context.ignore(`message of type ${message}`)
    else this.#taken(message, sandbox, into)
  }

  #sandboxOf(peer: string): Sandbox {
    let sandbox = this.#sandboxes.get(peer)
    if (sandbox === undefined) this.#sandboxes.set(peer, (sandbox = new Sandbox()))
    return sandbox
  }

  /** `0`: all peers of a receiver that ended. */
  #gone(peer: string): void {
    const gone = peer === '0' ? [...this.#sandboxes.keys()] : [peer]
    for (const each of gone) {
      for (const container of this.#sandboxes.get(each)?.containers ?? [])
        this.inside.delete(container)
      this.#sandboxes.delete(each)
    }
  }

  #loss(sandbox: Sandbox, dropped: number): SnugEvent {
    const { node, source, now } = this.#context
    const count = (dropped - sandbox.dropped + wholeCount) % wholeCount
    sandbox.dropped = dropped
    const time = now().toISOString()
    const [id, other] = sandbox.containers
    return {
      v: 1,
      kind: 'loss',
      time,
      node,
      source,
      ...(id === undefined || other !== undefined ? {} : { container: { id } }),
      loss: { reason: 'dropped by gvisor', count, from: time, to: time },
    }
  }

  #taken(message: GvisorMessage, sandbox: Sandbox, into: SnugEvent[]): void {
    const { timeNs, process: pid, container } = need(message.context ?? undefined, 'the context')
    if (container === '') throw new SnugError('EVENT_INVALID', 'missing the container')
    const time = need(sensorTime(timeNs, this.#context.now()), 'the time')
    sandbox.containers.add(container)
    this.inside.add(container)
    if (message.name === 'Clone') {
      if (message.created !== pid) sandbox.forked(message.created, pid, time)
      return
    }
    if (message.name === 'Ended') return sandbox.ended(pid)
    const act = actOf(message, sandbox, pid, time)
    const user = this.#userOf(message, sandbox, pid, time, into)
    if (typeof act === 'string') this.#context.ignore(act)
    else if (act !== undefined)
      into.push(plainEventOf({ ...this.#basis(sandbox, pid, container, time, user), ...act }))
  }

  /** The user of a process now. Whichever call changed it, the change is an event. */
  #userOf(
    { context }: GvisorMessage,
    sandbox: Sandbox,
    pid: number,
    time: string,
    into: SnugEvent[],
  ): UserOf {
    const now = need(context?.credentials ?? undefined, 'the credentials')
    const { user: before } = sandbox.process(pid, time)
    if (before?.uid === now.uid && before.gid === now.gid) return before
    sandbox.became(pid, now, time)
    if (before !== undefined) {
      const basis = this.#basis(sandbox, pid, context?.container ?? '', time, before)
      into.push(plainEventOf({ ...basis, kind: 'identity', identity: { from: before, to: now } }))
    }
    return now
  }

  #basis(sandbox: Sandbox, pid: number, id: string, time: string, { uid, gid }: UserOf): Bag {
    const { exe, args, ppid, parents, origin, session } = sandbox.process(pid, time)
    const [parent] = parents
    const ancestors = parents.length === 0 ? undefined : parents
    return {
      v: 1,
      time,
      node: this.#context.node,
      source: 'gvisor',
      container: { id },
      process: given({ pid, ppid, exe, args, uid, gid, parent, ancestors, origin, session }),
    }
  }
}

/** A text is the reason why it is no event, and undefined one that is of no interest. */
function actOf(
  message: Exclude<GvisorMessage, Of<'Clone' | 'Ended'>>,
  sandbox: Sandbox,
  pid: number,
  time: string,
): Bag | string | undefined {
  switch (message.name) {
    case 'Start': {
      const { args } = message
      const [name = ''] = args
      const exe = name.includes('/') ? absolute(name, message) : `entrypoint:${name}`
      sandbox.began(pid, exe, args)
      return { kind: 'exec', exec: { path: exe, drift: false } }
    }
    case 'Exec': {
      const { path, args } = message
      sandbox.ran(pid, path, args, time)
      return { kind: 'exec', exec: { path, drift: false } }
    }
    case 'Open':
      return openAct(message)
    case 'Connect':
      return connectAct(message, sandbox, pid)
    case 'Socket':
      if (message.exit?.errno === 0)
        sandbox.opened(pid, message.exit.result, message.kind & SOCKET_KIND)
      return undefined
    case 'SetId':
      return undefined
  }
}

/** A refused call is also an event. Calls that failed for other reasons are not. */
function openAct(message: Of<'Open'>): Bag | string {
  const errno = message.exit?.errno ?? 0
  const denied = errno === EPERM || errno === EACCES ? true : undefined
  if (errno !== 0 && denied === undefined) return 'failed system call'
  const { path, flags, folder } = message
  const file = { path: absolute(path, message, folder), access: accessOfFlags(flags), denied }
  return { kind: 'file', file: given({ ...file, unresolved: true }) }
}

function connectAct(message: Of<'Connect'>, sandbox: Sandbox, pid: number): Bag | string {
  const errno = message.exit?.errno ?? 0
  if (errno !== 0 && errno !== EINPROGRESS) return 'failed system call'
  const transport = transports.get(sandbox.socketKind(pid, message.fd) ?? 1) ?? 'tcp'
  const connect = socketAddress(message.address, transport)
  return connect === undefined ? 'connect without address' : { kind: 'connect', connect }
}

function absolute(path: string, { context }: GvisorMessage, folder = ''): string {
  return path.startsWith('/') ? path : `${folder || context?.cwd}/${path}`
}
