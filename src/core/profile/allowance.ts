import type { Origin } from '../event/event.ts'
import { type Micros, microsOf } from '../event/time.ts'
import type { Actor, BehaviourId, BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import type { Decision, Grant, Inheritance } from './profile-entry.ts'
import { type AddressBlock, parseBlock } from '../behaviour/address-block.ts'
import type { PathPattern } from '../behaviour/language.ts'
import { type ObjectPattern, sourcesOf } from '../behaviour/shape-pattern.ts'
import { type RelatedShown, type Literal, Witnesses } from '../behaviour/witness.ts'
import { isDrawn } from '../behaviour/ports.ts'
import type { User } from '../behaviour/user.ts'
import { keptOf, PlacePattern } from '../behaviour/place-pattern.ts'

const NOTHING: Literal = { text: '', values: [] }

/** Of one shape: a place has one for each access. */
interface KnownPattern {
  readonly shape: ObjectPattern
  readonly open: string
  readonly pattern: PathPattern
}

/** The origins for which a behaviour is allowed, and its limits. */
export class Grants {
  readonly #kept: number | undefined
  readonly #byOrigin = new Map<Origin, Witnesses>()
  /** Made when asked for, of the witnesses as they then are. */
  readonly #patterns = new Map<Origin, KnownPattern[]>()

  /** @param kept witnesses of an origin of which no more are remembered */
  constructor(kept?: number) {
    this.#kept = kept
  }

  get empty(): boolean {
    return this.#byOrigin.size === 0
  }

  get origins(): readonly Origin[] {
    return [...this.#byOrigin.keys()]
  }

  add(origin: Origin, literal: Literal | undefined): void {
    if (literal === undefined) this.of(origin)
    else if (this.of(origin).add(literal)) this.#patterns.delete(origin)
  }

  merge(grant: Grant): void {
    const witnesses = this.of(grant.origin)
    if (grant.witnesses === undefined) return
    if (witnesses.merge(grant.witnesses)) this.#patterns.delete(grant.origin)
  }

  of(origin: Origin): Witnesses {
    let witnesses = this.#byOrigin.get(origin)
    if (witnesses === undefined) {
      witnesses = new Witnesses(this.#kept)
      this.#byOrigin.set(origin, witnesses)
    }
    return witnesses
  }

  covers(ref: BehaviourRef, thresholds: readonly number[], related?: RelatedShown): boolean {
    const witnesses = this.#byOrigin.get(ref.origin)
    if (witnesses === undefined) return false
    return thresholds.length === 0 || witnesses.covers(ref.literal ?? NOTHING, thresholds, related)
  }

  /** The paths of that shape that are allowed for the origin. */
  pattern(origin: Origin, shape: ObjectPattern, related?: RelatedShown): PathPattern | undefined {
    const witnesses = this.#byOrigin.get(origin)
    if (witnesses === undefined) return undefined
    // Related behaviours may have shown more by now.
    const open = shape.thresholds.map((needed, i) => witnesses.isOpen(i, needed, related)).join()
    const all = this.#patterns.get(origin) ?? []
    const known = all.find((one) => one.shape === shape)
    if (known?.open === open) return known.pattern
    const pattern = shape.of(witnesses, related)
    const others = all.filter((one) => one !== known)
    this.#patterns.set(origin, [...others, { shape, open, pattern }])
    return pattern
  }

  open(thresholds: readonly number[], related?: RelatedShown): boolean {
    return [...this.#byOrigin.values()].some((witnesses) => witnesses.open(thresholds, related))
  }

  /** What was shown at a place, whatever the origin. */
  valuesAt(place: number): readonly string[] {
    return [...this.#byOrigin.values()].flatMap(({ places }) => places[place]?.toJSON() ?? [])
  }

  toJSON(): readonly Grant[] {
    return [...this.#byOrigin].map(([origin, witnesses]) =>
      witnesses.literals.size === 0 ? { origin } : { origin, witnesses: witnesses.toJSON() },
    )
  }
}

/** What makes up the judgement on one behaviour of a version: the one meaning of a profile entry. */
export interface AllowanceFacts {
  readonly id: BehaviourId
  readonly key: string
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  /** Distinct values that each place of the shaped object needs; empty where it has none. */
  readonly thresholds: readonly number[]
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

/** Decides whether an event with this behaviour is expected. The compiled form and the live one both use it. */
export class Allowance {
  readonly id: BehaviourId
  readonly key: string
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  readonly thresholds: readonly number[]
  /** Present where the object is a pattern: what it stands for at most. */
  readonly shape: ObjectPattern | undefined
  /** Present where the peer is a block of addresses. */
  readonly block: AddressBlock | undefined
  /** What evidence and inheritance allow. */
  readonly grants: Grants
  /** What it allows beyond {@link grants} where the file is as the image ships it. */
  readonly shipped: Grants | undefined
  /** The literals that related behaviours show; set when the allowance is indexed beside them. */
  related: RelatedShown | undefined
  readonly decision: Decision | undefined
  /** Of a place: the same for each access that it stands for. */
  readonly faces: readonly Allowance[]
  readonly #approved: Grants | undefined
  readonly #until: Micros

  constructor(facts: AllowanceFacts) {
    this.id = facts.id
    this.key = facts.key
    this.actor = facts.actor
    this.uid = facts.uid
    this.object = facts.object
    this.thresholds = facts.thresholds
    this.shape = facts.shape
    this.block = blockOf(facts.object)
    this.grants = facts.learned
    this.shipped = facts.shipped
    for (const grant of facts.inherited?.grants ?? []) this.grants.merge(grant)
    this.decision = facts.decision
    const { decision } = facts
    if (decision?.kind === 'approved' && isForUser(decision, facts.uid)) {
      this.#approved = new Grants(keptOf(facts.object))
      for (const grant of decision.grants) this.#approved.merge(grant)
      // What was learned and what was approved add up to one set of witnesses.
      for (const grant of this.grants.toJSON()) this.#approved.merge(grant)
    }
    this.#until = decision?.until === undefined ? Infinity : microsOf(decision.until)
    this.faces = facts.shape instanceof PlacePattern ? facesOf(facts, facts.shape) : []
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
    if (this.shape === undefined || this.rejected) return false
    const grants = this.grantsAt(now, workload)
    return grants.pattern(origin, this.shape, this.related)?.has(subject) === true
  }

  /** Whether a pattern could be about that path, every place open. */
  concerns(subject: string): boolean {
    return this.shape?.open.has(subject) === true
  }

  /** The same of a pattern of renames, of the name that is given away. */
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
    if (this.faces.length > 0 || isDrawn(this.object)) return true
    if (this.thresholds.length === 0) return false
    const { thresholds, related } = this
    return (
      this.grants.open(thresholds, related) || this.#approved?.open(thresholds, related) === true
    )
  }
}

/** All faces share the grants: what one learns, the others allow as well. */
function facesOf(facts: AllowanceFacts, place: PlacePattern): readonly Allowance[] {
  return place.faces(facts.renames !== false).map(({ object, pattern }) => {
    const { inherited: _, ...rest } = facts
    return new Allowance({ ...rest, object, shape: pattern })
  })
}

/** An approval for one uid covers the actor that had it: if that is the declared user, it covers the declared user. */
export function isForUser({ onlyUid }: Decision, user: User): boolean {
  return onlyUid === undefined || user === 'declared' || onlyUid === user
}

function blockOf(object: BehaviourObject): AddressBlock | undefined {
  return object.kind === 'connect' ? parseBlock(object.peer) : undefined
}
