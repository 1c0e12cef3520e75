import type { Step, Version } from './version.ts'

/**
 * Another node of the fleet completed the window of this version: its profile is here, and the version alerts on
 * deviations. Nothing where the version does not learn.
 */
export function learnedElsewhere(
  version: Version,
  by: { readonly node: string; readonly at: string },
  after: 'review' | 'alert' | 'block',
  nowMs: number,
): Step {
  if (version.state !== 'learning') return { version, transitions: [] }
  const { holes: _, ...whole } = version
  const because = `node \`${by.node}\` learned this version: its learning window ended at ${by.at}`
  const next: Version = Object.freeze({
    ...whole,
    learnedAt: nowMs,
    because,
    ...(after === 'review'
      ? { state: 'review' as const }
      : { state: 'enforced' as const, mode: 'alert' as const, alertingSince: nowMs }),
  })
  const from = { state: version.state, mode: version.mode }
  const to = { state: next.state, mode: next.mode }
  return { version: next, transitions: [{ from, to, atMs: nowMs, because }] }
}
