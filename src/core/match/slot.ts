import type { BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import { PathPattern, SUBJECT_TO } from '../behaviour/language.ts'
import { isPlace, NAME } from '../behaviour/place-pattern.ts'
import { drawnByKernel, holdsPort } from '../behaviour/ports.ts'
import { literalPath } from '../behaviour/shape.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { accountOf } from '../behaviour/user.ts'
import type { UserIds } from '../event/event.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { changedByCall } from './cause.ts'
import { fileClassOf, folderOfPath, nameKind, nameOf } from './place-class.ts'
import { isAsSiblings } from './siblings.ts'

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** At most this many behaviours of one actor are compared, to bound the cost of a deviation. */
export const LOOKED_AT = 2048
/** Values that a part had in the window, from which on the next one is expected to be new as well. */
const VALUES_LEAST = 2
/** The kind of a file among its parts. */
const KIND = -1

/** An act by its parts. */
interface Act {
  /** What no other act stands for. */
  readonly fixed: string
  /** What may differ between acts: folders, a name, a port. Of known acts in the language of shapes. */
  readonly parts: readonly string[]
  /** Of a file: the kind of its name. */
  readonly kind: string
  /** Of a file: it is deleted. */
  readonly isRemoval: boolean
}

/**
 * Whether the parts in which an act differs from those that the window showed of its actor and user were open there: each
 * of them had several values while all else was equal, or a place has them. What the container did after the window is no
 * evidence, and no behaviour that only it showed is compared.
 */
export function isInOpenSlot(profile: ProfileReader, ref: BehaviourRef): boolean {
  if (isAsSiblings(profile, ref)) return true
  if (ref.object.kind === 'capability' && ref.uid !== 0) return false
  const changed = changedByCall(ref.object)
  if (changed !== undefined) return mayMake(profile, ref, ref.literal?.text ?? literalPath(changed))
  const act = actOf(ref.object, ref)
  if (act === undefined) return false
  const known = knownOf(profile, ref)
  const { object } = ref
  if (object.kind === 'file') {
    const by = new Set([object.access, 'create'] as const)
    if (isBelowPlace(known, by, act) || isOpenRename(known, object, ref)) return true
  }
  return isOpen(
    known.flatMap((one) => actsOf(one)),
    act,
  )
}

/**
 * Programs write a file under another name, and put it in its place. So a rename within a folder is open where the
 * program may make files of both names.
 */
function isOpenRename(known: readonly Allowance[], object: FileObject, ref: BehaviourRef): boolean {
  if (object.access !== 'rename') return false
  const [from = '', to = from] = subjectOf(object, ref).split(SUBJECT_TO)
  return folderOfPath(from) === folderOfPath(to) && isMadeUnder(known, [from, to])
}

/** Whether to make a file of that path is in open parts, for the actor and user of the behaviour. */
export function mayMake(profile: ProfileReader, ref: BehaviourRef, path: string): boolean {
  return isMadeUnder(knownOf(profile, ref, 'file'), [path])
}

function isMadeUnder(known: readonly Allowance[], names: readonly string[]): boolean {
  const made = known.flatMap((one) => madeBy(one))
  return names.every((name) => {
    const make = changeOf(name, false)
    return isBelowPlace(known, makes, make) || isOpen(made, make)
  })
}

/** The files that a known behaviour makes, each as if it had been made under its name. */
function madeBy({ object, grants }: Allowance): readonly Act[] {
  if (object.kind !== 'file' || !makes.has(object.access)) return []
  const names = isPlace(object)
    ? grants.toJSON().flatMap(({ witnesses }) => witnesses?.literals ?? [])
    : [subjectOf(object)]
  return names.map((name) => {
    const [path = '', to = path] = name.split(SUBJECT_TO)
    return changeOf(object.access === 'rename' ? to : path, false)
  })
}

const makes: ReadonlySet<FileObject['access']> = new Set(['write', 'create', 'rename'])

/** A folder, and the one beside it that the window showed. */
export interface Instance {
  readonly folder: string
  readonly beside: string
}

/** Of the folders beside a new one, that many are compared with it. */
const BESIDE = 8

/**
 * The first folder on the way to the file that is new to the actor and user, where the file would be expected, or in open
 * parts, in a folder beside. One value in the window shows no open part: a second repository, tenant or day is new, and
 * all that the program does there as it does beside has one cause.
 */
export function instanceOf(profile: ProfileReader, ref: BehaviourRef): Instance | undefined {
  const { object } = ref
  const act = actOf(object, ref)
  if (object.kind !== 'file' || act === undefined || act.parts.length === 0) return undefined
  const acts = knownOf(profile, ref).flatMap((one) => actsOf(one))
  const patterns = new Map<string, PathPattern>()
  let known = acts.filter(({ parts }) => parts.length === act.parts.length)
  for (const [at, part] of act.parts.slice(0, -1).entries()) {
    const within = known.filter(({ parts }) => isOneOf(parts[at] ?? '', part, patterns))
    if (within.length > 0) {
      known = within
      continue
    }
    // In the root, names beside each other are of different programs.
    if (at === 0) return undefined
    const beside = [...new Set(known.map(({ parts }) => parts[at] ?? ''))].slice(0, BESIDE)
    const one = beside.find((name) => isKnownOrOpen(acts, act, at, name))
    if (one === undefined) return undefined
    const above = act.parts.slice(0, at).map((name) => `/${name}`)
    return { folder: `${above.join('')}/${part}/`, beside: `${above.join('')}/${one}/` }
  }
  return undefined
}

/** The act, with another folder there. */
function isKnownOrOpen(known: readonly Act[], act: Act, at: number, name: string): boolean {
  const other = { ...act, parts: act.parts.with(at, name) }
  const patterns = new Map<string, PathPattern>()
  const isKnown = known.some(
    ({ fixed, kind, isRemoval, parts }) =>
      fixed === act.fixed &&
      kind === act.kind &&
      isRemoval === act.isRemoval &&
      parts.length === other.parts.length &&
      parts.every((part, i) => isOneOf(part, other.parts[i] ?? '', patterns)),
  )
  return isKnown || isOpen(known, other)
}

/** What the window or a person allowed of that kind to the actor, as that user. */
function knownOf(
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

function isOpen(known: readonly Act[], act: Act): boolean {
  const patterns = new Map<string, PathPattern>()
  const alike = known.flatMap((one) => {
    if (one.fixed !== act.fixed || one.parts.length !== act.parts.length) return []
    const others = one.parts.flatMap((part, i) =>
      isOneOf(part, act.parts[i] ?? '', patterns) ? [] : [i],
    )
    if (one.kind !== act.kind) others.push(KIND)
    // A program may delete the file that it makes. To delete files is not to make them, nor the other way round.
    const isAlike = one.isRemoval === act.isRemoval || (act.isRemoval && others.length === 0)
    return isAlike ? [{ ...one, others }] : []
  })
  // Thousands of known acts differ from this one in few ways.
  const ways = new Map(alike.map(({ others }) => [others.join(), others]))
  return [...ways.values()].some((others) => {
    // In the root, names beside each other are of different programs.
    if (act.parts.length > 1 && others.includes(0)) return false
    const within = alike.filter((one) => one.others.every((at) => others.includes(at)))
    const valuesAt = (at: number): Set<string> =>
      new Set(within.map(({ parts }) => parts[at] ?? ''))
    return others.every((at) =>
      at === KIND
        ? isOneMoreKind(
            within.map(({ kind }) => kind),
            act.kind,
          )
        : valuesAt(at).size >= VALUES_LEAST,
    )
  })
}

/** One more kind, and of data: the window showed several kinds, whatever their classes. */
function isOneMoreKind(known: readonly string[], kind: string): boolean {
  const kinds = new Set(known.filter((one) => one !== ''))
  return kinds.size >= VALUES_LEAST && fileClassOf(kind) === 'data'
}

/**
 * It makes files below a folder with ever new names, at any depth, and the kind is one of those that it has there. A place
 * stands for kinds of data alone: of others its folders have several files under several names, in several of them.
 */
function isBelowPlace(
  known: readonly Allowance[],
  by: ReadonlySet<FileObject['access']>,
  act: Act,
): boolean {
  const made = known.filter(({ object }) => object.kind === 'file' && by.has(object.access))
  const places = made.filter(({ object }) => isPlace(object) && isBelowBase(act, object))
  const kinds = places
    .flatMap((one) => actsOf(one))
    .flatMap(({ fixed, kind }) => (fixed === act.fixed ? [kind] : []))
  if (kinds.includes(act.kind) || isOneMoreKind(kinds, act.kind)) return true
  const alike = made
    .flatMap((one) => actsOf(one))
    .filter(
      (one) =>
        one.kind === act.kind &&
        one.fixed === act.fixed &&
        places.some(({ object }) => isBelowBase(one, object)),
    )
  const values = (of: (one: Act) => string): number => new Set(alike.map(of)).size
  return (
    values(folderOf) >= VALUES_LEAST && values(({ parts }) => parts.at(-1) ?? '') >= VALUES_LEAST
  )
}

function folderOf({ parts }: Act): string {
  return `/${parts.slice(0, -1).join('/')}/`
}

/** Whether the file is below the part of the place that does not vary. */
function isBelowBase(act: Act, place: BehaviourObject): boolean {
  return place.kind === 'file' && folderOf(act).startsWith(baseOf(place.path))
}

/** The part of a place that does not vary. */
function baseOf(place: string): string {
  return literalPath(place.slice(0, place.indexOf(NAME)))
}

/** A known behaviour as acts: a place as those that it was learned from. */
function actsOf(known: Allowance): readonly Act[] {
  const { object } = known
  if (!isPlace(object)) return [actOf(object)].flatMap((one) => one ?? [])
  return known.grants
    .toJSON()
    .flatMap(({ witnesses }) => witnesses?.literals ?? [])
    .map((path) => changeOf(path, object.kind === 'file' && object.access === 'delete'))
}

/** Undefined for kinds of acts, or objects, that have no open parts. */
function actOf(object: BehaviourObject, ref?: BehaviourRef): Act | undefined {
  switch (object.kind) {
    case 'file': {
      if (object.access === 'read' || object.access === 'exec') return undefined
      return changeOf(subjectOf(object, ref), object.access === 'delete')
    }
    case 'connect': {
      const { protocol, peer, port, drawn } = object
      if (drawn === true || (protocol !== 'tcp' && protocol !== 'udp')) return undefined
      // A service that answers by both transports is one peer.
      return closed(`${peer} ${port}`)
    }
    case 'listen': {
      const { protocol, address, port } = object
      if (!holdsPort(drawnByKernel, port)) return undefined
      return { fixed: `${protocol} ${address}`, parts: [String(port)], ...ofNoFile }
    }
    case 'identity': {
      const account = ({ uid, gid }: UserIds): string => `${accountOf(uid)}:${accountOf(gid)}`
      return closed(`${account(object.from)} ${account(object.to)}`)
    }
    case 'syscall': {
      if (object.name !== 'chroot' || object.target === undefined) return undefined
      return { fixed: object.name, parts: namesOf(object.target), ...ofNoFile }
    }
    case 'capability':
      return forFiles.has(object.name) ? closed('files') : undefined
    case 'exec':
      return undefined
  }
}

/** The path, and of a rename the new one behind it. Literal where an event showed it. */
function subjectOf(object: FileObject, ref?: BehaviourRef): string {
  const plain = ref === undefined ? (path: string) => path : literalPath
  const to = object.to === undefined ? '' : `${SUBJECT_TO}${plain(object.to)}`
  return ref?.literal?.subject ?? ref?.literal?.text ?? `${plain(object.path)}${to}`
}

const ofNoFile = { kind: '', isRemoval: false }

/** An act of which nothing is open. */
function closed(fixed: string): Act {
  return { ...ofNoFile, fixed, parts: [] }
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
function changeOf(subject: string, isRemoval: boolean): Act {
  const [from = '', to = from] = subject.split(SUBJECT_TO)
  const kind = nameKind(to)
  const isMoved = folderOfPath(from) !== folderOfPath(to)
  const fixed = isMoved || nameKind(from) !== kind ? `${isMoved} ${nameKind(from)}` : ''
  return { fixed, parts: [...namesOf(folderOfPath(to).slice(0, -1)), nameOf(to)], kind, isRemoval }
}

function namesOf(folder: string): readonly string[] {
  return folder.split('/').slice(1)
}

function isOneOf(shape: string, name: string, patterns: Map<string, PathPattern>): boolean {
  if (shape === name || !shape.includes('<')) return shape === name
  let pattern = patterns.get(shape)
  if (pattern === undefined) {
    pattern = new PathPattern(shapedLanguage(shape))
    patterns.set(shape, pattern)
  }
  return pattern.has(name)
}
