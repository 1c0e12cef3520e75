import { imageKey, unscoped } from '../core/event/image-key.ts'
import { describeError, SnugError } from '../errors.ts'
import type { FleetImage } from './kubernetes/fleet-objects.ts'
import type { KubeFleet, KubeFleetOptions } from './kubernetes/kube-fleet.ts'
import type { OwnHead } from './kubernetes/slice-head.ts'
import { decisionTimesOf } from '../core/lifecycle/reported.ts'
import { approveAllName } from '../core/lifecycle/spec-names.ts'
import { learnedElsewhere } from '../core/lifecycle/learned-elsewhere.ts'
import { isInEffect, latestDecision, type ModeDecision } from '../core/lifecycle/mode-decision.ts'
import { type ProfileEntry, sameDecision } from '../core/profile/profile-entry.ts'
import { finish } from '../core/steps.ts'
import { sharedForm } from '../core/behaviour/shared-form.ts'
import type { FleetContext } from '../engine/contexts.ts'
import type { DeployedVersion, ReconciledSpec } from '../state/versions/deployed-version.ts'
import type { Decider } from '../engine/api/engine.ts'
import {
  applicableDecisions,
  receivedDecision,
  type ReceivedDecision,
  reconcileSpec,
  isReconciled,
  isPast,
  modeDecisionOf,
  decidedAt,
  type Reconcilable,
} from './fleet-decisions.ts'
import { mergePublished } from './merge-published.ts'
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

/** An ImageProfile that decides on a version, with what was reconciled of it. */
type DecidingObject = Reconcilable & {
  readonly slot: 'reconciled' | 'reconciledForAll'
  readonly decision: ReceivedDecision
}

const secondMs = 1_000
const tickFault = 'fleet tick'
/** Refusals that were logged. A refusal that was forgotten is logged again. */
const refusedKept = 4_096

/**
 * Keeps one profile for the fleet: merges what other nodes learned and what people decided, and publishes what only
 * this node has. One rule applies to two decisions wherever they are made: the later one applies, and git overrides
 * all.
 */
