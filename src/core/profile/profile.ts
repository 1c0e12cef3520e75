import { accountOf } from '../behaviour/user.ts'
import type { ActEvent, Origin } from '../event/event.ts'
import { type Micros, microsOf } from '../event/time.ts'
import type { Allowance } from './allowance.ts'
import {
  type BehaviourId,
  behaviourId,
  type BehaviourObject,
  type BehaviourRef,
} from '../behaviour/behaviour.ts'
import { matchedRuleOf } from './matched-rule.ts'
import type { ContainerRun, Coverage } from '../coverage/coverage.ts'
import type { Cell } from './evidence.ts'
import type { ProfileReader, Patterns } from './profile-reader.ts'
import {
  type Forgetting,
  forgetIn,
  type Forgotten,
  isForgotten,
  joined,
  mayForget,
} from './forgetting.ts'
import { type DrainedEntry, EntryTable } from './entry-table.ts'
import { foldIn, type Folding } from './folding.ts'
import { KnownIndex } from './rule-index.ts'
import type { DerivedReads } from '../learning/derived-reads.ts'
import { LiveEntry } from './live-entry.ts'
import {
  type BehaviourState,
  compareText,
  type Decision,
  type Grant,
  type Phase,
  type ProfileEntry,
} from './profile-entry.ts'
import { SharedParts } from './shared-parts.ts'
import { recordedAs } from '../behaviour/recorded-as.ts'
import type { AnyStoredEntry } from './stored-entry.ts'
import type { Shaper } from '../behaviour/shape.ts'
import { SUBJECT_TO } from '../behaviour/language.ts'
import { RENAMES_TO } from '../behaviour/shape-pattern.ts'
import type { Span } from '../coverage/time-buckets.ts'
import type { Widening } from '../behaviour/widening.ts'
import { PlaceKeeper, type Settled } from './place-keeper.ts'
import { finish, type Steps } from '../steps.ts'
import { TableFigures, type Tally } from './table-figures.ts'

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

/** Counts are kept back for seconds: more is not forgotten meanwhile. */
const forgettingsKept = 32

/** What was seen of each behaviour that a decision is about. */
export type PreparedDecision = ReadonlyMap<BehaviourId, readonly Grant[]>

const noneSeen: PreparedDecision = new Map()

/** What a person decided; the grants are filled in from what was seen. */
export type DecisionInput = Omit<Decision, 'grants' | 'kind'> & {
  readonly kind: Exclude<Decision['kind'], 'withdrawn'>
}

/**
 * The behaviours of one version with their evidence, and, kept in step, the allowances that follow from them. Judge
 * against the profile itself or against `compile(entries)`: both give the same result.
 */
export class Profile implements ProfileReader {
  readonly shaper: Shaper
  readonly #table = new EntryTable()
  readonly #figures = new TableFigures(this.#table)
  readonly #known: KnownIndex
  readonly #places: PlaceKeeper
  /** The last that was forgotten, and when. */
  readonly #forgotten: { readonly what: Forgetting; readonly at: Micros }[] = []
  readonly #parts = new SharedParts()
  /** Entries with evidence that is worth folding. */
  readonly #crowded = new Set<LiveEntry>()
  /** Entries that began as derived reads. */
  readonly #derived = new Set<LiveEntry>()
  /** Size at which the places were last derived for a lack of room. */
  #fullAt = 0

  constructor(shaper: Shaper) {
    this.shaper = shaper
    this.#known = new KnownIndex(shaper)
    this.#places = new PlaceKeeper(shaper)
  }

