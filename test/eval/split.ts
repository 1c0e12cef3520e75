import { createHash } from 'node:crypto'

export const columns = ['development', 'held-out'] as const
export type Column = (typeof columns)[number]

/**
 * The hash of a service's name selects its column. Developers of the learner may inspect development services; held-out
 * services have only totals. The gap between the two is the over-fit.
 */
export function columnOf(name: string): Column {
  const [first = 0] = createHash('sha256').update(name).digest()
  return first % 2 === 0 ? 'development' : 'held-out'
}
