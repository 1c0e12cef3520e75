import type { ActEvent, ExecEvent, FileAct, UserIds, WorkloadRef } from '../event/event.ts'
import type { Access, Origin } from '../event/event-words.ts'
import { isWildcardPeer, serverPeer } from './dns-name.ts'
import { nameOperations } from './name-rights.ts'
import { sha256Hex } from './sha256.ts'
import { plainPath, type Shaper } from './shape.ts'
import { wholeText } from './whole-text.ts'
import { SUBJECT_TO } from './language.ts'
import { RENAMES_TO } from './shape-pattern.ts'
import { type User, userOf } from './user.ts'
import type { Literal } from './witness.ts'

/** The actor: the executable, and the script that it interprets. Never generalised. */
export interface Actor {
  readonly exe: string
  readonly script?: string
}

/**
 * The object of an event, canonical. Paths of files and targets of system calls are in the language of shapes
 * (`/tmp/<uuid>`, see `shape.ts`); paths of executables are literal.
 */
export type BehaviourObject =
  | {
      readonly kind: 'exec'
      readonly path: string
      readonly script?: string
      /** Not what the image shipped: another behaviour than the same path from the image. */
      readonly drift?: true
      /** Standard streams are sockets: another behaviour than the same program run at home. */
      readonly socketStdio?: true
      /**
       * Arguments of a program whose arguments define the action, in the language of shapes;
       * absent: any arguments.
       */
      readonly args?: string
    }
  | { readonly kind: 'file'; readonly access: Access; readonly path: string; readonly to?: string }
  | {
      readonly kind: 'connect'
      readonly protocol: string
      readonly peer: string
      readonly port: number
      /**
       * It stands for ports of a range, which the program draws from; then `port` is 0. With the protocol `unix`: for
       * the sockets of a place, which `peer` has in the language of shapes.
       */
      readonly drawn?: true
    }
  | {
      readonly kind: 'listen'
      readonly protocol: string
      readonly address: string
      readonly port: number
      readonly drawn?: true
    }
  | { readonly kind: 'identity'; readonly from: UserIds; readonly to: UserIds }
  | { readonly kind: 'capability'; readonly name: string }
  | { readonly kind: 'syscall'; readonly name: string; readonly target?: string }

/** One behaviour, as one event shows it. */
export interface BehaviourRef {
  /** Joins all that makes up the identity by NUL. */
  readonly key: string
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly origin: Origin
  /** Present where the object is shaped. */
  readonly literal?: Literal
  /** The path is that very file, whatever its name looks like: the image ships it, or it was cut. */
  readonly fixed?: true
  /** Of a file that is read: whether it lies in the image's layers, unchanged since the image. */
  readonly layer?: 'image' | 'container'
  /** The source does not report the arguments of a program whose arguments define the action. */
  readonly unshared?: true
  /** Of a connection: its address, also where the peer has a name. Absent where the client named its server in TLS. */
  readonly address?: string
  /**
   * The workload of the event, as {@link workloadText} formats it: not part of the identity, but
   * approvals can require it.
   */
  readonly workload?: string
}

export type BehaviourId = string & { readonly __brand: 'BehaviourId' }

const S = '\u0000'

/** The action as one string; unique for the object, whatever the actor. */
export function objectKey(object: BehaviourObject): string {
  switch (object.kind) {
    case 'exec': {
      const flags = `${object.drift === true ? 'd' : ''}${object.socketStdio === true ? 's' : ''}`
      const run = `exec${S}${object.path}${S}${object.script ?? ''}${S}${flags}`
      return object.args === undefined ? run : `${run}${S}${object.args}`
    }
    case 'file':
      return object.to === undefined
        ? `file${S}${object.access}${S}${object.path}`
        : `file${S}${object.access}${S}${object.path}${S}${object.to}`
    case 'connect':
      return `connect${S}${object.protocol}${S}${object.peer}${S}${portKey(object)}`
    case 'listen':
      return `listen${S}${object.protocol}${S}${object.address}${S}${portKey(object)}`
    case 'identity': {
      const { from, to } = object
      return `identity${S}${from.uid}${S}${from.gid}${S}${to.uid}${S}${to.gid}`
    }
    case 'capability':
      return `capability${S}${object.name}`
    case 'syscall':
      return `syscall${S}${object.name}${S}${object.target ?? ''}`
  }
}

function portKey({ port, drawn }: { readonly port: number; readonly drawn?: true }): string {
  return drawn === true ? 'drawn' : String(port)
}

