import { microsOf, type Micros, isoOf } from '../../src/core/event/time.ts'
import { type Literal, Witnesses } from '../../src/core/behaviour/witness.ts'
import { isOneBucket, type Seen, TimeBuckets } from '../../src/core/coverage/time-buckets.ts'
import {
  compareCells,
  type EvidenceCell,
  type Phase,
} from '../../src/core/profile/profile-entry.ts'
import type { Origin } from '../../src/core/event/event-words.ts'

const sorted = (items: Iterable<string>): string[] => [...new Set(items)].sort()

/** A cell of evidence as one plain object: what the compact form has to equal. */
export class PlainCell {
  containers = 1
  count = 0
  first: Micros = Infinity
  last: Micros = -Infinity
  nodes: string[] = []
  sources: string[] = []
  guardrails: string[] = []
  witnesses: Witnesses | undefined
  buckets: TimeBuckets | undefined
  readonly container: string
  readonly origin: Origin
  readonly session: string | undefined
  readonly phase: Phase

  constructor(container: string, origin: Origin, session: string | undefined, phase: Phase) {
    this.container = container
    this.origin = origin
    this.session = session
    this.phase = phase
  }

  get empty(): boolean {
    return this.first === Infinity
  }

  see(count: number, when: Micros): void {
    const { first, last } = this
    if (this.buckets !== undefined) this.buckets.see(count, when)
    else if (!this.empty && !(isOneBucket(first, when) && isOneBucket(last, when))) {
      const buckets = TimeBuckets.of(this.#seen())
      buckets.see(count, when)
      this.#keep(buckets)
    }
    this.count += count
    this.first = Math.min(first, when)
    this.last = Math.max(last, when)
  }

  from(node: string, source: string): void {
    this.nodes = sorted([...this.nodes, node])
    this.sources = sorted([...this.sources, source])
  }

  trip(guardrails: readonly string[], when: Micros): void {
    if (guardrails.length === 0) return
    this.guardrails = sorted([...this.guardrails, ...guardrails])
    this.buckets?.trip(guardrails, when)
  }

  witness(literal: Literal, when: Micros): void {
    this.buckets?.witness(literal, when)
    this.witnesses ??= new Witnesses()
    this.witnesses.add(literal)
  }

  forget(from: Micros, to: Micros): void {
    if (this.empty) return
    const buckets = this.buckets ?? TimeBuckets.of(this.#seen())
    if (buckets.forget(from, to) === undefined) return
    const rest = buckets.whole()
    this.count = rest?.upTo ?? 0
    this.first = rest?.first ?? Infinity
    this.last = rest?.last ?? -Infinity
    this.guardrails = [...(rest?.guardrails ?? [])]
    this.witnesses = rest?.witnesses
    this.#keep(buckets)
  }

  absorb(other: PlainCell): void {
    const theirs = (other.buckets ?? TimeBuckets.of(other.#seen())).withoutWitnesses()
    if (this.empty) this.#keep(theirs)
    else {
      const buckets = this.buckets ?? TimeBuckets.of(this.#seen())
      buckets.absorb(theirs)
      this.containers += 1
      this.#keep(buckets)
    }
    this.count += other.count
    this.#span(other.first, other.last)
    this.#unite(other)
  }

  merge(other: EvidenceCell): void {
    const theirs = TimeBuckets.of({
      upTo: other.count,
      first: microsOf(other.first),
      last: microsOf(other.last),
      guardrails: other.guardrails ?? [],
      witnesses: other.witnesses && Witnesses.from(other.witnesses),
    })
    if (this.empty) this.buckets = other.buckets && TimeBuckets.from(other.buckets)
    else {
      const buckets = this.buckets ?? TimeBuckets.of(this.#seen())
      buckets.join(other.buckets === undefined ? theirs : TimeBuckets.from(other.buckets))
      this.#keep(buckets)
    }
    this.containers = Math.max(this.containers, other.containers ?? 1)
    this.count = Math.max(this.count, other.count)
    this.#span(microsOf(other.first), microsOf(other.last))
    this.#unite({ ...other, guardrails: other.guardrails ?? [] })
    if (other.witnesses === undefined) return
    this.witnesses ??= new Witnesses()
    this.witnesses.merge(other.witnesses)
  }

  toJSON(): EvidenceCell {
    const { container, origin, session, phase, containers, count, guardrails } = this
    return {
      container,
      origin,
      ...(session === undefined ? {} : { session }),
      phase,
      ...(containers === 1 ? {} : { containers }),
      count,
      first: isoOf(this.first),
      last: isoOf(this.last),
      nodes: this.nodes,
      sources: this.sources,
      ...(guardrails.length === 0 ? {} : { guardrails }),
      ...(this.witnesses === undefined ? {} : { witnesses: this.witnesses.toJSON() }),
      ...(this.buckets === undefined ? {} : { buckets: this.buckets.toJSON() }),
    }
  }

  #seen(): Seen {
    const { count, first, last, guardrails, witnesses } = this
    return { upTo: count, first, last, guardrails, witnesses: witnesses?.copy() }
  }

  #keep(buckets: TimeBuckets): void {
    this.buckets = buckets.isOne ? undefined : buckets
  }

  #span(first: Micros, last: Micros): void {
    this.first = Math.min(this.first, first)
    this.last = Math.max(this.last, last)
  }

  #unite(other: Pick<PlainCell, 'guardrails'> | EvidenceCell): void {
    const { nodes, sources, guardrails = [] } = other as EvidenceCell
    this.nodes = sorted([...this.nodes, ...nodes])
    this.sources = sorted([...this.sources, ...sources])
    this.guardrails = sorted([...this.guardrails, ...guardrails])
  }
}

/** All cells of a behaviour, by name. */
export class PlainEvidence {
  readonly cells = new Map<string, PlainCell>()

  cell(container: string, origin: Origin, session: string | undefined, phase: Phase): PlainCell {
    const name = [container, origin, session, phase].join(' ')
    let cell = this.cells.get(name)
    if (cell === undefined) {
      cell = new PlainCell(container, origin, session, phase)
      this.cells.set(name, cell)
    }
    return cell
  }

  drop(cell: PlainCell): void {
    for (const [name, each] of this.cells) if (each === cell) this.cells.delete(name)
  }

  toJSON(): readonly EvidenceCell[] {
    return [...this.cells.values()].sort(compareCells).map((cell) => cell.toJSON())
  }
}
