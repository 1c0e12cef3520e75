import { describeError, SnugError } from '../errors.ts'
import type { FleetImage } from './kubernetes/fleet-objects.ts'
import type { SpecDecision } from './kubernetes/spec-decision.ts'
import type { KubeFleet, KubeFleetOptions } from './kubernetes/kube-fleet.ts'
import { decisionTimesOf } from '../core/lifecycle/reported.ts'
import { learnedElsewhere } from '../core/lifecycle/learned-elsewhere.ts'
import { isInEffect, latestDecision } from '../core/lifecycle/mode-decision.ts'
import { type ProfileEntry, sameDecision } from '../core/profile/profile-entry.ts'
import { sharedForm } from '../core/behaviour/shared-form.ts'
import type { FleetContext } from '../engine/contexts.ts'
import type { DeployedVersion } from '../state/versions/deployed-version.ts'
import type { Decider } from '../engine/api/engine.ts'
import {
  approveAllName,
  applicableDecisions,
  reconcileSpec,
  isReconciled,
  isPast,
  modeDecisionOf,
  decidedAt,
} from './fleet-decisions.ts'
import { ShareSchedule } from './share-schedule.ts'
import type { SnugEngine } from '../engine/snug-engine.ts'

export type FleetLink = Pick<
  KubeFleetOptions,
  'onEntries' | 'onSpecDecision' | 'onSpecDecisionGone' | 'onError'
>

export interface FleetSyncOptions {
  readonly context: FleetContext
  readonly engine: SnugEngine
  readonly makeFleet: (link: FleetLink) => KubeFleet
  /** The maximum delay, in milliseconds, before this node shares what it learned. */
  readonly shareWithinMs: number
  readonly random?: () => number
  /** How often decisions of the fleet are applied, in milliseconds. */
  readonly tickMs?: number
}

const secondMs = 1_000

/**
 * One profile for the fleet: takes in what other nodes learned and what people decided, and tells what this node has that
 * nobody has told. The rule for two decisions is the same wherever they are made: the later stands, and git above all.
 */
