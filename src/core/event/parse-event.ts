import { SnugError } from '../../errors.ts'
import {
  canonicalAddress,
  canonicalPath,
  canonicalRepository,
  isCanonicalPath,
} from './canonical.ts'
import type { SnugEvent } from './event.ts'
import {
  accesses,
  containerRoles,
  devices,
  enforcements,
  identityRoutes,
  layers,
  origins,
  survivals,
  unhashedReasons,
} from './event-words.ts'
import { isEventTime } from './time.ts'

type Bag = Record<string, unknown>

const MAX_UID = 0xffff_ffff
const NUL = '\u0000'

function invalid(member: string, expected: string): SnugError {
  return new SnugError('EVENT_INVALID', `\`${member}\` must be ${expected}`)
}

function bag(value: unknown, member: string): Bag {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(member, 'an object')
  }
  return value as Bag
}

function text(value: unknown, member: string): void {
  if (typeof value !== 'string' || value === '') throw invalid(member, 'a non-empty string')
}

function optionalText(value: unknown, member: string): void {
  if (value !== undefined && typeof value !== 'string') throw invalid(member, 'a string')
}

function optionalFlag(value: unknown, member: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(member, 'true or false')
}

function word(value: unknown, words: readonly unknown[], member: string): void {
  if (!words.includes(value)) throw invalid(member, `one of ${words.join(', ')}`)
}

function optionalWord(value: unknown, words: readonly unknown[], member: string): void {
  if (value !== undefined) word(value, words, member)
}

function whole(value: unknown, max: number, member: string): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw invalid(member, `a whole number from 0 to ${max}`)
  }
}

function time(value: unknown, member: string): void {
  if (typeof value !== 'string' || !isEventTime(value)) {
    throw invalid(member, 'a time such as 2026-11-24T13:40:27.123456Z')
  }
}

/**
 * Makes the member canonical in place: the object is fresh from JSON.parse and has no other user.
 */
function path(owner: Bag, key: string, member: string): void {
  const value = owner[key]
  if (typeof value !== 'string') throw invalid(member, 'an absolute path')
  if (isCanonicalPath(value)) return
  if (value.startsWith('/')) owner[key] = canonicalPath(value)
  // `…` marks a path that was cut; `memfd:x`, `pipe:[1]`, `anon_inode:x` are the kernel's own names.
  else if (!value.startsWith('…') && !/^[a-z_]+:/.test(value)) {
    throw invalid(member, 'an absolute path')
  }
}

function optionalPath(owner: Bag, key: string, member: string): void {
  if (owner[key] !== undefined) path(owner, key, member)
}

function strings(value: unknown, member: string): void {
  if (value === undefined) return
  if (!Array.isArray(value)) throw invalid(member, 'a list of strings')
  for (const item of value) if (typeof item !== 'string') throw invalid(member, 'a list of strings')
}

function address(owner: Bag, member: string): void {
  const protocol = owner['protocol']
  const value = owner['address']
  text(protocol, `${member}.protocol`)
  if (typeof value !== 'string') throw invalid(`${member}.address`, 'a string')
  const canonical = canonicalAddress(value)
  if (canonical !== undefined) owner['address'] = canonical
  else if (protocol === 'tcp' || protocol === 'udp') {
    throw invalid(`${member}.address`, 'an IP address')
  } else if (value.startsWith('/')) owner['address'] = canonicalPath(value)
  whole(owner['port'], 65_535, `${member}.port`)
}

function userIds(value: unknown, member: string): void {
  const ids = bag(value, member)
  whole(ids['uid'], MAX_UID, `${member}.uid`)
  whole(ids['gid'], MAX_UID, `${member}.gid`)
}

function container(value: unknown): void {
  const owner = bag(value, 'container')
  text(owner['id'], 'container.id')
  optionalText(owner['name'], 'container.name')
  optionalFlag(owner['before'], 'container.before')
  optionalWord(owner['role'], containerRoles, 'container.role')
}

