import type { Mode } from './mode.ts'
import { type BehaviourKind, behaviourKinds } from '../event/event-words.ts'
import type { PartialObservable } from '../coverage/observable.ts'
import { SnugError } from '../../errors.ts'
import { sha256Hex } from '../behaviour/sha256.ts'
import { durationText, percentText } from './wording.ts'

/** How blocking begins, and when it ends automatically. */
export interface BlockRules {
  /** Share of a version's containers that is blocked first; 0..1, 1: all of them at once. */
  readonly canary: number
  /** How long only that share is, in milliseconds. */
  readonly canaryForMs: number
  /**
   * Different actions of one kind that the kernel stops within a minute, in most containers of a
   * version, before blocking disarms itself for that kind.
   */
  readonly budget: number
  /** The least severity that is stopped, as far as the kernel distinguishes it. */
  readonly from: BlockedFrom
}

/** `medium`: novelty is reported, and not stopped. */
export const blockedFrom = ['low', 'medium'] as const
export type BlockedFrom = (typeof blockedFrom)[number]

/**
 * A tenth, for ten minutes: where a profile is wrong, one container in ten shows it as well as all of them do, and
 * nine go on serving. A version with fewer than ten containers has one canary.
 */
export const defaultBlockRules: BlockRules = Object.freeze({
  canary: 0.1,
  canaryForMs: 600_000,
  budget: 100,
  from: 'medium',
})

export interface Canary {
  readonly fraction: number
  /** Epoch milliseconds: from then on all containers are blocked. */
  readonly until: number
}

/** State that exists only in mode `block`. Plain data: it is stored with the version. */
export interface Blocking {
  /** Epoch milliseconds */
  readonly since: number
  readonly canary?: Canary
  /** Epoch milliseconds: since when it only alerts, because its budget was spent. */
  readonly disarmedAt?: number
  /** The kinds that only alert since then; absent: all. */
  readonly disarmed?: readonly BehaviourKind[]
}

/** A person suspended blocking for a limited time. */
export interface BreakGlass {
  /** Epoch milliseconds */
  readonly until: number
  readonly by: string
  readonly reason: string
}

/** A person's own choice of canary, for one version. */
export interface CanaryChoice {
  readonly fraction?: number
  readonly forMs?: number
}

/** A longer time is no emergency: `mode alert` is permanent and visible. */
export const longestBreakGlassMs = 86_400_000

export function startBlocking(
  rules: BlockRules,
  nowMs: number,
  choice: CanaryChoice = {},
): Blocking {
  const fraction = choice.fraction ?? rules.canary
  const forMs = choice.forMs ?? rules.canaryForMs
  if (fraction >= 1 || forMs <= 0) return { since: nowMs }
  return { since: nowMs, canary: { fraction, until: nowMs + forMs } }
}

/** ` in all containers`, or which and until when; for a sentence. */
export function blockingText({ canary }: Blocking, nowMs: number): string {
  if (canary === undefined) return 'in all containers'
  const share = percentText(canary.fraction)
  return `in ${share} of its containers (at least one) for the first ${durationText(canary.until - nowMs)}`
}

/** The part of a version that this file is about. */
export interface Blockable {
  readonly mode: Mode
  readonly blocking?: Blocking
  readonly breakGlass?: BreakGlass
  readonly because: string
}

/** Ends what has an end: the canary's time, and break-glass. Without news it gives the version as it is. */
export function settleBlocking<V extends Blockable>(version: V, nowMs: number): V {
  let settled = version
  const { blocking, breakGlass } = version
  if (blocking?.canary !== undefined && nowMs >= blocking.canary.until) {
    const { canary: _, ...all } = blocking
    const because = 'the canary period ended without a fault: blocking in all containers'
    // One that disarmed itself has shown harm: it is not widened, it waits for a person.
    if (blocking.disarmedAt === undefined) settled = { ...settled, blocking: all, because }
  }
  if (breakGlass !== undefined && nowMs >= breakGlass.until) {
    const { breakGlass: _, ...rest } = settled
    settled = { ...(rest as V), because: 'break-glass ended: blocking resumed' }
  }
  return settled === version ? version : Object.freeze(settled)
}

/** The kernel spent the version's budget of these kinds, and does not stop them any more. */
export function disarm<V extends Blockable>(
  version: V,
  { budget, kinds }: { readonly budget: number; readonly kinds: readonly BehaviourKind[] },
  nowMs: number,
): V {
  const { blocking } = version
  if (version.mode !== 'block' || blocking === undefined) return version
  const before = blocking.disarmedAt === undefined ? [] : (blocking.disarmed ?? behaviourKinds)
  const disarmed = behaviourKinds.filter((kind) => before.includes(kind) || kinds.includes(kind))
  if (disarmed.length === before.length) return version
  const spent = disarmed.filter((kind) => !before.includes(kind)).join(', ')
  return Object.freeze({
    ...version,
    blocking: { ...blocking, disarmedAt: blocking.disarmedAt ?? nowMs, disarmed },
    because:
      `blocking disarmed itself for ${spent}: more than ${budget} actions were stopped in most ` +
      'containers within a minute; find the cause, then set mode block again',
  })
}