  /** Merges where entries name the same behaviour: loading twice is loading once. */
  static load(entries: Iterable<ProfileEntry>, shaper: Shaper): Profile {
    const profile = new Profile(shaper)
    profile.merge(entries)
    finish(profile.#loaded())
    return profile
  }

  /** The same of entries as the store has them, in the present form or an earlier one, with pauses. */
  static *restore(stored: Iterable<AnyStoredEntry>, shaper: Shaper): Steps<Profile> {
    const profile = new Profile(shaper)
    for (const each of stored) {
      yield
      if (each.schema !== 'snug.behaviour/v2') {
        profile.merge([each])
        continue
      }
      const entry = LiveEntry.ofStored(each, shaper, profile.#parts)
      if (profile.#table.byKey.has(entry.key)) profile.merge([entry.toJSON()])
      else if (!entry.empty) {
        profile.#add(entry)
        profile.#mayFold(entry)
        profile.#refresh(entry)
      }
    }
    yield* profile.#loaded()
    return profile
  }

  *#loaded(): Steps<void> {
    yield* this.settleSteps()
    for (const entry of this.#table) {
      yield
      if (entry.isDerived) this.#derived.add(entry)
    }
    this.#table.stored()
  }

  /** Looks at the evidence again for places: where a window ends, and where evidence was merged or taken away. */
  settle(): void {
    if (this.#places.isDirty) this.#settled(this.#places.settle(this.#table.byKey))
  }

  /** The same for a reader. Of much that is still learned, places are as {@link settleSteps} left them. */
  #settleForReader(): void {
    if (!this.#places.mayWait) this.settle()
  }

  /** The same with pauses. What is learned meanwhile waits for the next time. */
  *settleSteps(): Steps<void> {
    if (!this.#places.isDirty) return
    const { seen } = this.#places
    yield* this.#places.prepare(this.#table.byKey)
    this.#settled(this.#places.settlePrepared(this.#table.byKey, seen))
  }

  /** While evidence is learned, places are worth deriving each time when it has doubled. */
  get isToSettle(): boolean {
    return this.#places.isDue
  }

  #settled({ added, removed, changed, moved }: Settled): void {
    for (const entry of added) {
      this.#add(entry)
      this.#known.set(entry.allowance())
    }
    for (const entry of removed) this.#remove(entry)
    for (const entry of changed) {
      this.#refresh(entry)
      this.#table.changed(entry)
    }
    for (const entry of moved) {
      // What a literal entry allows does not depend on its place.
      if (entry.isPattern) this.#refresh(entry)
    }
    if (moved.length > 0) this.#table.moved()
  }

  /** Does most of the next {@link settle}, with pauses, unless the evidence changes meanwhile. */
  prepareSettle(): Steps<void> {
    return this.#places.prepare(this.#table.byKey)
  }

  get patterns(): Patterns {
    return this.#known.patterns
  }

  /** Also expects whatever the compiled kernel profile had to widen; replaces the earlier widenings. */
  widen(widenings: readonly Widening[]): void {
    this.#known.patterns.widen(widenings)
  }

  get derived(): DerivedReads {
    return this.#known.derived
  }

  /** Rises with each change of the entries and of their cells, but not where only counts and times of cells rise. */
  get changes(): number {
    return this.#table.revision
  }

  get size(): number {
    return this.#table.size
  }

  /** Behaviours without the reads that follow from the image's files. */
  get ownSize(): number {
    return this.#table.size - this.#derived.size
  }

  /** Behaviours for people to look at: one that lies in a place is not listed separately. */
  get shown(): number {
    let count = 0
    for (const { within } of this.#table) if (within === undefined) count += 1
    return count
  }

  all(): Iterable<Allowance> {
    this.#settleForReader()
    return this.#known.all()
  }

  allowance(key: string): Allowance | undefined {
    return this.#known.allowance(key)
  }

  byActor(kind: string, exe: string): readonly Allowance[] {
    return this.#known.byActor(kind, exe)
  }

  byObject(object: BehaviourObject): readonly Allowance[] {
    return this.#known.byObject(object)
  }

  /**
   * The image runs as this user: behaviour under this uid is now also expected of the declared user. The uid's
   * behaviour was learned before declared users were distinguished, or from containers that declared none. True where
   * that changes the profile.
   */
  declare(uid: number, from: string): boolean {
    if (uid === 0) return false
    let isNews = false
    const numbered = [...this.#table].filter((entry) => entry.uid === accountOf(uid))
    for (const entry of numbered) {
      const twin = entry.asDeclared(from)
      if (twin.inherited === undefined && twin.decision === undefined) continue
      const before = JSON.stringify(this.entry(twin.id))
      this.merge([twin])
      const after = this.#table.byId.get(twin.id)
      if (after === undefined || JSON.stringify(after.toJSON()) === before) continue
      this.#table.changed(after)
      isNews = true
    }
    return isNews
  }

  /** Takes another copy's entries in. */
  merge(entries: Iterable<ProfileEntry>): void {
    for (const json of entries) {
      const fresh = LiveEntry.ofJSON(json, this.shaper)
      const known = this.#table.byKey.get(fresh.key)
      if (known === undefined) {
        if (fresh.empty) continue
        this.#add(fresh)
      } else {
        this.#table.changes(known)
        known.merge(json)
        this.#table.changed(known)
        this.#places.touch(known)
      }
      this.#mayFold(known ?? fresh)
      this.#refresh(known ?? fresh)
    }
  }

  /**
   * Records an event. Constant time where all its behaviours and witnesses are already in the profile.
   *
   * @returns how many of the behaviours had no room, and are expected by none that is recorded
   */
  observe(event: ActEvent, refs: readonly BehaviourRef[], how: Observation): number {
    const { process, node, source } = event
    const isNodeFull = how.isNodeFull === true
    const isFull = how.isFull === true || isNodeFull
    if (how.phase === 'later') this.#settleForReader()
    else if (isFull) this.#settleFull()
    const container = this.#parts.text(event.container.id)
    const when = microsOf(event.time)
    const count = event.count ?? 1
    let refused = 0
    for (let i = 0; i < refs.length; i++) {
      const reported = refs[i]
      if (reported === undefined) continue
      const ref = this.recordedAs(reported)
      let entry = this.#table.byKey.get(ref.key)
      const phase = this.#phaseOf(ref, how, i, when)
      if (phase === undefined) continue
      const hasRoom =
        phase === 'derived' ? this.#derived.size < derivedKept && !isNodeFull : !isFull
      if (entry === undefined && (phase === 'later' || !hasRoom)) {
        // A behaviour that includes it expects it: it needs no review, and counts there.
        const cover = matchedRuleOf(this.#known, ref, () => when)
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
        entry = this.#add(LiveEntry.ofRef(ref, this.#parts.actor(ref.actor), this.shaper))
        if (phase === 'derived') this.#derived.add(entry)
      }
      this.#table.changes(entry)
      const cell = entry.cell(container, process.origin, process.session, phase)
      const before = (cell.grants || cell.grantsShipped) && cell.count > 0
      const guardrails = how.guardrails?.[i] ?? []
      if (cell.count === 0 || guardrails.length > 0) this.#table.cellsChanged()
      this.#mayFold(entry)
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
        if (cell.grants) this.#places.grew(entry)
        else this.#places.outdate(entry)
      }
      if (isNews) this.#table.changed(entry)
      else this.#table.counted(entry)
    }
    return refused
  }

  /** Once a profile is full, places that the names so far make take further names. */
  #settleFull(): void {
    if (this.#fullAt === this.#table.size) return
    this.settle()
    this.#fullAt = this.#table.size
  }

  #grants({ key }: LiveEntry, origin: Origin): boolean {
    return this.#known.allowance(key)?.origins.includes(origin) === true
  }

  /** Evidence alone allows it already. */
  #isGranted({ key }: LiveEntry, { origin, phase }: Cell): boolean {
    const allowance = this.#known.allowance(key)
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
    if (this.derived.fromOf(ref, now) === undefined) return how.phase
    if (this.#table.byKey.get(ref.key)?.isOwn === true) return how.phase
    return how.phase === 'learned' || this.isExpected(ref, when) ? 'derived' : undefined
  }

  /** The behaviour under which an event is recorded. */
  recordedAs(ref: BehaviourRef): BehaviourRef {
    return this.#table.byKey.has(ref.key) ? ref : recordedAs(this.patterns, this.shaper, ref)
  }

  #count(key: string, event: ActEvent, when: Micros): void {
    const entry = this.#table.byKey.get(key)
    if (entry === undefined) return
    const { origin, session } = event.process
    this.#table.changes(entry)
    const cell = entry.cell(this.#parts.text(event.container.id), origin, session, 'later')
    if (cell.count === 0) this.#table.cellsChanged()
    this.#mayFold(entry)
    cell.see(event.count ?? 1, when)
    cell.from(event.node, event.source)
    this.#table.counted(entry)
  }

  /** Its id, or that under which it would be recorded. */
  idOf(ref: BehaviourRef): BehaviourId {
    const { key } = this.recordedAs(ref)
    return this.#table.byKey.get(key)?.id ?? behaviourId(key)
  }

  /** Adds counts that a source kept back. False where the behaviour is not in the profile. */
  addCountUpdate(id: BehaviourId, seen: CountUpdateOf, phase: Phase): boolean {
    const entry = this.#table.byId.get(id)
    if (entry === undefined) return false
    if (this.#forgotten.some(({ what, at }) => isForgotten(what, seen, at))) return true
    this.#table.changes(entry)
    // Counts of what follows from the image's files are evidence of that, and of nothing more.
    const as = entry.isDerived ? 'derived' : phase
    const cell = entry.cell(this.#parts.text(seen.container), seen.origin, seen.session, as)
    if (cell.count === 0) this.#table.cellsChanged()
    // One more container that shows what others did is a count.
    const isNew = cell.count === 0 && !this.#isGranted(entry, cell)
    this.#mayFold(entry)
    cell.seeSpan(seen.count, microsOf(seen.first), microsOf(seen.last))
    cell.from(seen.node, seen.source)
    if (isNew && (cell.grants || cell.grantsShipped)) this.#refresh(entry)
    this.#table.counted(entry)
    return true
  }

  has(id: BehaviourId): boolean {
    return this.#table.byId.has(id)
  }

  /** Ids that begin so: people copy the beginning of an id. */
  startingWith(prefix: string): readonly BehaviourId[] {
    return prefix === '' ? [] : [...this.#table.byId.keys()].filter((id) => id.startsWith(prefix))
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
    return this.#table.byId.get(id)
  }

  entry(id: BehaviourId): ProfileEntry | undefined {
    return this.#table.byId.get(id)?.toJSON()
  }

  state(id: BehaviourId): BehaviourState | undefined {
    return this.#table.byId.get(id)?.state
  }

  /** Entries in order of id: all of them, or `limit` of those after the id `after`. */
  entries(after?: string, limit = Infinity): readonly ProfileEntry[] {
    this.settle()
    return this.#table.page(after, limit).map((entry) => entry.toJSON())
  }

  /** The same entries as live objects: read only, and valid only until the next event. */
  page(after?: string, limit = Infinity): readonly Readonly<LiveEntry>[] {
    this.#settleForReader()
    return this.#table.page(after, limit)
  }

  /** Every entry as a live object, in no order: read only, and valid only until the next event. */
  outline(): Iterable<Readonly<LiveEntry>> {
    this.#settleForReader()
    return this.#table.byId.values()
  }

  /** How many behaviours are in each state, and how many are for people to look at, see {@link shown}. */
  tally(): Steps<Tally> {
    return this.#figures.tally()
  }

  /** How well the evidence covers the image; exec sessions are no evidence about it. */
  coverage(runs: readonly ContainerRun[], slice: Micros): Coverage {
    return finish(this.coverageSteps(runs, slice))
  }

  /** The same, with pauses. Only behaviours that one container showed allow an estimate of what is still unseen. */
  coverageSteps(runs: readonly ContainerRun[], slice: Micros): Steps<Coverage> {
    return this.#figures.coverage(runs, slice)
  }

  /** Whether an event that shows it is expected at `now`. */
  isExpected(ref: BehaviourRef, now: Micros): boolean {
    this.#settleForReader()
    return matchedRuleOf(this.#known, ref, () => now) !== undefined
  }

  /** Whether it expects whatever the service itself was seen to do under an entry of another profile. */
  expects(entry: Readonly<LiveEntry>, now: Micros): boolean {
    const { key, actor, uid, object } = entry
    let isSeen = false
    for (const { origin, count, witnesses } of entry.allCells()) {
      if (origin === 'exec-in' || count === 0) continue
      isSeen = true
      const literals = witnesses?.literals.toJSON() ?? []
      const refs: readonly BehaviourRef[] =
        literals.length === 0
          ? [{ key, actor, uid, object, origin }]
          : literals.map((text) => {
              const literal = { text, values: [], subject: text.replace(RENAMES_TO, SUBJECT_TO) }
              return { key, actor, uid, object, origin, literal }
            })
      if (!refs.every((ref) => this.isExpected(ref, now))) return false
    }
    return isSeen
  }

  /**
   * Records a person's decision on one behaviour; it covers the evidence so far. False where the behaviour does not
   * exist.
   */
  decide(id: BehaviourId, decision: DecisionInput): boolean {
    return this.decideAll([id], decision) === 1
  }

  /**
   * The same of many, as one step: places are derived once. Returns how many of them exist.
   *
   * @param prepared by {@link prepareDecision}
   */
  decideAll(
    ids: Iterable<BehaviourId>,
    decision: DecisionInput,
    prepared: PreparedDecision = noneSeen,
  ): number {
    let decided = 0
    for (const id of ids) {
      const entry = this.#table.byId.get(id)
      if (entry === undefined) continue
      const grants = prepared.get(id) ?? entry.seen().toJSON()
      this.#decide(entry, { ...decision, grants })
      decided += 1
    }
    if (decided > 0) this.settle()
    return decided
  }

  /** What a decision on many covers, with pauses, before the decision itself. */
  *prepareDecision(ids: Iterable<BehaviourId>): Steps<PreparedDecision> {
    const seen = new Map<BehaviourId, readonly Grant[]>()
    for (const id of ids) {
      const entry = this.#table.byId.get(id)
      if (entry !== undefined) {
        seen.set(id, entry.seen().toJSON())
        // Of what waits for review there is none yet. It allows nothing.
        if (this.#known.allowance(entry.key) === undefined) this.#refresh(entry)
      }
      yield
    }
    return seen
  }

  #decide(entry: LiveEntry, decision: Decision): void {
    // Of what waits for review, no place was derived.
    const isOfPlace = entry.place !== undefined || entry.within !== undefined
    if (isOfPlace || entry.isGranted) this.#places.touch(entry)
    this.#table.changes(entry)
    entry.decision = decision
    if (entry.isSuperseded || !this.#known.decide(entry.key, decision)) this.#refresh(entry)
    this.#table.changed(entry)
  }

  /**
   * Withdraws the last decision on it, and removes an entry that rests on that decision alone. False where there is
   * none.
   */
  withdraw(id: BehaviourId, word: Pick<Decision, 'by' | 'at' | 'reason'>): boolean {
    return this.withdrawAll([id], word) === 1
  }

  /** The same of many, as one step. Returns how many of them were decided. */
  withdrawAll(ids: Iterable<BehaviourId>, word: Pick<Decision, 'by' | 'at' | 'reason'>): number {
    let withdrawn = 0
    for (const id of ids) {
      const entry = this.#table.byId.get(id)
      if (entry?.isDecided !== true) continue
      withdrawn += 1
      if (entry.isWithoutEvidence && entry.inherited === undefined) this.#remove(entry)
      else this.#decide(entry, { ...word, kind: 'withdrawn', grants: [] })
    }
    if (withdrawn > 0) this.settle()
    return withdrawn
  }

  /**
   * Makes the profile what it would be without that evidence. Later events that were expected because of it stay
   * counted where they were expected.
   *
   * @param at now: counts of forgotten evidence that a source held back until then are ignored
   */
  forget(what: Forgetting, at: Micros = -Infinity): Forgotten {
    this.#forgotten.push({ what, at })
    if (this.#forgotten.length > forgettingsKept) this.#forgotten.shift()
    if (what.kind === 'container') this.#parts.forget(what.container)
    const gone: ProfileEntry[] = []
    const lessened: BehaviourId[] = []
    let acts = 0
    let span: Span | undefined
    // Deleting what an iteration of a Map has just visited is defined and safe.
    for (const entry of this.#table) {
      const before = mayForget(entry, what) ? entry.toJSON() : undefined
      if (before !== undefined) this.#table.changes(entry)
      const less = before === undefined ? undefined : forgetIn(entry, what)
      if (before === undefined || less === undefined) continue
      acts += less.acts
      span = joined(span, less.span)
      if (entry.empty) {
        this.#remove(entry)
        gone.push(before)
      } else {
        lessened.push(entry.id)
        this.#places.touch(entry)
        this.#refresh(entry)
        this.#table.changed(entry)
      }
    }
    this.settle()
    gone.sort((a, b) => compareText(a.id, b.id))
    lessened.sort(compareText)
    return { gone, lessened, acts, ...(span === undefined ? {} : { span }) }
  }

  /** Removes inherited behaviours that were never shown. Returns them as they were, in order of id. */
  expireInherited(): readonly ProfileEntry[] {
    const gone: ProfileEntry[] = []
    for (const entry of this.#table) {
      if (!entry.onlyInherited) continue
      gone.push(entry.toJSON())
      this.#table.changes(entry)
      entry.inherited = undefined
      this.#places.outdate(entry)
      if (entry.empty) {
        this.#remove(entry)
        continue
      }
      this.#refresh(entry)
      this.#table.changed(entry)
    }
    return gone.sort((a, b) => compareText(a.id, b.id))
  }

  /** Whether it is expected by inheritance alone. */
  onlyInherited(id: BehaviourId): boolean {
    return this.#table.byId.get(id)?.onlyInherited === true
  }

  #mayFold(entry: LiveEntry): void {
    if (entry.isCrowded) this.#crowded.add(entry)
  }

  /**
   * Adds old evidence up where there is much of it, see {@link foldIn}.
   *
   * @param hasTime false ends the work, which continues with the next call
   */
  fold(folding: Folding, hasTime: () => boolean): void {
    for (const entry of this.#crowded) {
      if (!hasTime()) return
      this.#crowded.delete(entry)
      this.#table.changes(entry)
      if (foldIn(entry, folding)) this.#table.counted(entry)
      this.#table.cellsChanged()
    }
  }

  /** Sessions and containers that the evidence names and whose ids begin so. */
  seenAs(kind: 'container' | 'session', prefix: string): readonly string[] {
    const found = new Set<string>()
    for (const entry of this.#table) {
      for (const cell of entry.allCells()) {
        if (kind === 'container' ? cell.isOfEarlier : cell.isOfSessions) continue
        const name = cell[kind]
        if (name?.startsWith(prefix) === true) found.add(name)
      }
    }
    return [...found]
  }

  /** Entries of which only counts rose, and for which the last drain had no time. */
  get undrained(): number {
    return this.#table.undrained
  }

  /** See {@link EntryTable.drainChanged}. */
  drainChanged(hasTime: () => boolean = () => true): Iterable<DrainedEntry> {
    return this.#table.drainChanged(hasTime)
  }

  /** Ids of entries removed since last drained. */
  drainRemoved(): readonly BehaviourId[] {
    return this.#table.drainRemoved()
  }

  #add(entry: LiveEntry): LiveEntry {
    this.#table.add(entry)
    this.#places.add(entry)
    return entry
  }

  #remove(entry: LiveEntry): void {
    this.#table.remove(entry)
    this.#derived.delete(entry)
    this.#known.delete(entry.key)
    this.#crowded.delete(entry)
    this.#places.remove(entry)
  }

  #refreshFor(entry: LiveEntry, ref: BehaviourRef, grants: boolean): void {
    const allowance = this.#known.allowance(entry.key)
    // The common case, one more witness of a learned behaviour, need not look at all the evidence.
    if (grants && allowance !== undefined && allowance.decision === undefined) {
      allowance.grants.add(ref.origin, ref.literal)
    } else {
      this.#refresh(entry)
    }
  }

  #refresh(entry: LiveEntry): void {
    // The place allows it; a separate pattern beside it would describe the same less clearly.
    if (entry.isSuperseded) this.#known.supersede(entry)
    else this.#known.set(entry.allowance())
  }
}
