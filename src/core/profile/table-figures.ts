import {
  type CellSpan,
  type ContainerRun,
  type Coverage,
  coverageOf,
} from '../coverage/coverage.ts'
import type { BehaviourKind } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Steps } from '../steps.ts'
import type { EntryTable } from './entry-table.ts'
import type { LiveEntry } from './live-entry.ts'
import type { BehaviourState } from './profile-entry.ts'

/** How many behaviours are in each state, and how many are for people to look at. */
export interface Tally {
  readonly states: Readonly<Record<BehaviourState, number>>
  readonly shown: number
}

/** What was computed of the entries at that revision of the table. */
interface AtRevision<T> {
  readonly revision: number
  readonly value: T
}

/** To ask for its entries costs more than for its numbers where they are parked. */
export type FiguredTable = Pick<EntryTable, 'revision' | 'counts'> & Iterable<LiveEntry>

interface KeptCoverage extends AtRevision<Coverage> {
  readonly counts: number
  readonly slice: Micros
  readonly runs: readonly ContainerRun[]
}

/**
 * What views and estimates ask of all entries of a profile. They ask again and again, and most profiles stay as they are
 * meanwhile, so the answers are kept until the table changes.
 */
export class TableFigures {
  readonly #table: FiguredTable
  #tally: AtRevision<Tally> | undefined
  #coverage: KeptCoverage | undefined

  constructor(table: FiguredTable) {
    this.#table = table
  }

  /** A behaviour that lies in a place is not for people to look at separately. */
  *tally(): Steps<Tally> {
    const { revision } = this.#table
    if (this.#tally?.revision === revision) return this.#tally.value
    const states: Record<BehaviourState, number> = {
      learned: 0,
      approved: 0,
      rejected: 0,
      pending: 0,
      quarantined: 0,
      apart: 0,
      derived: 0,
    }
    let shown = 0
    for (const entry of this.#table) {
      states[entry.state] += 1
      if (entry.within === undefined) shown += 1
      yield
    }
    this.#tally = { revision, value: { states, shown } }
    return this.#tally.value
  }

  /**
   * How well the evidence covers what the image does, see {@link coverageOf}.
   *
   * @param kinds of behaviours that count, the same for the same entries; absent: all
   */
  *coverage(
    runs: readonly ContainerRun[],
    slice: Micros,
    kinds?: ReadonlySet<BehaviourKind>,
  ): Steps<Coverage> {
    const { revision, counts } = this.#table
    const known = this.#coverage
    if (
      known?.revision === revision &&
      known.counts === counts &&
      known.slice === slice &&
      areSame(known.runs, runs)
    ) {
      return known.value
    }
    const value = coverageOf(yield* this.#shownByOne(kinds), runs, slice)
    this.#coverage = { revision, counts, slice, runs, value }
    return value
  }

  /** Of each behaviour that a single container showed: when. Not kept, as it is large. */
  *#shownByOne(kinds?: ReadonlySet<BehaviourKind>): Steps<readonly (readonly CellSpan[])[]> {
    const shown: (readonly CellSpan[])[] = []
    for (const entry of this.#table) {
      const isAsked = kinds?.has(entry.object.kind) !== false
      const only = isAsked ? entry.onlyContainer() : undefined
      if (only !== undefined) shown.push([only])
      yield
    }
    return shown
  }
}

function areSame(a: readonly ContainerRun[], b: readonly ContainerRun[]): boolean {
  return a === b || (a.length === b.length && a.every((run, i) => run === b[i]))
}
