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
/** Of a path: one that is deeper is in no open part. */
const PARTS_MOST = 30
/** The kind of a file among its parts, as a bit. */
const KIND = 1 << PARTS_MOST

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
  const acts = known.flatMap((one) => actsOf(one))
  return isOpen(acts, act)
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
  const { fixed, parts, isRemoval } = act
  if (parts.length > PARTS_MOST) return false
  const patterns = new Map<string, PathPattern>()
  // Thousands of known acts differ from this one in few ways.
  const ways = new Map<number, Act[]>()
  for (const one of known) {
    if (one.fixed !== fixed || one.parts.length !== parts.length) continue
    const way = wayOf(one, act, patterns)
    // In the root, names beside each other are of different programs.
    if (parts.length > 1 && (way & 1) !== 0) continue
    // A program may delete the file that it makes. To delete files is not to make them, nor the other way round.
    if (one.isRemoval !== isRemoval && !(isRemoval && way === 0)) continue
    const alike = ways.get(way)
    if (alike === undefined) ways.set(way, [one])
    else alike.push(one)
  }
  return [...ways.keys()].some((way) => {
    const within = [...ways].flatMap(([other, acts]) => ((other & ~way) === 0 ? acts : []))
    if ((way & KIND) !== 0 && !isOneMoreKind(within, act.kind)) return false
    return parts.every((_, at) => (way & (1 << at)) === 0 || hasSeveral(within, at))
  })
}

/** The parts in which the acts differ: a bit each. */
function wayOf(one: Act, act: Act, patterns: Map<string, PathPattern>): number {
  let way = one.kind === act.kind ? 0 : KIND
  for (const [at, part] of one.parts.entries())
    if (!isOneOf(part, act.parts[at] ?? '', patterns)) way |= 1 << at
  return way
}

/** Values from {@link VALUES_LEAST} on. */
function hasSeveral(acts: readonly Act[], at: number): boolean {
  const values = new Set<string>()
  return acts.some(({ parts }) => values.add(parts[at] ?? '').size >= VALUES_LEAST)
}

/** One more kind, and of data: the window showed several kinds, whatever their classes. */
function isOneMoreKind(known: readonly Pick<Act, 'kind'>[], kind: string): boolean {
  if (fileClassOf(kind) !== 'data') return false
  const kinds = new Set<string>()
  return known.some((one) => one.kind !== '' && kinds.add(one.kind).size >= VALUES_LEAST)
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
  const places = made.flatMap((place) => {
    const base = baseOf(place.object)
    return base !== undefined && folderOf(act).startsWith(base) ? [{ place, base }] : []
  })
  if (places.length === 0) return false
  const held = places.flatMap(({ place }) => actsOf(place)).filter((one) => one.fixed === act.fixed)
  if (held.some(({ kind }) => kind === act.kind) || isOneMoreKind(held, act.kind)) return true
  const [folders, names] = [new Set<string>(), new Set<string>()]
  for (const one of made.flatMap((each) => actsOf(each))) {
    if (one.kind !== act.kind || one.fixed !== act.fixed) continue
    const folder = folderOf(one)
    if (!places.some(({ base }) => folder.startsWith(base))) continue
    folders.add(folder)
    names.add(one.parts.at(-1) ?? '')
  }
  return folders.size >= VALUES_LEAST && names.size >= VALUES_LEAST
}

function folderOf({ parts }: Act): string {
  return `/${parts.slice(0, -1).join('/')}/`
}

/** The part of a place that does not vary; undefined for what is no place of files. */
function baseOf(object: BehaviourObject): string | undefined {
  if (object.kind !== 'file' || !isPlace(object)) return undefined
  return literalPath(object.path.slice(0, object.path.indexOf(NAME)))
}
