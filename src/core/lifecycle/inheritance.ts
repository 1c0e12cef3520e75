import { isPlace, keptOf } from '../behaviour/place-pattern.ts'
import { isOfClass } from '../behaviour/any-program.ts'
import { Grants, isForUser } from '../profile/allowance.ts'
import type { Actor, BehaviourObject } from '../behaviour/behaviour.ts'
import type { LearnRules, Version } from './version.ts'
import type { Grant, Inheritable, ProfileEntry } from '../profile/profile-entry.ts'
import { placeClassOf } from '../match/place-class.ts'

function grantsOf(cell: Inheritable['cells'][number]): Grant {
  return cell.witnesses === undefined
    ? { origin: cell.origin }
    : { origin: cell.origin, witnesses: cell.witnesses }
}

function allowed(entry: Inheritable, windowDone: boolean): readonly Grant[] {
  const { decision } = entry
  if (decision?.kind === 'rejected') return []
  const grants = new Grants(keptOf(entry.object))
  const literals = entry.place?.templates ?? []
  for (const origin of entry.place?.origins ?? []) {
    grants.merge({ origin, witnesses: { literals, places: [] } })
  }
  for (const cell of isPlace(entry.object) ? [] : entry.cells) {
    const clean = cell.phase === 'learned' && (cell.guardrails ?? []).length === 0
    if (clean && cell.origin !== 'exec-in') grants.merge(grantsOf(cell))
  }
  // An approval with an end is for its time and place, and so is one for a workload.
  if (
    decision !== undefined &&
    decision.until === undefined &&
    decision.onlyWorkload === undefined &&
    isForUser(decision, entry.uid)
  ) {
    for (const grant of decision.grants) grants.merge(grant)
  }
  // A version that had its whole window and never showed an inherited behaviour does not pass it on.
  const showed = !grants.empty
  if (!windowDone || showed) {
    for (const grant of entry.inherited?.grants ?? []) grants.merge(grant)
  }
  return grants.toJSON()
}

/** Author of approvals that the agent made because enough other scopes of the image had shown the behaviour. */
export const mergeAuthor = 'agent:scopes'

/**
 * What a scope gives to others of the same image: what it learned itself, or a person approved there. Nothing of what
 * it inherited, was given by others, or a guardrail fired on.
 */
export function givenToOthers(entry: Inheritable): readonly Grant[] {
  const { inherited: _, decision, ...own } = entry
  if (own.within !== undefined) return []
  if (own.cells.some(({ guardrails = [] }) => guardrails.length > 0)) return []
  const isGiven = decision?.by === mergeAuthor
  return allowed(decision === undefined || isGiven ? own : { ...own, decision }, true)
}

export interface Predecessor {
  readonly digest: string
  /** It completed its window. */
  readonly windowDone: boolean
}

/**
 * The prior of a new version for one behaviour that its predecessor had or was allowed: without evidence, until the new
 * version shows it. Undefined where it is not passed on; a rejection is. Feed it to `Profile.merge`.
 */
export function passedOn(
  { digest, windowDone }: Predecessor,
  entry: Inheritable,
): ProfileEntry | undefined {
  const { schema, id, actor, uid, object, decision } = entry
  const name = { schema, id, actor, uid, object }
  // The place is inherited and includes this entry.
  if (entry.within !== undefined) return undefined
  if (decision?.kind === 'rejected') return { ...name, cells: [], decision }
  // The class stays the decision that it is, so that it does not expire, and is taken back as one.
  if (isOfClass(actor)) return decision === undefined ? undefined : { ...name, cells: [], decision }
  const grants = allowed(entry, windowDone)
  return grants.length === 0
    ? undefined
    : { ...name, cells: [], inherited: { from: digest, grants } }
}

const defaultInheritedForMs = 7 * 24 * 3_600_000

/**
 * When (epoch milliseconds) a version drops inherited behaviours that it never showed. Undefined
 * while it learns, after a window with holes, or without a predecessor.
 */
