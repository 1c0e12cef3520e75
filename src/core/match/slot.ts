import {
  type Actor,
  type BehaviourObject,
  type BehaviourRef,
  objectKey,
} from '../behaviour/behaviour.ts'
import { PathPattern, SUBJECT_TO } from '../behaviour/language.ts'
import { isPlace, NAME } from '../behaviour/place-pattern.ts'
import { literalPath } from '../behaviour/shape.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import { subjectOf } from '../behaviour/subject.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import {
  type Act,
  actOf,
  actsOf,
  changeOf,
  type FileAccess,
  isOneOf,
  knownOf,
  LOOKED_AT,
  madeBy,
  makes,
} from './act-parts.ts'
import { changedByCall, varied } from './cause.ts'
import { fileClassOf, folderOfPath } from './place-class.ts'

/** Of a path: one that is deeper is in no open part. */
const PARTS_MOST = 30
/** The kind of a file among its parts, as a bit. */
const KIND = 1 << PARTS_MOST
/** Scripts of one form, from which on the next one is expected to do what they did. */
const SIBLINGS_LEAST = 3
/** Of the folders beside a new one, that many are compared with it. */
const BESIDE = 8

/**
 * Whether the parts in which an act differs from those that the window showed of its actor and user were open there: each
 * of them had several values while all else was equal, or a place has them. What the container did after the window is no
 * evidence, and no behaviour that only it showed is compared.
 */
export function isInOpenSlot(profile: ProfileReader, ref: BehaviourRef): boolean {
  const { object, uid } = ref
  if (isRunAsSiblings(profile, ref) || doesAsSiblings(profile, ref)) return true
  if (object.kind === 'capability' && uid !== 0) return false
  const subject = subjectOf(ref) ?? ''
  if (changedByCall(object) !== undefined) return mayMake(profile, ref, subject)
  const act = actOf(object, subject)
  if (act === undefined) return false
  const known = knownOf(profile, ref)
  if (object.kind === 'file') {
    const { access } = object
    if (isBelowPlace(known, [access, 'create'], act)) return true
    // Programs write a file under another name, and put it in its place.
    const [from = '', to = from] = subject.split(SUBJECT_TO)
    const isRenamed = access === 'rename' && folderOfPath(from) === folderOfPath(to)
    if (isRenamed && [from, to].every((name) => isMadeAs(known, name))) return true
  }
  return isOpen(
    known.flatMap((one) => actsOf(one)),
    act,
  )
}

/** Whether to make a file of that path is in open parts, for the actor and user of the behaviour. */
export function mayMake(profile: ProfileReader, ref: BehaviourRef, path: string): boolean {
  return isMadeAs(knownOf(profile, ref, 'file'), path)
}

function isMadeAs(known: readonly Allowance[], name: string): boolean {
  const make = changeOf(name, false)
  const made = known.flatMap((one) => madeBy(one))
  return isBelowPlace(known, makes, make) || isOpen(made, make)
}

/** Whether the parts in which the act differs from known ones had several values while all else was equal. */
function isOpen(known: readonly Act[], act: Act): boolean {
  const { fixed, parts, isRemoval } = act
  if (parts.length > PARTS_MOST) return false
  // Thousands of known acts differ from this one in few ways.
  const ways = new Map<number, Act[]>()
  for (const one of known) {
    if (one.fixed !== fixed || one.parts.length !== parts.length) continue
    const way = wayOf(one, act)
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
    return parts.every(
      (_, at) => (way & (1 << at)) === 0 || areSeveral(within, (one) => one.parts[at]),
    )
  })
}

/** The parts in which the acts differ: a bit each. */
function wayOf(one: Act, act: Act): number {
  let way = one.kind === act.kind ? 0 : KIND
  for (const [at, part] of one.parts.entries())
    if (!isOneOf(part, act.parts[at] ?? '')) way |= 1 << at
  return way
}

/** Two values in the window: the next one is expected to be new as well. */
function areSeveral(acts: readonly Act[], value: (act: Act) => string | undefined): boolean {
  const [first] = acts
  return first !== undefined && acts.some((one) => value(one) !== value(first))
}

/** One more kind, and of data: the window showed several kinds, whatever their classes. */
function isOneMoreKind(known: readonly Act[], kind: string): boolean {
  if (fileClassOf(kind) !== 'data') return false
  const named = known.filter((one) => one.kind !== '')
  return areSeveral(named, (one) => one.kind)
}

/**
 * It makes files below a folder with ever new names, at any depth, and the kind is one of those that it has there. A place
 * stands for kinds of data alone: of others its folders have several files under several names, in several of them.
 */
