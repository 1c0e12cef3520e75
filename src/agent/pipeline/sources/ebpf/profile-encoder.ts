import ipaddr from 'ipaddr.js'
import { bytesOfName } from '../../../../core/event/name-bytes.ts'
import type {
  AddressPrefix,
  KernelProfile,
  KernelRule,
  PathAutomaton,
} from '../../../../core/compile/kernel-profile.ts'
import type { PortRange } from '../../../../core/behaviour/ports.ts'
import { runtime } from '../../../../core/behaviour/behaviour.ts'
import { accesses, constants, frameTypes, kinds, layout, protocols, ruleFlags } from './abi.ts'
import { accessBits, callNames, capabilityNames, originCodes } from './abi-names.ts'
import { callSubject } from './call-target.ts'
import { frame } from './frame.ts'
import { MAX_UID } from '../../../../core/behaviour/user.ts'

const STATE_SIZE = layout.snug_state
const statesPerFrame = Math.floor((constants.frameMax - layout.snug_states) / STATE_SIZE) - 1
const prefixesPerFrame =
  Math.floor((constants.frameMax - layout.snug_prefixes) / layout.snug_prefix) - 1
const NOTHING = new Uint8Array(0)

/**
 * The frames that install a scope's profile in the kernel, in order; undefined removes it. The
 * sensor's answer includes `serial`.
 */
export function encodeProfile(
  scope: number,
  profile: KernelProfile | undefined,
  serial = 0,
): Buffer {
  const head = frame(frameTypes.profile, layout.snug_profile)
  head.writeBigUInt64LE(BigInt(scope), layout['snug_profile.scope'])
  head.writeBigUInt64LE(BigInt(serial), layout['snug_profile.serial'])
  if (profile === undefined) {
    head.writeUInt32LE(1, layout['snug_profile.absent'])
    return head
  }
  const { rules, shipped, automaton, prefixes } = profile
  const ranges = rules.filter(({ object }) => 'range' in object).length
  head.writeUInt32LE(rules.length + ranges + shipped.length, layout['snug_profile.rules'])
  head.writeUInt32LE(automaton.accept.length, layout['snug_profile.states'])
  head.writeUInt32LE(prefixes.length, layout['snug_profile.prefixes'])
  const end = frame(frameTypes.profileEnd, layout.snug_profile_end)
  end.writeBigUInt64LE(BigInt(scope), layout['snug_profile_end.scope'])
  return Buffer.concat([
    head,
    ...ruleFrames(scope, rules, shipped),
    ...stateFrames(scope, automaton),
    ...prefixFrames(scope, prefixes),
    end,
  ])
}

function* ruleFrames(
  scope: number,
  rules: readonly KernelRule[],
  shipped: readonly string[],
): Iterable<Buffer> {
  let parts: Buffer[] = []
  let size = 0
  for (const rule of encodedRules(rules, shipped)) {
    if (layout.snug_rules + size + rule.length > constants.frameMax - layout.snug_head) {
      yield rulesFrame(scope, parts)
      parts = []
      size = 0
    }
    parts.push(rule)
    size += rule.length
  }
  if (parts.length > 0) yield rulesFrame(scope, parts)
}

