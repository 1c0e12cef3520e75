import type { Step, Version } from './version.ts'

/**
 * Another node of the fleet had the whole window of this version: what it learned is here, and is held to, by alerts.
 * Nothing where the version does not learn.
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
