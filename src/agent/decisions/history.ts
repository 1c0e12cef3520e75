import type { Alert } from '../../core/event/alert.ts'
import { type BehaviourRef, behavioursOf } from '../../core/behaviour/behaviour.ts'
import { refsOfCell } from '../../core/profile/cell-refs.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'

/** A recorded event: one behaviour as it was observed, with its origin. */
export interface PastAct {
  readonly ref: BehaviourRef
  readonly count: number
}

/**
 * The recorded events of a version, each different one once: its evidence, as far as witnesses were kept, and the
 * events of its alerts.
 */
export function historyOf(
  entries: Iterable<ProfileEntry>,
  alerts: Iterable<Alert>,
  shaper: Shaper,
): readonly PastAct[] {
  const acts = new Map<string, PastAct>()
  const add = (ref: BehaviourRef, count: number): void => {
    const name = `${ref.key}\u0001${ref.origin}\u0001${ref.literal?.text ?? ''}`
    const known = acts.get(name)
    acts.set(name, { ref: known?.ref ?? ref, count: (known?.count ?? 0) + count })
  }
  for (const entry of entries) {
    for (const cell of entry.cells)
      for (const ref of refsOfCell(entry, cell, shaper)) add(ref, cell.count)
  }
  const shown = new Set(acts.keys())
  for (const { event, count } of alerts) {
    if (event.kind === 'loss') continue
    for (const ref of behavioursOf(event, shaper)) {
      // What the evidence shows already was counted there.
      if (shown.has(`${ref.key}\u0001${ref.origin}\u0001${ref.literal?.text ?? ''}`)) continue
      add(ref, count)
    }
  }
  return [...acts.values()]
}