function rulesFrame(scope: number, parts: readonly Buffer[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const bytes = frame(frameTypes.rules, layout.snug_rules + size)
  bytes.writeBigUInt64LE(BigInt(scope), layout['snug_rules.scope'])
  let at = layout.snug_rules
  for (const part of parts) at += part.copy(bytes, at)
  return bytes
}

function* encodedRules(rules: readonly KernelRule[], shipped: readonly string[]): Iterable<Buffer> {
  for (const rule of rules) yield encodeRule(rule)
  for (const path of shipped) {
    const bytes = ruleWith({ text: bytesOfName(path) })
    bytes.writeUInt32LE(ruleFlags.shipped, layout['snug_rule.flags'])
    bytes.writeBigUInt64LE(1n, layout['snug_rule.tag'])
    yield bytes
  }
}

interface RuleTexts {
  readonly exe?: Uint8Array
  readonly script?: Uint8Array
  readonly text?: Uint8Array
  readonly to?: Uint8Array
}

function ruleWith({
  exe = NOTHING,
  script = NOTHING,
  text = NOTHING,
  to = NOTHING,
}: RuleTexts): Buffer {
  const used = layout.snug_rule + exe.length + script.length + text.length + to.length
  const bytes = Buffer.alloc(Math.ceil(used / 8) * 8)
  bytes.writeUInt16LE(bytes.length, layout['snug_rule.size'])
  bytes.writeUInt16LE(exe.length, layout['snug_rule.exe_size'])
  bytes.writeUInt16LE(script.length, layout['snug_rule.script_size'])
  bytes.writeUInt16LE(text.length, layout['snug_rule.text_size'])
  bytes.writeUInt16LE(to.length, layout['snug_rule.to_size'])
  let at = layout.snug_rule
  for (const part of [exe, script, text, to]) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The object of a rule: its kind, its texts, and further fields, as written into the rule. */
interface EncodedObject {
  readonly kind: number
  readonly text?: Uint8Array
  readonly to?: Uint8Array
  readonly flags?: number
  readonly write?: (bytes: Buffer) => void
}

function encodeRule(rule: KernelRule): Buffer {
  const { actor, uid, origin, tag } = rule
  const object = encodeObject(rule)
  const bytes = ruleWith({
    ...(actor.exe === runtime.exe ? {} : { exe: bytesOfName(actor.exe) }),
    ...(actor.script === undefined ? {} : { script: bytesOfName(actor.script) }),
    ...(object.text === undefined ? {} : { text: object.text }),
    ...(object.to === undefined ? {} : { to: object.to }),
  })
  const deny = rule.deny === true ? ruleFlags.deny : 0
  const anyone = rule.anyone === true ? ruleFlags.guard : 0
  bytes.writeUInt8(object.kind, layout['snug_rule.kind'])
  bytes.writeUInt8(originCodes[origin], layout['snug_rule.origin'])
  bytes.writeUInt32LE((object.flags ?? 0) | deny | anyone, layout['snug_rule.flags'])
  bytes.writeBigUInt64LE(BigInt(`0x${tag}`), layout['snug_rule.tag'])
  const user = uid === 'declared' ? constants.userDeclared : Math.min(uid, MAX_UID)
  bytes.writeUInt32LE(user, layout['snug_rule.uid'])
  object.write?.(bytes)
  return bytes
}

const accessCodes = new Map(accessBits.map(([bit, name]) => [name as string, bit]))

function withSet(code: number, set: number): (bytes: Buffer) => void {
  return (bytes) => {
    bytes.writeUInt32LE(code, layout['snug_rule.code'])
    bytes.writeUInt32LE(set, layout['snug_rule.set'])
  }
}

function execFlags(object: { readonly drift?: true; readonly socketStdio?: true }): number {
  const drift = object.drift === true ? ruleFlags.withDrift : 0
  return drift | (object.socketStdio === true ? ruleFlags.withSocket : 0)
}

function encodeObject({ object }: KernelRule): EncodedObject {
  switch (object.kind) {
    case 'exec':
      return {
        kind: kinds.exec,
        text: bytesOfName(object.path),
        ...(object.script === undefined ? {} : { to: bytesOfName(object.script) }),
        flags: execFlags(object),
      }
    case 'exec-pattern':
      return {
        kind: kinds.exec,
        text: bytesOfName(object.path),
        flags: ruleFlags.pattern | execFlags(object),
        write: (bytes) => bytes.writeUInt32LE(object.set, layout['snug_rule.set']),
      }
    case 'file':
      return {
        kind: kinds.file,
        text: bytesOfName(object.path),
        ...(object.access === 'rename' ? { to: bytesOfName(object.to ?? '') } : {}),
        write: withSet(accessCodes.get(object.access) ?? 0, 0),
      }
    case 'file-pattern':
      return {
        kind: kinds.file,
        flags: ruleFlags.pattern,
        write: withSet(accessCodes.get(object.access) ?? 0, object.set),
      }
    case 'guard':
      return {
        kind: kinds.file,
        flags: ruleFlags.pattern | ruleFlags.guard,
        write: withSet(accessCodes.get(object.access) ?? 0, object.set),
      }
    case 'foreign-code':
      return {
        kind: kinds.file,
        flags: ruleFlags.pattern,
        write: withSet(accessCodes.get('exec') ?? 0, 0),
      }
    case 'shipped-file':
      return {
        kind: kinds.file,
        text: bytesOfName(object.path),
        write: withSet(accesses.readShipped, 0),
      }
    case 'rename-source':
      return {
        kind: kinds.file,
        text: bytesOfName(object.path),
        write: withSet(accesses.renameSource, 0),
      }
    case 'rename-source-pattern':
      return {
        kind: kinds.file,
        flags: ruleFlags.pattern,
        write: withSet(accesses.renameSource, object.set),
      }
    case 'connect':
    case 'listen': {
      const { kind, protocol, port } = object
      const peer = kind === 'connect' ? object.peer : object.address
      const encoded = encodePeer(kinds[kind], protocol, port, peer)
      return 'range' in object ? withRange(encoded, object.range) : encoded
    }
    case 'connect-prefix':
      return {
        kind: kinds.connect,
        flags: ruleFlags.pattern,
        write: (bytes) => {
          writePort(bytes, object.protocol, object.port)
          bytes.writeUInt32LE(object.prefix, layout['snug_rule.set'])
        },
      }
    case 'socket-pattern':
      return {
        kind: kinds.connect,
        flags: ruleFlags.pattern,
        write: (bytes) => {
          writePort(bytes, 'unix', 0)
          bytes.writeUInt32LE(object.set, layout['snug_rule.set'])
        },
      }
    case 'identity':
      return {
        kind: kinds.identity,
        write: (bytes) => writeIdentity(bytes, object.from, object.to),
      }
    case 'capability':
      return { kind: kinds.capability, write: withSet(capabilityCode(object.name), 0) }
    case 'syscall': {
      const { argument, text } = callSubject(object.name, object.target)
      return {
        kind: kinds.syscall,
        text: bytesOfName(text),
        write: (bytes) => {
          bytes.writeUInt32LE(callNames.indexOf(object.name), layout['snug_rule.code'])
          bytes.writeBigUInt64LE(argument, layout['snug_rule.argument'])
        },
      }
    }
    case 'syscall-pattern':
      return {
        kind: kinds.syscall,
        flags: ruleFlags.pattern,
        write: withSet(callNames.indexOf(object.name), object.set),
      }
  }
}

function capabilityCode(name: string): number {
  const known = (capabilityNames as readonly string[]).indexOf(name)
  return known >= 0 ? known : Number(name.replace(/^CAP_/, ''))
}

interface Ids {
  readonly uid: number
  readonly gid: number
}

function writeIdentity(bytes: Buffer, from: Ids, to: Ids): void {
  bytes.writeUInt32LE(from.uid, layout['snug_rule.from_uid'])
  bytes.writeUInt32LE(from.gid, layout['snug_rule.from_gid'])
  bytes.writeUInt32LE(to.uid, layout['snug_rule.to_uid'])
  bytes.writeUInt32LE(to.gid, layout['snug_rule.to_gid'])
}

function protocolCode(protocol: string): number {
  return protocols[protocol as keyof typeof protocols] ?? protocols.other
}

function writePort(bytes: Buffer, protocol: string, port: number): void {
  bytes.writeUInt16LE(port, layout['snug_rule.port'])
  bytes.writeUInt8(protocolCode(protocol), layout['snug_rule.protocol'])
}

/** An address, the container's own (`own`), a unix socket, or else the name of a peer. */
function encodePeer(kind: number, protocol: string, port: number, peer: string): EncodedObject {
  const port_ = (bytes: Buffer): void => writePort(bytes, protocol, port)
  if (protocol === 'unix') return { kind, text: bytesOfName(peer), write: port_ }
  if (kind === kinds.listen && peer === 'own') return { kind, write: port_ }
  if (!ipaddr.isValid(peer)) {
    return { kind, text: bytesOfName(peer), flags: ruleFlags.named, write: port_ }
  }
  const address = ipaddr.parse(peer)
  return {
    kind,
    write: (bytes) => {
      port_(bytes)
      bytes.set(address.toByteArray(), layout['snug_rule.address'])
      bytes.writeUInt8(address.kind() === 'ipv4' ? 4 : 6, layout['snug_rule.family'])
    },
  }
}

function withRange(encoded: EncodedObject, { first, last }: PortRange): EncodedObject {
  return {
    ...encoded,
    flags: (encoded.flags ?? 0) | ruleFlags.range,
    write: (bytes) => {
      encoded.write?.(bytes)
      bytes.writeUInt16LE(first, layout['snug_rule.set'])
      bytes.writeUInt16LE(last, layout['snug_rule.set'] + 2)
    },
  }
}

function* stateFrames(scope: number, { next, accept }: PathAutomaton): Iterable<Buffer> {
  for (let first = 0; first < accept.length; first += statesPerFrame) {
    const count = Math.min(statesPerFrame, accept.length - first)
    const bytes = frame(frameTypes.states, layout.snug_states + count * STATE_SIZE)
    bytes.writeBigUInt64LE(BigInt(scope), layout['snug_states.scope'])
    bytes.writeUInt32LE(first, layout['snug_states.first'])
    bytes.writeUInt32LE(count, layout['snug_states.count'])
    for (let i = 0; i < count; i++) {
      const at = layout.snug_states + i * STATE_SIZE
      const state = first + i
      for (let byte = 0; byte < 256; byte++) {
        bytes.writeUInt16LE(
          next[state * 256 + byte] ?? 0,
          at + layout['snug_state.next'] + byte * 2,
        )
      }
      bytes.writeUInt32LE(accept[state] ?? 0, at + layout['snug_state.accept'])
    }
    yield bytes
  }
}

function* prefixFrames(scope: number, prefixes: readonly AddressPrefix[]): Iterable<Buffer> {
  for (let from = 0; from < prefixes.length; from += prefixesPerFrame) {
    const part = prefixes.slice(from, from + prefixesPerFrame)
    const bytes = frame(
      frameTypes.prefixes,
      layout.snug_prefixes + part.length * layout.snug_prefix,
    )
    bytes.writeBigUInt64LE(BigInt(scope), layout['snug_prefixes.scope'])
    for (const [index, { cidr, number }] of part.entries()) {
      const at = layout.snug_prefixes + index * layout.snug_prefix
      const { address, bits } = trieKey(cidr)
      bytes.set(address, at + layout['snug_prefix.address'])
      bytes.writeUInt32LE(bits, at + layout['snug_prefix.bits'])
      bytes.writeUInt32LE(number, at + layout['snug_prefix.number'])
    }
    yield bytes
  }
}

/** A block of addresses, or one address, as the kernel's tries have it: IPv4 in its mapped form. */
export function trieKey(block: string): { readonly address: Uint8Array; readonly bits: number } {
  const [text = '', length] = block.split('/')
  const parsed = ipaddr.parse(text)
  const four = parsed.kind() === 'ipv4'
  const address = new Uint8Array(16)
  if (four) address.set([0xff, 0xff], 10)
  address.set(parsed.toByteArray(), four ? 12 : 0)
  const bits = length === undefined ? (four ? 32 : 128) : Number(length)
  return { address, bits: four ? bits + 96 : bits }
}
