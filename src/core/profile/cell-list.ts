import type { Origin } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { TimeBuckets } from '../coverage/time-buckets.ts'
import type { Witnesses } from '../behaviour/witness.ts'
import type { CellKind } from './cell-kind.ts'
import type { Phase } from './profile-entry.ts'

/** Of each cell its count, the containers whose evidence it is, and the first and last time. */
const NUMBERS = 4
/** Of each cell its container, kind, and buckets of time. */
const LINKS = 3

/** An array grows by itself to more than twice of what most lists ever need. */
const GROWN_EXACTLY = 16
/** Shorter lists are searched faster than an index of them. */
const INDEXED_FROM = 64

const NO_NUMBERS: number[] = []
const NO_LINKS: Link[] = []

/** Buckets of two moments are a number: the events of the first. Most cells that have buckets are such. */
export type KeptBuckets = TimeBuckets | number | undefined

export type Link = string | CellKind | KeptBuckets

/**
 * The cells of one behaviour, by number: there are many, and an object for each costs four times as much. A number
 * stands for the same cell for good.
 */
export class CellList {
  #numbers = NO_NUMBERS
  #links = NO_LINKS
  /** By number; undefined where no cell has any. */
  #witnesses: (Witnesses | undefined)[] | undefined
  /** The cells of each container; undefined where the list is short. */
  #index: Map<string, number[]> | undefined
  #dropped: Set<number> | undefined

  /**
   * Cells without witnesses, with no spare room.
   *
   * @param numbers of each cell its count, containers, first and last time
   * @param links of each cell its container, kind and buckets of time
   */
  static of(numbers: readonly number[], links: readonly Link[]): CellList {
    const list = new CellList()
    list.#fill(numbers, links)
    return list
  }

  /** Numbers that were given, also to cells that were dropped. */
  get length(): number {
    return this.#links.length / LINKS
  }

  /** Cells. */
  get size(): number {
    return this.length - (this.#dropped?.size ?? 0)
  }

  isDropped(at: number): boolean {
    return this.#dropped?.has(at) === true
  }

  container(at: number): string {
    return this.#links[at * LINKS] as string
  }

  kind(at: number): CellKind {
    return this.#links[at * LINKS + 1] as CellKind
  }

  /** The kinds of all cells. */
  kinds(): readonly CellKind[] {
    const kinds: CellKind[] = []
    for (let at = 0; at < this.length; at++) if (!this.isDropped(at)) kinds.push(this.kind(at))
    return kinds
  }

  setKind(at: number, kind: CellKind): void {
    this.#links[at * LINKS + 1] = kind
  }

  buckets(at: number): KeptBuckets {
    return this.#links[at * LINKS + 2] as KeptBuckets
  }

  setBuckets(at: number, buckets: KeptBuckets): void {
    this.#links[at * LINKS + 2] = buckets
  }

  witnesses(at: number): Witnesses | undefined {
    return this.#witnesses?.[at]
  }

  setWitnesses(at: number, witnesses: Witnesses | undefined): void {
    if (this.#witnesses === undefined) {
      if (witnesses === undefined) return
      this.#witnesses = []
    }
    const missing = this.length - this.#witnesses.length
    if (missing > 0) {
      this.#witnesses = this.#witnesses.concat(Array.from({ length: missing }, () => undefined))
    }
    this.#witnesses[at] = witnesses
  }

  count(at: number): number {
    return this.#numbers[at * NUMBERS] ?? 0
  }

  setCount(at: number, count: number): void {
    this.#numbers[at * NUMBERS] = count
  }

  containers(at: number): number {
    return this.#numbers[at * NUMBERS + 1] ?? 1
  }

  setContainers(at: number, containers: number): void {
    this.#numbers[at * NUMBERS + 1] = containers
  }

  first(at: number): Micros {
    return this.#numbers[at * NUMBERS + 2] ?? Infinity
  }

  last(at: number): Micros {
    return this.#numbers[at * NUMBERS + 3] ?? -Infinity
  }

  setSpan(at: number, first: Micros, last: Micros): void {
    this.#numbers[at * NUMBERS + 2] = first
    this.#numbers[at * NUMBERS + 3] = last
  }

  /** Adds an empty cell. */
  add(container: string, kind: CellKind): number {
    const at = this.length
    if (at < GROWN_EXACTLY) {
      this.#numbers = this.#numbers.concat([0, 1, Infinity, -Infinity])
      this.#links = this.#links.concat([container, kind, undefined])
    } else {
      this.#numbers.push(0, 1, Infinity, -Infinity)
      this.#links.push(container, kind, undefined)
    }
    if (this.#index !== undefined) put(this.#index, container, at)
    else if (at >= INDEXED_FROM) this.#index = this.#indexed()
    return at
  }

  /** The cell of that name; undefined where there is none. */
  find(
    container: string,
    origin: Origin,
    session: string | undefined,
    phase: Phase,
  ): number | undefined {
    const index = this.#index?.get(container)
    if (this.#index !== undefined) {
      return index?.find((at) => this.#isNamed(at, origin, session, phase))
    }
    for (let at = this.length - 1; at >= 0; at--) {
      if (this.#links[at * LINKS] !== container) continue
      if (this.#isNamed(at, origin, session, phase)) return at
    }
    return undefined
  }

  /** The cells of a container. */
  of(container: string): readonly number[] {
    if (this.#index !== undefined) {
      return (this.#index.get(container) ?? []).filter((at) => !this.isDropped(at))
    }
    const found: number[] = []
    for (let at = 0; at < this.length; at++) {
      if (this.#links[at * LINKS] === container && !this.isDropped(at)) found.push(at)
    }
    return found
  }

  /** What it shows stays for who has its number. */
  drop(at: number): void {
    this.#dropped ??= new Set()
    this.#dropped.add(at)
  }

  /** A list without the cells that were dropped, under new numbers. This one stays as it is. */
  compacted(): CellList {
    if (this.#dropped === undefined) return this
    const list = new CellList()
    const numbers: number[] = []
    const links: Link[] = []
    const witnesses: (Witnesses | undefined)[] = []
    let hasWitnesses = false
    for (let at = 0; at < this.length; at++) {
      if (this.isDropped(at)) continue
      for (let i = at * NUMBERS; i < (at + 1) * NUMBERS; i++) numbers.push(this.#numbers[i] ?? 0)
      for (let i = at * LINKS; i < (at + 1) * LINKS; i++) links.push(this.#links[i])
      const shown = this.#witnesses?.[at]
      witnesses.push(shown)
      if (shown !== undefined) hasWitnesses = true
    }
    list.#fill(numbers, links)
    if (hasWitnesses) list.#witnesses = witnesses.slice()
    return list
  }

  #fill(numbers: readonly number[], links: readonly Link[]): void {
    // A copy has no spare room.
    this.#numbers = numbers.slice()
    this.#links = links.slice()
    if (this.length > INDEXED_FROM) this.#index = this.#indexed()
  }

  #isNamed(at: number, origin: Origin, session: string | undefined, phase: Phase): boolean {
    const kind = this.kind(at)
    if (kind.origin !== origin || kind.phase !== phase || kind.session !== session) return false
    return !this.isDropped(at)
  }

  #indexed(): Map<string, number[]> {
    const index = new Map<string, number[]>()
    for (let at = 0; at < this.length; at++) {
      if (!this.isDropped(at)) put(index, this.container(at), at)
    }
    return index
  }
}

function put(index: Map<string, number[]>, container: string, at: number): void {
  const known = index.get(container)
  if (known === undefined) index.set(container, [at])
  else known.push(at)
}
