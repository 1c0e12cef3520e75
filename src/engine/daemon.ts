import { setTimeout as delay } from 'node:timers/promises'
import type { Alert } from '../core/event/alert.ts'
import type { ActEvent, LossEvent, SnugEvent } from '../core/event/event.ts'
import { describeError } from '../errors.ts'
import type { Dispatcher, SinkChange } from '../pipeline/delivery/dispatcher.ts'
import type { DeliveryQueueLimits } from '../pipeline/delivery/delivery-queue.ts'
import type { SinkBinding } from '../pipeline/delivery/sinks/sink.ts'
import type { IdentifiedBatch, IdentifierLinks } from '../pipeline/identity/identified.ts'
import type { Identifier } from '../pipeline/identity/identifier.ts'
import type { IdentityEngine } from '../pipeline/identity/identity.ts'
import { ImageDerivations } from '../pipeline/identity/image-derivations.ts'
import type { ImageFiles } from '../pipeline/identity/image-files.ts'
import { ImagePackages } from '../supplychain/image/packages.ts'
import { defaultBlockRules } from '../core/lifecycle/blocking.ts'
import type { RetentionRules } from '../core/lifecycle/retention.ts'
import type { LearnRules } from '../core/lifecycle/version.ts'
import type { Guardrails } from '../core/match/guardrail.ts'
import type { Techniques } from '../core/match/technique.ts'
import type { Shaper } from '../core/behaviour/shape.ts'
import { AlertStore } from '../state/alerts/alert-store.ts'
import { type AlertGrade, graded } from '../pipeline/alerts/alert-grade.ts'
import { RecordIds } from '../pipeline/alerts/record-ids.ts'
import { ImageSchedules, isScheduled, jobOf } from '../pipeline/identity/schedules.ts'
import type { StormRules } from '../pipeline/alerts/storms.ts'
import type { EventSource, PolicyReport, SourceControl } from '../pipeline/sources/source.ts'
import type { CursorFile } from '../state/store/cursor-file.ts'
import type { Store } from '../state/store/store.ts'
import type { Log } from '../support/telemetry/log.ts'
import { Slices } from '../support/slices.ts'
import { LoopWatch } from '../support/telemetry/loop-watch.ts'
import type { LoopFigures } from '../support/telemetry/status-row.ts'
import type { DeployedVersion } from '../state/versions/deployed-version.ts'
import { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import { type DeliveryNews, Journal } from '../state/persistence/journal.ts'
import { KernelSide } from '../enforcement/kernel-side.ts'
import { JudgeStage } from '../pipeline/judge/judge-stage.ts'
import type { Outcome } from '../pipeline/judge/response.ts'
import { LiveUpdates } from './live/live-updates.ts'
import { loadState } from './load-state.ts'
import { Preparation } from './preparation.ts'
import { Retention } from './retention.ts'
import { Tick } from './tick.ts'
import { JudgingQueue, type QueuedFrom } from '../pipeline/judging-queue.ts'
import { runPipeline } from '../pipeline/pipeline.ts'
import { shippedBy } from '../state/versions/image-delta.ts'
import { SourceCoverage } from '../pipeline/judge/source-coverage.ts'
import { sourceFault } from './status/health.ts'
import { waitingRemoval, waitingWrite } from '../state/persistence/waiting-record.ts'
import type { StoreWrite } from '../state/store/store.ts'
import { CrossSourceDedup } from '../pipeline/judge/cross-source-dedup.ts'
import { VersionRegistry } from '../state/versions/version-registry.ts'

export interface DaemonParts {
  readonly node: string
  readonly sources: readonly EventSource[]
  readonly engines: readonly IdentityEngine[]
  readonly files: ImageFiles
  readonly makeIdentifier: (links: IdentifierLinks) => Identifier
  readonly shaper: Shaper
  readonly guardrails: Guardrails
  readonly techniques: Techniques
  readonly rules: LearnRules
  readonly retention: RetentionRules
  /** Whether containers of an unknown version may run programs. */
  readonly failClosed: boolean
  readonly store: Store
  /** Absent where nothing survives the process. */
  readonly cursors?: CursorFile
  readonly makeDispatcher: (news: DeliveryNews) => Dispatcher
  /** How often the kernel's counts are read, in milliseconds. */
  readonly flushIntervalMs: number
  readonly alertsKept: number
  readonly auditKept: number
  readonly storms: StormRules
  /** Absent where no policy grades alerts. */
  readonly grade?: AlertGrade
  readonly log: Log
  readonly now?: () => number
}

/** Options that can change while the daemon runs. */
export interface LiveParts {
  readonly rules: LearnRules
  readonly retention: RetentionRules
  readonly storms: StormRules
  readonly flushIntervalMs: number
  readonly outlets: readonly SinkBinding[]
  readonly limits: DeliveryQueueLimits
}

/** How long sources wait for the engines. An engine that hangs must not keep the agent blind. */
const engineStartMs = 1_000
const tickMs = 1_000
/** A clock that was wrong at boot is right by then. */
const retentionMs = 3_600_000
/** How long after the start sources may take to report running containers. */
const settleMs = 5_000
/** The longest that a decision waits for what was observed before it. */
const caughtUpMs = 2_000

/**
 * The stages at work, and what they share: versions, alerts, streams, store. Lifecycle:
 * `starting → running ⇄ degraded → stopping`; it is stopped by the signal given to {@link run}.
 */
export class Daemon {
  readonly parts: DaemonParts
  readonly startedAt: string
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly live: LiveUpdates
  readonly counters: Record<Outcome, number> = {
    expected: 0,
    learned: 0,
    deviation: 0,
    unprofiled: 0,
    loss: 0,
  }
  readonly identifier: Identifier
  readonly stage: JudgeStage
  readonly kernel: KernelSide
  readonly enforcement: EnforcementReports
  /** Events that several sources report; undefined with one source only. */
  readonly dedup: CrossSourceDedup | undefined
  readonly journal: Journal
  /** What the sources reported and nobody has judged yet. */
  readonly queue: JudgingQueue
  /** Names the work that blocks the event loop. */
  readonly loop: LoopWatch
  /** Work beside judging. */
  readonly slices: Slices
  /** Current faults, as text: kept until they heal, or for good where they cannot. */
  readonly faults = new Map<string, string>()
  state: 'starting' | 'running' | 'stopping' = 'starting'
  readonly #packages = new ImagePackages()
  readonly schedules = new ImageSchedules()
  readonly retention: Retention
  readonly #tick: Tick
  readonly #derivations: ImageDerivations
  readonly #now: () => number
  #rawReaders = 0
  #queueAgeMs = 0
  #flushTimer: NodeJS.Timeout | undefined
  /** Until when an earlier daemon observed, while it is not known whether a source kept on. */
  #unobserved: string | undefined

  constructor(parts: DaemonParts) {
    this.parts = parts
    this.#derivations = new ImageDerivations((path) => parts.guardrails.guards(path))
    this.#now = parts.now ?? Date.now
    this.loop = new LoopWatch(parts.log)
    this.slices = new Slices(this.loop)
    this.startedAt = new Date(this.#now()).toISOString()
    const { node, alertsKept, storms } = parts
    const ids = new RecordIds()
    this.live = new LiveUpdates(this.#now())
    const grade = (alert: Alert): Alert => graded(alert, parts.grade, this.faults)
    this.alerts = new AlertStore({
      node,
      capacity: alertsKept,
      ids,
      storms,
      grade,
      techniques: parts.techniques,
    })
    this.registry = new VersionRegistry({
      node: parts.node,
      shaper: parts.shaper,
      rules: parts.rules,
      now: this.#now,
      onAssign: (container, version, seen) => {
        this.#derive(version)
        this.kernel.started(container, version, seen)
        this.live.moved(version, this.#now)
      },
      onEnded: (container, version) => {
        this.live.moved(version, this.#now)
        this.kernel.ended(container, version)
      },
      onFull: () => this.retention.makeRoom(),
      onDeclared: (version) => this.kernel.decided(version, true),
      onMoved: (version, before) => {
        this.revise(version)
        this.enforcement.moved(version, before)
        this.kernel.moved(version)
      },
      onInheritedExpired: (version, gone) => {
        const behaviours = gone.map(({ id }) => id)
        this.revise(version)
        this.journal.audit('vanished', 'agent', { image: version.key, behaviours })
        this.kernel.decided(version, true)
      },
      onTransition: (version, { from, to, because }) => {
        const image = version.key
        parts.log.info({ image, from, to, because }, 'a version changed its state')
        this.revise(version)
        this.journal.audit('lifecycle', 'agent', { image, from, to, because })
      },
    })
    this.journal = new Journal({
      ...parts,
      ids,
      registry: this.registry,
      alerts: this.alerts,
      live: this.live,
      faults: this.faults,
      watch: this.loop,
      damaged: (what, message) => this.#damaged(what, message),
      controls: () => this.#controls(),
      unidentified: () => this.identifier.unidentified,
      waiting: () => this.#waiting(),
      changedNames: () => this.identifier.names.drainChanged(),
      now: this.#now,
    })
    const { budget, from } = parts.rules.block ?? defaultBlockRules
    this.kernel = new KernelSide({
      controls: () => this.#controls(),
      engines: parts.engines,
      files: parts.files,
      versions: () => this.registry.index,
      versionOf: ({ image, imageId }) => this.registry.index.ofImage(image, imageId),
      renew: (version) => this.registry.renew(version),
      budget,
      ...(from === 'low' ? {} : { novelty: parts.guardrails }),
      failClosed: parts.failClosed,
      slices: this.slices,
      confirms: parts.sources.some(({ supports }) => supports.confirms === true),
      onGap: (gap) => this.enforcement.gap(gap),
      onFailed: (version, why) => this.enforcement.profileFailed(version, why),
      faults: this.faults,
      log: parts.log,
      now: this.#now,
    })
    this.enforcement = new EnforcementReports({
      node: parts.node,
      registry: this.registry,
      alerts: this.alerts,
      faults: this.faults,
      audit: (what, who, fields) => this.journal.audit(what, who, fields),
      budget,
      log: parts.log,
      now: this.#now,
    })
    this.retention = new Retention(this, parts.retention)
    this.#tick = new Tick(this)
    this.dedup = parts.sources.length > 1 ? new CrossSourceDedup() : undefined
    this.stage = new JudgeStage({
      registry: this.registry,
      guardrails: parts.guardrails,
      techniques: parts.techniques,
      alerts: this.alerts,
      shippedBy: (now, before) => shippedBy(parts.files, this.#packages, now, before),
      now: this.#now,
      kernel: {
        since: (version) => this.kernel.profiles.since(version),
        isBeforeAssignment: (container, timeMs) => this.kernel.gaps.isBefore(container, timeMs),
      },
      failClosed: parts.failClosed,
      scheduledBy: (event, version) => this.#scheduledBy(event, version),
      onAllowed: (version) => this.kernel.decided(version, true),
      onDisarmed: (scope, kinds) => this.enforcement.disarmed(scope, kinds),
      onPolicy: (report) => this.#confirmed(report),
      onSelfProbe: (probe) => this.enforcement.probed(probe),
      onMark: (mark) => this.journal.judgedUntil(mark),
      onBegan: (kept) => this.#began(kept),
      onFailed: (message, error) => {
        parts.log.error({ message, error: describeError(error) }, 'an event was not judged')
      },
      sourceCoverage: new SourceCoverage(parts.sources),
      dedup: this.dedup,
      onJudged: (event, outcome, count) => {
        this.counters[outcome] += count
        this.live.events.publish('events', event)
        if (event.kind === 'loss') this.live.loss(event)
        else this.#checkGap(event)
      },
    })
    this.queue = new JudgingQueue({
      node: parts.node,
      judge: (messages, { name, control }) =>
        this.#judge(this.identifier.push(messages), name, control),
      onFailed: ({ name }, error) => {
        this.faults.set(sourceFault(name), describeError(error))
        parts.log.error({ source: name, error: describeError(error) }, 'events were not judged')
      },
      room: () => this.journal.room(),
      now: this.#now,
    })
    const preparation = new Preparation(this.registry, this.slices)
    this.identifier = parts.makeIdentifier({
      prepared: (identity) => preparation.of(identity),
      onResolvers: (container, resolvers, names) =>
        this.kernel.resolvers(container, resolvers, names),
      // Messages that waited for their identity have kernel keys from an earlier time: these are no longer valid.
      release: (messages) => this.#judge(messages, 'identity', undefined),
    })
  }

  /** Restores the stored state. To be called once, before {@link run}. */
  async load(): Promise<void> {
    const { registry, alerts, journal, slices, parts } = this
    const { observedUntil, waiting } = await loadState({
      ...parts,
      registry,
      alerts,
      journal,
      slices,
      names: this.identifier.names,
      controls: () => this.#controls(),
      damaged: (what, message) => this.#damaged(what, message),
    })
    this.#unobserved = observedUntil
    if (!parts.sources.some(({ supports }) => supports.keeps)) this.#began(false)
    this.#judge(this.identifier.restore(waiting.messages), 'identity', undefined)
    this.queue.took(waiting.numbers)
  }

  /** Runs until the signal aborts, then drains. */
  async run(signal: AbortSignal): Promise<void> {
    const { sources, engines, log } = this.parts
    // Identities of running containers come first where they come soon: then none of them waits.
    const answers = Promise.all(engines.map((engine) => engine.start(signal)))
    await Promise.race([answers, delay(engineStartMs, undefined, { ref: false })])
    this.loop.start()
    await this.kernel.start()
    this.journal.start()
    const timers = [
      setInterval(() => void this.tickInSlices(), tickMs),
      setInterval(() => this.#retain(), retentionMs),
      setTimeout(() => this.registry.settleRestored(this.startedAt), settleMs),
    ]
    this.#flushEvery(this.parts.flushIntervalMs)
    this.state = 'running'
    const pipeline = runPipeline(
      {
        sources,
        announce: (containers) => this.kernel.announced(containers),
        queue: this.queue,
        onSourceEnd: (source, error) => this.#sourceEnded(source, error, signal),
      },
      signal,
    )
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.state = 'stopping'
    await pipeline
    await this.queue.settled()
    for (const timer of timers) clearInterval(timer)
    clearInterval(this.#flushTimer)
    this.identifier.close()
    this.kernel.close()
    this.loop.close()
    this.live.close()
    await this.journal.close()
    log.info('drained')
  }

  /** Continues with these options from now on. */
  async reconfigure(parts: LiveParts): Promise<SinkChange> {
    this.registry.lifecycle.rules = parts.rules
    this.retention.rules = parts.retention
    this.alerts.stormRules = parts.storms
    this.#flushEvery(parts.flushIntervalMs)
    return this.journal.changeSinks(parts.outlets, parts.limits)
  }

  /** Judges events that come from no source: replayed ones. Resolves once they are judged. */
  judgeEvents(events: readonly SnugEvent[]): Promise<void> {
    return this.queue.add(
      events.map((event) => ({ type: 'event', event })),
      replay,
    )
  }

  /**
   * Resolves once all is judged that the sources have observed until now, and after {@link caughtUpMs} in any case: a
   * sensor or an engine that hangs must not hold up a person.
   */
  async caughtUp(): Promise<void> {
    await Promise.race([this.#caughtUp(), delay(caughtUpMs, undefined, { ref: false })])
  }

  async #caughtUp(): Promise<void> {
    await Promise.all([...this.#controls()].map(async (control) => control.obeyed?.()))
    await this.queue.settled()
    await this.identifier.settled()
  }

  /** For a scrape: the delay is since the last one. */
  loopFigures(): LoopFigures {
    const { longTurns } = this.loop
    return { ...this.loop.delay(), longTurns, queueAge: this.#queueAgeMs / 1_000 }
  }

  /** Epoch milliseconds, by the clock that the whole daemon uses. */
  now(): number {
    return this.#now()
  }

  /** A client that read the version earlier has to read it again before a decision. */
  revise(version: DeployedVersion): void {
    version.revise(this.#now())
    this.live.moved(version, this.#now)
  }

  /** Drops everything that the agent keeps of the version, except its alerts. */
  remove(version: DeployedVersion): void {
    this.registry.remove(version)
    this.kernel.removed(version)
    this.alerts.forgetDecisions(version.image)
    this.dedup?.forget(version.key)
    this.journal.removed(version)
    this.live.removed(version, this.#now())
  }

  #retain(): void {
    this.loop.during('retention', () => this.retention.apply())
    this.journal.cutAudit().catch((error: unknown) => {
      this.parts.log.warn({ error: describeError(error) }, 'old audit entries were not removed')
    })
  }

  /** While a reader follows every event, the kernel sends every event. */
  rawReader(change: 1 | -1): void {
    const before = this.#rawReaders
    this.#rawReaders += change
    if (before > 0 === this.#rawReaders > 0) return
    for (const control of this.#controls()) control.filter(this.#rawReaders > 0 ? 'off' : 'novelty')
  }

  /** A scheduled job that was not due while the version was learned. */
  #scheduledBy({ process }: ActEvent, { life, identity }: DeployedVersion): string | undefined {
    if (!isScheduled(process)) return undefined
    const watchedMs = (life.learnedAt ?? this.#now()) - life.learningSince
    const unseen = this.schedules
      .of(identity)
      .filter(({ periodMs }) => periodMs === undefined || periodMs > watchedMs)
    return jobOf(process, unseen)
  }

  /** A source confirms that it installed something in the kernel, or that it failed. */
  #confirmed(report: PolicyReport): void {
    if (report.kind === 'reset') {
      this.kernel.profiles.reset()
      return
    }
    if (report.kind === 'assigned') {
      this.kernel.assigned(report)
      return
    }
    const version = this.registry.index.ofKernelScope(report.scope)
    if (version === undefined) return
    this.kernel.profiles.confirmed(version, report)
    this.live.moved(version, this.#now)
  }

  #flushEvery(intervalMs: number): void {
    clearInterval(this.#flushTimer)
    this.#flushTimer = setInterval(() => {
      for (const control of this.#controls()) control.flush()
    }, intervalMs)
  }

  *#controls(): Iterable<SourceControl> {
    for (const { control } of this.parts.sources) if (control !== undefined) yield control
  }

  /** With what the next daemon needs to know about the containers. */
  #waiting(): readonly StoreWrite[] {
    const { added, removed } = this.queue.changes()
    return [
      ...removed.map(waitingRemoval),
      ...added.map(({ number, message }) =>
        waitingWrite(number, message, (id) => this.identifier.seenOf(id)),
      ),
    ]
  }

  #judge(messages: IdentifiedBatch, source: string, control: SourceControl | undefined): void {
    if (messages.length === 0) return
    this.#queueAgeMs = queueAgeOf(messages, this.#now())
    this.loop.during('judging', () =>
      this.stage.judge({ messages, source, ...(control === undefined ? {} : { control }) }),
    )
    this.journal.changed()
  }

  /** From its first container on, reads that follow from the image's files are expected as such. */
  #derive({ profile, identity }: DeployedVersion): void {
    if (identity !== undefined) profile.derived.derivation ??= this.#derivations.of(identity)
  }

  /** Applies changes that are due to time, in one piece. */
  tick(): void {
    this.#tick.inOnePiece()
  }

  /** The same each second, beside judging. */
  tickInSlices(): Promise<void> {
    return this.#tick.inSlices()
  }

  #checkGap({ container, time }: ActEvent): void {
    const gap = this.kernel.gaps.acted(container.id, Date.parse(time))
    if (gap !== undefined) this.enforcement.gap(gap)
  }

  /** The source reports now what it buffered: there was no gap. */
  #began(kept: boolean): void {
    const until = this.#unobserved
    this.#unobserved = undefined
    if (until !== undefined && !kept) this.#reportGap(until)
  }

  #reportGap(until: string): void {
    const event: LossEvent = {
      v: 1,
      kind: 'loss',
      time: this.startedAt,
      node: this.parts.node,
      source: 'agent',
      loss: { reason: 'agent-down', count: 0, from: until, to: this.startedAt },
    }
    this.#judge([{ type: 'event', event }], 'agent', undefined)
  }

  #sourceEnded(source: EventSource, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    if (source.supports.keeps) this.#began(false)
    if (error === undefined) {
      this.parts.log.info({ source: source.name }, 'a source ended')
      this.identifier.flush()
      return
    }
    this.faults.set(sourceFault(source.name), describeError(error))
    this.parts.log.error({ source: source.name, error: describeError(error) }, 'a source failed')
  }

  #damaged(what: string, message: string): void {
    this.faults.set(what, `${message} (STORE_DAMAGED)`)
    this.parts.log.error(
      { code: 'STORE_DAMAGED', what, message },
      'stored records could not be read and were set aside',
    )
  }
}

/** Events that come from no source. */
const replay: QueuedFrom = { name: 'replay', supports: {} }

/** How long ago the oldest event of a batch happened, in milliseconds. */
function queueAgeOf(messages: IdentifiedBatch, nowMs: number): number {
  const first = messages.find((message) => message.type === 'event')
  return first?.type === 'event' ? Math.max(0, nowMs - Date.parse(first.event.time)) : 0
}
