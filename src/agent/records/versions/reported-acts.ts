import type { Alert } from '../../../core/event/alert.ts'
import type { BehaviourKey } from '../../pipeline/sources/source.ts'
import type { KeyMeaning } from './key-meanings.ts'
import type { Share, SharedBound } from './shared-bound.ts'
import { type Slotted, Slots } from './slots.ts'

/**
 * An event that was reported, unexpected or of a version that learns. Its repeats are counted by key, also after a
 * restart. Plain data: it is stored.
 */
export interface ReportedEvent extends KeyMeaning {
  readonly key: BehaviourKey
  readonly container: string
  readonly action: Alert['action']
  /** Fingerprint of the alert that it shares with others. */
  readonly alert?: string
}

/** As the store has it. */
export interface StoredReport {
  readonly act: ReportedEvent
  /** Rises with each report of the version, so the oldest are dropped first, also after a restart. */
  readonly order: number
}

/** Events of a version whose keys survive a restart of the daemon. */
export const reportedKept = 1_000
/** Stopped events that may repeat. */
export const actionsKept = 65_536

/** At the shared bound, a version loses so much of its events at once. */
const shedPart = 1 / 8

/**
 * The unexpected events of a version, and all while it learns: their repeats are counted by key, as the kernel has no
 * profile to count by. Repeats come from containers that run, or
 * ended a short time ago: later, {@link forget} loses nothing.
 */
export class ReportedActs implements Share {
  /** By container and key, the oldest first: these are dropped first. */
  readonly #acts = new Map<string, StoredReport & { readonly slot: number }>()
  /** Names of those that are expected, the oldest first. */
  readonly #expected = new Set<string>()
  #order = 0
  readonly #slots = new Slots<StoredReport>()
  /** Of each container, what the kernel did other than to report. */
  readonly #actions = new Map<string, Map<BehaviourKey, Alert['action']>>()
  #actionsSize = 0
  #bound: SharedBound | undefined

  get size(): number {
    return this.#acts.size + this.#actionsSize
  }

  /** From now on, it is a part of what all versions together may keep. */
  share(bound: SharedBound): void {
    this.#bound = bound
    bound.join(this)
  }

  /** The containers whose events were reported. */
  *containers(): Iterable<string> {
    for (const { act } of this.#acts.values()) yield act.container
  }

  add(act: ReportedEvent): void {
    const name = nameOf(act)
    const known = this.#acts.get(name)
    const report = { act, order: this.#order + 1 }
    this.#put(name, this.#slots.put(report, known?.slot), report)
    if (this.#acts.size > reportedKept) this.#dropLeast()
    if (known === undefined) this.#bound?.grew()
  }

  /** Those of the store, before there are others. */
  restore(stored: readonly { readonly slot: number; readonly record: StoredReport }[]): void {
    this.#slots.restore(stored)
    for (const { slot, record } of stored.toSorted((a, b) => a.record.order - b.record.order))
      this.#put(nameOf(record.act), slot, record)
  }

  /** What the store does not have as it is. */
  drainChanged(): readonly Slotted<StoredReport>[] {
    return this.#slots.drainChanged()
  }

  #put(name: string, slot: number, report: StoredReport): void {
    this.#remove(name)
    this.#acts.set(name, { ...report, slot })
    if (report.act.expected) this.#expected.add(name)
    this.#order = report.order
  }

  /** Fingerprint of the alert that this container's latest event of that key shares with others. */
  alertOf(key: BehaviourKey, container: string): string | undefined {
    return this.#acts.get(nameOf({ key, container }))?.act.alert
  }

  /** Records the action for the container's latest event of that key, which its repeats share. */
  setAction(key: BehaviourKey, container: string, action: Alert['action']): void {
    let actions = this.#actions.get(container)
    if (action === 'alerted') {
      if (actions?.delete(key) === true) this.#actionsSize -= 1
      if (actions?.size === 0) this.#actions.delete(container)
      return
    }
    if (actions === undefined) {
      actions = new Map()
      this.#actions.set(container, actions)
    }
    const isNew = !actions.has(key)
    actions.set(key, action)
    if (!isNew) return
    this.#actionsSize += 1
    if (this.#actionsSize > actionsKept) this.#dropActions()
    this.#bound?.grew()
  }

  actionOf(key: BehaviourKey, container: string): Alert['action'] {
    return this.#actions.get(container)?.get(key) ?? 'alerted'
  }

  /** The kernel counts by the profile from now on. */
  forgetExpected(): void {
    for (const name of this.#expected) this.#drop(name)
  }

  /** No repeat of the container is counted any more. */
  forget(containers: ReadonlySet<string>): void {
    for (const container of containers) {
      this.#actionsSize -= this.#actions.get(container)?.size ?? 0
      this.#actions.delete(container)
    }
    for (const [name, { act }] of this.#acts) {
      if (containers.has(act.container)) this.#drop(name)
    }
  }

  /** The oldest of the events, or the actions of the container with the most of them. */
  shed(): number {
    if (this.#acts.size < this.#actionsSize) return this.#dropActions()
    return this.#dropOldest(Math.ceil(this.#acts.size * shedPart))
  }

  /** Of an unexpected event, the repeats belong to an alert. */
  #dropLeast(): void {
    const [least] = this.#expected
    if (least === undefined) this.#dropOldest(1)
    else this.#drop(least)
  }

  #dropOldest(count: number): number {
    let dropped = 0
    for (const name of this.#acts.keys()) {
      if (dropped >= count) break
      this.#drop(name)
      dropped += 1
    }
    return dropped
  }

  #drop(name: string): void {
    const slot = this.#acts.get(name)?.slot
    if (slot === undefined) return
    this.#remove(name)
    this.#slots.clear(slot)
  }

  #remove(name: string): void {
    this.#acts.delete(name)
    this.#expected.delete(name)
  }

  #dropActions(): number {
    let most = ''
    let size = 0
    for (const [container, actions] of this.#actions) {
      if (actions.size <= size) continue
      most = container
      size = actions.size
    }
    this.#actions.delete(most)
    this.#actionsSize -= size
    return size
  }
}

function nameOf({ key, container }: Pick<ReportedEvent, 'key' | 'container'>): string {
  return `${key} ${container}`
}