function image(value: unknown): void {
  if (value === undefined) return
  const owner = bag(value, 'image')
  const { repository } = owner
  if (typeof repository !== 'string' || repository === '') {
    throw invalid('image.repository', 'a non-empty string')
  }
  owner['repository'] = canonicalRepository(repository)
  text(owner['digest'], 'image.digest')
  optionalText(owner['tag'], 'image.tag')
  optionalText(owner['scope'], 'image.scope')
}

function workload(value: unknown): void {
  if (value === undefined) return
  const owner = bag(value, 'workload')
  text(owner['name'], 'workload.name')
  optionalText(owner['namespace'], 'workload.namespace')
  optionalText(owner['kind'], 'workload.kind')
  optionalText(owner['pod'], 'workload.pod')
}

function processOf(value: unknown): void {
  const owner = bag(value, 'process')
  whole(owner['pid'], MAX_UID, 'process.pid')
  path(owner, 'exe', 'process.exe')
  whole(owner['uid'], MAX_UID, 'process.uid')
  word(owner['origin'], origins, 'process.origin')
  if (owner['ppid'] !== undefined) whole(owner['ppid'], MAX_UID, 'process.ppid')
  if (owner['vpid'] !== undefined) whole(owner['vpid'], MAX_UID, 'process.vpid')
  if (owner['gid'] !== undefined) whole(owner['gid'], MAX_UID, 'process.gid')
  optionalPath(owner, 'script', 'process.script')
  optionalText(owner['parent'], 'process.parent')
  optionalText(owner['session'], 'process.session')
  strings(owner['args'], 'process.args')
  strings(owner['ancestors'], 'process.ancestors')
  optionalFlag(owner['argsCut'], 'process.argsCut')
  optionalFlag(owner['declaredUser'], 'process.declaredUser')
  optionalFlag(owner['tty'], 'process.tty')
  optionalFlag(owner['socketStdio'], 'process.socketStdio')
  optionalFlag(owner['drift'], 'process.drift')
}

function fileAct(owner: Bag): void {
  path(owner, 'path', 'file.path')
  const list = owner['access']
  if (!Array.isArray(list) || list.length === 0) throw invalid('file.access', 'a list of accesses')
  for (const access of list) {
    word(access, accesses, 'file.access')
    if (access === 'rename') path(owner, 'to', 'file.to')
  }
  optionalPath(owner, 'to', 'file.to')
  optionalFlag(owner['cut'], 'file.cut')
  optionalFlag(owner['denied'], 'file.denied')
  optionalFlag(owner['unresolved'], 'file.unresolved')
  optionalFlag(owner['received'], 'file.received')
  optionalFlag(owner['shipped'], 'file.shipped')
  optionalFlag(owner['toShipped'], 'file.toShipped')
  optionalWord(owner['layer'], layers, 'file.layer')
  optionalWord(owner['device'], devices, 'file.device')
  optionalPath(owner, 'usualMount', 'file.usualMount')
}

function execAct(owner: Bag): void {
  path(owner, 'path', 'exec.path')
  if (typeof owner['drift'] !== 'boolean') throw invalid('exec.drift', 'true or false')
  optionalPath(owner, 'script', 'exec.script')
  optionalFlag(owner['scriptDrift'], 'exec.scriptDrift')
  executedFile(owner['file'])
  const { sha256, unhashed } = owner
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))) {
    throw invalid('exec.sha256', '64 hex digits')
  }
  optionalWord(unhashed, unhashedReasons, 'exec.unhashed')
}

function executedFile(value: unknown): void {
  if (value === undefined) return
  const owner = bag(value, 'exec.file')
  whole(owner['device'], Number.MAX_SAFE_INTEGER, 'exec.file.device')
  whole(owner['bytes'], Number.MAX_SAFE_INTEGER, 'exec.file.bytes')
  for (const member of ['inode', 'changed', 'executed']) {
    const number = owner[member]
    if (typeof number !== 'string' || !/^\d{1,20}$/.test(number))
      throw invalid(`exec.file.${member}`, 'up to 20 digits')
  }
  optionalFlag(owner['script'], 'exec.file.script')
  optionalFlag(owner['inMemory'], 'exec.file.inMemory')
}

