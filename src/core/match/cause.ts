import { ofAnybody } from '../behaviour/accounts.ts'
import type { Actor, BehaviourObject } from '../behaviour/behaviour.ts'
import { actorText } from '../behaviour/describe.ts'
import { sha256Hex } from '../behaviour/sha256.ts'
import { ACCOUNT_LEAST, accountOf, type User } from '../behaviour/user.ts'
import type { CauseAccess, PlaceClass } from '../event/alert-words.ts'
import { certainPath } from '../learning/notation.ts'
import { mayHoldPlaces } from '../learning/place.ts'
import {
  decidedKind,
  type FileClass,
  fileClassOf,
  folderOfPath,
  nameKind,
  placeClassOf,
} from './place-class.ts'

/** Deviations of one actor, access and place. */
export interface Cause {
  /** Equal for all deviations of the cause, on every node. */
  readonly id: string
  /** Equal for all causes of the actor, its user, the access and the classes of the place and of changed files. */
  readonly group: string
  readonly actor: string
  readonly access: CauseAccess
  /** A folder with `/` at its end, a program, a peer, or a name. */
  readonly place: string
  readonly placeClass: PlaceClass
}

interface Behaviour {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
}

/**
 * More causes of one group have one alert together. By what a person still reads one by one: of novelty of the service
 * itself, an example is enough.
 */
export function causesApart(access: CauseAccess, isNovelty: boolean): number {
  // Whose ids a program takes does not show in one example.
  if (isNovelty) return access === 'identity' ? 2 : 1
  return isOfFiles(access) ? 4 : 12
}

export function isOfFiles(access: CauseAccess): boolean {
  return access === 'read' || access === 'map' || access === 'change'
}

/** Pure, and the cost does not depend on the profile. */
export function causeOf(behaviour: Behaviour): Cause {
  const parts = partsOf(behaviour.object)
  const { access, place, placeClass } = parts
  const group = groupKey(behaviour, parts)
  const actor = actorText(behaviour.actor)
  return {
    id: `c${digest(keyIn(group, parts))}`,
    group: digest(group),
    actor,
    access,
    place,
    placeClass,
  }
}

/**
 * The group of all that an actor changes below a folder, as it does below one beside: of files that are no code and no
 * settings by their kind. Undefined for other behaviour.
 */
export function instanceGroup(behaviour: Behaviour, folder: string): string | undefined {
  const { access, place, placeClass, fileClass } = partsOf(behaviour.object)
  const isPlain = fileClass === 'data' || fileClass === 'unknown'
  if (!isPlain || placeClass !== 'data' || !place.startsWith(folder)) return undefined
  return digest([...whoOf(behaviour), access, folder].join(S))
}

/** Equal for behaviours of one cause, as {@link causeOf} has it; for lists, as it costs no hash. */
export function causeKey(behaviour: Behaviour): string {
  const parts = partsOf(behaviour.object)
  return keyIn(groupKey(behaviour, parts), parts)
}

/**
 * A key that causes share which a person decides on together: those of files that differ in their folder alone, or in
 * their kind where all are data; commands of one program; sockets of the container; changes to and from the identities of
 * people by which nobody becomes root. Undefined for others, which are decided one by one: hidden files, changes of code
 * and settings, secrets.
 */
export function kindKey(behaviour: Behaviour): string | undefined {
  const { object } = behaviour
  const parts = partsOf(object)
  const { access, placeClass, detail } = parts
  if (placeClass === 'secret') return undefined
  const group = groupKey(behaviour, parts)
  switch (object.kind) {
    case 'exec': {
      const isCommand = object.args !== undefined
      return isCommand ? keyIn(group, { ...parts, detail: programDetail(object) }) : undefined
    }
    case 'connect':
      return object.peer.startsWith('/') ? group : undefined
    case 'identity': {
      const becomesRoot = object.to.uid === 0 && object.from.uid !== 0
      return becomesRoot || detail !== 'people' ? undefined : `${group}${S}people`
    }
    case 'file': {
      const isOwn = placeClass === 'data' || placeClass === 'temporary'
      if (detail === '.' || (!isOwn && access !== 'read')) return undefined
      return `${group}${S}${decidedKind(detail)}`
    }
    case 'listen':
    case 'capability':
    case 'syscall':
      return undefined
  }
}

/** The kind by which changes of files in a row of folders are decided on; empty for all else. */
export function rowKindOf(object: BehaviourObject): string {
  if (object.kind !== 'file') return ''
  const { access, detail } = partsOf(object)
  return access === 'change' ? decidedKind(detail, object.access === 'delete') : ''
}

