import { behaviourKinds } from '../../../../core/event/event-words.ts'
import { SnugError } from '../../../../errors.ts'
import type { ContainerRef, LossEvent } from '../../../../core/event/event.ts'
import { canonicalPath } from '../../../../core/event/canonical.ts'
import { isoOf } from '../../../../core/event/time.ts'
import type { BehaviourTag } from '../../../../core/compile/kernel-profile.ts'
import {
  behaviourKey,
  type CountUpdate,
  type SourceMark,
  sourceMark,
  type SourceMessage,
} from '../source.ts'
import {
  constants,
  frameTypes,
  kinds,
  layout,
  profileFailures,
  protocols,
  selftestAttempts,
  traits,
} from './abi.ts'
import { dropReasons } from './abi-names.ts'
import { addressAt, decodeAct, originOf } from './act-decoder.ts'
import { readDnsAnswer } from './dns-message.ts'
import type { Frame } from './frame-reader.ts'
import { nameOfBytes } from './kernel-name.ts'

export interface SensorHello {
  readonly type: 'hello'
  readonly rings: number
  readonly ringSize: number
  /** The kernel part continued without a sensor: nothing was missed. */
  readonly kept: boolean
  /** `kernel`, and one entry for each hook: `yes`, or `no` and why. */
  readonly facts: Readonly<Record<string, string>>
}

/** Totals since the sensor started: received = emitted + filtered + dropped. */
export interface SensorStats {
  readonly type: 'stats'
  readonly received: number
  readonly emitted: number
  readonly filtered: number
  readonly dropped: Readonly<Record<string, number>>
  readonly unfiltered: number
  readonly unnamed: number
}

export type Decoded =
  | SourceMessage
  | SensorHello
  | SensorStats
  | { readonly type: 'pong'; readonly token: bigint }
  | ProfileAnswer
  | RunsAnswer

/** The result for the profile with this serial. */
export interface RunsAnswer {
  readonly type: 'runs'
  readonly token: bigint
  readonly runs: boolean
}

export interface ProfileAnswer {
  readonly type: 'profile-answer'
  readonly scope: number
  readonly serial: number
  /** Absent: it is installed. */
  readonly failure?: { readonly text: string; readonly isForRoom: boolean }
}

/**
 * More names than the sensor remembers as sent, so that this side never lacks a name that the
 * sensor uses.
 */
const NAMES_MAX = 8192
/** Ended containers that are remembered, for records that arrive late. */
const ENDED_MAX = 1024

export interface DecoderOptions {
  readonly node: string
  /** Containers that an earlier sensor reported; the value is true if they ran before the agent. */
  readonly seen?: ReadonlyMap<string, boolean>
}

/**
 * Converts frames to messages. It keeps the state that records refer to: names, containers, and the
 * offset of the kernel's clock. A frame that contradicts the layout is a `SENSOR_PROTOCOL` error.
 */
export class RecordDecoder {
  readonly #node: string
  readonly #seen: ReadonlyMap<string, boolean>
  readonly #names = new Map<bigint, string>()
  readonly #containers = new Map<bigint, ContainerRef>()
  readonly #ended: bigint[] = []
  #offset = 0n

  constructor(options: DecoderOptions) {
    this.#node = options.node
    this.#seen = options.seen ?? new Map()
  }

