import type { Origin } from '../event/event.ts'
import { isoOf, type Micros, microsOf } from '../event/time.ts'
import type { Literal, Sampled } from '../behaviour/witness.ts'
import { compareText, type EvidenceBucket, type EvidenceCell, type Phase } from './profile-entry.ts'
import { member, type StoredCell, tuple } from './stored-entry.ts'
import { isOneBucket, type Seen, type Span, TimeBuckets } from '../coverage/time-buckets.ts'
import { Witnesses } from '../behaviour/witness.ts'

const NONE: readonly string[] = []

/** There are many cells and few nodes, sources and guardrails: lists of one are shared. */
const shared = new Map<string, readonly string[]>()
const SHARED_SIZE = 1024

function just(item: string): readonly string[] {
  let list = shared.get(item)
  if (list === undefined) {
    list = [item]
    if (shared.size < SHARED_SIZE) shared.set(item, list)
  }
  return list
}

function add(list: readonly string[], item: string): readonly string[] {
  if (list.length === 0) return just(item)
  return list.includes(item) ? list : [...list, item].sort(compareText)
}

/**
 * Containers of each kind of evidence of a behaviour that are kept apart: the latest ones. Also the sessions of one
 * container.
 */
export const containersApart = 3
/** Before the node whose earlier containers a cell is the sum of: no id of a container begins so. */
export const EARLIER_CONTAINERS = 'earlier@'
/** Instead of a session: the earlier ones of a container. */
export const EARLIER_SESSIONS = 'earlier'

/** Whether a cell is the sum of earlier containers or sessions: it has none of their witnesses. */
export function isSum({
  container,
  session,
}: Pick<EvidenceCell, 'container' | 'session'>): boolean {
  return container.startsWith(EARLIER_CONTAINERS) || session?.startsWith(EARLIER_SESSIONS) === true
}

/** An {@link EvidenceCell} while it is being counted. */
export class Cell {
  readonly container: string
  readonly origin: Origin
  readonly session: string | undefined
  readonly phase: Phase
  /** Containers whose evidence it is. */
  containers = 1
  count = 0
  first: Micros = Infinity
  last: Micros = -Infinity
  nodes = NONE
  sources = NONE
  guardrails = NONE
  witnesses: Witnesses | undefined
  /** Witnesses that are remembered; undefined: as many as usual. */
  readonly #kept: number | undefined
  /** Undefined while one bucket of time holds all of it. */
  #buckets: TimeBuckets | undefined

  constructor(
    container: string,
    origin: Origin,
    session: string | undefined,
    phase: Phase,
    kept?: number,
  ) {
    this.#kept = kept
    this.container = container
    this.origin = origin
    this.session = session
    this.phase = phase
  }

  static from(json: EvidenceCell): Cell {
    const cell = new Cell(json.container, json.origin, json.session, json.phase)
    cell.merge(json)
    return cell
  }

  static ofStored(stored: StoredCell, kept: number | undefined): Cell {
    const [container, origin, phase, count, first, last, nodes, sources] = stored
    const [, , , , , , , , session, containers, guardrails, witnesses, buckets] = stored
    const cell = new Cell(container, origin, member(session), phase, kept)
    cell.count = count
    cell.first = first
    cell.last = last
    cell.containers = member(containers) ?? 1
    for (const node of nodes) cell.nodes = add(cell.nodes, node)
    for (const source of sources) cell.sources = add(cell.sources, source)
    cell.#guard(member(guardrails) ?? NONE)
    const shown = member(witnesses)
    if (shown !== undefined) cell.witnesses = Witnesses.from(shown, kept)
    const seen = member(buckets)
    if (seen !== undefined) cell.#keep(TimeBuckets.ofStored(seen, kept))
    return cell
  }

  stored(): StoredCell {
    const { container, origin, phase, count, first, last, nodes, sources } = this
    return tuple<StoredCell>(
      container,
      origin,
      phase,
      count,
      first,
      last,
      nodes,
      sources,
      this.session,
      this.containers === 1 ? undefined : this.containers,
      this.guardrails.length === 0 ? undefined : this.guardrails,
      this.witnesses?.toJSON(),
      this.#buckets?.stored(),
    )
  }

  is(container: string, origin: Origin, session: string | undefined, phase: Phase): boolean {
    return (
      this.container === container &&
      this.origin === origin &&
      this.phase === phase &&
      this.session === session
    )
  }

  /** The sum of earlier containers. */
  get isOfEarlier(): boolean {
    return this.container.startsWith(EARLIER_CONTAINERS)
  }

  /** The sum of earlier sessions of its container. */
  get isOfSessions(): boolean {
    return this.session?.startsWith(EARLIER_SESSIONS) === true
  }

  /** Evidence that makes the behaviour expected for its origin. */
  get grants(): boolean {
    return this.phase === 'learned' && this.origin !== 'exec-in' && this.guardrails.length === 0
  }

  /** Evidence that makes the read expected where the file is as the image ships it. */
  get grantsShipped(): boolean {
    return this.phase === 'derived' && this.origin !== 'exec-in' && this.guardrails.length === 0
  }

  /** True where nothing of it is left. */
  get empty(): boolean {
    return this.first === Infinity
  }

