import type { ActEvent, LossEvent, SnugEvent } from '../../core/event/event.ts'
import { awaitsHash, type HashedEvent, withHash } from '../../core/event/file-hash.ts'
import type { Guard } from '../../core/compile/kernel-guards.ts'
import type { Guardrails } from '../../core/match/guardrail.ts'
import type { Techniques } from '../../core/match/technique.ts'
import type { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import type { KernelSide } from '../enforcement/kernel-side.ts'
import { describeError } from '../../errors.ts'
import type { IdentifiedBatch, IdentifierLinks } from '../pipeline/identity/identified.ts'
import type { Identifier } from '../pipeline/identity/identifier.ts'
import type { ImageFiles } from '../pipeline/identity/image-files.ts'
import { ImageSchedules, isScheduled, jobOf } from '../pipeline/identity/schedules.ts'
import { CrossSourceDedup } from '../pipeline/judge/cross-source-dedup.ts'
import { JudgeStage } from '../pipeline/judge/judge-stage.ts'
import type { Outcome } from '../pipeline/judge/response.ts'
import { SourceCoverage } from '../pipeline/judge/source-coverage.ts'
import { JudgingQueue, type QueuedFrom } from '../pipeline/judging-queue.ts'
import type {
  EventSource,
  PolicyReport,
  SourceBatch,
  SourceControl,
} from '../pipeline/sources/source.ts'
import type { AgentState } from '../records/agent-state.ts'
import { waitingRemoval, waitingWrite } from '../records/persistence/waiting-record.ts'
import type { StoreWrite } from '../records/store/store.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { shippedBy } from '../records/versions/image-delta.ts'
import { ImagePackages } from '../../supplychain/image/packages.ts'
import type { LoopWatch } from '../../support/telemetry/loop-watch.ts'
import type { EventHistory } from '../evidence/event-history.ts'
import type { FileHashes } from '../evidence/file-hashes.ts'
import type { SessionPersons } from '../evidence/session-persons.ts'
import type { LiveUpdates } from '../reading/live/live-updates.ts'
import { Preparation } from './preparation.ts'
import { sourceFault } from '../reading/status/health.ts'

export interface InflowParts {
  readonly node: string
  readonly sources: readonly EventSource[]
  readonly files: ImageFiles
  readonly makeIdentifier: (links: IdentifierLinks) => Identifier
  readonly guardrails: Guardrails
  readonly techniques: Techniques
  /** Whether containers of an unknown version may run programs. */
  readonly failClosed: boolean
  /** The containers are runs of jobs of CI: of files only these are strict. */
  readonly jobs?: readonly Guard[]
  /** Of files only these are strict in versions of class `open`. */
  readonly openGuards?: () => readonly Guard[]
}

/** What the messages of the sources reach. */
export interface InflowAgent extends AgentState {
  readonly parts: AgentState['parts'] & InflowParts
  readonly startedAt: string
  readonly kernel: KernelSide
  readonly enforcement: EnforcementReports
  readonly live: LiveUpdates
  readonly history: EventHistory
  readonly persons: SessionPersons
  readonly hashes: FileHashes
  readonly loop: LoopWatch
}

/** The way of the sources' messages: queue, identity, judge, journal. */
export class Inflow {
  /** What the sources reported and nobody has judged yet. */
  readonly queue: JudgingQueue
  readonly identifier: Identifier
  readonly stage: JudgeStage
  /** Events that several sources report; undefined with one source only. */
  readonly dedup: CrossSourceDedup | undefined
  readonly schedules = new ImageSchedules()
  readonly counters: Record<Outcome, number> = {
    expected: 0,
    learned: 0,
    deviation: 0,
    unprofiled: 0,
    loss: 0,
  }
  /** How long ago the oldest event of the last batch happened, in milliseconds. */
  queueAgeMs = 0
  readonly #agent: InflowAgent
  readonly packages = new ImagePackages()
  /** Until when an earlier daemon observed, while it is not known whether a source kept on. */
  #unobserved: string | undefined

  constructor(agent: InflowAgent) {
    this.#agent = agent
    const { parts, registry, alerts, slices, faults, journal, kernel, enforcement } = agent
    const { live, history, hashes, persons } = agent
    const { log, node } = parts
    const now = (): number => agent.now()
    this.dedup = parts.sources.length > 1 ? new CrossSourceDedup() : undefined
    this.stage = new JudgeStage({
      registry,
      guardrails: parts.guardrails,
      techniques: parts.techniques,
      alerts,
      shippedBy: (later, before) => shippedBy(parts.files, this.packages, later, before),
      now,
      kernel: {
        since: (version) => kernel.profiles.since(version),
        namedSince: (address) => kernel.namedSince(address),
        isBeforeAssignment: (container, timeMs) => kernel.gaps.isBefore(container, timeMs),
      },
      failClosed: parts.failClosed,
      jobs: parts.jobs !== undefined,
      scheduledBy: (event, version) => this.#scheduledBy(event, version),
      onDisarmed: (scope, kinds) => enforcement.disarmed(scope, kinds),
      onPolicy: (report) => this.#confirmed(report),
      onSelfProbe: (probe) => enforcement.probed(probe),
      onMark: (mark) => journal.judgedUntil(mark),
      onBegan: (kept) => this.#began(kept),
      onFailed: (message, error) => {
        log.error({ message, error: describeError(error) }, 'an event was not judged')
      },
      sourceCoverage: new SourceCoverage(parts.sources),
      dedup: this.dedup,
      onJudged: (event, outcome, count) => {
        this.counters[outcome] += count
        live.events.publish('events', event)
        if (event.kind === 'loss') {
          live.loss(event)
          persons.lost(event)
        } else {
          history.add(event)
          persons.sessionOf(event)
          if (awaitsHash(event)) void this.#hash(event)
          else hashes.countOf(event)
          this.#checkGap(event)
        }
      },
    })
    this.queue = new JudgingQueue({
      node,
      judge: (messages, { name, control }) =>
        this.#judge(this.identifier.push(messages), name, control),
      onFailed: ({ name }, error) => {
        faults.set(sourceFault(name), describeError(error))
        log.error({ source: name, error: describeError(error) }, 'events were not judged')
      },
      room: () => journal.room(),
      now,
    })
    const preparation = new Preparation(registry, slices)
    this.identifier = parts.makeIdentifier({
      prepared: (identity) => preparation.of(identity),
      onResolvers: (container, resolvers, names) => kernel.resolvers(container, resolvers, names),
      // Messages that waited for their identity have kernel keys from an earlier time: these are no longer valid.
      release: (messages) => this.#judge(messages, 'identity', undefined),
    })
  }

  /** `observedUntil`: by an earlier daemon. `waiting`: what it had not judged. */
  restore(
    observedUntil: string | undefined,
    waiting: { readonly messages: SourceBatch; readonly numbers: readonly number[] },
  ): void {
    this.#unobserved = observedUntil
    if (!this.#agent.parts.sources.some(({ supports }) => supports.keeps)) this.#began(false)
    this.#judge(this.identifier.restore(waiting.messages), 'identity', undefined)
    this.queue.took(waiting.numbers)
  }

  /** Judges events that come from no source: replayed ones. Resolves once they are judged. */
  judgeEvents(events: readonly SnugEvent[]): Promise<void> {
    return this.queue.add(
      events.map((event) => ({ type: 'event', event })),
      replay,
    )
  }

  /** Resolves once all is judged, and counted, that the sources have observed until now. */
  async settled(): Promise<void> {
    const { sources } = this.#agent.parts
    for (const { control } of sources) control?.flush()
    await Promise.all(sources.map(async ({ control }) => control?.obeyed?.()))
    await this.queue.settled()
    await this.identifier.settled()
  }

  /** With what the next daemon needs to know about the containers. */
  waiting(): readonly StoreWrite[] {
    const { added, removed } = this.queue.changes()
    return [
      ...removed.map(waitingRemoval),
      ...added.map(({ number, message }) =>
        waitingWrite(number, message, (id) => this.identifier.seenOf(id)),
      ),
    ]
  }

  /** Alerts, history and guardrails get the hash of what was executed once it is known. */
  async #hash(event: HashedEvent): Promise<void> {
    const { hashes, alerts, history, journal } = this.#agent
    const hash = await hashes.of(event)
    history.hashed(event, hash)
    alerts.hashed(event, hash)
    if ('sha256' in hash) this.stage.hashed(withHash(event, hash))
    journal.changed()
  }

  #judge(messages: IdentifiedBatch, source: string, control: SourceControl | undefined): void {
    if (messages.length === 0) return
    this.queueAgeMs = queueAgeOf(messages, this.#agent.now())
    this.#agent.loop.during('judging', () =>
      this.stage.judge({ messages, source, ...(control === undefined ? {} : { control }) }),
    )
    this.#agent.journal.changed()
  }

  sourceEnded(source: EventSource, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    if (source.supports.keeps) this.#began(false)
    if (error === undefined) {
      this.#agent.parts.log.info({ source: source.name }, 'a source ended')
      this.identifier.flush()
      return
    }
    this.#agent.faults.set(sourceFault(source.name), describeError(error))
    this.#agent.parts.log.error(
      { source: source.name, error: describeError(error) },
      'a source failed',
    )
  }

  /** A scheduled job that was not due while the version was learned. */
  #scheduledBy({ process }: ActEvent, { life, identity }: DeployedVersion): string | undefined {
    if (!isScheduled(process)) return undefined
    const watchedMs = (life.learnedAt ?? this.#agent.now()) - life.learningSince
    const unseen = this.schedules
      .of(identity)
      .filter(({ periodMs }) => periodMs === undefined || periodMs > watchedMs)
    return jobOf(process, unseen)
  }

  /** A source confirms that it installed something in the kernel, or that it failed. */
  #confirmed(report: PolicyReport): void {
    if (report.kind === 'reset') {
      this.#agent.kernel.profiles.reset()
      return
    }
    if (report.kind === 'assigned') {
      this.#agent.kernel.assigned(report)
      return
    }
    const version = this.#agent.registry.index.ofKernelScope(report.scope)
    if (version === undefined) return
    this.#agent.kernel.profiles.confirmed(version, report)
    this.#agent.live.moved(version)
  }

  #checkGap({ container, time }: ActEvent): void {
    const gap = this.#agent.kernel.gaps.acted(container.id, Date.parse(time))
    if (gap !== undefined) this.#agent.enforcement.gap(gap)
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
      time: this.#agent.startedAt,
      node: this.#agent.parts.node,
      source: 'agent',
      loss: { reason: 'agent-down', count: 0, from: until, to: this.#agent.startedAt },
    }
    this.#judge([{ type: 'event', event }], 'agent', undefined)
  }
}

/** Events that come from no source. */
const replay: QueuedFrom = { name: 'replay', supports: {} }

function queueAgeOf(messages: IdentifiedBatch, nowMs: number): number {
  const first = messages.find((message) => message.type === 'event')
  return first?.type === 'event' ? Math.max(0, nowMs - Date.parse(first.event.time)) : 0
}