  /** Undefined for a frame that only adds state for later ones. */
  decode({ type, bytes }: Frame): Decoded | undefined {
    switch (type) {
      case frameTypes.hello:
        return this.#hello(sized(bytes, 'snug_hello'))
      case frameTypes.stats:
        return this.#stats(sized(bytes, 'snug_stats'))
      case frameTypes.loss:
        return this.#loss(sized(bytes, 'snug_loss'))
      case frameTypes.name:
        this.#name(sized(bytes, 'snug_name'))
        return undefined
      case frameTypes.container:
        return this.#container(sized(bytes, 'snug_container'))
      case frameTypes.containerEnd:
        return this.#containerEnd(sized(bytes, 'snug_container'))
      case frameTypes.event:
        return this.#act(sized(bytes, 'snug_event'))
      case frameTypes.answer:
        return this.#answer(sized(bytes, 'snug_answer.message'))
      case frameTypes.countUpdate:
        return this.#countUpdate(sized(bytes, 'snug_count_update'))
      case frameTypes.disarmed:
        return this.#disarmed(sized(bytes, 'snug_disarmed'))
      case frameTypes.selftestResult:
        return this.#probed(sized(bytes, 'snug_selftest_result'))
      case frameTypes.profileInstalled:
        return answerOf(sized(bytes, 'snug_profile_installed'))
      case frameTypes.profileFailed:
        return failureOf(sized(bytes, 'snug_profile_failed'))
      case frameTypes.versionEvicted: {
        const at = layout['snug_version_evicted.scope']
        const scope = Number(sized(bytes, 'snug_version_evicted').readBigUInt64LE(at))
        return { type: 'policy', report: { kind: 'evicted', scope } }
      }
      case frameTypes.enforcementSet:
        return enforcementOf(sized(bytes, 'snug_enforcement_set'))
      case frameTypes.assigned:
        return this.#assigned(sized(bytes, 'snug_assigned'))
      case frameTypes.checkpoint:
        return { type: 'mark', mark: markOf(sized(bytes, 'snug_checkpoint')) }
      case frameTypes.runs:
        return runsOf(sized(bytes, 'snug_runs'))
      case frameTypes.pong:
        return {
          type: 'pong',
          token: sized(bytes, 'snug_ping').readBigUInt64LE(layout['snug_ping.token']),
        }
      default:
        throw new SnugError('SENSOR_PROTOCOL', `a frame of unknown type ${type}`)
    }
  }

  /** RFC 3339 of a time on the kernel's monotonic clock. */
  time(ns: bigint): string {
    return isoOf(Number((ns + this.#offset) / 1000n))
  }

  loss(
    reason: string,
    count: number,
    from: string,
    to: string,
    container?: ContainerRef,
  ): SourceMessage {
    const event: LossEvent = {
      v: 1,
      time: to,
      node: this.#node,
      source: 'ebpf',
      kind: 'loss',
      ...(container && { container }),
      loss: { reason, count, from, to },
    }
    return { type: 'event', event }
  }

  #hello(bytes: Buffer): SensorHello {
    const abi = bytes.readUInt32LE(layout['snug_hello.abi'])
    if (abi !== constants.abi)
      throw new SnugError(
        'SENSOR_PROTOCOL',
        `a sensor of @@constants.abi@@ ${abi}, not ${constants.abi}`,
      )
    this.#offset = bytes.readBigUInt64LE(layout['snug_hello.wall_offset'])
    const facts: Record<string, string> = {}
    for (const line of bytes.toString('utf8', layout.snug_hello).split('\n')) {
      const hook = /^hook (\S+) (.+)$/.exec(line)
      const kernel = /^kernel (.+)$/.exec(line)
      if (hook?.[1] !== undefined && hook[2] !== undefined) facts[`hook.${hook[1]}`] = hook[2]
      if (kernel?.[1] !== undefined) facts['kernel'] = kernel[1]
      const reopened = /^reopened (.+)$/.exec(line)
      if (reopened?.[1] !== undefined) facts['reopened'] = reopened[1]
      const pin = /^(pin|kept) (.+)$/.exec(line)
      if (pin?.[1] !== undefined && pin[2] !== undefined) facts[`kernel-state.${pin[1]}`] = pin[2]
      const stop = /^stop (\S+) (.+)$/.exec(line)
      if (stop?.[1] !== undefined && stop[2] !== undefined) facts[`stop.${stop[1]}`] = stop[2]
    }
    return {
      type: 'hello',
      rings: bytes.readUInt32LE(layout['snug_hello.rings']),
      ringSize: bytes.readUInt32LE(layout['snug_hello.ring_size']),
      kept: facts['kernel-state.kept']?.startsWith('yes') === true,
      facts,
    }
  }

  #stats(bytes: Buffer): SensorStats {
    this.#offset = bytes.readBigUInt64LE(layout['snug_stats.wall_offset'])
    const dropped: Record<string, number> = {}
    for (const [index, reason] of dropReasons.entries()) {
      const count = Number(bytes.readBigUInt64LE(layout['snug_stats.dropped'] + index * 8))
      if (count > 0) dropped[reason] = count
    }
    return {
      type: 'stats',
      received: Number(bytes.readBigUInt64LE(layout['snug_stats.received'])),
      emitted: Number(bytes.readBigUInt64LE(layout['snug_stats.emitted'])),
      filtered: Number(bytes.readBigUInt64LE(layout['snug_stats.filtered'])),
      dropped,
      unfiltered: Number(bytes.readBigUInt64LE(layout['snug_stats.unfiltered'])),
      unnamed: Number(bytes.readBigUInt64LE(layout['snug_stats.unnamed'])),
    }
  }

  #loss(bytes: Buffer): SourceMessage {
    const code = bytes.readUInt32LE(layout['snug_loss.reason'])
    return this.loss(
      dropReasons[code] ?? `reason-${code}`,
      Number(bytes.readBigUInt64LE(layout['snug_loss.count'])),
      this.time(bytes.readBigUInt64LE(layout['snug_loss.from'])),
      this.time(bytes.readBigUInt64LE(layout['snug_loss.to'])),
      this.#containers.get(bytes.readBigUInt64LE(layout['snug_loss.container'])),
    )
  }