function keyIn(group: string, { place, detail }: Parts): string {
  return `${group}${S}${place}${S}${detail}`
}

function groupKey(behaviour: Behaviour, { access, placeClass, fileClass }: Parts): string {
  const group = [...whoOf(behaviour), access, placeClass]
  // What may run or be obeyed never shares an alert with data, however much data there is.
  if (fileClass !== undefined && fileClass !== 'data') group.push(fileClass)
  return group.join(S)
}

function whoOf({ actor: { exe, script = '' }, uid }: Behaviour): (string | number)[] {
  return [varied(exe), varied(script), uid]
}

const S = '\u0000'

function digest(key: string): string {
  return sha256Hex(key).slice(0, 20)
}

/**
 * Scripts and programs of jobs, whose names are never given twice, are one cause. Files have shapes already. What a system
 * has under its own names is literal.
 */
export function varied(path: string): string {
  return mayHoldPlaces(folderOfPath(path)) ? certainPath(path) : path
}

interface Parts extends Pick<Cause, 'access' | 'place' | 'placeClass'> {
  /** Sets apart what shares the place. */
  readonly detail: string
  /** Of a change of files. */
  readonly fileClass?: FileClass
}

function partsOf(object: BehaviourObject): Parts {
  switch (object.kind) {
    case 'file': {
      // What a rename brings about is at its new name.
      const subject = object.to ?? object.path
      const placeClass = placeClassOf(subject)
      const place = folderOfPath(subject)
      if (object.access === 'read') return { access: 'read', place, placeClass, detail: '' }
      if (object.access === 'exec') return { access: 'map', place, placeClass, detail: '' }
      // A script among uploads is no upload.
      const kind = nameKind(subject)
      const fileClass = fileClassOf(kind, object.access === 'delete')
      return { access: 'change', place, placeClass, detail: kind, fileClass }
    }
    case 'exec': {
      const { path, script, args = '' } = object
      const placeClass = placeClassOf(path)
      // Where the arguments define the action, as those of a shell do, another command is another cause.
      const detail = `${programDetail(object)}${S}${args}`
      return { access: 'run', place: varied(script ?? path), placeClass, detail }
    }
    case 'connect': {
      const { protocol, peer, port } = object
      if (!peer.startsWith('/'))
        return ofNoFile('connect', peer, `${protocol}${S}${wellKnown(port)}`)
      const placeClass = placeClassOf(peer)
      return { access: 'connect', place: folderOfPath(peer), placeClass, detail: peer }
    }
    case 'listen': {
      const { protocol, address, port } = object
      const place = address.startsWith('/') ? folderOfPath(address) : `${protocol} ${address}`
      return ofNoFile('listen', place, String(wellKnown(port)))
    }
    case 'identity': {
      const { from, to } = object
      const place = `uid ${personOr(from.uid)} → ${personOr(to.uid)}`
      // Those that are made for anybody are reviewed together.
      return ofNoFile('identity', place, ofAnybody(object) === undefined ? '' : 'people')
    }
    case 'capability':
      return ofNoFile('capability', object.name)
    case 'syscall': {
      const file = changedByCall(object)
      if (file === undefined) return ofNoFile('syscall', object.name)
      return partsOf({ kind: 'file', access: 'write', path: file })
    }
  }
}

function ofNoFile(access: CauseAccess, place: string, detail = ''): Parts {
  return { access, place, placeClass: 'data', detail }
}

/** The file that a system call changes no more than a program that writes to it does. */
export function changedByCall(object: BehaviourObject): string | undefined {
  return object.kind === 'syscall' && changing.has(object.name) ? object.target : undefined
}

const changing: ReadonlySet<string> = new Set(['truncate', 'utimensat'])

function programDetail(object: Extract<BehaviourObject, { kind: 'exec' }>): string {
  const { path, drift, socketStdio } = object
  return `${varied(path)}${S}${drift === true ? 'd' : ''}${socketStdio === true ? 's' : ''}`
}

/** People come and go: whose ids a program takes is no other cause. */
function personOr(uid: number): string {
  return accountOf(uid) === ACCOUNT_LEAST ? 'an account' : String(uid)
}

/** Ports that clients draw from are no names: RFC 6335 and Linux' `ip_local_port_range`. */
function wellKnown(port: number): number {
  return port >= 32_768 ? 0 : port
}
