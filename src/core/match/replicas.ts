import type { ReplicaShift } from '../event/alert-words.ts'

/** Fewer replicas are no evidence: two of three may be chance. */
export const replicasLeast = 4
const mostShare = 0.75
const fewShare = 0.2
/** Effects of one change appear within this time of the first. */
const togetherMs = 600_000
/** The other replicas had this much time to show it as well. */
export const aloneMs = 300_000

/**
 * Compares a deviation with the other replicas of the version. Undefined where they are no evidence: too few, or not
 * enough time has passed. Pure.
 *
 * @param facts.firstMs when each container first showed it; the order does not matter
 * @param facts.running containers of the version that run now
 */
export function replicaShift(facts: {
  readonly firstMs: readonly number[]
  readonly running: number
  readonly nowMs: number
}): ReplicaShift | undefined {
  const { firstMs, running, nowMs } = facts
  if (running < replicasLeast || firstMs.length === 0) return undefined
  const first = Math.min(...firstMs)
  const together = firstMs.filter((ms) => ms - first <= togetherMs).length
  if (together >= running * mostShare) return 'most'
  const isAlone = firstMs.length <= running * fewShare
  return isAlone && nowMs - first >= aloneMs ? 'few' : undefined
}

/** `shown` counts ended containers too, so it may be more than run now. */
export function replicaText(shift: ReplicaShift, shown: number, running: number): string {
  const replicas =
    shown <= running ? `${shown} of ${running} replicas` : `${shown} replicas (${running} run now)`
  return shift === 'most'
    ? `${replicas} began to do this together: a change of all of them, or an attack on all of them`
    : `${replicas} ${shown === 1 ? 'does' : 'do'} this: the others do not`
}
