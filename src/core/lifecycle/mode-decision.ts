import { compareText } from '../compare-text.ts'
import type { CanaryChoice } from './blocking.ts'
import type { Version } from './version.ts'
import type { Mode } from './mode.ts'

/** A person's decision on the mode of one version, on every node. Plain data: stored and sent. */
export interface ModeDecision {
  readonly mode: Mode
  readonly by: string
  /** RFC 3339 UTC, to the millisecond */
  readonly at: string
  readonly reason?: string
  /** Only with mode `block`. */
  readonly canary?: CanaryChoice
}

/** Of these the latest; of one instant the same on every node. Undefined where there is none. */
export function latestDecision<T extends ModeDecision>(
  names: Iterable<T | undefined>,
): T | undefined {
  let latest: T | undefined
  for (const decision of names) {
    if (decision !== undefined && (latest === undefined || compareDecisions(decision, latest) > 0))
      latest = decision
  }
  return latest
}

/** Positive where `a` is the later. */
export function compareDecisions(a: ModeDecision, b: ModeDecision): number {
  return compareText(a.at, b.at) || compareText(decisionText(a), decisionText(b))
}

/** Whether the version already follows the decision. */
export function isInEffect(version: Version, { mode, at, canary }: ModeDecision): boolean {
  // A window that began after the decision is the one that it asks for.
  if (mode === 'learn' && version.learningSince >= Date.parse(at)) return true
  if (mode !== version.mode) return false
  return version.blocking?.disarmedAt === undefined && canary === undefined
}

/** Equal for equal decisions, regardless of the order of their keys. */
function decisionText({ mode, by, reason, canary }: ModeDecision): string {
  return JSON.stringify([mode, by, reason ?? '', canary?.fraction ?? 0, canary?.forMs ?? 0])
}
