import { isDeepStrictEqual } from 'node:util'
import { openClassId } from '../core/behaviour/any-program.ts'
import { imageKey, unscoped } from '../core/event/image-key.ts'
import { describeError, SnugError } from '../errors.ts'
import type { Contribution, Fleet, FleetLink } from './fleet.ts'
import type { FleetImage } from './fleet-image.ts'
import type { SpecDecision } from './kubernetes/spec-decision.ts'
import {
  type HoldProgress,
  type StandingHold,
  standingHold,
} from '../core/lifecycle/shared-hold.ts'
import { learnedElsewhere } from '../core/lifecycle/learned-elsewhere.ts'
import {
  compareDecisions,
  isInEffect,
  latestDecision,
  type ModeDecision,
} from '../core/lifecycle/mode-decision.ts'
import { type ProfileEntry, sameDecision } from '../core/profile/profile-entry.ts'
import { compareText } from '../core/compare-text.ts'
import { sorted, type Steps } from '../core/steps.ts'
import { sharedForm } from '../core/behaviour/shared-form.ts'
import type { AgentState } from '../agent/records/agent-state.ts'
import type { DeployedVersion } from '../agent/records/versions/deployed-version.ts'
import type { Decider, Engine } from '../api/engine.ts'
import { applyClosings } from './apply-closings.ts'
import { applicableDecisions } from './fleet-decisions.ts'
import { mergePublished } from './merge-published.ts'
import { ShareSchedule } from './share-schedule.ts'

export interface FleetSyncOptions {
  readonly context: AgentState
  readonly engine: Engine
  readonly holds: FleetHolds
  readonly makeFleet: (link: FleetLink) => Fleet
  /** The maximum delay, in milliseconds, before this node shares what it learned. */
  readonly shareWithinMs: number
  readonly random?: () => number
  /** How often decisions of the fleet are applied, in milliseconds. */
  readonly tickMs?: number
}

/** What follows the holds of a fleet on this node. */
export interface FleetHolds {
  readonly follow: (standing: readonly StandingHold[]) => void
  readonly progress: (version: DeployedVersion) => readonly HoldProgress[]
}