/**
 * Suspends blocking for a limited time, by a person's decision.
 *
 * @throws SnugError MODE_REFUSED if it does not block, DECISION_INVALID for a time that is too long
 * or not a time
 */
export function breakGlass<V extends Blockable>(
  version: V,
  order: { readonly forMs: number; readonly reason: string; readonly who: string },
  nowMs: number,
): V {
  const { forMs, reason, who } = order
  if (version.mode !== 'block')
    throw new SnugError('MODE_REFUSED', 'the version is not in mode block')
  if (!(forMs > 0 && forMs <= longestBreakGlassMs)) {
    throw new SnugError('DECISION_INVALID', 'break-glass lasts at most `24h`')
  }
  return Object.freeze({
    ...version,
    breakGlass: { until: nowMs + forMs, by: who, reason },
    because: `${who} started break-glass for ${durationText(forMs)}: ${reason}`,
  })
}

export function endBreakGlass<V extends Blockable>(version: V, who: string): V {
  if (version.breakGlass === undefined) return version
  const { breakGlass: _, ...rest } = version
  return Object.freeze({
    ...(rest as V),
    because: `${who} ended break-glass: blocking resumed`,
  })
}

/** Its spans of time by a clock that was set. */
export function blockingAfterStep<V extends Blockable>(version: V, stepMs: number): V {
  const { blocking, breakGlass } = version
  if (blocking === undefined) return version
  const { since, canary, disarmedAt } = blocking
  return {
    ...version,
    blocking: {
      ...blocking,
      since: since + stepMs,
      ...(canary === undefined ? {} : { canary: { ...canary, until: canary.until + stepMs } }),
      ...(disarmedAt === undefined ? {} : { disarmedAt: disarmedAt + stepMs }),
    },
    ...(breakGlass === undefined
      ? {}
      : { breakGlass: { ...breakGlass, until: breakGlass.until + stepMs } }),
  }
}

/** Without what only mode `block` has. */
export function withoutBlocking<V extends Blockable>(version: V): V {
  const { blocking: _, breakGlass: __, ...rest } = version
  return rest as V
}

/**
 * What is reported, and not stopped. `unguarded`: of a job, files that no guardrail is about, and peers on the same host.
 * `actors`: of a version of class `open`, connections to peers that another one of its programs may have.
 */
export type Spare = PartialObservable | 'unguarded' | 'actors'

/** Of a version of class `open` these are only reported: its programs differ, and with them the rights that they use. */
export const openKinds: readonly BehaviourKind[] = ['exec', 'listen', 'capability']

/**
 * The kernel's response to deviations; undefined if it has no profile.
 *
 * @param isBlind no source observed some kind of event: unseen behaviour of it must not be refused
 * @param spares with accesses to files that no source observed, alone
 * @param reported kinds that are not stopped, whatever the budget
 */
export function enforcementOf(
  version: Blockable & { readonly state: string },
  budget: number,
  isBlind = false,
  spares: readonly Spare[] = [],
  reported: readonly BehaviourKind[] = [],
):
  | {
      readonly mode: 'alert' | 'block'
      readonly budget: number
      readonly except?: readonly BehaviourKind[]
      readonly spares?: readonly Spare[]
      readonly pausedUntil?: number
    }
  | undefined {
  if (!judgesInKernel(version)) return undefined
  const { mode, blocking, breakGlass } = version
  const disarmed = blocking?.disarmedAt === undefined ? [] : (blocking.disarmed ?? behaviourKinds)
  const except = behaviourKinds.filter((kind) => disarmed.includes(kind) || reported.includes(kind))
  const armed = mode === 'block' && except.length < behaviourKinds.length && !isBlind
  return {
    mode: armed ? 'block' : 'alert',
    budget,
    ...(armed && except.length > 0 ? { except } : {}),
    ...(armed && spares.length > 0 ? { spares } : {}),
    ...(breakGlass === undefined ? {} : { pausedUntil: breakGlass.until }),
  }
}

/** Its profile is settled enough to be judged by without user space. */
export function judgesInKernel({ state, mode }: Blockable & { readonly state: string }): boolean {
  return state !== 'learning' && mode !== 'learn'
}

/**
 * Which of these containers are blocked while the canary lasts: those whose id hashes below the fraction, whatever
 * others come and go; where there is none, the one that hashes lowest.
 */
export function canariesAmong(ids: Iterable<string>, { fraction }: Canary): ReadonlySet<string> {
  const chosen = new Set<string>()
  let lowest: { readonly id: string; readonly share: number } | undefined
  for (const id of ids) {
    const share = Number.parseInt(sha256Hex(id).slice(0, 8), 16) / 2 ** 32
    if (share < fraction) chosen.add(id)
    if (lowest === undefined || share < lowest.share) lowest = { id, share }
  }
  if (chosen.size === 0 && lowest !== undefined) chosen.add(lowest.id)
  return chosen
}