function lossSpan(owner: Bag): void {
  text(owner['reason'], 'loss.reason')
  whole(owner['count'], Number.MAX_SAFE_INTEGER, 'loss.count')
  time(owner['from'], 'loss.from')
  time(owner['to'], 'loss.to')
}

function act(kind: unknown, owner: Bag): void {
  switch (kind) {
    case 'exec':
      return execAct(bag(owner['exec'], 'exec'))
    case 'file':
      return fileAct(bag(owner['file'], 'file'))
    case 'connect': {
      const connect = bag(owner['connect'], 'connect')
      optionalText(connect['name'], 'connect.name')
      optionalText(connect['serverName'], 'connect.serverName')
      return address(connect, 'connect')
    }
    case 'listen':
      return address(bag(owner['listen'], 'listen'), 'listen')
    case 'identity': {
      const identity = bag(owner['identity'], 'identity')
      optionalWord(identity['through'], identityRoutes, 'identity.through')
      userIds(identity['from'], 'identity.from')
      return userIds(identity['to'], 'identity.to')
    }
    case 'capability':
      return text(bag(owner['capability'], 'capability')['name'], 'capability.name')
    case 'syscall': {
      const call = bag(owner['syscall'], 'syscall')
      text(call['name'], 'syscall.name')
      optionalFlag(call['denied'], 'syscall.denied')
      optionalFlag(call['asShipped'], 'syscall.asShipped')
      return optionalText(call['target'], 'syscall.target')
    }
    default:
      throw invalid('kind', 'a kind of event that this version supports')
  }
}

function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes(NUL)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(holdsNul)
}

/**
 * Checks a decoded event of the contract's v1 and makes its paths and addresses canonical in place.
 * Unknown members are kept.
 *
 * @throws SnugError EVENT_INVALID, naming the member
 */
export function parseEvent(value: unknown): SnugEvent {
  const owner = bag(value, 'event')
  if (owner['v'] !== 1) throw invalid('v', '1')
  text(owner['node'], 'node')
  text(owner['source'], 'source')
  const kind = owner['kind']
  image(owner['image'])
  if (kind !== 'loss') {
    container(owner['container'])
    workload(owner['workload'])
    processOf(owner['process'])
    optionalWord(owner['enforced'], enforcements, 'enforced')
    optionalWord(owner['survives'], survivals, 'survives')
    optionalFlag(owner['held'], 'held')
    return parseReported(owner)
  }
  time(owner['time'], 'time')
  if (owner['container'] !== undefined) container(owner['container'])
  lossSpan(bag(owner['loss'], 'loss'))
  return owner as unknown as SnugEvent
}

/**
 * The part of {@link parseEvent} for members that differ in every event: time, count and action.
 *
 * @throws SnugError EVENT_INVALID, naming the member
 */
export function parseReported(event: Bag): SnugEvent {
  time(event['time'], 'time')
  if (event['count'] !== undefined) whole(event['count'], Number.MAX_SAFE_INTEGER, 'count')
  act(event['kind'], event)
  return event as unknown as SnugEvent
}

/**
 * One line of NDJSON to an event. Written by hand because it is the hot path of a replay: a schema
 * library costs more here than everything that follows.
 *
 * @throws SnugError EVENT_INVALID, naming the member
 */
export function parseEventLine(line: string): SnugEvent {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new SnugError('EVENT_INVALID', 'the line is not JSON', { cause })
  }
  // No path, name or address of Linux holds NUL, and behaviour keys are joined by it.
  if (line.includes('\\u0000') && holdsNul(value)) throw invalid('event', 'free of NUL characters')
  return parseEvent(value)
}