export function behaviourKey(actor: Actor, uid: User, object: BehaviourObject): string {
  return `${actor.exe}${S}${actor.script ?? ''}${S}${uid}${S}${objectKey(object)}`
}

/** `b` and 20 hex digits: the same for the same behaviour on every node, at any time. */
export function behaviourId(key: string): BehaviourId {
  return wholeText(`b${sha256Hex(key).slice(0, 20)}`) as BehaviourId
}

/**
 * The parent of a process without a parent in the container. It is not a path, so no executable can be taken for it.
 */
export const runtime: Actor = Object.freeze({ exe: '(runtime)' })

/**
 * The actor of an exec is the program before it. A source reports the process after the exec, with
 * its parent, or before it: then `exe` is not yet the new program.
 */
function executor(event: ExecEvent): Actor {
  const { exe, script, parent } = event.process
  if (exe !== event.exec.path) return script === undefined ? { exe } : { exe, script }
  return parent === undefined ? runtime : { exe: parent }
}

function actorOf(event: ActEvent): Actor {
  if (event.kind === 'exec') return executor(event)
  const { exe, script } = event.process
  return script === undefined ? { exe } : { exe, script }
}

function refOf(event: ActEvent, object: BehaviourObject, literal?: Literal): BehaviourRef {
  const uid = userOf(event.process)
  const { origin } = event.process
  const actor = actorOf(event)
  const key = behaviourKey(actor, uid, object)
  return literal === undefined
    ? { key, actor, uid, object, origin }
    : { key, actor, uid, object, origin, literal }
}

/** Written out: a spread costs more than all the rest. */
function connectRef(event: ActEvent, object: BehaviourObject, address: string): BehaviourRef {
  const uid = userOf(event.process)
  const { origin } = event.process
  const actor = actorOf(event)
  return { key: behaviourKey(actor, uid, object), actor, uid, object, origin, address }
}

function renameRef(event: ActEvent, act: FileAct, shaper: Shaper): BehaviourRef {
  const to = act.to ?? ''
  const fixed = act.shipped === true || act.cut === true
  const { vpid } = event.process
  const a = fixed ? undefined : shaper.shape(act.path, vpid)
  const b = fixed ? undefined : shaper.shape(to, vpid)
  const path = a?.path ?? plainPath(act.path)
  const object = { kind: 'file', access: 'rename', path, to: b?.path ?? plainPath(to) } as const
  if (fixed) return { ...refOf(event, object), fixed }
  if (a === undefined && b === undefined) return refOf(event, object)
  const values = shaper.foldPlaces([...(a?.values ?? []), ...(b?.values ?? [])])
  return refOf(event, object, {
    text: `${act.path}${RENAMES_TO}${to}`,
    values,
    subject: `${act.path}${SUBJECT_TO}${to}`,
  })
}

/**
 * A hard link gives its file every right that the profile has for the new name. So it is also a read and a write of the
 * file. That the image ships the file is no right to it: the new name is not in the image's layers.
 */
function linkedRefs(
  event: ActEvent,
  { to = '', toShipped, cut }: FileAct,
  shaper: Shaper,
): readonly BehaviourRef[] {
  const fixed = toShipped === true || cut === true
  const shape = fixed ? undefined : shaper.shape(to, event.process.vpid)
  const literal = shape === undefined ? undefined : { text: to, values: shape.values }
  const path = shape?.path ?? plainPath(to)
  return nameOperations.link.object.map((access) => ({
    ...refOf(event, { kind: 'file', access, path }, literal),
    ...(fixed ? { fixed } : {}),
    ...(access === 'read' ? { layer: 'container' } : {}),
  }))
}

function fileRefs(event: ActEvent, act: FileAct, shaper: Shaper): readonly BehaviourRef[] {
  // A file of the image is never generalised; the tail of a cut path has too little information.
  const fixed = act.shipped === true || act.cut === true
  const shape = fixed ? undefined : shaper.shape(act.path, event.process.vpid)
  const literal = shape === undefined ? undefined : { text: act.path, values: shape.values }
  const path = shape?.path ?? plainPath(act.path)
  const refs: BehaviourRef[] = []
  for (const access of act.access) {
    if (access === 'rename') refs.push(renameRef(event, act, shaper))
    // Writing a file can create it: that is not a separate capability.
    else if (access !== 'create' || !act.access.includes('write')) {
      const ref = refOf(event, { kind: 'file', access, path }, literal)
      const layer = access === 'read' ? act.layer : undefined
      if (!fixed && layer === undefined) refs.push(ref)
      else refs.push({ ...ref, ...(fixed ? { fixed } : {}), ...(layer && { layer }) })
      if (access === 'create' && act.to !== undefined) refs.push(...linkedRefs(event, act, shaper))
    }
  }
  return refs
}

