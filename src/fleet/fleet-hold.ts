import { randomBytes } from 'node:crypto'
import type { FleetHold } from '../api/hold-views.ts'
import { compareText } from '../core/compare-text.ts'
import { lineageName } from '../core/event/image-key.ts'
import { checkHoldLength } from '../core/lifecycle/hold.ts'
import { isOver, type NewHold, type SharedHold } from '../core/lifecycle/shared-hold.ts'
import type { FleetImage } from './fleet-image.ts'
import type { SliceHead } from './slices/slice-head.ts'

interface HeldVersion {
  /** Of the profile. */
  readonly name: string
  readonly image: FleetImage
  readonly holds: readonly SharedHold[]
}

/** What a node published first of the version. */
export type HoldSlice = Pick<SliceHead, 'holds'> & { readonly node?: string }

/** Errors: DECISION_INVALID */
export function newHold(order: Omit<NewHold, 'id'>): NewHold {
  checkHoldLength(order.forMs)
  return { id: `h${randomBytes(6).toString('hex')}`, ...order }
}

/** Those that are not over, and of the released ones those that a node has not ended yet. */
export function fleetHolds(
  { name, image, holds }: HeldVersion,
  slices: () => readonly HoldSlice[],
  nowMs: number,
): FleetHold[] {
  const due = holds.filter((hold) => !isOver(hold, nowMs))
  if (due.length === 0) return []
  const published = slices()
  const rows = due.map(({ released, pod, container, ...hold }): FleetHold => {
    const { id, level, by, at, until, reason } = hold
    const nodes = published.flatMap(({ node = '', holds: progress = [] }) =>
      progress.flatMap(({ id: of, containers, held, because }) =>
        of === id
          ? [{ node, containers, held, ...(because === undefined ? {} : { because }) }]
          : [],
      ),
    )
    return {
      id,
      level,
      by,
      at,
      until,
      reason,
      profile: name,
      lineage: lineageName(image),
      ...(pod === undefined ? {} : { pod }),
      ...(container === undefined ? {} : { container }),
      ...(released === undefined ? {} : { releasedBy: released.by }),
      nodes: nodes.sort((a, b) => compareText(a.node, b.node)),
    }
  })
  return rows.filter(({ releasedBy, nodes }) => releasedBy === undefined || nodes.length > 0)
}
