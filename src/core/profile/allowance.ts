import type { Origin } from '../event/event-words.ts'
import { type Micros, microsOf } from '../event/time.ts'
import type { Actor, BehaviourId, BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import type { Decision, Grant, Inheritance } from './profile-entry.ts'
import type { AddressBlock } from '../behaviour/address-block.ts'
import { blockOf } from '../behaviour/peer.ts'
import type { PathPattern } from '../behaviour/language.ts'
import { type ObjectPattern, sourcesOf } from '../behaviour/shape-pattern.ts'
import { type RelatedShown, type Literal, Witnesses } from '../behaviour/witness.ts'
import { accountOf, type User } from '../behaviour/user.ts'
import { isPlace, keptOf, PlacePattern } from '../behaviour/place-pattern.ts'

const NO_FACES: readonly Allowance[] = []
const NOTHING: Literal = { text: '', values: [] }

/** Of one shape: a place has one for each access. */
interface KnownPattern {
  readonly shape: ObjectPattern
  readonly open: string
  readonly pattern: PathPattern
}

/** What is allowed for one origin. */
interface OfOrigin {
  readonly origin: Origin
  /** Absent: no literal was shown. */
  readonly witnesses?: Witnesses
  /** Made when asked for, of the witnesses as they then are. */
  readonly patterns?: readonly KnownPattern[]
}

const UNSHOWN = new Witnesses()
const NO_THRESHOLDS: readonly number[] = []
const NO_ORIGINS: readonly OfOrigin[] = []
const NO_PATTERNS: readonly KnownPattern[] = []

/** Most behaviours are literal and of one origin: all of one origin share one list. */
const ofOneOrigin = new Map<Origin, readonly OfOrigin[]>()

function justOf(origin: Origin): readonly OfOrigin[] {
  let list = ofOneOrigin.get(origin)
  if (list === undefined) {
    list = [{ origin }]
    ofOneOrigin.set(origin, list)
  }
  return list
}

/** The origins for which a behaviour is allowed, and its limits. */
export class Grants {
  readonly #kept: number | undefined
  /** Lists and their elements are shared: they are replaced, and never changed. */
  #list = NO_ORIGINS

  /** @param kept witnesses of an origin of which no more are remembered */
  constructor(kept?: number) {
    this.#kept = kept
  }

  get empty(): boolean {
    return this.#list.length === 0
  }

  get origins(): readonly Origin[] {
    return this.#list.map(({ origin }) => origin)
  }

  includes(wanted: Origin): boolean {
    for (const { origin } of this.#list) if (origin === wanted) return true
    return false
  }

  add(origin: Origin, literal: Literal | undefined): void {
    if (literal === undefined) this.#allow(origin)
    else if (this.#witnessing(origin).add(literal)) this.#forgetPatterns(origin)
  }

  merge({ origin, witnesses }: Grant): void {
    if (witnesses === undefined) this.#allow(origin)
    else if (this.#witnessing(origin).merge(witnesses)) this.#forgetPatterns(origin)
  }

  /** What was shown for that origin: read only. */
  of(origin: Origin): Witnesses {
    return this.#find(origin)?.witnesses ?? UNSHOWN
  }

  covers(ref: BehaviourRef, thresholds: readonly number[], related?: RelatedShown): boolean {
    const known = this.#find(ref.origin)
    if (known === undefined) return false
    if (thresholds.length === 0) return true
    return (known.witnesses ?? UNSHOWN).covers(ref.literal ?? NOTHING, thresholds, related)
  }

  /** The paths of that shape that are allowed for the origin. */
  pattern(origin: Origin, shape: ObjectPattern, related?: RelatedShown): PathPattern | undefined {
    const allowed = this.#find(origin)
    if (allowed === undefined) return undefined
    const { witnesses = UNSHOWN, patterns = NO_PATTERNS } = allowed
    // Related behaviours may have shown more by now.
    const open = shape.thresholds.map((needed, i) => witnesses.isOpen(i, needed, related)).join()
    const known = patterns.find((one) => one.shape === shape)
    if (known?.open === open) return known.pattern
    const pattern = shape.of(witnesses, related)
    const others = patterns.filter((one) => one !== known)
    this.#put({ ...allowed, patterns: [...others, { shape, open, pattern }] })
    return pattern
  }

  open(thresholds: readonly number[], related?: RelatedShown): boolean {
    return this.#list.some(({ witnesses = UNSHOWN }) => witnesses.open(thresholds, related))
  }

  /** What was shown at a place, whatever the origin. */
  valuesAt(place: number): readonly string[] {
    return this.#list.flatMap(({ witnesses }) => witnesses?.places[place]?.toJSON() ?? [])
  }

  toJSON(): readonly Grant[] {
    return this.#list.map(({ origin, witnesses }) =>
      witnesses === undefined || witnesses.literals.size === 0
        ? { origin }
        : { origin, witnesses: witnesses.toJSON() },
    )
  }

  #find(origin: Origin): OfOrigin | undefined {
    for (const allowed of this.#list) if (allowed.origin === origin) return allowed
    return undefined
  }

  #allow(origin: Origin): void {
    if (this.#list.length === 0) this.#list = justOf(origin)
    else if (!this.includes(origin)) this.#list = this.#list.concat({ origin })
  }

  #witnessing(origin: Origin): Witnesses {
    const known = this.#find(origin)?.witnesses
    if (known !== undefined) return known
    const witnesses = new Witnesses(this.#kept)
    this.#allow(origin)
    this.#put({ origin, witnesses })
    return witnesses
  }

  #forgetPatterns(origin: Origin): void {
    const known = this.#find(origin)
    if (known?.patterns === undefined) return
    const { patterns: _, ...rest } = known
    this.#put(rest)
  }

  #put(allowed: OfOrigin): void {
    this.#list = this.#list.map((each) => (each.origin === allowed.origin ? allowed : each))
  }
}

/** Who does what. */
export interface AllowanceSubject {
  readonly id: BehaviourId
  readonly key: string
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
}

/** What makes up the judgement on one behaviour of a version: the one meaning of a profile entry. */
export interface AllowanceFacts {
  readonly learned: Grants
  /** Allowed where the file is as the image ships it. */
  readonly shipped?: Grants
  /** Present where the object is a pattern. */
  readonly shape?: ObjectPattern
  /** Of a place: whether its program renames at all. */
  readonly renames?: boolean
  readonly inherited?: Inheritance
  readonly decision?: Decision
}

/** What most behaviours do not have. */
interface Particulars {
  readonly shape: ObjectPattern | undefined
  readonly block: AddressBlock | undefined
  readonly shipped: Grants | undefined
  readonly decision: Decision | undefined
  readonly approved: Grants | undefined
  readonly until: Micros
  readonly faces: readonly Allowance[]
  related: RelatedShown | undefined
}

/** Decides whether an event with this behaviour is expected. The compiled form and the live one both use it. */
export class Allowance {
  /** What evidence and inheritance allow. */
  readonly grants: Grants
  readonly #subject: AllowanceSubject
  /** Undefined where it has none of them: of most behaviours. */
  #particulars: Particulars | undefined

  constructor(subject: AllowanceSubject, facts: AllowanceFacts) {
    const { learned, inherited, decision, shape, shipped } = facts
    this.#subject = subject
    this.grants = learned
    for (const grant of inherited?.grants ?? []) this.grants.merge(grant)
    const block = blockOf(subject.object)
    if ((shape ?? block ?? shipped ?? decision) === undefined) return
    this.#particulars = {
      shape,
      block,
      shipped,
      decision,
      approved: this.#approvedBy(decision),
      until: untilOf(decision),
      faces: shape instanceof PlacePattern ? facesOf(subject, facts, shape) : NO_FACES,
      related: undefined,
    }
  }

  #approvedBy(decision: Decision | undefined): Grants | undefined {
    if (decision?.kind !== 'approved' || !isForUser(decision, this.uid)) return undefined
    const approved = new Grants(keptOf(this.object))
    for (const grant of decision.grants) approved.merge(grant)
    // What was learned and what was approved add up to one set of witnesses.
    for (const grant of this.grants.toJSON()) approved.merge(grant)
    return approved
  }

  /** Another decision on it, where it is no pattern. */
  decide(decision: Decision): void {
    this.#particulars = {
      shape: undefined,
      block: undefined,
      shipped: this.shipped,
      decision,
      approved: this.#approvedBy(decision),
      until: untilOf(decision),
      faces: NO_FACES,
      related: undefined,
    }
  }

  get id(): BehaviourId {
    return this.#subject.id
  }

  get key(): string {
    return this.#subject.key
  }

  get actor(): Actor {
    return this.#subject.actor
  }

  get uid(): User {
    return this.#subject.uid
  }

  get object(): BehaviourObject {
    return this.#subject.object
  }

  /** Distinct values that each place of the shaped object needs; empty where it has none. */
  get thresholds(): readonly number[] {
    return this.#particulars?.shape?.thresholds ?? NO_THRESHOLDS
  }

  /** Present where the object is a pattern: what it stands for at most. */
  get shape(): ObjectPattern | undefined {
    return this.#particulars?.shape
  }

  /** Present where the peer is a block of addresses. */
  get block(): AddressBlock | undefined {
    return this.#particulars?.block
  }

  /** What it allows beyond {@link grants} where the file is as the image ships it. */
  get shipped(): Grants | undefined {
    return this.#particulars?.shipped
  }

  get decision(): Decision | undefined {
    return this.#particulars?.decision
  }

  /** Of a place: the same for each access that it stands for. */
  get faces(): readonly Allowance[] {
    return this.#particulars?.faces ?? NO_FACES
  }

  /** The literals that related behaviours show: of a pattern. */
  get related(): RelatedShown | undefined {
    return this.#particulars?.related
  }

  /** Set when the allowance is indexed beside them. */
  set related(related: RelatedShown | undefined) {
    if (this.#particulars !== undefined) this.#particulars.related = related
  }

  get #approved(): Grants | undefined {
    return this.#particulars?.approved
  }

  get #until(): Micros {
    return this.#particulars?.until ?? Infinity
  }

  /**
   * A person's decision takes precedence over evidence while it is in effect. `now` is the time of
   * the event.
   */
  admits(ref: BehaviourRef, now: () => Micros): boolean {
    if (this.rejected) return false
    return this.#admits(ref, now) || this.#admitsShipped(ref)
  }

  /** A source that does not observe layers cannot show that the file differs from the image's. */
  #admitsShipped(ref: BehaviourRef): boolean {
    return ref.layer !== 'container' && this.shipped?.covers(ref, this.thresholds) === true
  }

  #admits(ref: BehaviourRef, now: () => Micros): boolean {
    if (this.decision === undefined) return this.grants.covers(ref, this.thresholds, this.related)
    if (
      this.#approved !== undefined &&
      this.#isFor(ref.workload) &&
      (this.#until === Infinity || now() < this.#until)
    ) {
      return this.#approved.covers(ref, this.thresholds, this.related)
    }
    return this.grants.covers(ref, this.thresholds, this.related)
  }

  /** Whether a pattern takes the path, for that origin, at that time and in that workload. */
  takes(subject: string, origin: Origin, now: Micros, workload?: string): boolean {
    const grants = this.grantsAt(now, workload)
    // Thousands may wait for review, which grant nothing.
    if (grants.empty || this.shape === undefined || this.rejected) return false
    return grants.pattern(origin, this.shape, this.related)?.has(subject) === true
  }

  /** Whether a pattern could be about that path, every place open. */
  concerns(subject: string): boolean {
    return this.shape?.open.has(subject) === true
  }

  /** Whether a pattern of renames could be about that name, which is given away. */
  givesAway(path: string, origin: Origin, now: Micros, workload?: string): boolean {
    if (this.shape === undefined || this.rejected) return false
    const pattern = this.grantsAt(now, workload).pattern(origin, this.shape, this.related)
    return pattern !== undefined && sourcesOf(pattern).has(path)
  }

  mayGiveAway(path: string): boolean {
    return this.shape !== undefined && sourcesOf(this.shape.open).has(path)
  }

  get rejected(): boolean {
    return this.decision?.kind === 'rejected'
  }

  /** What was learned at a place of its shape, whatever the origin. */
  valuesAt(place: number): readonly string[] {
    return this.grants.valuesAt(place)
  }

  /**
   * What it allows at that time, unless it is rejected. Without a workload: what it allows to every one, which is all
   * that the kernel can go by.
   */
  grantsAt(now: Micros, workload?: string): Grants {
    if (this.#approved === undefined || !this.#isFor(workload) || now >= this.#until) {
      return this.grants
    }
    return this.#approved
  }

  #isFor(workload: string | undefined): boolean {
    const only = this.decision?.onlyWorkload
    return only === undefined || only === workload
  }

  /** When what it allows becomes less by itself; undefined where it does not, or did before `now`. */
  endsAfter(now: Micros): Micros | undefined {
    if (this.#approved === undefined || this.#until === Infinity) return undefined
    return now < this.#until ? this.#until : undefined
  }

  /** True where nothing at all is allowed by it, whatever the origin and the time. */
  get void(): boolean {
    if (this.decision?.kind === 'rejected') return true
    return this.grants.empty && this.shipped === undefined && this.#approved === undefined
  }

  /** Origins for which anything is allowed, now or until the approval ends. */
  get origins(): readonly Origin[] {
    const more = [this.shipped, this.#approved].flatMap((grants) => grants?.origins ?? [])
    return [...new Set([...this.grants.origins, ...more])]
  }

  /** True where it allows more than the witnesses themselves. */
  get generalised(): boolean {
    if (isPlace(this.object)) return true
    if (this.thresholds.length === 0) return false
    const { thresholds, related } = this
    return (
      this.grants.open(thresholds, related) || this.#approved?.open(thresholds, related) === true
    )
  }
}

/** All faces share the grants: what one learns, the others allow as well. */
function facesOf(
  { id, key, actor, uid }: AllowanceSubject,
  facts: AllowanceFacts,
  place: PlacePattern,
): readonly Allowance[] {
  return place.faces(facts.renames !== false).map(({ object, pattern }) => {
    const { inherited: _, ...rest } = facts
    const subject = { id, key, actor, uid, object }
    return new Allowance(subject, { ...rest, shape: pattern })
  })
}

/** An approval for one uid covers the actor that had it: if that is the declared user, it covers the declared user. */
export function isForUser({ onlyUid }: Decision, user: User): boolean {
  return onlyUid === undefined || user === 'declared' || accountOf(onlyUid) === user
}

function untilOf(decision: Decision | undefined): Micros {
  return decision?.until === undefined ? Infinity : microsOf(decision.until)
}