  #name(bytes: Buffer): void {
    const hash = bytes.readBigUInt64LE(layout['snug_name.hash'])
    const cut = bytes.readUInt32LE(layout['snug_name.cut']) !== 0
    const name = canonicalPath(nameOfBytes(bytes.subarray(layout.snug_name)))
    this.#names.delete(hash)
    this.#names.set(hash, cut ? `…${name}` : name)
    if (this.#names.size > NAMES_MAX) this.#names.delete(firstKey(this.#names))
  }

  #container(bytes: Buffer): SourceMessage {
    const id = bytes.toString('latin1', layout['snug_container.id'], layout.snug_container)
    if (!/^[0-9a-f]{64}$/.test(id)) {
      throw new SnugError('SENSOR_PROTOCOL', 'a container whose id is not 64 hex digits')
    }
    const before = this.#seen.get(id) ?? bytes.readUInt32LE(layout['snug_container.before']) !== 0
    this.#containers.set(bytes.readBigUInt64LE(layout['snug_container.container']), {
      id,
      ...(before && { before }),
    })
    return {
      type: 'container-started',
      container: {
        id,
        cgroup: nameOfBytes(bytes.subarray(layout.snug_container)),
        time: this.time(bytes.readBigUInt64LE(layout['snug_container.time'])),
        before,
      },
    }
  }

  #containerEnd(bytes: Buffer): SourceMessage {
    this.#ended.push(bytes.readBigUInt64LE(layout['snug_container.container']))
    if (this.#ended.length > ENDED_MAX) this.#containers.delete(this.#ended.shift() ?? 0n)
    return {
      type: 'container-ended',
      id: bytes.toString('latin1', layout['snug_container.id'], layout.snug_container),
      time: this.time(bytes.readBigUInt64LE(layout['snug_container.time'])),
    }
  }

  /** Undefined for a message that names no address. */
  #answer(bytes: Buffer): SourceMessage | undefined {
    const container = this.#containers.get(bytes.readBigUInt64LE(layout['snug_answer.container']))
    const end = layout['snug_answer.message'] + bytes.readUInt16LE(layout['snug_answer.size'])
    if (end > bytes.length) {
      throw new SnugError('SENSOR_PROTOCOL', 'an answer that ends beyond its frame')
    }
    const isStream = bytes[layout['snug_answer.protocol']] === protocols.tcp
    // Over TCP its length comes before the message.
    const message = bytes.subarray(layout['snug_answer.message'] + (isStream ? 2 : 0), end)
    const answer = readDnsAnswer(message)
    if (container === undefined || answer === undefined) return undefined
    const time = this.time(bytes.readBigUInt64LE(layout['snug_answer.time']))
    const { name, addresses, whole } = answer
    if (!whole && bytes.readUInt32LE(layout['snug_answer.cut']) !== 0 && addresses.length === 0) {
      return this.loss('answer-cut', 1, time, time, container)
    }
    const isFour = bytes[layout['snug_answer.family']] === 4
    const resolver = addressAt(bytes, layout['snug_answer.address'], isFour)
    return addresses.length === 0
      ? undefined
      : {
          type: 'name-answer',
          answer: { containerId: container.id, time, resolver, name, addresses },
        }
  }

  #act(bytes: Buffer): SourceMessage {
    const time = this.time(bytes.readBigUInt64LE(layout['snug_event.time']))
    const container = this.#containers.get(bytes.readBigUInt64LE(layout['snug_event.container']))
    if (container === undefined) return this.loss('container-unknown', 1, time, time)
    const event = decodeAct(bytes, {
      time,
      node: this.#node,
      container,
      name: (hash) => this.#names.get(hash) ?? `…/unknown-${hex(hash)}`,
    })
    return { type: 'event', event, key: behaviourKey(hexAt(bytes, layout['snug_event.key'])) }
  }

  #countUpdate(bytes: Buffer): SourceMessage {
    const first = this.time(bytes.readBigUInt64LE(layout['snug_count_update.first']))
    const last = this.time(bytes.readBigUInt64LE(layout['snug_count_update.last']))
    const count = Number(bytes.readBigUInt64LE(layout['snug_count_update.count']))
    const container = this.#containers.get(
      bytes.readBigUInt64LE(layout['snug_count_update.container']),
    )
    if (container === undefined) return this.loss('container-unknown', count, first, last)
    const key = behaviourKey(hexAt(bytes, layout['snug_count_update.key']))
    const countUpdate = { key, containerId: container.id, count, first, last, ...judgedBy(bytes) }
    return { type: 'count-update', countUpdate }
  }

  #disarmed(bytes: Buffer): SourceMessage {
    const bits = bytes.readUInt32LE(layout['snug_disarmed.kinds'])
    return {
      type: 'disarmed',
      kinds: behaviourKinds.filter((kind) => (bits & (1 << kinds[kind])) !== 0),
      scope: Number(bytes.readBigUInt64LE(layout['snug_disarmed.scope'])),
      time: this.time(bytes.readBigUInt64LE(layout['snug_disarmed.time'])),
    }
  }

  #assigned(bytes: Buffer): SourceMessage {
    const since = bytes.readBigUInt64LE(layout['snug_assigned.since'])
    const at = layout['snug_assigned.id']
    const bits = bytes.readUInt32LE(layout['snug_assigned.traits'])
    const ended = bytes.readUInt32LE(layout['snug_assigned.ended'])
    const network = (bits & traits.holdNetwork) !== 0
    const changes = (bits & traits.holdChanges) !== 0
    return {
      type: 'policy',
      report: {
        kind: 'assigned',
        container: bytes.toString('latin1', at, at + constants.idLen),
        scope: Number(bytes.readBigUInt64LE(layout['snug_assigned.scope'])),
        enforced: (bits & traits.enforced) !== 0,
        ...(since === 0n ? {} : { since: this.time(since) }),
        ...((network || changes) && {
          hold: { network, changes, ...(ended === 0 ? {} : { ended: ended - 1 }) },
        }),
      },
    }
  }

  #probed(bytes: Buffer): SourceMessage {
    const tried = bytes.readUInt32LE(layout['snug_selftest_result.tried'])
    const good = bytes.readUInt32LE(layout['snug_selftest_result.good'])
    const acts = (['exec', 'open', 'connect'] as const).filter(
      (act) => (tried & selftestAttempts[act]) !== 0,
    )
    return {
      type: 'self-probe',
      probe: {
        time: this.time(bytes.readBigUInt64LE(layout['snug_selftest_result.time'])),
        passed: (good & selftestAttempts.pass) !== 0,
        stopped: acts.filter((act) => (good & selftestAttempts[act]) !== 0),
        missed: acts.filter((act) => (good & selftestAttempts[act]) === 0),
      },
    }
  }
}

