import type { DeployedVersion } from '../../records/versions/deployed-version.ts'

/** A part of a container's life that was not observed. */
export interface Stretch {
  readonly reason: string
  /** RFC 3339; absent: before there was an agent. */
  readonly from?: string
  readonly to: string
}

/**
 * The gap that contains an event of the container, or that ended less than `afterMs` before it. The
 * sensor may have missed the cause of such an event, so the event is weak evidence. Undefined if
 * all of the time was observed.
 */
export function stretchBefore(
  version: DeployedVersion,
  container: string,
  time: string,
  afterMs: number,
): Stretch | undefined {
  const lost = version.losses.unobserved(container, time, afterMs)
  const run = version.runs.get(container)
  const isOfItsLife = lost !== undefined && (run === undefined || lost.to >= startOf(run))
  if (isOfItsLife) return { reason: lost.reason, from: lost.from, to: lost.to }
  if (run?.before !== true || Date.parse(time) - Date.parse(run.from) >= afterMs) return undefined
  return { reason: 'it started before the agent', to: run.from }
}

function startOf(run: { readonly from: string; readonly earlier?: readonly { from: string }[] }) {
  return run.earlier?.[0]?.from ?? run.from
}

export function stretchText({ reason, from, to }: Stretch): string {
  const span = from === undefined ? `before ${to}` : `between ${from} and ${to}`
  return `the container was not fully observed ${span} (${reason}): earlier events of this chain may be missing`
}
