import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Alert } from '../../core/event/alert.ts'
import { hashPatience, type HashPatience } from '../../core/event/file-hash.ts'
import { describeError } from '../../errors.ts'
import type { Dispatcher, SinkChange } from '../pipeline/delivery/dispatcher.ts'
import type { DeliveryQueueLimits } from '../pipeline/delivery/delivery-queue.ts'
import type { SinkBinding } from '../pipeline/delivery/sinks/sink.ts'
import { cgroupHierarchy } from '../pipeline/identity/container-rootfs.ts'
import type { IdentityEngine } from '../pipeline/identity/identity.ts'
import { ImageDerivations } from '../pipeline/identity/image-derivations.ts'
import { defaultBlockRules } from '../../core/lifecycle/blocking.ts'
import type { RetentionRules } from '../../core/lifecycle/retention.ts'
import { noResponses, type ResponseRules } from '../../core/lifecycle/response-rule.ts'
import type { LearnRules } from '../../core/lifecycle/version.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import { AlertStore } from '../records/alerts/alert-store.ts'
import { type AlertGrade, graded } from '../pipeline/alerts/alert-grade.ts'
import { RecordIds } from '../pipeline/alerts/record-ids.ts'
import type { StormRules } from '../pipeline/alerts/storms.ts'
import type { Run, SourceControl } from '../pipeline/sources/source.ts'
import type { CursorFile } from '../records/store/cursor-file.ts'
import type { CaseFolder } from '../records/cases/case-folder.ts'
import type { Store } from '../records/store/store.ts'
import type { Log } from '../../support/telemetry/log.ts'
import { Slices } from '../../support/slices.ts'
import { LoopWatch } from '../../support/telemetry/loop-watch.ts'
import type { LoopFigures } from '../../support/telemetry/status-row.ts'
import { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import { type DeliveryNews, Journal } from '../records/persistence/journal.ts'
import { Holds } from '../enforcement/holds.ts'
import { KernelSide } from '../enforcement/kernel-side.ts'
import { type CaptureRules, CaseService, noCaptures } from '../evidence/case-service.ts'
import { AuditLog } from '../evidence/audit-log.ts'
import { EventHistory } from '../evidence/event-history.ts'
import { FileHashes } from '../evidence/file-hashes.ts'
import { Entrances } from '../evidence/entrances.ts'
import { SessionPersons } from '../evidence/session-persons.ts'
import { HoldService } from '../decisions/hold-service.ts'
import { SharedHolds } from '../decisions/shared-holds.ts'
import { Responses } from '../decisions/responses.ts'
import { IncidentFeed } from '../reading/incident-feed.ts'
import { IncidentsNow } from '../reading/incident-groups.ts'
import { LiveUpdates } from '../reading/live/live-updates.ts'
import { loadState } from './load-state.ts'
import { Retention } from './retention.ts'
import { Tick } from './tick.ts'
import { runPipeline } from '../pipeline/pipeline.ts'
import { ClockSteps } from '../../support/clock-steps.ts'
import { isNamed } from '../records/versions/image-name.ts'
import { startersOf } from '../records/versions/starters.ts'
import type { Starter } from '../../core/lifecycle/starter.ts'
import { VersionRegistry } from '../records/versions/version-registry.ts'
import { subscribeOwners, type VersionOwners } from './version-owners.ts'
import type { Agent } from './agent.ts'
import { Inflow, type InflowAgent, type InflowParts } from './inflow.ts'

export interface DaemonParts extends InflowParts {
  readonly engines: readonly IdentityEngine[]
  readonly runsOnHost?: (cgroup: string) => boolean
  readonly shaper: Shaper
  readonly rules: LearnRules
  readonly retention: RetentionRules
  readonly store: Store
  /** Absent where nothing survives the process. */
  readonly cursors?: CursorFile
  readonly makeDispatcher: (news: DeliveryNews) => Dispatcher
  /** How often the kernel's counts are read, in milliseconds. */
  readonly flushIntervalMs: number
  readonly alertsKept: number
  readonly auditKept: number
  readonly storms: StormRules
  /** Absent: none. */
  readonly responses?: ResponseRules
  /** Absent: nothing is captured. */
  readonly capture?: CaptureRules
  /** Absent where nothing survives the process. */
  readonly caseFolder?: CaseFolder
  /** How long a case follows events; absent: a minute. */
  readonly caseAfterMs?: number
  /** Absent: as in {@link hashPatience}. */
  readonly hashPatience?: HashPatience
  /** Absent: none. */
  readonly starters?: readonly Starter[]
  /** Absent where no policy grades alerts. */
  readonly grade?: AlertGrade
  /** Path of the audit log of the API server; absent: nothing names persons. */
  readonly auditLog?: string
  readonly log: Log
  readonly now?: () => number
  /** Milliseconds by a clock that nobody can set; absent with `now`: the same clock. */
  readonly steady?: () => number
}

/** Options that can change while the daemon runs. */
export interface LiveParts {
  readonly rules: LearnRules
  readonly retention: RetentionRules
  readonly storms: StormRules
  readonly responses: ResponseRules
  readonly capture: CaptureRules
  readonly flushIntervalMs: number
  readonly outlets: readonly SinkBinding[]
  readonly limits: DeliveryQueueLimits
}

const auditLogFault = 'audit log'
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
export class Daemon implements Agent, InflowAgent, VersionOwners {
  readonly parts: DaemonParts
  readonly startedAt: string
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly live: LiveUpdates
  readonly kernel: KernelSide
  readonly holds: Holds
  readonly enforcement: EnforcementReports
  readonly journal: Journal
  readonly inflow: Inflow
  /** Names the work that blocks the event loop. */
  readonly loop: LoopWatch
  /** Work beside judging. */
  readonly slices: Slices
  /** Current faults, as text: kept until they heal, or for good where they cannot. */
  readonly faults = new Map<string, string>()
  state: 'starting' | 'running' | 'stopping' = 'starting'
  readonly retention: Retention
  readonly holdService: HoldService
  readonly sharedHolds: SharedHolds
  readonly responses: Responses
  /** The last events of each container. */
  readonly history = new EventHistory()
  readonly hashes: FileHashes
  readonly persons: SessionPersons
  readonly entrances = new Entrances()
  /** Absent where none is read. */
  readonly auditLog: AuditLog | undefined
  readonly cases: CaseService
  readonly incidents: IncidentsNow
  readonly incidentFeed: IncidentFeed
  readonly #tick: Tick
  readonly #now: () => number
  readonly #clockSteps: ClockSteps
  #rawReaders = 0
  #flushTimer: NodeJS.Timeout | undefined

  constructor(parts: DaemonParts) {
    this.parts = parts
    this.#now = parts.now ?? Date.now
    const { steady = parts.now ?? (() => performance.now()) } = parts
    this.#clockSteps = new ClockSteps(this.#now, steady)
    this.loop = new LoopWatch(parts.log)
    this.slices = new Slices(this.loop)
    this.startedAt = new Date(this.#now()).toISOString()
    const { node, alertsKept, storms, starters } = parts
    const ids = new RecordIds()
    this.live = new LiveUpdates(this.#now)
    const grade = (alert: Alert): Alert => graded(alert, parts.grade, this.faults)
    this.persons = new SessionPersons({
      ...(parts.auditLog === undefined ? {} : { reads: () => this.auditLog?.isReadable === true }),
      now: this.#now,
      onPerson: (key, person) => {
        this.alerts.named(key, person)
        this.journal.changed()
      },
    })
    this.alerts = new AlertStore({
      node,
      capacity: alertsKept,
      ids,
      storms,
      grade,
      sessionOf: (event) => this.persons.sessionOf(event),
      techniques: parts.techniques,
    })
    this.registry = new VersionRegistry({
      node,
      shaper: parts.shaper,
      rules: parts.rules,
      ...(starters === undefined
        ? {}
        : { starters: (version) => startersOf(version, starters, this.inflow.packages) }),
      now: this.#now,
    })
    this.incidents = new IncidentsNow(this.alerts)
    this.incidentFeed = new IncidentFeed(this, this.incidents, ids)
    const patience = parts.hashPatience ?? hashPatience
    this.journal = new Journal({
      ...parts,
      hashPatience: patience,
      ids,
      registry: this.registry,
      alerts: this.alerts,
      live: this.live,
      faults: this.faults,
      watch: this.loop,
      damaged: (what, message) => this.#damaged(what, message),
      controls: () => this.#controls(),
      inflow: () => this.inflow,
      onAlerts: (changed) => {
        this.responses.consider(changed)
        this.cases.consider(changed)
        this.incidentFeed.alerts(changed)
      },
      incidents: () => this.incidentFeed,
      now: this.#now,
    })
    const { budget, from } = parts.rules.block ?? defaultBlockRules
    this.enforcement = new EnforcementReports({
      node,
      registry: this.registry,
      alerts: this.alerts,
      faults: this.faults,
      journal: this.journal,
      budget,
      log: parts.log,
      now: this.#now,
    })
    this.holds = new Holds({
      engines: parts.engines,
      isOfImage: (ref, { image, imageId }) => {
        const version = this.registry.index.ofImage(image, imageId)
        return version !== undefined && isNamed(ref, version)
      },
      blindnessOf: ({ id, blind }) => {
        const run = this.registry.versionOfContainer(id)?.runs.get(id)
        return run === undefined ? blind : run.blind
      },
      log: parts.log,
    })
    this.kernel = new KernelSide({
      controls: () => this.#controls(),
      engines: parts.engines,
      files: parts.files,
      registry: this.registry,
      budget,
      ...(from === 'low' ? {} : { novelty: parts.guardrails }),
      ...(parts.jobs === undefined ? {} : { guards: parts.jobs }),
      ...(parts.openGuards === undefined ? {} : { openGuards: parts.openGuards }),
      failClosed: parts.failClosed,
      slices: this.slices,
      confirms: parts.sources.some(({ supports }) => supports.confirms === true),
      reports: this.enforcement,
      holds: this.holds,
      faults: this.faults,
      log: parts.log,
      now: this.#now,
    })
    this.retention = new Retention(this, parts.retention)
    this.holdService = new HoldService(this)
    this.sharedHolds = new SharedHolds(this, this.holdService)
    const { responses = noResponses } = parts
    this.responses = new Responses(this, this.holdService, responses, steady)
    this.cases = new CaseService(this, this.history, parts.caseFolder, {
      rules: parts.capture ?? noCaptures,
      steady,
      ...(parts.caseAfterMs === undefined ? {} : { afterMs: parts.caseAfterMs }),
    })
    this.hashes = new FileHashes({
      cgroupOf: (id) => this.#cgroupOf(id),
      runsStill: (run) => this.#runsStill(run),
      steady,
      patience,
    })
    const { auditLog: path } = parts
    this.auditLog =
      path === undefined
        ? undefined
        : new AuditLog({
            path,
            take: (request) => {
              this.persons.takes(request)
              this.entrances.takes(request)
            },
            fault: (message) => {
              if (message === undefined) this.faults.delete(auditLogFault)
              else this.faults.set(auditLogFault, message)
            },
          })
    this.#tick = new Tick(this, this.holdService)
    this.inflow = new Inflow(this)
    subscribeOwners(this, new ImageDerivations((path) => parts.guardrails.guards(path)))
  }

  /** Restores the stored state. To be called once, before {@link run}. */
  async load(): Promise<void> {
    const { registry, alerts, holds, journal, slices, parts } = this
    const { observedUntil, waiting } = await loadState({
      ...parts,
      registry,
      alerts,
      holds,
      journal,
      slices,
      names: this.inflow.identifier.names,
      controls: () => this.#controls(),
      damaged: (what, message) => this.#damaged(what, message),
    })
    for (const { whole } of this.alerts.newestFirst)
      if (whole.sessions !== undefined) this.persons.restore(whole)
    this.inflow.restore(observedUntil, waiting)
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
    this.incidentFeed.consider()
    const timers = [
      setInterval(() => void this.tickInSlices(), tickMs),
      setInterval(() => this.#retain(), retentionMs),
      setTimeout(() => this.registry.settleRestored(this.startedAt), settleMs),
    ]
    this.#flushEvery(this.parts.flushIntervalMs)
    void this.auditLog?.follow(signal)
    this.state = 'running'
    const pipeline = runPipeline(
      {
        sources,
        announce: (containers) => this.kernel.announced(containers),
        queue: this.inflow.queue,
        onSourceEnd: (source, error) => this.inflow.sourceEnded(source, error, signal),
      },
      signal,
    )
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.state = 'stopping'
    await pipeline
    await this.inflow.queue.settled()
    for (const timer of timers) clearInterval(timer)
    clearInterval(this.#flushTimer)
    this.inflow.identifier.close()
    this.hashes.close()
    this.kernel.close()
    this.loop.close()
    this.live.close()
    await this.incidentFeed.close()
    await this.journal.close()
    log.info('drained')
  }

  /** Continues with these options from now on. */
  async reconfigure(parts: LiveParts): Promise<SinkChange> {
    this.registry.lifecycle.rules = parts.rules
    this.retention.rules = parts.retention
    this.alerts.stormRules = parts.storms
    this.responses.rules = parts.responses
    this.cases.rules = parts.capture
    this.#flushEvery(parts.flushIntervalMs)
    const change = await this.journal.changeSinks(parts.outlets, parts.limits)
    this.incidentFeed.consider()
    return change
  }

  /**
   * Resolves once all is judged that the sources have observed until now, and after {@link caughtUpMs} in any case: a
   * sensor or an engine that hangs must not hold up a person.
   */
  async caughtUp(): Promise<void> {
    await Promise.race([this.inflow.settled(), delay(caughtUpMs, undefined, { ref: false })])
  }

  /** For a scrape: the delay is since the last one. */
  loopFigures(): LoopFigures {
    const { longTurns } = this.loop
    return { ...this.loop.delay(), longTurns, queueAge: this.inflow.queueAgeMs / 1_000 }
  }

  /** Epoch milliseconds, by the clock that the whole daemon uses. */
  now(): number {
    return this.#now()
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

  #flushEvery(intervalMs: number): void {
    clearInterval(this.#flushTimer)
    this.#flushTimer = setInterval(() => {
      for (const control of this.#controls()) control.flush()
    }, intervalMs)
  }

  *#controls(): Iterable<SourceControl> {
    for (const { control } of this.parts.sources) if (control !== undefined) yield control
  }

  /** Applies changes that are due to time, in one piece. */
  tick(): void {
    this.#checkClock()
    this.incidentFeed.tick()
    this.#tick.inOnePiece()
  }

  /** {@link tick} with pauses for judging, each second. */
  tickInSlices(): Promise<void> {
    this.#checkClock()
    this.incidentFeed.tick()
    return this.#tick.inSlices()
  }

  /** An audit entry explains times that do not fit together. */
  #checkClock(): void {
    const stepMs = this.#clockSteps.taken()
    if (stepMs === 0) return
    this.registry.lifecycle.clockStepped(stepMs)
    this.holdService.clockStepped(stepMs)
    const from = new Date(this.#now() - stepMs).toISOString()
    this.journal.audit('clock', 'agent', { from, stepMs })
    this.parts.log.warn({ from, stepMs }, 'the clock of this host was set: windows go on')
  }

  async #runsStill(run: Run): Promise<boolean> {
    for (const control of this.#controls()) if (await control.runsStill?.(run)) return true
    return false
  }

  #cgroupOf(container: string): string {
    const hierarchy = cgroupHierarchy()
    const cgroup = this.inflow.identifier.seenOf(container)?.cgroup
    return hierarchy === undefined || cgroup === undefined ? '' : join(hierarchy, cgroup)
  }

  #damaged(what: string, message: string): void {
    this.faults.set(what, `${message} (STORE_DAMAGED)`)
    this.parts.log.error(
      { code: 'STORE_DAMAGED', what, message },
      'stored records could not be read and were set aside',
    )
  }
}
