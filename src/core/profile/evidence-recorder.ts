import type { ActEvent } from '../event/event.ts'
import type { Origin } from '../event/event-words.ts'
import { type Micros, microsOf } from '../event/time.ts'
import type { BehaviourId, BehaviourRef } from '../behaviour/behaviour.ts'
import { recordedAs } from '../behaviour/recorded-as.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import type { CountedBy } from './stored-entry.ts'
import { type Cell, momentsOf } from './evidence.ts'
import type { ForgottenEvidence } from './forgetting.ts'
import { LiveEntry } from './live-entry.ts'
import { matchedRuleOf } from './matched-rule.ts'
import type { Phase } from './profile-entry.ts'
import type { SharedParts } from './shared-parts.ts'

/** How to record an event. */
export interface Observation {
  readonly phase: Phase
  /** Guardrails that fired, for each of the refs; absent: none. */
  readonly guardrails?: readonly (readonly string[])[]
  /** The version has as many behaviours as it may have: new ones are not recorded. */
  readonly isFull?: boolean
  /** All versions together have as many as they may have: the same, also for reads that follow from the image's files. */
  readonly isNodeFull?: boolean
}

/** A known behaviour was seen `count` more times by a source that folds repeats. */
export interface CountUpdateOf {
  readonly container: string
  readonly origin: Origin
  readonly session?: string
  readonly count: number
  /** RFC 3339 */
  readonly first: string
  readonly last: string
  readonly node: string
  readonly source: string
}

/**
 * Reads that follow from the image's files and are recorded separately. Further ones are expected
 * all the same.
 */
export const derivedKept = 10_000

/** Adds events, and counts of events, to the evidence of a profile. */
export class EvidenceRecorder {
  readonly #entries: EntryKeeper
  readonly #parts: SharedParts
  readonly #forgotten: ForgottenEvidence

  constructor(entries: EntryKeeper, parts: SharedParts, forgotten: ForgottenEvidence) {
    this.#entries = entries
    this.#parts = parts
    this.#forgotten = forgotten
  }

  /**
   * Records an event. Constant time where all its behaviours and witnesses are already in the profile.
   *
   * @returns how many of the behaviours had no room, and are expected by none that is recorded
   */
  observe(event: ActEvent, refs: readonly BehaviourRef[], how: Observation): number {
    const { process, node, source } = event
    const { table, known } = this.#entries
    const isNodeFull = how.isNodeFull === true
    const isFull = how.isFull === true || isNodeFull
    if (how.phase === 'later') this.#entries.settleForReader()
    else if (isFull) this.#entries.settleFull()
    const container = this.#parts.text(event.container.id)
    const when = microsOf(event.time)
    const count = event.count ?? 1
    let refused = 0
    for (let i = 0; i < refs.length; i++) {
      const reported = refs[i]
      if (reported === undefined) continue
      const ref = this.recordedAs(reported)
      let entry = table.byKey.get(ref.key)
      const phase = this.#phaseOf(ref, how, i, when)
      if (phase === undefined) continue
      const hasRoom =
        phase === 'derived' ? this.#entries.derived.size < derivedKept && !isNodeFull : !isFull
      if (entry === undefined && (phase === 'later' || !hasRoom)) {
        // A behaviour that includes it expects it: it needs no review, and counts there.
        const cover = matchedRuleOf(known, ref, () => when)
        if (cover !== undefined) {
          this.#count(cover.key, event, when)
          continue
        }
        if (!hasRoom) {
          if (phase !== 'derived') refused += 1
          continue
        }
      }
      let isNews = entry === undefined
      if (entry === undefined) {
        entry = this.#entries.add(LiveEntry.ofRef(ref, this.#parts.actor(ref.actor), known.shaper))
        if (phase === 'derived') this.#entries.derived.add(entry)
      }
      table.changes(entry)
      if (ref.fixed === true && phase === 'learned' && !entry.fixed) {
        // The image ships it, though another container had changed it: whichever came first.
        entry.fixed = true
        isNews = true
        this.#entries.places.touch(entry)
      }
      const cell = entry.cell(container, process.origin, process.session, phase)
      const before = (cell.grants || cell.grantsShipped) && cell.count > 0
      const guardrails = how.guardrails?.[i] ?? []
      if (cell.count === 0 || guardrails.length > 0) table.cellsChanged()
      this.#entries.mayFold(entry)
      cell.see(count, when)
      cell.from(node, source)
      cell.trip(guardrails, when)
      let changed = before !== (cell.grants || cell.grantsShipped)
      // One more container that shows what others did is a count.
      const grants = cell.grants || cell.grantsShipped
      if (changed && this.#grants(entry, process.origin) !== grants) isNews = true
      if (ref.literal !== undefined && cell.witness(ref.literal, when)) {
        changed = true
        isNews = true
      }
      if (changed) {
        this.#refreshFor(entry, ref, cell.grants)
        if (cell.grants) this.#entries.places.grew(entry)
        else this.#entries.places.outdate(entry)
      }
      // What a guardrail fired on is no mere count.
      if (isNews || guardrails.length > 0) table.changed(entry)
      else table.counted(entry, { ...nameOf(cell), node, source }, count, when)
    }
    return refused
  }

  #grants({ key }: LiveEntry, origin: Origin): boolean {
    return this.#entries.known.allowance(key)?.origins.includes(origin) === true
  }

