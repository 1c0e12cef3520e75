import { type BlockRules, blockingText, startBlocking } from './blocking.ts'
import type { Step, Version } from './version.ts'

/** How the holder of a trusted key wants its profiles enforced, from the first event. */
export interface TrustedStart {
  readonly mode: 'alert' | 'block'
  readonly rules: BlockRules
  /** Where the profile comes from, as the beginning of a sentence. */
  readonly came: string
}

/**
 * A version came with a profile that a trusted key signed: it is enforced from its first event,
 * without learning. The signature replaces the gates before blocking (docs/adr/0016); the canary
 * still applies. Only for a version that still learns: a person's decision takes precedence.
 */
export function withTrusted(
  version: Version,
  { mode, rules, came }: TrustedStart,
  nowMs: number,
): Step {
  if (version.state !== 'learning') return { version, transitions: [] }
  const { holes: _, ...whole } = version
  const base = { ...whole, state: 'enforced', learnedAt: nowMs, alertingSince: nowMs } as const
  const blocking = mode === 'block' ? startBlocking(rules, nowMs) : undefined
  const next: Version = Object.freeze(
    blocking === undefined
      ? { ...base, mode: 'alert', because: `${came}: alerting` }
      : {
          ...base,
          mode: 'block',
          blocking,
          because: `${came}: blocking ${blockingText(blocking, nowMs)}`,
        },
  )
  const transition = {
    from: { state: version.state, mode: version.mode },
    to: { state: next.state, mode: next.mode },
    atMs: nowMs,
    because: next.because,
  }
  return { version: next, transitions: [transition] }
}
