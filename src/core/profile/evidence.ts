import type { Origin } from '../event/event-words.ts'
import { isoOf, type Micros, microsOf } from '../event/time.ts'
import { type Literal, type Sampled, Witnesses } from '../behaviour/witness.ts'
import { type CellKind, grants, grantsShipped, kindOf, NONE, united } from './cell-kind.ts'
import { CellList, type Link } from './cell-list.ts'
import type { EvidenceBucket, EvidenceCell, Phase } from './profile-entry.ts'
import { member, type StoredCell, tuple } from './stored-entry.ts'
import { isOneBucket, type Seen, type Span, TimeBuckets } from '../coverage/time-buckets.ts'

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

/**
 * An {@link EvidenceCell} while it is being counted: one of a list, which has its content.
 */
export class Cell {
  readonly #list: CellList
  readonly #at: number
  /** Witnesses that are remembered; undefined: as many as usual. */
  readonly #kept: number | undefined

  constructor(list: CellList, at: number, kept: number | undefined) {
    this.#list = list
    this.#at = at
    this.#kept = kept
  }

  /**
   * The cells of a behaviour as the store has them.
   *
   * @param textOf the id of a container as others of it have it
   */
  static listOf(
    cells: readonly StoredCell[],
    textOf: (container: string) => string,
    kept: number | undefined,
  ): CellList {
    const numbers: number[] = []
    const links: Link[] = []
    for (const cell of cells) {
      // By number: to take a tuple apart makes an object for each member, and a start reads very many.
      numbers.push(cell[3], member(cell[9]) ?? 1, cell[4], cell[5])
      links.push(textOf(cell[0]), kindOfStored(cell), undefined)
    }
    const list = CellList.of(numbers, links)
    for (const [at, cell] of cells.entries()) {
      const shown = member(cell[11])
      if (shown !== undefined) list.setWitnesses(at, Witnesses.from(shown, kept))
      const seen = member(cell[12])
      if (seen !== undefined) new Cell(list, at, kept).#keep(TimeBuckets.ofStored(seen, kept))
    }
    return list
  }

  /** Names the cell within its list. */
  get at(): number {
    return this.#at
  }

  get container(): string {
    return this.#list.container(this.#at)
  }

  get origin(): Origin {
    return this.#kind.origin
  }

  get session(): string | undefined {
    return this.#kind.session
  }

  get phase(): Phase {
    return this.#kind.phase
  }

  get nodes(): readonly string[] {
    return this.#kind.nodes
  }

  get sources(): readonly string[] {
    return this.#kind.sources
  }

  get guardrails(): readonly string[] {
    return this.#kind.guardrails
  }

  get count(): number {
    return this.#list.count(this.#at)
  }

  get first(): Micros {
    return this.#list.first(this.#at)
  }

  get last(): Micros {
    return this.#list.last(this.#at)
  }

  /** Containers whose evidence it is. */
  get containers(): number {
    return this.#list.containers(this.#at)
  }

  get witnesses(): Witnesses | undefined {
    return this.#list.witnesses(this.#at)
  }

