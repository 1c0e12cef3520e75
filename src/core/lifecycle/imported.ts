import { SnugError } from '../../errors.ts'
import type { Step, Version } from './version.ts'

/**
 * Imports a profile: it waits for review, and the agent enforces nothing until a person approves.
 *
 * Errors: `MODE_REFUSED` where the version is enforced, since an import alone must not change its expected behaviour.
 */
export function withImported(version: Version, who: string, nowMs: number): Step {
  mustNotBeEnforced(version)
  const because = `${who} imported a profile: it waits for review`
  const next: Version = Object.freeze({ ...version, state: 'review', learnedAt: nowMs, because })
  const transition = {
    from: { state: version.state, mode: version.mode },
    to: { state: next.state, mode: next.mode },
    atMs: nowMs,
    because,
  }
  return { version: next, transitions: version.state === 'review' ? [] : [transition] }
}

/**
 * Imports the profile that a vendor ships: the prior of a version, as the profile of a previous version is. It learns
 * on, or waits for review as before.
 *
 * Errors: `MODE_REFUSED` where the version is enforced
 */
export function withPrior(version: Version, name: string, who: string): Step {
  mustNotBeEnforced(version)
  const because = `${who} imported the shipped profile \`${name}\` as its prior`
  return { version: Object.freeze({ ...version, because }), transitions: [] }
}

function mustNotBeEnforced({ state, mode }: Version): void {
  if (state !== 'enforced') return
  const how = 'set its mode to `learn` first'
  throw new SnugError('MODE_REFUSED', `the version is enforced in mode ${mode}: ${how}`)
}
