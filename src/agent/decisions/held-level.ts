import { type HoldLevel, holdLevels } from '../../core/lifecycle/hold.ts'
import type { Agent } from '../engine/agent.ts'

/**
 * What of the holds on these containers is confirmed: the last level in the order of {@link holdLevels}, or `none` where
 * no hold is for them. Undefined where that is not known yet, as after a start.
 */
export function heldLevel(
  { holds, kernel }: Pick<Agent, 'holds' | 'kernel'>,
  containers: Iterable<string>,
): HoldLevel | 'none' | undefined {
  if (holds.all.length === 0) return 'none'
  const confirmed = new Set<HoldLevel>()
  let isFree = true
  for (const id of containers) {
    const container = kernel.reported(id)
    if (container === undefined) {
      isFree = false
      continue
    }
    for (const hold of holds.of(container)) {
      isFree = false
      if (holds.standing(hold, container).state === 'held') confirmed.add(hold.level)
    }
  }
  return holdLevels.findLast((level) => confirmed.has(level)) ?? (isFree ? 'none' : undefined)
}