  /** Evidence alone allows it already. */
  #isGranted({ key }: LiveEntry, { origin, phase }: Cell): boolean {
    const allowance = this.#entries.known.allowance(key)
    const grants = phase === 'derived' ? allowance?.shipped : allowance?.grants
    return grants?.includes(origin) === true
  }

  /**
   * Records a read that follows from the image's own files as such. Undefined where it is not recorded: reads that
   * follow from a program that is itself unexpected show no more than the program.
   */
  #phaseOf(ref: BehaviourRef, how: Observation, i: number, when: Micros): Phase | undefined {
    const now = (): Micros => when
    if ((how.guardrails?.[i] ?? []).length > 0) return how.phase
    if (this.#entries.known.derived.fromOf(ref, now) === undefined) return how.phase
    if (this.#entries.table.byKey.get(ref.key)?.isOwn === true) return how.phase
    return how.phase === 'learned' || this.#entries.isExpected(ref, when) ? 'derived' : undefined
  }

  /** The behaviour under which an event is recorded. */
  recordedAs(ref: BehaviourRef): BehaviourRef {
    const { table, known } = this.#entries
    return table.byKey.has(ref.key) ? ref : recordedAs(known.patterns, known.shaper, ref)
  }

  #count(key: string, event: ActEvent, when: Micros): void {
    const entry = this.#entries.table.byKey.get(key)
    if (entry === undefined) return
    const { origin, session } = event.process
    this.#entries.table.changes(entry)
    const cell = entry.cell(this.#parts.text(event.container.id), origin, session, 'later')
    if (cell.count === 0) this.#entries.table.cellsChanged()
    this.#entries.mayFold(entry)
    const { node, source, count = 1 } = event
    cell.see(count, when)
    cell.from(node, source)
    this.#entries.table.counted(entry, { ...nameOf(cell), node, source }, count, when)
  }

  /** Adds counts that a source kept back. False where the behaviour is not in the profile. */
  addCountUpdate(id: BehaviourId, seen: CountUpdateOf, phase: Phase): boolean {
    const entry = this.#entries.table.byId.get(id)
    if (entry === undefined) return false
    if (this.#forgotten.includes(seen)) return true
    this.#entries.table.changes(entry)
    // Counts of what follows from the image's files are evidence of that, and of nothing more.
    const as = entry.isDerived ? 'derived' : phase
    const cell = entry.cell(this.#parts.text(seen.container), seen.origin, seen.session, as)
    if (cell.count === 0) this.#entries.table.cellsChanged()
    // One more container that shows what others did is a count.
    const isNew = cell.count === 0 && !this.#isGranted(entry, cell)
    this.#entries.mayFold(entry)
    const { node, source } = seen
    const by = { ...nameOf(cell), node, source }
    for (const [count, when] of momentsOf(seen.count, microsOf(seen.first), microsOf(seen.last))) {
      cell.see(count, when)
      this.#entries.table.counted(entry, by, count, when)
    }
    cell.from(node, source)
    if (isNew && (cell.grants || cell.grantsShipped)) this.#entries.refresh(entry)
    return true
  }

  #refreshFor(entry: LiveEntry, ref: BehaviourRef, grants: boolean): void {
    const allowance = this.#entries.known.allowance(entry.key)
    // The common case, one more witness of a learned behaviour, need not look at all the evidence.
    if (grants && allowance !== undefined && allowance.decision === undefined) {
      allowance.grants.add(ref.origin, ref.literal)
    } else {
      this.#entries.refresh(entry)
    }
  }
}

function nameOf({ container, origin, session, phase }: Cell): Omit<CountedBy, 'node' | 'source'> {
  return { container, origin, session, phase }
}