export class FleetSync {
  readonly #options: FleetSyncOptions
  readonly #fleet: KubeFleet
  readonly #decisions = new Map<string, ReceivedDecision>()
  /** Versions for which other nodes published something that is not merged yet. */
  readonly #reported = new Set<string>()
  /** The same, until their times of decisions were compared with those that this node remembers. */
  readonly #reportedTimes = new Set<string>()
  readonly #schedule: ShareSchedule<DeployedVersion>
  /** Decisions that could not be applied, and why. */
  readonly #refused = new Map<string, string>()
  #reconciling = false
  #publishing = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: FleetSyncOptions) {
    this.#options = options
    const { shareWithinMs, random = Math.random } = options
    this.#schedule = new ShareSchedule({ withinMs: shareWithinMs, random })
    const { registry, parts } = options.context
    const { log } = parts
    this.#fleet = options.makeFleet({
      onEntries: (image) => {
        this.#reported.add(nameOf(image))
        // Also those of the decisions for all scopes.
        for (const each of [image, unscoped(image)]) this.#reportedTimes.add(nameOf(each))
      },
      onSpecDecision: (decision) => {
        const name = nameOf(decision.image)
        this.#decisions.set(name, receivedDecision(decision, this.#decisions.get(name)))
      },
      onSpecDecisionGone: (image) => this.#decisions.delete(nameOf(image)),
      onError: (what, error) =>
        log.warn({ what, error: describeError(error) }, 'the node could not report to the fleet'),
    })
    registry.publishedScopes = (image) => this.#fleet.scopes(image)
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#timer = setInterval(() => void this.#tickSafely(), this.#options.tickMs ?? secondMs)
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
    await this.#fleet.start(signal)
  }

  /** A fault of one tick ends neither the agent nor the next tick. */
  async #tickSafely(): Promise<void> {
    const { faults, parts } = this.#options.context
    try {
      await this.tick()
      faults.delete(tickFault)
    } catch (error) {
      const why = describeError(error)
      if (faults.get(tickFault)?.includes(why) !== true)
        parts.log.error({ error: why }, 'the decisions of the fleet were not applied')
      faults.set(tickFault, `the decisions of the fleet were not applied: ${why} (INTERNAL)`)
    }
  }

  /** Applies the decisions received since the last tick, and publishes what is due; called each second. */
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
      // Once objects and slices are both current: a report may name a generation that is still to come.
      const retimed = this.#fleet.current ? new Set(this.#reportedTimes) : new Set<string>()
      for (const name of retimed) this.#reportedTimes.delete(name)
      this.#schedule.keep((version) => context.registry.index.has(version))
      if (this.#refused.size > refusedKept) this.#refused.clear()
      for (const version of context.registry.index) {
        const name = nameOf(version.image)
        // Seen for the first time, possibly restored from the store: merge again what other nodes published before.
        const isFirst = this.#schedule.add(version, context.now())
        // One version at a time: other nodes may publish more, also of this version, while a decision is applied.
        if (this.#reported.delete(name) || isFirst)
          await this.#trying(version, 'slices', async () => this.#takeIn(version))
        const objects = this.#objectsOf(version)
        // Needs the slices of other nodes as well: only they show when a decision was made.
        const isWaiting = objects.some((each) => !isReconciled(each, each.decision))
        if (isWaiting && !this.#fleet.current) continue
        for (const object of objects) {
          const reportedName = nameOf(object.decision.image)
          const isRetimed = retimed.has(reportedName)
          const isDone = await this.#trying(version, `words ${object.slot}`, () =>
            this.#reconcile(version, object, isRetimed),
          )
          if (isRetimed && !isDone) this.#reportedTimes.add(reportedName)
        }
        await this.#trying(version, 'mode', () => this.#reconcileMode(version))
      }
    } finally {
      this.#reconciling = false
    }
  }

  #takeIn(version: DeployedVersion): void {
    const { registry, kernel } = this.#options.context
    let hasNews = false
    for (const { node, entries } of this.#fleet.published(version.image)) {
      const news = entries.filter((entry) => !holds(version.profile.entry(entry.id), entry))
      if (news.length === 0) continue
      hasNews = true
      mergePublished(this.#options.context.journal, version, node, news)
    }
    if (hasNews) {
      version.news = true
      version.changed = true
      kernel.decided(version, true)
    }
    const learned = this.#fleet.learned(version.image)
    // One that a person set back to learning has been learned here before.
    if (learned === undefined || version.learnedSize > 0) return
    const nowMs = this.#options.context.now()
    registry.lifecycle.apply(
      version,
      learnedElsewhere(version.life, learned, registry.lifecycle.rules.after, nowMs),
    )
  }

  /**
   * The objects that decide on the version: its own, then the one for all scopes. Decisions for all do not end a window:
   * the evidence of a scope is its own.
   */
  #objectsOf(version: DeployedVersion): readonly DecidingObject[] {
    const { image, profile, life } = version
    const own = this.#decisions.get(nameOf(version.image))
    const all =
      image.scope === undefined || life.state === 'learning'
        ? undefined
        : this.#decisions.get(nameOf(unscoped(image)))
    return [
      ...(own === undefined
        ? []
        : [
            { slot: 'reconciled', decision: own, profile, reconciled: version.reconciled } as const,
          ]),
      ...(all === undefined
        ? []
        : [
            {
              slot: 'reconciledForAll',
              // What waited when it was written was not what waits here now.
              decision: withoutApproveAll(all),
              profile,
              reconciled: version.reconciledForAll,
            } as const,
          ]),
    ]
  }

  /**
   * Each decision once: a decision that was in the object before does not count as new when another
   * part changes.
   *
   * @param isRetimed other nodes reported something since it was reconciled
   */
  async #reconcile(
    version: DeployedVersion,
    object: DecidingObject,
    isRetimed: boolean,
  ): Promise<void> {
    const { slot, decision } = object
    const isNew = !isReconciled(object, decision)
    if (!isNew && !isRetimed && !decision.isGit && object.reconciled.awaited.length === 0) return
    const { engine, context } = this.#options
    const written =
      isNew || isRetimed ? this.#fleet.times(decision.image, decision.profile) : undefined
    const { reconciled, fresh } = reconcileSpec(object, decision, written, context.now())
    const { applicable, awaited } = applicableDecisions(object, decision, reconciled, fresh)
    const ref = version.key
    for (const { what, ids, by } of applicable) {
      if (what === 'reject') await engine.reject(ref, ids, by)
      else await engine.approve(ref, ids, by, { quarantined: what === 'release' })
    }
    const { approveAll } = decision
    if (approveAll !== undefined && fresh.has(approveAllName)) {
      const at = decidedAt(reconciled, approveAllName) ?? approveAll.at
      await engine.approve(ref, undefined, { who: approveAll.by, at })
    }
    const isAsBefore = fresh.size === 0 && awaited.length === object.reconciled.awaited.length
    if (!isNew && isAsBefore) return
    version[slot] = { ...reconciled, awaited }
    version.changed = true
  }

  /** Applies the decision in effect: once, so that the version can change state later; a decision from git always. */
  async #reconcileMode(version: DeployedVersion): Promise<void> {
    const objects = this.#objectsOf(version).flatMap((each) => {
      const mode = modeDecisionOf(each, each.decision)
      return mode === undefined ? [] : [{ mode, isGit: each.decision.isGit }]
    })
    const held = objects.find(({ isGit }) => isGit)?.mode
    const isHeld = held !== undefined
    const { own, done } = version.modeDecisions
    const stands: (ModeDecision & { readonly node?: string }) | undefined =
      held ??
      latestDecision([
        ...objects.map(({ mode }) => mode),
        own,
        ...this.#fleet.modeDecisions(version.image),
      ])
    if (stands === undefined) return
    if (isHeld ? stands.mode === version.life.mode : isPast(stands, done)) return
    const ref = version.key
    if (!isHeld && isInEffect(version.life, stands)) {
      version.modeDecisions = { ...version.modeDecisions, done: stands }
      version.changed = true
      return
    }
    const { mode, by: who, at, reason, canary } = stands
    const { node } = stands
    const by: Decider = {
      who,
      at,
      ...(reason === undefined ? {} : { reason }),
      ...(node === undefined ? {} : { node }),
    }
    await this.#options.engine.setMode(ref, mode, by, canary)
  }

  /**
   * A decision that cannot be applied yet, for instance because a gate is shut, is retried and
   * logged once. True where it was applied.
   */
  async #trying(
    version: DeployedVersion,
    what: string,
    run: () => Promise<void>,
  ): Promise<boolean> {
    const name = `${what} ${version.key}`
    try {
      await run()
      this.#refused.delete(name)
      return true
    } catch (error) {
      // The message changes with time (how long the version has alerted), so compare the code.
      const code = error instanceof SnugError ? error.code : 'INTERNAL'
      if (this.#refused.get(name) === code) return false
      this.#refused.set(name, code)
      const fields = { image: version.key, what, error: describeError(error) }
      this.#options.context.parts.log.warn(fields, 'a decision of the fleet cannot be applied yet')
      return false
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
    const { image, life, profile, reconciled, reconciledForAll } = version
    const { pending, quarantined } = finish(profile.tally()).states
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
      ...timesOf('reconciled', reconciled),
      ...timesOf('reconciledForAll', reconciledForAll),
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

/** What is published of an object that was reconciled: nothing where it has no decisions. */
function timesOf(slot: DecidingObject['slot'], { profile, decisions }: ReconciledSpec): OwnHead {
  if (decisions.length === 0) return {}
  return { [slot]: { profile, decisions: decisionTimesOf(decisions) } }
}

/** Whether this copy contains everything in the other one. */
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

function nameOf(image: FleetImage): string {
  return imageKey(image)
}

function withoutApproveAll(decision: ReceivedDecision): ReceivedDecision {
  const { approveAll: _, ...rest } = decision
  return rest
}
