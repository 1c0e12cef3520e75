import type { ActEvent } from '../event/event.ts'
import type { Micros } from '../event/time.ts'
import type { Allowance } from './allowance.ts'
import { openClassId } from '../behaviour/any-program.ts'
import {
  type BehaviourId,
  behaviourId,
  type BehaviourObject,
  type BehaviourRef,
} from '../behaviour/behaviour.ts'
import type { ContainerRun, Coverage } from '../coverage/coverage.ts'
import { closedKinds } from '../coverage/coverage-report.ts'
import {
  decideAll,
  type DecisionInput,
  prepareDecision,
  type PreparedDecision,
  type Withdrawal,
  withdrawAll,
} from './entry-decisions.ts'
import { EntryKeeper } from './entry-keeper.ts'
import { type CountUpdateOf, EvidenceRecorder, type Observation } from './evidence-recorder.ts'
import type { ProfileReader, Patterns } from './profile-reader.ts'
import { forgetAll, type Forgetting, type Forgotten, ForgottenEvidence } from './forgetting.ts'
import { CountWrites, RestoredCounts } from './count-writes.ts'
import type { Drained } from './entry-table.ts'
import type { Folding } from './folding.ts'
import { HeldEntries, type InUse } from './held-entries.ts'
import type { DerivedReads } from '../learning/derived-reads.ts'
import type { LiveEntry } from './live-entry.ts'
import type { BehaviourState, Decision, Phase, ProfileEntry } from './profile-entry.ts'
import { seenRefs } from './cell-refs.ts'
import { SharedParts } from './shared-parts.ts'
import type { CountsOfWrite, StoredProfile } from './stored-entry.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { Widening } from '../behaviour/widening.ts'
import { finish, type Steps } from '../steps.ts'
import { TableFigures, type Tally } from './table-figures.ts'
import { declareAll, expireInherited, mergeAll } from './taken-in.ts'

/** What the store gets of a profile at once. */
export interface ProfileWrite extends Pick<Drained, 'entries'> {
  /** Entries that are gone. */
  readonly removed: readonly BehaviourId[]
  /** Counts of other entries. */
  readonly counts: CountsOfWrite | undefined
  /** Slots of earlier counts that entries include by now. */
  readonly obsolete: readonly number[]
}

/**
 * The behaviours of one version with their evidence, and, kept in step, the allowances that follow from them. Judge
 * against the profile itself or against `compile(entries)`: both give the same result.
 */
export class Profile implements ProfileReader {
  readonly shaper: Shaper
  readonly #held: HeldEntries
  readonly #figures: TableFigures
  readonly #forgotten = new ForgottenEvidence()
  readonly #writes = new CountWrites()
  #classAt: { readonly revision: number; readonly decision: Decision | undefined } | undefined

  constructor(shaper: Shaper) {
    this.shaper = shaper
    const inUse = (entries: EntryKeeper, parts: SharedParts): InUse => {
      return { entries, parts, recorder: new EvidenceRecorder(entries, parts, this.#forgotten) }
    }
    this.#held = new HeldEntries(inUse(new EntryKeeper(shaper), new SharedParts()), (parked) => {
      const parts = new SharedParts()
      return inUse(parked.open(shaper, parts), parts)
    })
    this.#figures = new TableFigures(this.#held)
  }