/** Decisions that were applied, and the changes of the profile until then. */
interface Applied {
  readonly objects: readonly SpecDecision[]
  readonly changes: number
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
  readonly #fleet: Fleet
  readonly #decisions = new Map<string, SpecDecision>()
  readonly #applied = new WeakMap<DeployedVersion, Applied>()
  /** Versions for which other nodes published something that is not merged yet. */
  readonly #reported = new Set<string>()
  readonly #schedule: ShareSchedule<DeployedVersion>
  /** A person decided on them here, or a hold has come further, and that is not published yet. */
  readonly #urgent = new Set<DeployedVersion>()
  /** How far holds had come when the version was looked at last. */
  readonly #progress = new WeakMap<DeployedVersion, readonly HoldProgress[]>()
  /** Decisions that could not be applied, and why. */
  readonly #refused = new Map<string, string>()
  #reconciling = false
  /** A decision came since the versions were looked at last. */
  #hasDecision = false
  #publishing = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: FleetSyncOptions) {
    this.#options = options
    const { shareWithinMs, random = Math.random } = options
    this.#schedule = new ShareSchedule({ withinMs: shareWithinMs, random })
    const { registry, parts } = options.context
    const { log } = parts
    this.#fleet = options.makeFleet({
      onEntries: (image) => this.#reported.add(nameOf(image)),
      onDecision: (image) => {
        this.#reported.add(nameOf(image))
        this.#reconcileSoon()
      },
      onSpecDecision: (decision) => {
        this.#decisions.set(nameOf(decision.image), decision)
        this.#reconcileSoon()
      },
      onSpecDecisionGone: (image) => this.#decisions.delete(nameOf(image)),
      onError: (what, error) =>
        log.warn({ what, error: describeError(error) }, 'the node could not report to the fleet'),
    })
    registry.publishedScopes = (image) => this.#fleet.scopes(image)
  }

  async start(signal: AbortSignal): Promise<void> {
    const run = (): Promise<void> => this.#safely(() => this.tick())
    this.#timer = setInterval(() => void run(), this.#options.tickMs ?? secondMs)
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
    await this.#fleet.start(signal)
  }

  /** A fault of one tick ends neither the agent nor the next tick. */
  async #safely(run: () => Promise<void>): Promise<void> {
    const { faults, parts } = this.#options.context
    try {
      await run()
      faults.delete(tickFault)
    } catch (error) {
      const why = describeError(error)
      if (faults.get(tickFault)?.includes(why) !== true)
        parts.log.error({ error: why }, 'the decisions of the fleet were not applied')
      faults.set(tickFault, `the decisions of the fleet were not applied: ${why} (INTERNAL)`)
    }
  }

  /** Applies what came since the last tick, and publishes what is due; called each second. */
  async tick(): Promise<void> {
    const { context } = this.#options
    const { fault } = this.#fleet
    if (fault !== undefined) context.faults.set('fleet', fault)
    else if (context.faults.delete('fleet'))
      for (const version of this.#urgent) this.#schedule.soon(version)
    await this.#reconcileAll()
    if (!this.#publishing) await this.#publish()
  }

  /** A decision is applied when it comes, not at the next tick. Several that come together are applied together. */
  #reconcileSoon(): void {
    if (this.#hasDecision) return
    this.#hasDecision = true
    setImmediate(() => void this.#safely(() => this.#reconcileAll()))
  }

  /** Does nothing while it runs already: that run sees what came meanwhile. */
  async #reconcileAll(): Promise<void> {
    if (this.#reconciling) return
    this.#reconciling = true
    try {
      do {
        this.#hasDecision = false
        await this.#reconcileEach()
      } while (this.#hasDecision)
    } finally {
      this.#reconciling = false
    }
  }

  async #reconcileEach(): Promise<void> {
    const { context } = this.#options
    const { index } = context.registry
    for (const version of this.#schedule.keep((each) => index.has(each))) {
      this.#urgent.delete(version)
      if (index.ofImage(version.image) === undefined) this.#fleet.removed?.(version.image)
    }
    if (this.#refused.size > refusedKept) this.#refused.clear()
    for (const version of context.registry.index) {
      // Seen for the first time, possibly restored from the store: merge again what other nodes published before.
      const isFirst = this.#schedule.add(version, context.now())
      if (version.decidedHere) {
        version.decidedHere = false
        this.#soon(version)
      }
      // One version at a time: other nodes may publish more, also of this version, while a decision is applied.
      if (this.#reported.delete(nameOf(version.image)) || isFirst)
        await this.#trying(version, 'slices', async () => this.#takeIn(version))
      // Before both are listed, a later decision may be missing.
      if (!this.#fleet.ready) continue
      const objects = this.#objectsOf(version)
      await this.#trying(version, 'decisions', () => this.#reconcile(version, objects))
      await this.#trying(version, 'mode', () => this.#reconcileMode(version, objects))
      await this.#trying(version, 'closings', () => this.#reconcileClosings(version))
    }
    if (this.#fleet.ready) this.#reconcileHolds()
  }

  /** A hold that is no longer ordered ends, so all of them are looked at together. */
  #reconcileHolds(): void {
    const { context, holds } = this.#options
    const { index } = context.registry
    const standing = new Map<string, StandingHold>()
    for (const { image } of index) {
      for (const of of imagesOf(image)) {
        const ordered = this.#decisions.get(nameOf(of))?.holds ?? []
        for (const each of [...ordered, ...(this.#fleet.holds?.(of) ?? [])]) {
          const stands = standingHold(each, imageKey(of))
          standing.set(stands.hold.id, stands)
        }
      }
    }
    holds.follow([...standing.values()])
    for (const version of index) {
      const progress = holds.progress(version)
      if (isDeepStrictEqual(progress, this.#progress.get(version) ?? [])) continue
      this.#progress.set(version, progress)
      this.#soon(version)
    }
  }

  async #reconcileClosings(version: DeployedVersion): Promise<void> {
    const { context, engine } = this.#options
    const standing = imagesOf(version.image).flatMap((of) => [
      ...(this.#decisions.get(nameOf(of))?.closings ?? []),
      ...(this.#fleet.closings?.(of) ?? []),
    ])
    await applyClosings(version, standing, context.parts.node, engine)
  }

  #soon(version: DeployedVersion): void {
    this.#urgent.add(version)
    this.#schedule.soon(version)
  }

  #takeIn(version: DeployedVersion): void {
    const { registry } = this.#options.context
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
      registry.events.emit('learned', version)
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
  #objectsOf({ image, life }: DeployedVersion): readonly SpecDecision[] {
    const own = this.#decisions.get(nameOf(image))
    const all =
      image.scope === undefined || life.state === 'learning'
        ? undefined
        : this.#decisions.get(nameOf(unscoped(image)))
    return [own, all].filter((decision) => decision !== undefined)
  }

  async #reconcile(version: DeployedVersion, objects: readonly SpecDecision[]): Promise<void> {
    const { engine } = this.#options
    const { key, profile, image } = version
    const last = this.#applied.get(version)
    const { changes } = profile
    const isSame = objects.length === last?.objects.length
    // What is not there yet can only apply once the profile changes.
    if (isSame && last.changes === changes && objects.every((each, i) => each === last.objects[i]))
      return
    for (const { action, ids: all, by } of applicableDecisions(profile, objects)) {
      const ids = all.filter((id) => id !== openClassId)
      if (ids.length < all.length)
        await engine.setClass(key, action === 'reject' ? 'closed' : 'open', by)
      if (ids.length === 0) continue
      if (action === 'reject') await engine.reject(key, ids, by)
      else await engine.approve(key, ids, by, { quarantined: action === 'release' })
    }
    // What waited in other scopes when it was written is not what waits here.
    const own = objects.find((each) => nameOf(each.image) === nameOf(image))
    if (own !== undefined) await this.#approveWaiting(version, own)
    this.#applied.set(version, { objects, changes })
  }

  async #approveWaiting(
    version: DeployedVersion,
    { approveAll, decisions }: SpecDecision,
  ): Promise<void> {
    const { appliedSpec } = version
    let { approvedAll = '' } = appliedSpec
    if (approveAll !== undefined && approveAll.at > approvedAll) {
      const { by: who, at } = approveAll
      await this.#options.engine.approve(version.key, undefined, { who, at })
      approvedAll = at
    }
    const decides = decisions.length > 0 || approveAll !== undefined
    if (
      approvedAll === (appliedSpec.approvedAll ?? '') &&
      decides === (appliedSpec.decides ?? false)
    )
      return
    const { closed } = appliedSpec
    version.appliedSpec = {
      ...(closed === undefined ? {} : { closed }),
      ...(decides ? { decides } : {}),
      ...(approvedAll === '' ? {} : { approvedAll }),
    }
    version.changed = true
  }

  /** Applies the decision in effect: once, so that the version can change state later; a decision from git always. */
  async #reconcileMode(version: DeployedVersion, objects: readonly SpecDecision[]): Promise<void> {
    const held = objects.find(({ isGit, mode }) => isGit && mode !== undefined)?.mode
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
   * logged once.
   */
  async #trying(version: DeployedVersion, what: string, run: () => Promise<void>): Promise<void> {
    const name = `${what} ${version.key}`
    try {
      await run()
      this.#refused.delete(name)
    } catch (error) {
      // The message changes with time (how long the version has alerted), so compare the code.
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
        const contribution = await context.slices.run('fleet', this.#contribution(version))
        if (await this.#fleet.publish(contribution)) this.#urgent.delete(version)
        const wrote = this.#fleet.writes > before
        this.#schedule.written(version, context.now(), wrote)
        if (wrote) break
      }
    } finally {
      this.#publishing = false
    }
  }

  /** With pauses. Evidence, decisions and state are those of one turn; the figures for people are of just before. */
  *#contribution(version: DeployedVersion): Steps<Contribution> {
    const { node } = this.#options.context.parts
    const { image, profile } = version
    yield* profile.settleSteps()
    const { states, shown } = yield* profile.tally()
    const { life, modeDecisions } = version
    const progress = this.#options.holds.progress(version)
    const isLearned =
      life.learnedAt !== undefined && life.state !== 'learning' && life.holes === undefined
    const entries: ProfileEntry[] = []
    for (const shared of profile.snapshot((entry) => sharedForm(entry.toJSON(), node))) {
      if (shared !== undefined) entries.push(shared)
      yield
    }
    return {
      image,
      entries: yield* sorted(entries, (a, b) => compareText(a.id, b.id)),
      ...(isLearned ? { learnedAt: new Date(life.learnedAt).toISOString() } : {}),
      ...(modeDecisions.own === undefined ? {} : { mode: modeDecisions.own }),
      ...(progress.length === 0 ? {} : { holds: progress }),
      summary: {
        state: version.shownState,
        mode: life.mode,
        behaviours: shown,
        pending: states.pending + states.quarantined,
        because: version.shownBecause,
      },
    }
  }
}

/** Whether another one applies since. One that was edited and kept its time has not been applied. */
function isPast(decision: ModeDecision, done: ModeDecision | undefined): boolean {
  if (done === undefined) return false
  return done.at > decision.at || compareDecisions(decision, done) === 0
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

/** Versions of several scopes have the object of the image in common. */
function imagesOf(image: FleetImage): readonly FleetImage[] {
  return image.scope === undefined ? [image] : [image, unscoped(image)]
}

function nameOf(image: FleetImage): string {
  return imageKey(image)
}