function isBelowPlace(known: readonly Allowance[], by: readonly FileAccess[], act: Act): boolean {
  const made = known.filter(({ object }) => object.kind === 'file' && by.includes(object.access))
  const places = made.flatMap((place) => {
    const base = baseOf(place.object)
    return base !== undefined && folderOf(act).startsWith(base) ? [{ place, base }] : []
  })
  if (places.length === 0) return false
  const held = places.flatMap(({ place }) => actsOf(place)).filter((one) => one.fixed === act.fixed)
  if (held.some(({ kind }) => kind === act.kind) || isOneMoreKind(held, act.kind)) return true
  const alike = made
    .flatMap((one) => actsOf(one))
    .filter((one) => one.kind === act.kind && one.fixed === act.fixed)
    .filter((one) => places.some(({ base }) => folderOf(one).startsWith(base)))
  return areSeveral(alike, folderOf) && areSeveral(alike, ({ parts }) => parts.at(-1))
}

function folderOf({ parts }: Act): string {
  return `/${parts.slice(0, -1).join('/')}/`
}

/** The part of a place that does not vary; undefined for what is no place of files. */
function baseOf(object: BehaviourObject): string | undefined {
  if (object.kind !== 'file' || !isPlace(object)) return undefined
  return literalPath(object.path.slice(0, object.path.indexOf(NAME)))
}

/**
 * The first folder on the way to the file that is new to the actor and user, where the file would be expected, or in open
 * parts, in a folder beside. One value in the window shows no open part: a second repository, tenant or day is new, and
 * all that the program does there as it does beside has one cause.
 */
export function instanceOf(
  profile: ProfileReader,
  ref: BehaviourRef,
): { readonly folder: string; readonly beside: string } | undefined {
  const act = ref.object.kind === 'file' ? actOf(ref.object, subjectOf(ref)) : undefined
  if (act === undefined) return undefined
  let known = knownOf(profile, ref)
    .flatMap((one) => actsOf(one))
    .filter(({ parts }) => parts.length === act.parts.length)
  for (const [at, part] of act.parts.slice(0, -1).entries()) {
    const within = known.filter(({ parts }) => isOneOf(parts[at] ?? '', part))
    if (within.length > 0) {
      known = within
      continue
    }
    // In the root, names beside each other are of different programs.
    const beside = at === 0 ? undefined : openBeside(known, act, at)
    if (beside === undefined) return undefined
    const above = act.parts.slice(0, at).map((name) => `/${name}`)
    return { folder: `${above.join('')}/${part}/`, beside: `${above.join('')}/${beside}/` }
  }
  return undefined
}

/** One of the folders there, in which the act would be known or in open parts. */
function openBeside(known: readonly Act[], act: Act, at: number): string | undefined {
  const names = [...new Set(known.map(({ parts }) => parts[at] ?? ''))].slice(0, BESIDE)
  return names.find((name) =>
    isOpen(
      known.filter(({ parts }) => parts[at] === name),
      { ...act, parts: act.parts.with(at, name) },
    ),
  )
}

/**
 * Scripts in folders whose names are never given twice, as those of builds and jobs are: the actor ran several of that form
 * in the same way.
 */
export function isRunAsSiblings(profile: ProfileReader, ref: BehaviourRef): boolean {
  const { object } = ref
  if (object.kind !== 'exec' || object.script === undefined) return false
  const key = objectKey({ ...object, script: '' })
  const scripts = knownOf(profile, ref).flatMap(({ object: other }) => {
    if (other.kind !== 'exec' || other.script === undefined) return []
    return objectKey({ ...other, script: '' }) === key ? [other.script] : []
  })
  return isOneOfForm(object.script, scripts)
}

/** The actor is one of several such scripts that did the same. */
function doesAsSiblings(profile: ProfileReader, { actor, uid, object }: BehaviourRef): boolean {
  const alike = profile
    .byObject(object)
    .slice(0, LOOKED_AT)
    .filter((one) => !one.void && one.uid === uid)
    .filter((one) => interpreterOf(one.actor) === interpreterOf(actor))
  return isOneOfForm(
    actor.script ?? actor.exe,
    alike.map((one) => one.actor.script ?? one.actor.exe),
  )
}

function interpreterOf({ exe, script }: Actor): string | undefined {
  return script === undefined ? undefined : exe
}

/** Whether enough of the scripts have a form in which a part varies, and this one has it as well. */
function isOneOfForm(script: string, others: readonly string[]): boolean {
  const forms = new Map<string, Set<string>>()
  for (const other of others) {
    const form = varied(other)
    if (form !== other) forms.set(form, (forms.get(form) ?? new Set()).add(other))
  }
  return [...forms].some(
    ([form, scripts]) =>
      scripts.size >= SIBLINGS_LEAST && new PathPattern(shapedLanguage(form)).has(script),
  )
}
