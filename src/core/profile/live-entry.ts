import type { Origin } from '../event/event-words.ts'
import { Allowance, Grants } from './allowance.ts'
import {
  type Actor,
  type BehaviourId,
  behaviourId,
  behaviourKey,
  type BehaviourObject,
  type BehaviourRef,
} from '../behaviour/behaviour.ts'
import { grants, grantsShipped } from './cell-kind.ts'
import { EntryEvidence, isOwn } from './entry-evidence.ts'
import type { Cell } from './evidence.ts'
import {
  type BehaviourState,
  compareCells,
  type Decision,
  type Inheritable,
  type Inheritance,
  laterDecision,
  type ProfileEntry,
} from './profile-entry.ts'
import { isDrawn, PortsPattern } from '../behaviour/ports.ts'
import type { Shaper } from '../behaviour/shape.ts'
import type { ObjectPattern } from '../behaviour/shape-pattern.ts'
import { isPattern, shapedSubject } from '../behaviour/subject.ts'
import type { WitnessesJson } from '../behaviour/witness.ts'
import { type User, userOfStored } from '../behaviour/user.ts'
import { wholeText } from '../behaviour/whole-text.ts'
import type { SharedParts } from './shared-parts.ts'
import type { StoredEntry } from './stored-entry.ts'
import type { Place } from '../learning/place.ts'
import { isPathPlace, isPlace, keptOf, PlacePattern } from '../behaviour/place-pattern.ts'
import { placeJson } from './place-json.ts'

/** A {@link ProfileEntry} while it is in use. */
export class LiveEntry extends EntryEvidence {
  readonly id: BehaviourId
  readonly key: string
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly #shaper: Shaper
  inherited: Inheritance | undefined
  decision: Decision | undefined
  /** It is that very file: the image ships it, or its path was cut. This is independent of what its folder holds. */
  fixed = false
  /** Of a place: what the evidence makes of it. */
  place: Place | undefined
  /** The place that all of it is in. */
  within: BehaviourId | undefined

  /** @param key, id where they are known */
  constructor(
    actor: Actor,
    uid: User,
    object: BehaviourObject,
    shaper: Shaper,
    key?: string,
    id?: BehaviourId,
  ) {
    super()
    this.key = wholeText(key ?? behaviourKey(actor, uid, object))
    this.id = id ?? behaviourId(this.key)
    this.actor = actor
    this.uid = uid
    this.object = object
    this.#shaper = shaper
  }