  get #kind(): CellKind {
    return this.#list.kind(this.#at)
  }

  /** Undefined while one bucket of time holds all of it. */
  get #buckets(): TimeBuckets | undefined {
    const kept = this.#list.buckets(this.#at)
    if (typeof kept !== 'number') return kept
    const { count, first, last } = this
    return TimeBuckets.ofMoments({ atFirst: kept, count, first, last })
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
    return grants(this.#kind)
  }

  /** Evidence that makes the read expected where the file is as the image ships it. */
  get grantsShipped(): boolean {
    return grantsShipped(this.#kind)
  }

  /** True where nothing of it is left. */
  get empty(): boolean {
    return this.first === Infinity
  }

  /** `count` events at one time. */
  see(count: number, when: Micros): void {
    const { first, last } = this
    const isOne = this.empty || (isOneBucket(first, when) && isOneBucket(last, when))
    const buckets = this.#buckets ?? (isOne ? undefined : TimeBuckets.of(this.#seen()))
    buckets?.see(count, when)
    this.#addCount(count)
    if (when < first || when > last) this.#span(when, when)
    if (buckets !== undefined) this.#keep(buckets)
  }

  /** See {@link momentsOf}. */
  seeSpan(count: number, first: Micros, last: Micros): void {
    for (const [events, when] of momentsOf(count, first, last)) this.see(events, when)
  }

  from(node: string, source: string): void {
    const { nodes, sources } = this
    if (nodes.includes(node) && sources.includes(source)) return
    this.#unite({ nodes: [node], sources: [source] })
  }

  trip(guardrails: readonly string[], when: Micros): void {
    if (guardrails.length === 0) return
    this.#unite({ guardrails })
    const buckets = this.#buckets
    buckets?.trip(guardrails, when)
    if (buckets !== undefined) this.#keep(buckets)
  }

  /** True where the literal is news to this cell. */
  witness(literal: Literal, when: Micros): boolean {
    const buckets = this.#buckets
    buckets?.witness(literal, when, this.#kept)
    if (buckets !== undefined) this.#keep(buckets)
    return this.#witnessing().add(literal)
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
    const list = this.#list
    list.setCount(this.#at, rest?.upTo ?? 0)
    list.setSpan(this.#at, rest?.first ?? Infinity, rest?.last ?? -Infinity)
    list.setKind(this.#at, kindOf({ ...this.#kind, guardrails: rest?.guardrails ?? NONE }))
    list.setWitnesses(this.#at, rest?.witnesses)
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
    let buckets = theirs
    if (this.empty) this.#list.setContainers(this.#at, Math.max(1, containers))
    else {
      this.#list.setContainers(this.#at, this.containers + containers)
      buckets = this.#buckets ?? TimeBuckets.of(this.#seen())
      buckets.absorb(theirs)
    }
    this.#addCount(other.count)
    this.#span(other.first, other.last)
    this.#unite(other)
    this.#keep(buckets)
  }

  /** Forgets all other witnesses. */
  keepWitnesses(isKept: (sampled: Sampled, text: string) => boolean): void {
    this.witnesses?.keep(isKept)
    this.#buckets?.keepWitnesses(isKept)
  }

  /** Two copies of one cell: maximum, minimum, union. */
  merge(other: EvidenceCell): void {
    let buckets = Cell.#bucketsOf(other, this.#kept)
    if (!this.empty) {
      const theirs = buckets
      buckets = this.#buckets ?? TimeBuckets.of(this.#seen())
      buckets.join(theirs)
    }
    this.#list.setContainers(this.#at, Math.max(this.containers, other.containers ?? 1))
    this.#list.setCount(this.#at, Math.max(this.count, other.count))
    this.#span(microsOf(other.first), microsOf(other.last))
    this.#unite(other)
    if (other.witnesses !== undefined) this.#witnessing().merge(other.witnesses)
    this.#keep(buckets)
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

  /** After the count and the span were set: a short form is made of these. */
  #keep(buckets: TimeBuckets): void {
    if (buckets.isOne) this.#list.setBuckets(this.#at, undefined)
    else this.#list.setBuckets(this.#at, buckets.atFirstOf(this) ?? buckets)
  }

  #addCount(count: number): void {
    this.#list.setCount(this.#at, this.count + count)
  }

  #span(first: Micros, last: Micros): void {
    this.#list.setSpan(this.#at, Math.min(this.first, first), Math.max(this.last, last))
  }

  #witnessing(): Witnesses {
    const known = this.witnesses
    if (known !== undefined) return known
    const fresh = new Witnesses(this.#kept)
    this.#list.setWitnesses(this.#at, fresh)
    return fresh
  }

  #unite(more: Partial<Pick<EvidenceCell, 'nodes' | 'sources' | 'guardrails'>>): void {
    const kind = this.#kind
    const nodes = united(kind.nodes, more.nodes ?? NONE)
    const sources = united(kind.sources, more.sources ?? NONE)
    const guardrails = united(kind.guardrails, more.guardrails ?? NONE)
    if (nodes === kind.nodes && sources === kind.sources && guardrails === kind.guardrails) return
    this.#list.setKind(this.#at, kindOf({ ...kind, nodes, sources, guardrails }))
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

/** `count` events with known first and last times: those between count with the last. */
export function momentsOf(
  count: number,
  first: Micros,
  last: Micros,
): readonly (readonly [count: number, when: Micros])[] {
  const one = [Math.min(1, count), first] as const
  return last === first && count <= 1 ? [one] : [one, [Math.max(0, count - 1), last]]
}

function kindOfStored(cell: StoredCell): CellKind {
  return kindOf({
    origin: cell[1],
    phase: cell[2],
    session: member(cell[8]),
    nodes: united(NONE, cell[6]),
    sources: united(NONE, cell[7]),
    guardrails: united(NONE, member(cell[10]) ?? NONE),
  })
}