export function inheritedExpireAt(life: Version, rules: LearnRules): number | undefined {
  const { state, learnedAt, predecessor, holes } = life
  if (state === 'learning' || predecessor === undefined) return undefined
  if (learnedAt === undefined || holes !== undefined) return undefined
  return learnedAt + (rules.inheritedForMs ?? defaultInheritedForMs)
}

/** What an image ships under a path: a fingerprint of the content, or undefined. */
export type Shipped = (path: string) => string | undefined

/** Where a file of the new version comes from. */
export interface FileStory {
  readonly package?: {
    readonly name: string
    readonly now: string
    /** Its version in the image before; absent where that has no such package. */
    readonly before?: string
  }
  /** Counted from the bottom, 1 first; `isNew`: the image before does not have that layer. */
  readonly layer?: { readonly number: number; readonly of: number; readonly isNew: boolean }
}

/** The package and the layer of a path in the new image. */
export type About = (path: string) => FileStory | undefined

/** What the new image does to a path. */
export function change(
  path: string,
  now: Shipped,
  before: Shipped,
): 'brings' | 'changed' | undefined {
  const after = now(path)
  if (after === undefined) return undefined
  const old = before(path)
  if (old === undefined) return 'brings'
  return old === after ? undefined : 'changed'
}

interface Excuse {
  readonly path: string
  readonly how: 'brings' | 'changed'
}

/**
 * What of the image accounts for an event: a new program for its first execution, a new or changed
 * file for reading it, and a new or changed program for its reads of the image's libraries and
 * settings. A new program also accounts for reads of the image's data, but not of its secrets. One
 * that connects, listens, writes or runs what was there before does something new.
 */
function excuseFor(
  { actor, object }: { readonly actor: Actor; readonly object: BehaviourObject },
  now: Shipped,
  before: Shipped,
): Excuse | undefined {
  if (object.kind === 'exec') {
    // Not what the image shipped: no image explains that.
    if (object.drift === true || object.socketStdio === true) return undefined
    // The image brings the interpreter, and not the code that is an argument.
    if (object.args !== undefined) return undefined
    const path = object.script ?? object.path
    return change(path, now, before) === 'brings' ? { path, how: 'brings' } : undefined
  }
  if (object.kind !== 'file' || (object.access !== 'read' && object.access !== 'exec')) {
    return undefined
  }
  const how = change(object.path, now, before)
  if (how !== undefined) return { path: object.path, how }
  const place = placeClassOf(object.path)
  if (now(object.path) === undefined || place === 'secret') return undefined
  for (const path of [actor.script, actor.exe]) {
    const changed = path === undefined ? undefined : change(path, now, before)
    if (path === undefined || changed === undefined) continue
    // A program that was there before knew its data: to read more of them is a change of its own.
    if (changed === 'changed' && place !== 'code' && place !== 'system') continue
    return { path, how: changed }
  }
  return undefined
}

function storyText(story: FileStory | undefined): string {
  const parts: string[] = []
  const owner = story?.package
  if (owner !== undefined) {
    const { name, now, before } = owner
    const versions = before === undefined ? `${now} (new)` : `${before} → ${now}`
    parts.push(`package ${name} ${before === now ? now : versions}`)
  }
  if (story?.layer !== undefined) {
    const { number, of, isNew } = story.layer
    parts.push(`in ${isNew ? 'the new layer' : 'layer'} ${number} of ${of}`)
  }
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

/**
 * Why a new version differs from its predecessor, as far as the two images explain it. Undefined if
 * they do not: such a difference needs attention. `about` adds the package and layer of the file.
 */
export function explainDelta(
  delta: { readonly actor: Actor; readonly object: BehaviourObject },
  now: Shipped,
  before: Shipped,
  about: About = () => undefined,
): string | undefined {
  const excuse = excuseFor(delta, now, before)
  if (excuse === undefined) return undefined
  const { path, how } = excuse
  const verb = how === 'brings' ? 'adds' : 'changed'
  return `the new version ${verb} ${path}${storyText(about(path))}`
}