function runsOf(bytes: Buffer): RunsAnswer {
  return {
    type: 'runs',
    token: bytes.readBigUInt64LE(layout['snug_runs.token']),
    runs: bytes.readUInt32LE(layout['snug_runs.runs']) !== 0,
  }
}

function answerOf(bytes: Buffer): ProfileAnswer {
  return {
    type: 'profile-answer',
    scope: Number(bytes.readBigUInt64LE(layout['snug_profile_installed.scope'])),
    serial: Number(bytes.readBigUInt64LE(layout['snug_profile_installed.serial'])),
  }
}

function failureOf(bytes: Buffer): ProfileAnswer {
  const reason = bytes.readUInt32LE(layout['snug_profile_failed.reason'])
  return {
    type: 'profile-answer',
    scope: Number(bytes.readBigUInt64LE(layout['snug_profile_failed.scope'])),
    serial: Number(bytes.readBigUInt64LE(layout['snug_profile_failed.serial'])),
    failure: {
      text: bytes.toString('utf8', layout.snug_profile_failed),
      isForRoom: reason === profileFailures.room,
    },
  }
}

function enforcementOf(bytes: Buffer): SourceMessage {
  const scope = Number(bytes.readBigUInt64LE(layout['snug_enforcement_set.scope']))
  const blocks = bytes.readUInt32LE(layout['snug_enforcement_set.block']) !== 0
  return { type: 'policy', report: { kind: 'enforced', scope, blocks } }
}