  /** Made when asked for: what lies in a place allows nothing itself. */
  #shape(): ObjectPattern | undefined {
    const { object } = this
    if (isPathPlace(object)) return new PlacePattern(object)
    if (isDrawn(object)) return new PortsPattern()
    const subject = isPattern(object) ? shapedSubject(object) : undefined
    return subject === undefined ? undefined : this.#shaper.pattern(subject)
  }

  /** @param actor that of the behaviour, as others of it have it */
  static ofRef(ref: BehaviourRef, actor: Actor, shaper: Shaper): LiveEntry {
    const entry = new LiveEntry(actor, ref.uid, ref.object, shaper, ref.key)
    entry.fixed = ref.fixed === true
    return entry
  }

  static ofJSON(json: ProfileEntry, shaper: Shaper): LiveEntry {
    const entry = new LiveEntry(json.actor, userOfStored(json.uid), json.object, shaper)
    entry.merge(json)
    return entry
  }

  static ofStored(stored: StoredEntry, shaper: Shaper, parts: SharedParts): LiveEntry {
    const entry = new LiveEntry(
      parts.actor(stored.actor),
      userOfStored(stored.uid),
      stored.object,
      shaper,
    )
    entry.takeStored(stored.cells, parts)
    entry.inherited = stored.inherited
    entry.decision = stored.decision
    entry.fixed = stored.fixed === true
    return entry
  }

  protected override get kept(): number | undefined {
    return keptOf(this.object)
  }

  /** @param upTo number of the write */
  stored(upTo: number): StoredEntry {
    const { actor, uid, object, inherited, decision } = this
    return {
      schema: 'snug.behaviour/v2',
      actor,
      uid,
      object,
      cells: this.storedCells(),
      ...(inherited === undefined ? {} : { inherited }),
      ...(decision === undefined ? {} : { decision }),
      ...(this.fixed ? { fixed: true as const } : {}),
      upTo,
    }
  }

  /** Takes in another copy's evidence and decisions. */
  merge(json: ProfileEntry): void {
    for (const cell of json.cells) {
      this.cell(cell.container, cell.origin, cell.session, cell.phase).merge(cell)
    }
    this.decision = laterDecision(this.decision, json.decision)
    if (json.fixed === true) this.fixed = true
    if (json.inherited !== undefined) {
      this.inherited = joined(this.inherited, json.inherited, this.kept)
    }
  }

  get empty(): boolean {
    return (
      this.place === undefined &&
      this.isWithoutEvidence &&
      this.inherited === undefined &&
      this.decision === undefined
    )
  }

  allowance(): Allowance {
    const learned = new Grants(this.kept)
    const shipped = new Grants(this.kept)
    if (this.isPlace) this.#grantPlace(learned)
    else for (const cell of this.cellsThat(grants)) learned.merge(grantOf(cell))
    for (const cell of this.cellsThat(grantsShipped)) shipped.merge(grantOf(cell))
    const { inherited, decision } = this
    const shape = this.#shape()
    return new Allowance(this, {
      learned,
      ...(shipped.empty ? {} : { shipped }),
      ...(shape === undefined ? {} : { shape }),
      ...(inherited === undefined ? {} : { inherited }),
      ...(decision === undefined ? {} : { decision }),
      ...(this.place === undefined ? {} : { renames: this.place.renames }),
    })
  }

  /** A pattern all of whose evidence is in a place. */
  get isSuperseded(): boolean {
    return this.within !== undefined && this.isPattern
  }

  get isPattern(): boolean {
    return isPlace(this.object) || isPattern(this.object)
  }

  /** A person rejected it. */
  get rejected(): boolean {
    return this.decision?.kind === 'rejected'
  }

  get isPlace(): boolean {
    return this.kept !== undefined
  }

  /** What a place allows are the paths of its templates, and not the names that it was learned from. */
  #grantPlace(grants: Grants): void {
    const literals = this.place?.templates ?? []
    for (const origin of this.place?.origins ?? []) {
      grants.merge({ origin, witnesses: { literals, places: [] } })
    }
  }

  /** The behaviour of the declared user, as inherited: it has no evidence itself. */
  asDeclared(from: string): ProfileEntry {
    const grants = this.allowance().grants.toJSON()
    return {
      schema: 'snug.behaviour/v1',
      id: behaviourId(behaviourKey(this.actor, 'declared', this.object)),
      actor: this.actor,
      uid: 'declared',
      object: this.object,
      cells: [],
      ...(grants.length === 0 ? {} : { inherited: { from, grants } }),
      ...(this.decision === undefined ? {} : { decision: this.decision }),
    }
  }

  /** All that was seen, by origin: what a person approves when approving it as it stands. */
  seen(): Grants {
    const all = new Grants(this.kept)
    if (this.isPlace) this.#grantPlace(all)
    else for (const cell of this.allCells()) all.merge(grantOf(cell))
    for (const grant of this.inherited?.grants ?? []) all.merge(grant)
    return all
  }

  /** A person's decision on it is in effect. */
  get isDecided(): boolean {
    return this.decision !== undefined && this.decision.kind !== 'withdrawn'
  }

  /** It was seen, or decided on, as a separate behaviour. */
  get isOwn(): boolean {
    if (this.isDecided || this.inherited !== undefined) return true
    return this.kinds().some(isOwn)
  }

  /** Some evidence of it allows it. */
  get isGranted(): boolean {
    return this.kinds().some(grants)
  }

  /** All evidence of it is of reads that follow from the image's files. */
  get isDerived(): boolean {
    return !this.isOwn && this.kinds().some(({ phase }) => phase === 'derived')
  }

  /**
   * Expected only by inheritance: neither the service nor a person confirmed it in this version.
   */
  get onlyInherited(): boolean {
    if (this.inherited === undefined || this.isDecided) return false
    return this.kinds().every(({ origin }) => origin === 'exec-in')
  }

  get state(): BehaviourState {
    if (this.decision !== undefined && this.decision.kind !== 'withdrawn') return this.decision.kind
    if (this.inherited !== undefined || this.place !== undefined) return 'learned'
    let state: BehaviourState = 'apart'
    let isDerived = false
    for (const kind of this.kinds()) {
      if (grants(kind)) return 'learned'
      if (grantsShipped(kind)) isDerived = true
      if (kind.guardrails.length > 0) state = 'quarantined'
      else if (state === 'apart' && kind.origin !== 'exec-in' && kind.phase !== 'derived') {
        state = 'pending'
      }
    }
    return isDerived && state === 'apart' ? 'derived' : state
  }

  /** What {@link toJSON} gives, without the evidence that a successor does not inherit. */
  inheritable(): Inheritable {
    const { id, actor, uid, object, inherited, decision, place, within } = this
    const cells = [...this.allCells()]
      .filter(({ phase }) => phase === 'learned')
      .map(({ origin, phase, guardrails, witnesses }) => {
        return witnesses === undefined
          ? { origin, phase, guardrails }
          : { origin, phase, guardrails, witnesses: witnesses.toJSON() }
      })
    return {
      schema: 'snug.behaviour/v1',
      id,
      actor,
      uid,
      object,
      cells,
      ...(inherited === undefined ? {} : { inherited }),
      ...(decision === undefined ? {} : { decision }),
      ...(place === undefined ? {} : { place }),
      ...(within === undefined ? {} : { within }),
    }
  }

  toJSON(): ProfileEntry {
    const { id, actor, uid, object } = this
    return {
      schema: 'snug.behaviour/v1',
      id,
      actor,
      uid,
      object,
      cells: [...this.allCells()].sort(compareCells).map((cell) => cell.toJSON()),
      ...(this.inherited === undefined ? {} : { inherited: this.inherited }),
      ...(this.decision === undefined ? {} : { decision: this.decision }),
      ...(this.fixed ? { fixed: true as const } : {}),
      ...(this.place === undefined ? {} : { place: placeJson(this.place) }),
      ...(this.within === undefined ? {} : { within: this.within }),
    }
  }
}

function grantOf(cell: Cell): { origin: Origin; witnesses?: WitnessesJson } {
  return cell.witnesses === undefined
    ? { origin: cell.origin }
    : { origin: cell.origin, witnesses: cell.witnesses.toJSON() }
}

function joined(a: Inheritance | undefined, b: Inheritance, kept: number | undefined): Inheritance {
  if (a === undefined) return b
  const grants = new Grants(kept)
  for (const grant of [...a.grants, ...b.grants]) grants.merge(grant)
  return { from: a.from > b.from ? a.from : b.from, grants: grants.toJSON() }
}
