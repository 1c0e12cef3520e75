import type { BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import { type PathPattern, SUBJECT_TO } from '../behaviour/language.ts'
import { isPlace, NAME } from '../behaviour/place-pattern.ts'
import { literalPath } from '../behaviour/shape.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import {
  type Act,
  actOf,
  actsOf,
  changeOf,
  type FileObject,
  isOneOf,
  knownOf,
  subjectOf,
} from './act-parts.ts'
import { changedByCall } from './cause.ts'
import { fileClassOf, folderOfPath } from './place-class.ts'
import { isAsSiblings } from './siblings.ts'

/** Values that a part had in the window, from which on the next one is expected to be new as well. */
const VALUES_LEAST = 2
/** The kind of a file among its parts. */
const KIND = -1

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

/** Whether the parts in which the act differs from known ones had several values while all else was equal. */
export function isOpen(known: readonly Act[], act: Act): boolean {
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