  /** `count` events at one time. */
  see(count: number, when: Micros): void {
    if (this.#buckets !== undefined) this.#buckets.see(count, when)
    else if (!this.empty && !(isOneBucket(this.first, when) && isOneBucket(this.last, when))) {
      const buckets = TimeBuckets.of(this.#seen())
      buckets.see(count, when)
      this.#keep(buckets)
    }
    this.count += count
    if (when < this.first) this.first = when
    if (when > this.last) this.last = when
  }

  /** `count` events with known first and last times: those between count with the last. */
  seeSpan(count: number, first: Micros, last: Micros): void {
    this.see(Math.min(1, count), first)
    if (last !== first || count > 1) this.see(Math.max(0, count - 1), last)
  }

  from(node: string, source: string): void {
    if (!this.nodes.includes(node)) this.nodes = add(this.nodes, node)
    if (!this.sources.includes(source)) this.sources = add(this.sources, source)
  }

  trip(guardrails: readonly string[], when: Micros): void {
    if (guardrails.length === 0) return
    this.#guard(guardrails)
    this.#buckets?.trip(guardrails, when)
  }

  /** True where the literal is news to this cell. */
  witness(literal: Literal, when: Micros): boolean {
    this.#buckets?.witness(literal, when, this.#kept)
    this.witnesses ??= new Witnesses(this.#kept)
    return this.witnesses.add(literal)
  }

  /**
   * Forgets the evidence of that span, as finely as its buckets of time allow. Returns the removed span, which may be
   * larger. The cell may be {@link empty} afterwards. Nodes and sources belong to the cell as a whole.
   */
  forget(from: Micros, to: Micros): Span | undefined {
    if (this.empty) return undefined
    const buckets = this.#buckets ?? TimeBuckets.of(this.#seen())
    const gone = buckets.forget(from, to)
    if (gone === undefined) return undefined
    const rest = buckets.whole()
    this.count = rest?.upTo ?? 0
    this.first = rest?.first ?? Infinity
    this.last = rest?.last ?? -Infinity
    this.guardrails = rest?.guardrails ?? NONE
    this.witnesses = rest?.witnesses
    this.#keep(buckets)
    return gone
  }

  /**
   * Adds the evidence of others, of which none is the same, without their witnesses.
   *
   * @param containers how many more containers that makes
   */
  absorb(other: Cell, containers: number): void {
    const theirs = (other.#buckets ?? TimeBuckets.of(other.#seen())).withoutWitnesses()
    if (this.empty) {
      this.containers = Math.max(1, containers)
      this.#keep(theirs)
    } else {
      this.containers += containers
      const buckets = this.#buckets ?? TimeBuckets.of(this.#seen())
      buckets.absorb(theirs)
      this.#keep(buckets)
    }
    this.count += other.count
    this.first = Math.min(this.first, other.first)
    this.last = Math.max(this.last, other.last)
    for (const node of other.nodes) this.nodes = add(this.nodes, node)
    for (const source of other.sources) this.sources = add(this.sources, source)
    this.#guard(other.guardrails)
  }

  /** Forgets all other witnesses. */
  keepWitnesses(isKept: (sampled: Sampled, text: string) => boolean): void {
    this.witnesses?.keep(isKept)
    this.#buckets?.keepWitnesses(isKept)
  }

  /** Two copies of one cell: maximum, minimum, union. */
  merge(other: EvidenceCell): void {
    if (this.empty) {
      this.#buckets =
        other.buckets === undefined ? undefined : TimeBuckets.from(other.buckets, this.#kept)
    } else {
      const theirs = Cell.#bucketsOf(other, this.#kept)
      const buckets = this.#buckets ?? TimeBuckets.of(this.#seen())
      buckets.join(theirs)
      this.#keep(buckets)
    }
    this.containers = Math.max(this.containers, other.containers ?? 1)
    this.count = Math.max(this.count, other.count)
    this.first = Math.min(this.first, microsOf(other.first))
    this.last = Math.max(this.last, microsOf(other.last))
    for (const node of other.nodes) this.nodes = add(this.nodes, node)
    for (const source of other.sources) this.sources = add(this.sources, source)
    this.#guard(other.guardrails ?? [])
    if (other.witnesses !== undefined) {
      this.witnesses ??= new Witnesses(this.#kept)
      this.witnesses.merge(other.witnesses)
    }
  }

  static #bucketsOf(json: EvidenceCell, kept: number | undefined): TimeBuckets {
    if (json.buckets !== undefined) return TimeBuckets.from(json.buckets, kept)
    const { witnesses } = json
    return TimeBuckets.of({
      upTo: json.count,
      first: microsOf(json.first),
      last: microsOf(json.last),
      guardrails: json.guardrails ?? NONE,
      witnesses: witnesses === undefined ? undefined : Witnesses.from(witnesses, kept),
    })
  }

  /** By time, where that is more than one stretch. */
  get buckets(): readonly EvidenceBucket[] | undefined {
    return this.#buckets?.toJSON().list
  }

  #seen(): Seen {
    const { count, first, last, guardrails, witnesses } = this
    return { upTo: count, first, last, guardrails, witnesses: witnesses?.copy() }
  }

  #keep(buckets: TimeBuckets): void {
    this.#buckets = buckets.isOne ? undefined : buckets
  }

  #guard(guardrails: readonly string[]): void {
    for (const id of guardrails) this.guardrails = add(this.guardrails, id)
  }

  toJSON(): EvidenceCell {
    return {
      container: this.container,
      origin: this.origin,
      ...(this.session === undefined ? {} : { session: this.session }),
      phase: this.phase,
      ...(this.containers === 1 ? {} : { containers: this.containers }),
      count: this.count,
      first: isoOf(this.first),
      last: isoOf(this.last),
      nodes: this.nodes,
      sources: this.sources,
      ...(this.guardrails.length === 0 ? {} : { guardrails: this.guardrails }),
      ...(this.witnesses === undefined ? {} : { witnesses: this.witnesses.toJSON() }),
      ...(this.#buckets === undefined ? {} : { buckets: this.#buckets.toJSON() }),
    }
  }
}
