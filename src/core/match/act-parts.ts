import type { BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import { PathPattern, SUBJECT_TO } from '../behaviour/language.ts'
import { isPlace } from '../behaviour/place-pattern.ts'
import { drawnByKernel, holdsPort } from '../behaviour/ports.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { shapedSubject } from '../behaviour/subject.ts'
import { accountOf } from '../behaviour/user.ts'
import type { UserIds } from '../event/event.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { folderOfPath, nameKind, nameOf } from './place-class.ts'

/** At most this many behaviours of one actor are compared, to bound the cost of a deviation. */
export const LOOKED_AT = 2048

/** An act by its parts. */
export interface Act {
  /** What no other act stands for. */
  readonly fixed: string
  /** What may differ between acts: folders, a name, a port. Of known acts in the language of shapes. */
  readonly parts: readonly string[]
  /** Of a file: the kind of its name. */
  readonly kind: string
  /** Of a file: it is deleted. */
  readonly isRemoval: boolean
}

/** What the window or a person allowed of that kind to the actor, as that user. */
export function knownOf(
  profile: ProfileReader,
  { actor, uid, object }: BehaviourRef,
  kind = object.kind,
): Allowance[] {
  const known: Allowance[] = []
  for (const one of profile.byActor(kind, actor.exe)) {
    if (one.void || one.uid !== uid || one.actor.script !== actor.script) continue
    if (known.push(one) >= LOOKED_AT) break
  }
  return known
}

/** Behaviours whose acts are remembered, of all profiles: to take a path apart is most of the cost of a deviation. */
const REMEMBERED = 16_384
let remembered = new WeakMap<Allowance, readonly Act[]>()
let count = 0

/** A known behaviour as acts: a place as those that it was learned from. */
export function actsOf(known: Allowance): readonly Act[] {
  const { object } = known
  if (isPlace(object)) {
    const isRemoval = object.kind === 'file' && object.access === 'delete'
    return shownOf(known).map((path) => changeOf(path, isRemoval))
  }
  const found = remembered.get(known)
  if (found !== undefined) return found
  const act = actOf(object)
  const acts = act === undefined ? [] : [act]
  if (++count > REMEMBERED) [remembered, count] = [new WeakMap(), 1]
  remembered.set(known, acts)
  return acts
}

/** The files that a known behaviour makes, each as if it had been made under its name. */
export function madeBy(known: Allowance): readonly Act[] {
  const { object } = known
  if (object.kind !== 'file' || !makes.includes(object.access)) return []
  const subjects = isPlace(object) ? shownOf(known) : [shapedSubject(object) ?? '']
  return subjects.map((subject) => {
    const [path = '', to = path] = subject.split(SUBJECT_TO)
    return changeOf(object.access === 'rename' ? to : path, false)
  })
}

export type FileAccess = Extract<BehaviourObject, { kind: 'file' }>['access']
export const makes: readonly FileAccess[] = ['write', 'create', 'rename']

/** What a place was learned from. */
function shownOf({ grants }: Allowance): readonly string[] {
  return grants.toJSON().flatMap(({ witnesses }) => witnesses?.literals ?? [])
}

/**
 * Undefined for what has no open parts.
 *
 * @param subject of a file that an event shows: literal
 */
export function actOf(
  object: BehaviourObject,
  subject = shapedSubject(object) ?? '',
): Act | undefined {
  switch (object.kind) {
    case 'file': {
      if (object.access === 'read' || object.access === 'exec') return undefined
      return changeOf(subject, object.access === 'delete')
    }
    case 'connect': {
      const { protocol, peer, port, drawn } = object
      if (drawn === true || (protocol !== 'tcp' && protocol !== 'udp')) return undefined
      // A service that answers by both transports is one peer.
      return ofNoFile(`${peer} ${port}`)
    }
    case 'listen': {
      const { protocol, address, port } = object
      if (!holdsPort(drawnByKernel, port)) return undefined
      return ofNoFile(`${protocol} ${address}`, [String(port)])
    }
    case 'identity': {
      const account = ({ uid, gid }: UserIds): string => `${accountOf(uid)}:${accountOf(gid)}`
      return ofNoFile(`${account(object.from)} ${account(object.to)}`)
    }
    case 'syscall': {
      if (object.name !== 'chroot' || object.target === undefined) return undefined
      return ofNoFile(object.name, namesOf(object.target))
    }
    case 'capability':
      return forFiles.has(object.name) ? ofNoFile('files') : undefined
    case 'exec':
      return undefined
  }
}

function ofNoFile(fixed: string, parts: readonly string[] = []): Act {
  return { fixed, parts, kind: '', isRemoval: false }
}

/**
 * Capabilities that root needs for files of others. The files themselves are behaviours, so which of these a program
 * needs says little.
 */
export const forFiles: ReadonlySet<string> = new Set([
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
])

/** A change of a file by the name that it gets. A rename that keeps folder and kind is as any other change. */
export function changeOf(subject: string, isRemoval: boolean): Act {
  const [from = '', to = from] = subject.split(SUBJECT_TO)
  const kind = nameKind(to)
  const isMoved = folderOfPath(from) !== folderOfPath(to)
  const fixed = isMoved || nameKind(from) !== kind ? `${isMoved} ${nameKind(from)}` : ''
  return { fixed, parts: [...namesOf(folderOfPath(to).slice(0, -1)), nameOf(to)], kind, isRemoval }
}

function namesOf(folder: string): readonly string[] {
  return folder.split('/').slice(1)
}

/** Shapes of parts that are remembered: of all profiles, few differ. */
const PATTERNS = 1_024
const patterns = new Map<string, PathPattern>()

/** Whether a part in the language of shapes stands for that name. */
export function isOneOf(shape: string, name: string): boolean {
  if (shape === name || !shape.includes('<')) return shape === name
  let pattern = patterns.get(shape)
  if (pattern === undefined) {
    pattern = new PathPattern(shapedLanguage(shape))
    if (patterns.size >= PATTERNS) patterns.clear()
    patterns.set(shape, pattern)
  }
  return pattern.has(name)
}