export class FleetSync {
  readonly #options: FleetSyncOptions
  readonly #fleet: KubeFleet
  readonly #decisions = new Map<string, SpecDecision>()
  /** Versions that others told something of that is not taken in yet. */
  readonly #reported = new Set<string>()
  readonly #schedule: ShareSchedule<DeployedVersion>
  /** What could not be done of what was said, and why. */
  readonly #refused = new Map<string, string>()
  #reconciling = false
  #publishing = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: FleetSyncOptions) {
    this.#options = options
    const { shareWithinMs, random = Math.random } = options
    this.#schedule = new ShareSchedule({ withinMs: shareWithinMs, random })
    const { log } = options.context.parts
    this.#fleet = options.makeFleet({
      onEntries: (image) => this.#reported.add(nameOf(image)),
      onSpecDecision: (decision) => this.#decisions.set(nameOf(decision.image), decision),
      onSpecDecisionGone: (image) => this.#decisions.delete(nameOf(image)),
      onError: (what, error) =>
        log.warn({ what, error: describeError(error) }, 'the node could not report to the fleet'),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#timer = setInterval(() => void this.tick(), this.#options.tickMs ?? secondMs)
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
    await this.#fleet.start(signal)
  }

  /** Does what was heard since, and tells what is due; called each second. */
  async tick(): Promise<void> {
    const { context } = this.#options
    const { fault } = this.#fleet
    if (fault === undefined) context.faults.delete('fleet')
    else context.faults.set('fleet', fault)
    if (!this.#reconciling) await this.#reconcileAll()
    if (!this.#publishing) await this.#publish()
  }

  async #reconcileAll(): Promise<void> {
    const { context } = this.#options
    this.#reconciling = true
    try {
      for (const version of context.registry.versions) {
        const name = nameOf(version.image)
        // First seen, maybe taken back from the store: what was told before is taken in again.
        const isFirst = this.#schedule.add(version, context.now())
        // Each by itself: more is told of others, and of this one, while a word is being heard.
        if (this.#reported.delete(name) || isFirst) this.#takeIn(version)
        const decision = this.#decisions.get(name)
        // Also what others heard: only with that one can tell when a word was said.
        if (decision !== undefined && !isReconciled(version, decision) && !this.#fleet.current)
          continue
        await this.#trying(version, 'words', () => this.#reconcile(version, decision))
        await this.#trying(version, 'mode', () => this.#reconcileMode(version, decision))
      }
    } finally {
      this.#reconciling = false
    }
  }

  #takeIn(version: DeployedVersion): void {
    const { registry, kernel } = this.#options.context
    const news = this.#fleet
      .entries(version.image)
      .filter((entry) => !holds(version.profile.entry(entry.id), entry))
    if (news.length > 0) {
      version.profile.merge(news)
      version.news = true
      version.changed = true
      kernel.decided(version, true)
    }
    const learned = this.#fleet.learned(version.image)
    // One that a person set back to learning has been learned here before.
    if (learned === undefined || version.learnedSize > 0) return
    const nowMs = this.#options.context.now()
    registry.apply(version, learnedElsewhere(version.life, learned, registry.rules.after, nowMs))
  }

  /**
   * Each decision once: a decision that was in the object before does not count as new when another
   * part changes.
   */
  async #reconcile(version: DeployedVersion, decision: SpecDecision | undefined): Promise<void> {
    if (decision === undefined) return
    const isNew = !isReconciled(version, decision)
    if (!isNew && !decision.isGit && version.reconciled.awaited.length === 0) return
    const { engine, context } = this.#options
    const written = isNew ? this.#fleet.times(version.image, decision.profile) : undefined
    const { reconciled, fresh } = reconcileSpec(version, decision, written, context.now())
    const { applicable, awaited } = applicableDecisions(version, decision, reconciled, fresh)
    const ref = nameOf(version.image)
    for (const { what, ids, by } of applicable) {
      if (what === 'approve') await engine.approve(ref, ids, by, { quarantined: true })
      else await engine.reject(ref, ids, by)
    }
    const { approveAll } = decision
    if (approveAll !== undefined && fresh.has(approveAllName)) {
      const at = decidedAt(reconciled, approveAllName) ?? approveAll.at
      await engine.approve(ref, undefined, { who: approveAll.by, at })
    }
    if (!isNew && awaited.length === version.reconciled.awaited.length) return
    version.reconciled = { ...reconciled, awaited }
    version.changed = true
  }

  /** Goes by the word that stands: once, so that the version may go on from there by itself; by that of git always. */
  async #reconcileMode(
    version: DeployedVersion,
    decision: SpecDecision | undefined,
  ): Promise<void> {
    const decisions = decision === undefined ? undefined : modeDecisionOf(version, decision)
    const isHeld = decision?.isGit === true && decisions !== undefined
    const { own, done } = version.modeDecisions
    const stands = isHeld
      ? decisions
      : latestDecision([decisions, own, ...this.#fleet.modeDecisions(version.image)])
    if (stands === undefined) return
    if (isHeld ? stands.mode === version.life.mode : isPast(stands, done)) return
    const ref = nameOf(version.image)
    if (!isHeld && isInEffect(version.life, stands)) {
      version.modeDecisions = { ...version.modeDecisions, done: stands }
      version.changed = true
      return
    }
    const { mode, by: who, at, reason, canary } = stands
    const by: Decider = { who, at, ...(reason === undefined ? {} : { reason }) }
    await this.#options.engine.setMode(ref, mode, by, canary)
  }

  /**
   * A decision that cannot be applied yet, for instance because a gate is shut, is retried and
   * logged once.
   */
  async #trying(version: DeployedVersion, what: string, run: () => Promise<void>): Promise<void> {
    const name = `${what} ${version.key}`
    try {
      await run()
      this.#refused.delete(name)
    } catch (error) {
      // Its words change with time: how long it has alerted for.
      const code = error instanceof SnugError ? error.code : 'INTERNAL'
      if (this.#refused.get(name) === code) return
      this.#refused.set(name, code)
      const fields = { image: version.key, what, error: describeError(error) }
      this.#options.context.parts.log.warn(fields, 'a decision of the fleet cannot be applied yet')
    }
  }

  async #publish(): Promise<void> {
    const { context } = this.#options
    if (!this.#fleet.ready) return
    this.#publishing = true
    try {
      for (const version of this.#schedule.due(context.now())) {
        const before = this.#fleet.writes
        await this.#fleet.publish(this.#contribution(version))
        const wrote = this.#fleet.writes > before
        this.#schedule.written(version, context.now(), wrote)
        if (wrote) break
      }
    } finally {
      this.#publishing = false
    }
  }

  #contribution(version: DeployedVersion): Parameters<KubeFleet['publish']>[0] {
    const { node } = this.#options.context.parts
    const { image, life, profile, reconciled } = version
    const { pending, quarantined } = profile.countByState()
    const isLearned =
      life.learnedAt !== undefined && life.state !== 'learning' && life.holes === undefined
    const entries = profile
      .entries()
      .map((entry) => sharedForm(entry, node))
      .filter((entry) => entry !== undefined)
    return {
      image,
      entries,
      ...(isLearned ? { learnedAt: new Date(life.learnedAt).toISOString() } : {}),
      ...(version.modeDecisions.own === undefined ? {} : { mode: version.modeDecisions.own }),
      ...(reconciled.decisions.length === 0
        ? {}
        : {
            reconciled: {
              profile: reconciled.profile,
              decisions: decisionTimesOf(reconciled.decisions),
            },
          }),
      summary: {
        state: life.state,
        mode: life.mode,
        behaviours: profile.shown,
        pending: pending + quarantined,
        because: life.because,
      },
    }
  }
}

/** Whether all that the other copy says is in this one. */
function holds(own: ProfileEntry | undefined, other: ProfileEntry): boolean {
  if (own === undefined) return false
  if (!sameDecision(own.decision, other.decision ?? own.decision)) return false
  return other.cells.every((cell) =>
    own.cells.some(
      (mine) =>
        mine.container === cell.container &&
        mine.origin === cell.origin &&
        mine.count >= cell.count &&
        (cell.witnesses === undefined ||
          JSON.stringify(mine.witnesses) === JSON.stringify(cell.witnesses)),
    ),
  )
}

function nameOf({ repository, digest }: FleetImage): string {
  return `${repository}@${digest}`
}
