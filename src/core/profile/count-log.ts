import type { Micros } from '../event/time.ts'
import type { BehaviourId } from '../behaviour/behaviour.ts'
import { isOneBucket } from '../coverage/time-buckets.ts'
import type { CountedBy, StoredCounts } from './stored-entry.ts'

interface Row {
  readonly id: BehaviourId
  count: number
  first: Micros
  last: Micros
}

interface Group {
  readonly by: CountedBy
  readonly rows: Row[]
  /** The last row of each behaviour. */
  readonly latest: Map<BehaviourId, Row>
}

/** Counts that the store does not have yet. */
export class CountLog {
  readonly #groups = new Map<string, Group[]>()
  #last: Group | undefined

  get isEmpty(): boolean {
    return this.#groups.size === 0
  }

  add(id: BehaviourId, by: CountedBy, count: number, when: Micros): void {
    const group = this.#groupOf(by)
    const row = group.latest.get(id)
    if (row !== undefined && isOneBucket(row.first, when)) {
      row.count += count
      if (when < row.first) row.first = when
      if (when > row.last) row.last = when
      return
    }
    const fresh = { id, count, first: when, last: when }
    group.rows.push(fresh)
    group.latest.set(id, fresh)
  }

  /** Those of behaviours that the store does not get as a whole. The log is empty then. */
  drain(isWanted: (id: BehaviourId) => boolean): readonly StoredCounts[] {
    const drained: StoredCounts[] = []
    for (const { by, rows } of [...this.#groups.values()].flat()) {
      const ids: BehaviourId[] = []
      const seen: number[] = []
      for (const { id, count, first, last } of rows) {
        if (!isWanted(id)) continue
        ids.push(id)
        seen.push(count, first, last)
      }
      if (ids.length > 0) drained.push({ ...by, ids, seen })
    }
    this.clear()
    return drained
  }

  clear(): void {
    this.#groups.clear()
    this.#last = undefined
  }

  #groupOf(by: CountedBy): Group {
    if (this.#last !== undefined && isSame(this.#last.by, by)) return this.#last
    let ofContainer = this.#groups.get(by.container)
    if (ofContainer === undefined) {
      ofContainer = []
      this.#groups.set(by.container, ofContainer)
    }
    let group = ofContainer.find((each) => isSame(each.by, by))
    if (group === undefined) {
      group = { by, rows: [], latest: new Map() }
      ofContainer.push(group)
    }
    this.#last = group
    return group
  }
}

function isSame(a: CountedBy, b: CountedBy): boolean {
  return (
    a.container === b.container &&
    a.origin === b.origin &&
    a.session === b.session &&
    a.phase === b.phase &&
    a.node === b.node &&
    a.source === b.source
  )
}