  /** Opens a parked profile. */
  get #entries(): EntryKeeper {
    return this.#held.inUse.entries
  }

  /** Merges where entries name the same behaviour: loading twice is loading once. */
  static load(entries: Iterable<ProfileEntry>, shaper: Shaper): Profile {
    const profile = new Profile(shaper)
    profile.merge(entries)
    finish(profile.#loaded())
    return profile
  }

  /** {@link load} of entries as the store has them, in the present form or an earlier one, with pauses. It is parked. */
  static *restore(stored: StoredProfile, shaper: Shaper): Steps<Profile> {
    const profile = new Profile(shaper)
    const counts = new RestoredCounts(stored.counts)
    for (const each of stored.entries) {
      yield
      if (each.schema !== 'snug.behaviour/v2') {
        profile.merge([each])
        continue
      }
      const entry = counts.entry(each, shaper, profile.#held.inUse.parts)
      if (profile.#entries.table.byKey.has(entry.key)) profile.merge([entry.toJSON()])
      else if (!entry.empty) profile.#entries.restore(entry)
    }
    profile.#writes.restored(counts)
    yield* profile.#loaded()
    // Of all versions that a node has, few run: a start must not take the memory of all of them.
    profile.#held.parkNow()
    return profile
  }

  *#loaded(): Steps<void> {
    yield* this.settleSteps()
    yield* this.#entries.loadedSteps()
  }

  /** See {@link EntryKeeper.settle}. */
  settle(): void {
    this.#held.unparked?.settle()
  }

  /** See {@link EntryKeeper.settleSteps}. */
  *settleSteps(): Steps<void> {
    const entries = this.#held.unparked
    if (entries !== undefined) yield* entries.settleSteps()
  }

  /** See {@link EntryKeeper.isToSettle}. */
  get isToSettle(): boolean {
    return this.#held.unparked?.isToSettle === true
  }

  /** See {@link EntryKeeper.prepareSettle}. */
  prepareSettle(): Steps<void> {
    return this.#entries.prepareSettle()
  }

  get patterns(): Patterns {
    return this.#entries.known.patterns
  }

  /** Also expects whatever the compiled kernel profile had to widen; replaces the earlier widenings. */
  widen(widenings: readonly Widening[]): void {
    this.#entries.known.patterns.widen(widenings)
  }

  get derived(): DerivedReads {
    return this.#entries.known.derived
  }

  /** Rises with each change of the entries and of their cells, but not where only counts and times of cells rise. */
  get changes(): number {
    return this.#held.revision
  }

  /** Rises where the counts and times of cells rise. */
  get counts(): number {
    return this.#held.counts
  }

  get size(): number {
    return this.#held.size
  }

  /** Behaviours without the reads that follow from the image's files. */
  get ownSize(): number {
    return this.#held.size - this.#held.derived
  }

  /** Behaviours for people to look at: one that lies in a place is not listed separately. */
  get shown(): number {
    let count = 0
    for (const { within } of this.#entries.table) if (within === undefined) count += 1
    return count
  }

  all(): Iterable<Allowance> {
    this.#entries.settleForReader()
    return this.#entries.known.all()
  }

  allowance(key: string): Allowance | undefined {
    return this.#entries.known.allowance(key)
  }

  byActor(kind: string, exe: string): readonly Allowance[] {
    return this.#entries.known.byActor(kind, exe)
  }

  byObject(object: BehaviourObject): readonly Allowance[] {
    return this.#entries.known.byObject(object)
  }

  /** See {@link declareAll}. */
  declare(uid: number, from: string): boolean {
    return declareAll(this.#entries, this.shaper, uid, from)
  }

  /** Takes another copy's entries in. */
  merge(entries: Iterable<ProfileEntry>): void {
    mergeAll(this.#entries, this.shaper, entries)
  }

  /** See {@link EvidenceRecorder.observe}. */
  observe(event: ActEvent, refs: readonly BehaviourRef[], how: Observation): number {
    return this.#held.inUse.recorder.observe(event, refs, how)
  }

  /** See {@link EvidenceRecorder.addCountUpdate}. */
  addCountUpdate(id: BehaviourId, seen: CountUpdateOf, phase: Phase): boolean {
    return this.#held.inUse.recorder.addCountUpdate(id, seen, phase)
  }

  /** The behaviour under which an event is recorded. */
  recordedAs(ref: BehaviourRef): BehaviourRef {
    return this.#held.inUse.recorder.recordedAs(ref)
  }

  /** Its id, or that under which it would be recorded. */
  idOf(ref: BehaviourRef): BehaviourId {
    const { key } = this.recordedAs(ref)
    return this.#entries.table.byKey.get(key)?.id ?? behaviourId(key)
  }

  has(id: BehaviourId): boolean {
    return this.#held.ids.has(id)
  }

  /** A person decided that its programs are an open set: see `OpenClass`. */
  get isOpen(): boolean {
    return this.openDecision !== undefined
  }

  /** That decision. To ask again does not open a parked profile. */
  get openDecision(): Decision | undefined {
    if (!this.has(openClassId)) return undefined
    const revision = this.changes
    if (this.#classAt?.revision !== revision)
      this.#classAt = { revision, decision: this.subject(openClassId)?.decision }
    const { decision } = this.#classAt
    return decision?.kind === 'approved' ? decision : undefined
  }

  /** Ids that begin so: people copy the beginning of an id. */
  startingWith(prefix: string): readonly BehaviourId[] {
    if (prefix === '') return []
    const table = this.#held.unparked?.table
    return (
      table?.startingWith(prefix) ??
      [...this.#held.ids.keys()].filter((id) => id.startsWith(prefix))
    )
  }

  /** Who does what, and what was decided on it, without the evidence. */
  subject(
    id: BehaviourId,
  ):
    | Readonly<
        Pick<
          LiveEntry,
          'actor' | 'uid' | 'object' | 'decision' | 'inherited' | 'isWithoutEvidence' | 'state'
        >
      >
    | undefined {
    return this.#entries.table.byId.get(id)
  }

  entry(id: BehaviourId): ProfileEntry | undefined {
    return this.#entries.table.byId.get(id)?.toJSON()
  }

  state(id: BehaviourId): BehaviourState | undefined {
    return this.#entries.table.byId.get(id)?.state
  }

  /** Entries in order of id: all of them, or `limit` of those after the id `after`. */
  entries(after?: string, limit = Infinity): readonly ProfileEntry[] {
    this.settle()
    return this.#entries.table.page(after, limit).map((entry) => entry.toJSON())
  }

  /** {@link entries} as live objects: read only, and valid only until the next event. */
  page(after?: string, limit = Infinity): readonly Readonly<LiveEntry>[] {
    this.#entries.settleForReader()
    return this.#entries.table.page(after, limit)
  }

  /** One entry as a live object: read only, and valid only until the next event. */
  liveEntry(id: BehaviourId): Readonly<LiveEntry> | undefined {
    return this.#entries.table.byId.get(id)
  }

  /** Every entry as a live object, in no order: read only, and valid only until the next event. */
  outline(): Iterable<Readonly<LiveEntry>> {
    this.#entries.settleForReader()
    return this.#entries.table.byId.values()
  }

  /**
   * What is read of every entry as it is now, in no order, over several turns: see {@link EntryTable.snapshot}. Not of
   * its place, or the place that it is in.
   */
  snapshot<T>(read: (entry: Readonly<LiveEntry>) => T): Iterable<T> {
    return this.#entries.table.snapshot(read)
  }

  /** How many behaviours are in each state, and how many are for people to look at, see {@link shown}. */
  tally(): Steps<Tally> {
    return this.#figures.tally()
  }

  /** How well the evidence covers the image; exec sessions are no evidence about it. */
  coverage(runs: readonly ContainerRun[], slice: Micros): Coverage {
    return finish(this.coverageSteps(runs, slice))
  }

  /**
   * {@link coverage} with pauses. Only behaviours that one container showed allow an estimate of what is still unseen. Of a
   * profile that is open, of what stays closed.
   */
  coverageSteps(runs: readonly ContainerRun[], slice: Micros): Steps<Coverage> {
    return this.#figures.coverage(runs, slice, this.isOpen ? closedKinds : undefined)
  }

  /** Whether an event that shows it is expected at `now`. */
  isExpected(ref: BehaviourRef, now: Micros): boolean {
    return this.#entries.isExpected(ref, now)
  }

  /** Whether it expects whatever the service itself was seen to do under an entry of another profile. */
  expects(entry: Readonly<LiveEntry>, now: Micros): boolean {
    const seen = seenRefs(entry)
    return seen.length > 0 && seen.every((ref) => this.isExpected(ref, now))
  }

  /**
   * Records a person's decision on one behaviour; it covers the evidence so far. False where the behaviour does not
   * exist.
   */
  decide(id: BehaviourId, decision: DecisionInput): boolean {
    return this.decideAll([id], decision) === 1
  }

  /**
   * Decides on many, see {@link decideAll}.
   *
   * @param prepared by {@link prepareDecision}
   */
  decideAll(
    ids: Iterable<BehaviourId>,
    decision: DecisionInput,
    prepared?: PreparedDecision,
  ): number {
    return decideAll(this.#entries, ids, decision, prepared)
  }

  /** What a decision on many covers, with pauses, before the decision itself. */
  prepareDecision(ids: Iterable<BehaviourId>): Steps<PreparedDecision> {
    return prepareDecision(this.#entries, ids)
  }

  /** See {@link withdrawAll}. */
  withdrawAll(ids: Iterable<BehaviourId>, withdrawal: Withdrawal): number {
    return withdrawAll(this.#entries, ids, withdrawal)
  }

  /**
   * Makes the profile what it would be without that evidence, see {@link forgetAll}.
   *
   * @param at now: counts of forgotten evidence that a source held back until then are ignored
   */
  forget(what: Forgetting, at: Micros = -Infinity): Forgotten {
    this.#forgotten.add(what, at)
    if (what.kind === 'container') this.#held.inUse.parts.forget(what.container)
    return forgetAll(this.#entries, what)
  }

  /** See {@link expireInherited}. */
  expireInherited(isFrom: (from: string) => boolean): readonly ProfileEntry[] {
    return expireInherited(this.#entries, isFrom)
  }

  /** Whether it is expected by inheritance alone. */
  onlyInherited(id: BehaviourId): boolean {
    return this.#entries.table.byId.get(id)?.onlyInherited === true
  }

  /** See {@link HeldEntries.park}. */
  park(): void {
    this.#held.park()
  }

  get isParked(): boolean {
    return this.#held.isParked
  }

  /** See {@link HeldEntries.openings}. */
  get openings(): number {
    return this.#held.openings
  }

  /** See {@link EntryKeeper.fold}. */
  fold(folding: Folding, hasTime: () => boolean): void {
    this.#held.unparked?.fold(folding, hasTime)
  }

  /** Sessions and containers that the evidence names and whose ids begin so. */
  seenAs(kind: 'container' | 'session', prefix: string): readonly string[] {
    const found = new Set<string>()
    for (const entry of this.#entries.table) {
      for (const cell of entry.allCells()) {
        if (kind === 'container' ? cell.isOfEarlier : cell.isOfSessions) continue
        const name = cell[kind]
        if (name?.startsWith(prefix) === true) found.add(name)
      }
    }
    return [...found]
  }

  /** What changed since the last write, for the store. Undefined where nothing did. */
  drain(): ProfileWrite | undefined {
    const table = this.#held.unparked?.table
    if (table?.hasChanges !== true) return undefined
    const number = this.#writes.next()
    for (const id of this.#writes.due()) table.writeWhole(id)
    const removed = table.drainRemoved()
    for (const id of removed) this.#writes.included(id)
    const { ids, entries, counts } = table.drain(number)
    for (const id of ids) this.#writes.included(id)
    const written =
      counts.length === 0
        ? undefined
        : { number, slot: this.#writes.wrote(counts.flatMap((group) => group.ids)), counts }
    return { removed, entries, counts: written, obsolete: this.#writes.freeObsolete() }
  }
}
