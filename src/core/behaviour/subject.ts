import { type Actor, type BehaviourObject, type BehaviourRef, objectKey } from './behaviour.ts'
import { isDrawn } from './ports.ts'
import { isShaped, literalPath, plainPath } from './shape.ts'
import { SUBJECT_TO } from './language.ts'
import { isSockets, socketOf } from './peer.ts'
import type { User } from './user.ts'

/** What an object's pattern is made of, in the language of shapes; undefined where it is about no path. */
export function shapedSubject(object: BehaviourObject): string | undefined {
  if (object.kind === 'syscall') return object.target
  if (object.kind === 'exec') return object.args
  if (isSockets(object)) return object.peer
  if (object.kind !== 'file') return undefined
  return object.to === undefined ? object.path : `${object.path}${SUBJECT_TO}${object.to}`
}

export function isPattern(object: BehaviourObject): boolean {
  const subject = shapedSubject(object)
  return subject !== undefined && isShaped(subject)
}

/**
 * The literal path of the event; for a rename, both paths joined by NUL; undefined without a path.
 */
export function subjectOf(ref: BehaviourRef): string | undefined {
  if (ref.literal !== undefined) return ref.literal.subject ?? ref.literal.text
  const socket = socketOf(ref.object)
  if (socket !== undefined) return socket
  const subject = shapedSubject(ref.object)
  return subject === undefined ? undefined : literalPath(subject)
}

/** The object that matches exactly this event: `object`, if it is not a pattern. */
export function plainObject(ref: BehaviourRef): BehaviourObject {
  const { object, literal } = ref
  if (literal === undefined) return object
  if (object.kind === 'exec') return { ...object, args: literal.text }
  const subject = literal.subject ?? literal.text
  if (object.kind === 'syscall') return { ...object, target: plainPath(subject) }
  if (object.kind !== 'file') return object
  if (object.to === undefined) return { ...object, path: plainPath(subject) }
  const [path = '', to = ''] = subject.split(SUBJECT_TO)
  return { ...object, path: plainPath(path), to: plainPath(to) }
}

type ExecObject = Extract<BehaviourObject, { kind: 'exec' }>

/** The program with whatever arguments. */
export function anyArguments(object: ExecObject): ExecObject {
  const { args: _, ...any } = object
  return any
}

const S = '\u0000'

/**
 * Patterns of one group can match the same events: those of one actor and uid, for files with one
 * access, system calls with one name, connections with one protocol and port (so to any unix socket), or runs of one
 * program; of drawn ports, those of one protocol and peer. Undefined if the kind has no patterns.
 */
export function groupOf(b: {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
}): string | undefined {
  const { actor, uid, object } = b
  const who = `${actor.exe}${S}${actor.script ?? ''}${S}${uid}${S}`
  switch (object.kind) {
    case 'file':
      return `${who}file${S}${object.access}`
    case 'syscall':
      return object.target === undefined ? undefined : `${who}syscall${S}${object.name}`
    case 'connect':
      if (isDrawn(object)) return `${who}${objectKey(object)}`
      return `${who}connect${S}${object.protocol}${S}${object.port}`
    case 'exec':
      return `${who}${objectKey(anyArguments(object))}`
    case 'listen':
      return isDrawn(object) ? `${who}${objectKey(object)}` : undefined
    case 'identity':
    case 'capability':
      return undefined
  }
}

/** The names that renames of that group give away, whatever to. */
export const awayGroup = (group: string): string => `${group} away`