/** Ends an argument of which only the beginning is known, as the kernel programs have it. */
export const CUT = '\u0001'

/**
 * A program that the runtime starts has the arguments that an operator declared; arguments of a script belong to the
 * script. Truncated arguments are known by their beginning, and never equal to whole ones.
 */
function withArguments(
  event: ExecEvent,
  shaper: Shaper,
  object: Extract<BehaviourObject, { kind: 'exec' }>,
): readonly BehaviourRef[] {
  const plain = refOf(event, object)
  const isProfiled = object.script === undefined && plain.actor.exe !== runtime.exe
  if (!isProfiled || !shaper.isProfiledByArguments(object.path)) return [plain]
  const { args, argsCut } = event.process
  if (args === undefined) return [{ ...plain, unshared: true }]
  // As recent kernels start a program that is given none at all, not even its name.
  const reported = args.length === 0 ? [''] : [...args]
  if (argsCut === true) reported[reported.length - 1] += CUT
  const shaped = shaper.shapeArguments(object.path, reported)
  if (shaped === undefined) return [plain]
  const { path, plain: text, values, subject } = shaped
  return [refOf(event, { ...object, args: path }, { text, values, subject })]
}

/** A local address that is neither loopback nor a wildcard is the container's own, and differs in each. */
function ownAddress(address: string): string {
  if (address === '0.0.0.0' || address === '::' || address === '::1' || address === '')
    return address
  return address.startsWith('127.') || address.startsWith('/') || address.startsWith('@')
    ? address
    : 'own'
}

/** `shop/Deployment/web`: a workload without its pods. */
export function workloadText({ namespace, kind, name }: WorkloadRef): string {
  return [namespace, kind, name].filter((part) => part !== undefined).join('/')
}

/** The behaviours that an event shows: one, or for a file one for each access. */
export function behavioursOf(event: ActEvent, shaper: Shaper): readonly BehaviourRef[] {
  const refs = plainRefs(event, shaper)
  if (event.workload === undefined) return refs
  const workload = workloadText(event.workload)
  return refs.map((ref) => ({ ...ref, workload }))
}

function plainRefs(event: ActEvent, shaper: Shaper): readonly BehaviourRef[] {
  switch (event.kind) {
    case 'exec': {
      const { path, script, drift } = event.exec
      const socketStdio = event.process.socketStdio === true
      if (script !== undefined || drift || socketStdio) {
        return withArguments(event, shaper, {
          kind: 'exec',
          path,
          ...(script === undefined ? {} : { script }),
          ...(drift ? { drift } : {}),
          ...(socketStdio ? { socketStdio } : {}),
        })
      }
      return withArguments(event, shaper, { kind: 'exec', path })
    }
    case 'file':
      return fileRefs(event, event.file, shaper)
    case 'connect': {
      const { protocol, address, port, name, serverName } = event.connect
      if (serverName !== undefined) {
        // Without the address: another name is another peer, wherever it is.
        return [refOf(event, { kind: 'connect', protocol, peer: serverPeer(serverName), port })]
      }
      const peer = name === undefined || isWildcardPeer(name) ? address : name
      return [connectRef(event, { kind: 'connect', protocol, peer, port }, address)]
    }
    case 'listen': {
      const { protocol, address, port } = event.listen
      return [refOf(event, { kind: 'listen', protocol, address: ownAddress(address), port })]
    }
    case 'identity': {
      const { from, to } = event.identity
      return [
        refOf(event, {
          kind: 'identity',
          from: { uid: from.uid, gid: from.gid },
          to: { uid: to.uid, gid: to.gid },
        }),
      ]
    }
    case 'capability':
      return [refOf(event, { kind: 'capability', name: event.capability.name })]
    case 'syscall': {
      const { name, target } = event.syscall
      if (target === undefined) return [refOf(event, { kind: 'syscall', name })]
      // Whom a signal is for is a program, and those stand for themselves.
      const shape = target.startsWith('/') && name !== 'kill' ? shaper.shape(target) : undefined
      if (shape === undefined) {
        return [refOf(event, { kind: 'syscall', name, target: plainPath(target) })]
      }
      const literal = { text: target, values: shape.values }
      return [refOf(event, { kind: 'syscall', name, target: shape.path }, literal)]
    }
  }
}
