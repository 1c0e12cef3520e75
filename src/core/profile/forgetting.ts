import { type Micros, microsOf } from '../event/time.ts'
import type { Grants } from './allowance.ts'
import { blockOf } from '../behaviour/peer.ts'
import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Cell } from './evidence.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import type { LiveEntry } from './live-entry.ts'
import type { Decision, Grant, ProfileEntry } from './profile-entry.ts'
import { compareText } from '../compare-text.ts'
import type { Span } from '../coverage/time-buckets.ts'

/** The evidence to remove, as if it had never been observed. */
export type Forgetting =
  | { readonly kind: 'container'; readonly container: string }
  /** One `docker exec` or `kubectl exec`. */
  | { readonly kind: 'session'; readonly session: string }
  | { readonly kind: 'time'; readonly from: Micros; readonly to: Micros }

/** Events that a source counted itself, and reports later. */
interface Counted {
  readonly container: string
  readonly session?: string
  /** RFC 3339 */
  readonly last: string
}

/** Counts are kept back for seconds: more is not forgotten meanwhile. */
const forgettingsKept = 32

/** The last evidence that was forgotten, and when. */
export class ForgottenEvidence {
  readonly #forgotten: { readonly what: Forgetting; readonly at: Micros }[] = []

  add(what: Forgetting, at: Micros): void {
    this.#forgotten.push({ what, at })
    if (this.#forgotten.length > forgettingsKept) this.#forgotten.shift()
  }

  /** Whether these counts belong to it: a late report must not bring it back. */
  includes(counted: Counted): boolean {
    return this.#forgotten.some(({ what, at }) => isForgotten(what, counted, at))
  }
}

function isForgotten(what: Forgetting, counted: Counted, at: Micros): boolean {
  const seen = microsOf(counted.last)
  if (seen > at) return false
  switch (what.kind) {
    case 'container':
      return what.container === counted.container
    case 'session':
      return what.session === counted.session
    case 'time':
      return seen >= what.from && seen <= what.to
  }
}

export interface Forgotten {
  /** Behaviours that vanished with it, as they were. */
  readonly gone: readonly ProfileEntry[]
  /** Behaviours that stay, with less evidence. */
  readonly lessened: readonly BehaviourId[]
  /** Number of events. */
  readonly acts: number
  /**
   * By time: the removed span. Old evidence is kept in wide buckets, and is removed by whole buckets; undefined where
   * nothing was removed.
   */
  readonly span?: Span
}

/**
 * Takes that evidence out of all entries. Later events that were expected because of it stay counted where they were
 * expected.
 */
export function forgetAll(entries: EntryKeeper, what: Forgetting): Forgotten {
  const gone: ProfileEntry[] = []
  const lessened: BehaviourId[] = []
  let acts = 0
  let span: Span | undefined
  // Deleting what an iteration of a Map has just visited is defined and safe.
  for (const entry of entries.table) {
    const before = mayForget(entry, what) ? entry.toJSON() : undefined
    if (before !== undefined) entries.table.changes(entry)
    const less = before === undefined ? undefined : forgetIn(entry, what)
    if (before === undefined || less === undefined) continue
    acts += less.acts
    span = joined(span, less.span)
    if (entry.empty) {
      entries.remove(entry)
      gone.push(before)
    } else {
      lessened.push(entry.id)
      entries.places.touch(entry)
      entries.refresh(entry)
      entries.table.changed(entry)
    }
  }
  entries.settle()
  gone.sort((a, b) => compareText(a.id, b.id))
  lessened.sort(compareText)
  return { gone, lessened, acts, ...(span === undefined ? {} : { span }) }
}

/** Whether anything of the entry went, and how much. */
interface Lessened {
  readonly acts: number
  readonly span: Span | undefined
}

/** False where the entry surely has nothing of that: most entries, most times. */
function mayForget(entry: LiveEntry, what: Forgetting): boolean {
  return what.kind !== 'container' || entry.isShownBy(what.container)
}

/** Takes evidence out of one entry; undefined where it had none of that. The entry may be empty afterwards. */
function forgetIn(entry: LiveEntry, what: Forgetting): Lessened | undefined {
  const before = countOf(entry)
  let span: Span | undefined
  let touched = false
  for (const cell of entry.allCells()) {
    if (what.kind === 'container' && what.container !== cell.container) continue
    const went = forgetCell(cell, what)
    if (went === undefined) continue
    touched = true
    span = joined(span, went)
    if (cell.empty) entry.dropCell(cell)
  }
  if (!touched) return undefined
  entry.compact()
  entry.decision = supported(entry)
  return { acts: before - countOf(entry), span }
}

function forgetCell(cell: Cell, what: Forgetting): Span | undefined {
  if (what.kind === 'time') return cell.forget(what.from, what.to)
  if (what.kind === 'session' && cell.session !== what.session) return undefined
  return cell.forget(-Infinity, Infinity)
}

/**
 * An approval covers the evidence at its time, so it shrinks with that evidence; without any left it ends. A rejection
 * stays, and so does an approval that never rested on evidence: that of an address block.
 */
function supported(entry: LiveEntry): Decision | undefined {
  const { decision, object } = entry
  if (decision?.kind !== 'approved') return decision
  if (blockOf(object) !== undefined) return decision
  const left = entry.seen()
  const grants = decision.grants.flatMap((grant) => narrowed(grant, left))
  return grants.length === 0 ? undefined : { ...decision, grants }
}

function narrowed(grant: Grant, left: Grants): readonly Grant[] {
  if (!left.includes(grant.origin)) return []
  if (grant.witnesses === undefined) return [grant]
  const seen = left.of(grant.origin)
  const literals = grant.witnesses.literals.filter((text) => seen.literals.has(text))
  if (literals.length === 0) return []
  const places = grant.witnesses.places.map((values, i) =>
    values.filter((value) => seen.places[i]?.has(value) === true),
  )
  return [{ origin: grant.origin, witnesses: { literals, places } }]
}

function countOf(entry: LiveEntry): number {
  let count = 0
  for (const cell of entry.allCells()) count += cell.count
  return count
}

function joined(a: Span | undefined, b: Span | undefined): Span | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }
}