/** The behaviours whose rules allowed the event, if a compiled profile judged it. */
function judgedBy(bytes: Buffer): Pick<CountUpdate, 'expected'> {
  const at = layout['snug_count_update.tags']
  const tags = [at, at + 8].filter((tag) => bytes.readBigUInt64LE(tag) !== 0n)
  if (tags.length === 0) return {}
  const session = bytes.readBigUInt64LE(layout['snug_count_update.session'])
  return {
    expected: {
      tags: tags.map((tag) => hexAt(bytes, tag) as BehaviourTag),
      origin: originOf(bytes.readUInt32LE(layout['snug_count_update.origin'])),
      ...(session !== 0n && { session: hex(session) }),
    },
  }
}

/** `STATE,NUMBER,POSITION,…` */
function markOf(bytes: Buffer): SourceMark {
  const words: bigint[] = []
  for (let at = layout['snug_checkpoint.state']; at + 8 <= bytes.length; at += 8) {
    words.push(bytes.readBigUInt64LE(at))
  }
  return sourceMark(words.join(','))
}

function sized(bytes: Buffer, structure: keyof typeof layout): Buffer {
  if (bytes.length < layout[structure]) {
    throw new SnugError('SENSOR_PROTOCOL', `a ${structure} of only ${bytes.length} bytes`)
  }
  return bytes
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0')
}

function hexAt(bytes: Buffer, at: number): string {
  return hex(bytes.readBigUInt64LE(at))
}

function firstKey(map: ReadonlyMap<bigint, string>): bigint {
  for (const key of map.keys()) return key
  return 0n
}
