import { compareText } from '../../core/compare-text.ts'
import type { ImageRef } from '../../core/event/event.ts'
import {
  type Actor,
  type BehaviourId,
  type BehaviourObject,
} from '../../core/behaviour/behaviour.ts'
import { behaviourKinds } from '../../core/event/event-words.ts'
import type { Allowance } from '../../core/profile/allowance.ts'
import { finish, type Steps } from '../../core/steps.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { Cell } from '../../core/profile/evidence.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import { isoOf } from '../../core/event/time.ts'
import { isDrawn } from '../../core/behaviour/ports.ts'
import { anyArguments, isPattern } from '../../core/behaviour/subject.ts'
import type { User } from '../../core/behaviour/user.ts'

/** One thing that the service may do, for formats that hold less than a profile does. */
export interface Allowed {
  readonly id: BehaviourId
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  /** Present where the object is a pattern that is not open yet: exactly these are allowed. Of drawn ports: the range. */
  readonly literals?: readonly string[]
}

/** The exported content: the expected behaviour of one version, and nothing of its exec sessions. */
export interface Exportable {
  readonly image: ImageRef
  readonly allowed: readonly Allowed[]
  /** Observed behaviour that is not expected until a person approves it; in no export. */
  readonly waiting: readonly Allowed[]
  readonly seen: Seen
  /** Gaps in the evidence, as text. */
  readonly doubts: readonly string[]
}

/** By whom and where the service was watched, without its exec sessions. */
export interface Seen {
  /** Kinds of events that were observed. */
  readonly kinds: readonly string[]
  readonly nodes: readonly string[]
  readonly sources: readonly string[]
  /** How many. */
  readonly containers: number
  /** Time of the first and the last event, RFC 3339; absent where there was none. */
  readonly span?: { readonly first: string; readonly last: string }
}

/** The exported text, and what the format cannot express: the notes are for the person who deploys it. */
export interface Exported {
  readonly text: string
  readonly notes: readonly string[]
}

/**
 * @param kinds of events that were observed while it was learned
 * @param doubts gaps in the evidence, as text
 */
export function exportableOf(
  image: ImageRef,
  profile: Profile,
  kinds: readonly string[] = behaviourKinds,
  doubts: readonly string[] = [],
): Exportable {
  return finish(exportableSteps(image, profile, kinds, doubts))
}

/** {@link exportableOf} with pauses. */
export function* exportableSteps(
  image: ImageRef,
  profile: Profile,
  kinds: readonly string[],
  doubts: readonly string[],
): Steps<Exportable> {
  yield* profile.settleSteps()
  const entries = profile.page()
  const allowed: Allowed[] = []
  const waiting: Allowed[] = []
  for (const entry of entries) {
    yield
    const { state } = entry
    if (state === 'learned' || state === 'approved' || state === 'derived') {
      const allowance = profile.allowance(entry.key)
      if (allowance === undefined || allowance.origins.every((origin) => origin === 'exec-in'))
        continue
      allowed.push(
        isDrawn(entry.object)
          ? drawnPorts(entry, allowance)
          : allowedOf(entry, allowance.generalised),
      )
    } else if ((state === 'pending' || state === 'quarantined') && isServices(entry)) {
      waiting.push(allowedOf(entry, false))
    }
  }
  const seen = yield* seenOf(entries, kinds)
  return { image, allowed, waiting, seen, doubts }
}

function allowedOf(entry: Readonly<LiveEntry>, generalised: boolean): Allowed {
  const { id, actor, uid, object } = entry
  if (object.kind === 'exec') return { id, actor, uid, object: anyArguments(object) }
  if (!isPattern(object) || generalised) return { id, actor, uid, object }
  const literals = new Set<string>()
  for (const { witnesses } of entry.allCells()) {
    for (const text of witnesses?.literals.toJSON() ?? []) literals.add(text)
  }
  return { id, actor, uid, object, literals: [...literals].sort() }
}

function drawnPorts(
  { id, actor, uid, object }: Readonly<LiveEntry>,
  { grants }: Allowance,
): Allowed {
  const literals = grants.toJSON().flatMap(({ witnesses }) => witnesses?.literals ?? [])
  return { id, actor, uid, object, literals }
}

function isServices(entry: Readonly<LiveEntry>): boolean {
  for (const cell of entry.allCells()) if (cell.origin !== 'exec-in') return true
  return false
}

function* learnedCells(entry: Readonly<LiveEntry>): Iterable<Cell> {
  for (const cell of entry.allCells()) {
    if (cell.origin !== 'exec-in' && cell.phase !== 'later') yield cell
  }
}

function* seenOf(entries: readonly Readonly<LiveEntry>[], kinds: readonly string[]): Steps<Seen> {
  const [nodes, sources, containers] = [new Set<string>(), new Set<string>(), new Set<string>()]
  let first = Infinity
  let last = -Infinity
  for (const entry of entries) {
    yield
    for (const cell of learnedCells(entry)) {
      for (const node of cell.nodes) nodes.add(node)
      for (const source of cell.sources) sources.add(source)
      containers.add(cell.container)
      first = Math.min(first, cell.first)
      last = Math.max(last, cell.last)
    }
  }
  return {
    kinds,
    nodes: [...nodes].sort(compareText),
    sources: [...sources].sort(compareText),
    containers: containers.size,
    ...(first > last ? {} : { span: { first: isoOf(first), last: isoOf(last) } }),
  }
}

/** A name for objects derived from an image: lower case letters, digits and hyphens, at most 63. */
export function nameOf({ repository, digest }: ImageRef): string {
  return `snug-${shortNameOf({ repository })}-${digest.slice(digest.indexOf(':') + 1).slice(0, 12)}`
}

/** The last part of the repository, in lower case letters, digits and hyphens, at most 40. */
export function shortNameOf({ repository }: Pick<ImageRef, 'repository'>): string {
  const short = repository.slice(repository.lastIndexOf('/') + 1).toLowerCase()
  const plain = short.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'image'
  return plain.slice(0, 40).replace(/-+$/, '')
}

/** The value of the label `app` that pods of the image may have: its last part, at most 63 characters. */
export function appOf({ repository }: Pick<ImageRef, 'repository'>): string {
  const short = repository.slice(repository.lastIndexOf('/') + 1)
  return short.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '')
}
