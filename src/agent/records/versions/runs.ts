import type { Blindness } from '../../../core/sight/blindness.ts'
import { type Slotted, Slots } from './slots.ts'

/** A run of a container from a start to an end, before a later start. */
export interface PastStint {
  readonly from: string
  readonly to: string
  readonly before: boolean
}

/** One container of the version, on this node. Plain data. */
export interface Run {
  readonly container: string
  readonly name?: string
  /** RFC 3339 */
  readonly from: string
  /**
   * End of the run, absent while it runs. If no source announced the container, the time of its
   * latest event.
   */
  readonly to?: string
  /** Known only from events: recorded events include no start and no end of containers. */
  readonly actsOnly?: true
  /** It already ran when it was first observed, so its start is missing from the evidence. */
  readonly before: boolean
  /** Its end was not observed. */
  readonly endUnseen?: true
  /** Earlier starts under the same id, oldest first. */
  readonly earlier?: readonly PastStint[]
  /** Its namespace does not teach: it is judged, and its behaviours wait for review. */
  readonly outside?: true
  /** The kernel of this host does not see what it does, or is not proven to. */
  readonly blind?: Blindness
  /** Its own kernel reports what it does. Not stored: a sandbox connects to one agent. */
  readonly inside?: true
  /** A loss reports that it is blind. */
  readonly blindReported?: true
  /** A process of it was found that runs on the kernel of this host, although its runtime is unknown. */
  readonly proven?: true
}

/** How many of the containers run, and of those: ran before they were first observed, are blind, have their own kernel. */
export interface RunCounts {
  readonly running: number
  readonly before: number
  readonly blind: number
  readonly sandboxed: number
}

/** Nobody sees what the container does. */
export function isUnseen({ blind, inside }: Run): boolean {
  return blind !== undefined && inside !== true
}

/** As the store has it. */
export interface StoredRun {
  readonly run: Run
  /** Rises with each container of the version. */
  readonly order: number
}

/** The containers of a version by id, in the order of their first start. */
export class Runs extends Map<string, Run> {
  /** Rises with each change. */
  revision = 0
  #counts: (RunCounts & { readonly revision: number }) | undefined
  readonly #slots = new Slots<StoredRun>()
  readonly #places = new Map<string, { readonly slot: number; readonly order: number }>()
  #order = 0

  override set(container: string, run: Run): this {
    const known = this.#places.get(container)
    const order = known?.order ?? this.#order + 1
    this.#place(container, this.#slots.put({ run, order }, known?.slot), order)
    return this.#set(container, run)
  }

  override delete(container: string): boolean {
    const known = this.#places.get(container)
    if (known === undefined) return false
    this.#places.delete(container)
    this.#slots.clear(known.slot)
    this.revision += 1
    return super.delete(container)
  }

  /** Those of the store, before there are others. */
  restore(stored: readonly { readonly slot: number; readonly record: StoredRun }[]): void {
    this.#slots.restore(stored)
    for (const { slot, record } of stored.toSorted((a, b) => a.record.order - b.record.order)) {
      const { run, order } = record
      this.#place(run.container, slot, order)
      this.#set(run.container, run)
    }
  }

  /** What the store does not have as it is. */
  drainChanged(): readonly Slotted<StoredRun>[] {
    return this.#slots.drainChanged()
  }

  #place(container: string, slot: number, order: number): void {
    this.#places.set(container, { slot, order })
    this.#order = Math.max(this.#order, order)
  }

  #set(container: string, run: Run): this {
    this.revision += 1
    return super.set(container, run)
  }

  /** Views ask for it again and again, and most versions stay as they are meanwhile. */
  get counts(): RunCounts {
    if (this.#counts?.revision !== this.revision) this.#counts = this.#counted()
    return this.#counts
  }

  #counted(): RunCounts & { readonly revision: number } {
    let [running, before, blind, sandboxed] = [0, 0, 0, 0]
    for (const run of this.values()) {
      if (run.to !== undefined) continue
      running += 1
      if (run.before) before += 1
      if (isUnseen(run)) blind += 1
      if (run.blind?.why === 'own-kernel') sandboxed += 1
    }
    return { running, before, blind, sandboxed, revision: this.revision }
  }
}
