import type { Origin } from '../event/event.ts'
import { isoOf, type Micros, microsOf } from '../event/time.ts'
import type { Literal } from './behaviour.ts'
import { compareText, type EvidenceCell, type Phase } from './profile-entry.ts'
import { Witnesses } from './witness.ts'

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

/** An {@link EvidenceCell} while it is being counted. */
export class Cell {
  readonly container: string
  readonly origin: Origin
  readonly session: string | undefined
  readonly phase: Phase
  count = 0
  first: Micros = Infinity
  last: Micros = -Infinity
  nodes = NONE
  sources = NONE
  guardrails = NONE
  witnesses: Witnesses | undefined

  constructor(container: string, origin: Origin, session: string | undefined, phase: Phase) {
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

  is(container: string, origin: Origin, session: string | undefined, phase: Phase): boolean {
    return (
      this.container === container &&
      this.origin === origin &&
      this.phase === phase &&
      this.session === session
    )
  }

  /** Evidence that by itself makes the act expected for its origin. */
  get grants(): boolean {
    return this.phase === 'learned' && this.origin !== 'exec-in' && this.guardrails.length === 0
  }

  see(count: number, first: Micros, last: Micros): void {
    this.count += count
    if (first < this.first) this.first = first
    if (last > this.last) this.last = last
  }

  from(node: string, source: string): void {
    if (!this.nodes.includes(node)) this.nodes = add(this.nodes, node)
    if (!this.sources.includes(source)) this.sources = add(this.sources, source)
  }

  trip(guardrails: readonly string[]): void {
    for (const id of guardrails) this.guardrails = add(this.guardrails, id)
  }

  /** True where the literal is news to this cell. */
  witness(literal: Literal): boolean {
    this.witnesses ??= new Witnesses()
    return this.witnesses.add(literal)
  }

  /** Two copies of one cell: maximum, minimum, union. */
  merge(other: EvidenceCell): void {
    this.count = Math.max(this.count, other.count)
    this.first = Math.min(this.first, microsOf(other.first))
    this.last = Math.max(this.last, microsOf(other.last))
    for (const node of other.nodes) this.nodes = add(this.nodes, node)
    for (const source of other.sources) this.sources = add(this.sources, source)
    this.trip(other.guardrails ?? [])
    if (other.witnesses !== undefined) {
      this.witnesses ??= new Witnesses()
      this.witnesses.merge(other.witnesses)
    }
  }

  toJSON(): EvidenceCell {
    return {
      container: this.container,
      origin: this.origin,
      ...(this.session === undefined ? {} : { session: this.session }),
      phase: this.phase,
      count: this.count,
      first: isoOf(this.first),
      last: isoOf(this.last),
      nodes: this.nodes,
      sources: this.sources,
      ...(this.guardrails.length === 0 ? {} : { guardrails: this.guardrails }),
      ...(this.witnesses === undefined ? {} : { witnesses: this.witnesses.toJSON() }),
    }
  }
}
