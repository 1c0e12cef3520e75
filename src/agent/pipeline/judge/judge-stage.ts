import type { BehaviourKind } from '../../../core/event/event-words.ts'
import type { ActEvent, ExecEvent, LossEvent, SnugEvent } from '../../../core/event/event.ts'
import { containerBlind } from '../../../core/sight/blindness.ts'
import { microsOf } from '../../../core/event/time.ts'
import type { IdentifiedBatch, IdentifiedMessage } from '../identity/identified.ts'
import type { Guardrails } from '../../../core/match/guardrail.ts'
import { EXPECTED } from '../../../core/match/judge.ts'
import { isOpenAct, withoutImage } from '../../../core/match/open-class.ts'
import { behavioursOf, type BehaviourRef } from '../../../core/behaviour/behaviour.ts'
import type {
  BehaviourKey,
  PolicyReport,
  SelfProbe,
  SourceControl,
  SourceMark,
} from '../sources/source.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import { isUnseen } from '../../records/versions/runs.ts'
import { CountUpdates } from './count-updates.ts'
import { EventMemory } from './event-memory.ts'
import { OpenClasses } from './open-classes.ts'
import { Responder, type Outcome, type ResponseOptions } from './response.ts'
import type { SourceCoverage } from './source-coverage.ts'
import { actNameOfObject, type SharedEvent, type CrossSourceDedup } from './cross-source-dedup.ts'
import type { profileFull } from '../../records/versions/loss-ledger.ts'
import { withChanges } from '../../../core/with-changes.ts'
import { UpgradeDelta, type UpgradeOptions } from './upgrade-delta.ts'
import { Verdicts } from './verdicts.ts'

export interface JudgeStageOptions extends ResponseOptions {
  readonly guardrails: Guardrails
  readonly shippedBy: UpgradeOptions['shippedBy']
  /**
   * Receives every event with its verdict, for the live stream and the counters. `count`: the
   * number of events it counts for; 0 if another source had reported all of them.
   */
  readonly onJudged: (event: SnugEvent, outcome: Outcome, count: number) => void
  /** The sensor reports a change of its blocking. */
  readonly onDisarmed?: (scope: number, kinds: readonly BehaviourKind[]) => void
  readonly onPolicy?: (report: PolicyReport) => void
  readonly onSelfProbe?: (probe: SelfProbe) => void
  /** All earlier messages are judged. */
  readonly onMark?: (mark: SourceMark) => void
  readonly onBegan?: (kept: boolean) => void
  /** An error prevented the judgement of a message. */
  readonly onFailed?: (message: string, error: unknown) => void
  readonly sourceCoverage: SourceCoverage
  /** Absent if there is only one source. */
  readonly dedup?: CrossSourceDedup | undefined
}

/** The origin of a batch, as far as judging needs it. */
export interface Batch {
  readonly messages: IdentifiedBatch
  readonly source: string
  /**
   * Absent if the source has no filter, and for messages that waited for an identity. Their keys
   * precede the container's scope: counts still arrive by them, but the kernel need not learn them.
   */
  readonly control?: SourceControl
}

/**
 * The core of the daemon: it learns or judges each identified event, or both, and raises alerts.
 * Synchronous and in order: verdict, then response, then memory.
 */
export class JudgeStage {
  /** Messages that could not be judged, for an error: faults of Snug. */
  failures = 0
  /** Events whose behaviour did not fit into the profile of a version that learns. */
  unrecorded = 0
  /** From the predecessor of a version. */
  readonly delta: UpgradeDelta
  readonly #options: JudgeStageOptions
  readonly #countUpdates: CountUpdates
  readonly #verdicts: Verdicts
  readonly #classes: OpenClasses
  readonly #responder: Responder
  readonly #memory: EventMemory

  constructor(options: JudgeStageOptions) {
    this.#options = options
    this.delta = new UpgradeDelta(options)
    this.#countUpdates = new CountUpdates(options)
    this.#verdicts = new Verdicts(options.guardrails)
    this.#classes = new OpenClasses(options.guardrails, options.now)
    this.#responder = new Responder(options, this.#verdicts, this.delta)
    this.#memory = new EventMemory(options.registry, options.alerts)
  }

  /** Events that the kernel stopped although the profile allows them: faults of Snug. */
  get disagreements(): number {
    return this.#responder.disagreements
  }

  /** The content of what was executed is known now. The event itself was judged. */
  hashed(event: ExecEvent): void {
    this.#responder.hashed(event)
  }

  judge({ messages, source, control }: Batch): void {
    const known = new Map<DeployedVersion, BehaviourKey[]>()
    for (const message of messages) {
      try {
        this.#message(message, source, known)
      } catch (error) {
        this.#failed(message, source, error)
      }
    }
    for (const [version, keys] of known) {
      // The kernel counts the events that its profile expects.
      if (control?.profile !== undefined && this.#options.kernel?.since(version) !== undefined)
        continue
      control?.known(version.scope, keys)
    }
  }

  #message(
    message: IdentifiedMessage,
    source: string,
    known: Map<DeployedVersion, BehaviourKey[]>,
  ): void {
    switch (message.type) {
      case 'event': {
        const { event, key } = message
        if (event.kind === 'loss') this.#loss(event)
        else this.#act(event, key, source, known)
        break
      }
      case 'count-update':
        this.#countUpdates.take(message.countUpdate, source)
        break
      case 'container':
        this.#started(message, source)
        break
      case 'container-ended':
        this.#ended(message)
        break
      case 'disarmed':
        this.#options.onDisarmed?.(message.scope, message.kinds)
        break
      case 'policy':
        this.#options.onPolicy?.(message.report)
        break
      case 'self-probe':
        this.#options.onSelfProbe?.(message.probe)
        break
      case 'mark':
        this.#options.onMark?.(message.mark)
        break
      case 'began':
        this.#options.onBegan?.(message.kept)
        break
    }
  }

  /** An error in judging costs only that event, which is recorded as a loss. Judging continues. */
  #failed(message: IdentifiedMessage, source: string, error: unknown): void {
    this.failures += 1
    this.#options.onFailed?.(message.type, error)
    if (message.type !== 'event' || message.event.kind === 'loss') return
    const { time, node, container, image, count = 1 } = message.event
    const loss = { reason: 'judging-failed', count, from: time, to: time }
    const place = image === undefined ? { container } : { container, image }
    try {
      this.#loss({ v: 1, kind: 'loss', time, node, source, ...place, loss })
    } catch (again) {
      this.#options.onFailed?.('loss', again)
    }
  }

  #started({ identity, seen }: IdentifiedMessage & { type: 'container' }, source: string): void {
    const { registry, sourceCoverage } = this.#options
    registry.containerStarted(identity, seen)
    const version = registry.versionOfContainer(identity.id)
    const isSandbox = version?.isSandbox(identity.id) === true
    if (isSandbox) {
      // Its own kernel may report it in a moment.
      if (!sourceCoverage.hasInside) this.blind(version, identity.id)
    } else if (version?.life.state === 'learning') {
      version.watchedFor(sourceCoverage.ofContainer(source))
    }
  }

  #ended({ id, time }: IdentifiedMessage & { type: 'container-ended' }): void {
    const { registry } = this.#options
    const version = registry.versionOfContainer(id)
    // Too short to be proven.
    if (version !== undefined) this.blind(version, id)
    registry.containerEnded(id, time)
  }

  /** Reports once that nobody sees what the container does. Nothing where it is not blind. */
  blind(version: DeployedVersion, container: string): void {
    const run = version.runs.get(container)
    if (run === undefined || !isUnseen(run) || run.blindReported === true) return
    version.reportedBlind(container)
    const { name, from } = run
    this.#loss({
      v: 1,
      kind: 'loss',
      time: from,
      node: this.#options.registry.node,
      source: 'agent',
      container: { id: container, ...(name === undefined ? {} : { name }) },
      image: version.image,
      loss: { reason: containerBlind, count: 0, from, to: from },
    })
  }

  #act(
    given: ActEvent,
    key: BehaviourKey | undefined,
    source: string,
    known: Map<DeployedVersion, BehaviourKey[]>,
  ): void {
    const { registry, onJudged, sourceCoverage, guardrails, jobs = false } = this.#options
    const reported = jobs ? withoutImage(given) : given
    const watched = sourceCoverage.of(reported, source)
    const version = registry.versionOf(reported)
    const isSandbox = version?.isSandbox(reported.container.id) === true
    const isInside = sourceCoverage.isInside(source)
    if (version === undefined || isSandbox !== isInside) {
      const why =
        version === undefined ? 'the image of the container is unknown' : otherSide(isInside)
      this.#responder.unprofiled(reported, behavioursOf(reported, registry.shaper), why)
      onJudged(reported, 'unprofiled', reported.count ?? 1)
      return
    }
    if (isInside) version.observedInside(reported.container.id, true)
    version.touched(reported, registry.teaches(reported.workload))
    const refs = behavioursOf(reported, version.profile.shaper)
    const learning = version.life.state === 'learning'
    if (learning) version.watchedFor(watched)
    // What a held container tries is not what its image normally does.
    const isTaught = learning && reported.held !== true && version.learnsFrom(reported.container.id)

    const isOpenInJob = jobs && isOpenAct(reported, refs, guardrails)
    const byProfile = isOpenInJob ? EXPECTED : this.#verdicts.of(version, reported, refs)
    const isOpenHere =
      byProfile.outcome !== 'expected' &&
      this.#classes.of(version)?.expects(reported, byProfile.unexpected) === true
    const verdict = isOpenHere ? EXPECTED : byProfile
    const isExpected = verdict.outcome === 'expected'
    const isLate = !isExpected && this.#responder.isLate(reported, version)
    const event: ActEvent = isLate
      ? withChanges(reported, { enforced: 'missed' as const })
      : reported
    const judged = { event, refs, verdict, version, isLate }

    const shared = this.#sharedEventOf(event, refs, version)
    const response = this.#responder.to(judged, shared)
    if (response.alert !== undefined) shared?.alerted(response.alert)

    const counted = shared === undefined ? event : withChanges(event, { count: shared.fresh })
    // Which files a job works on is no part of its profile, nor is what a version of class `open` does after its window.
    const isOpenFile = isOpenInJob && (event.kind === 'file' || event.kind === 'syscall')
    const isPassing = isOpenFile || (isOpenHere && !learning)
    if (response.isRecorded !== true && !isPassing) {
      const hadRoom = this.#memory.record(counted, judged, isTaught)
      // Later, the alert about the event remains.
      if (!hadRoom && isTaught && !isOpenHere) this.#unrecorded(event)
    }
    if (!isExpected) version.news = true
    const isKnown = isPassing
      ? event.enforced === undefined
      : key !== undefined && this.#memory.remember(key, judged, response)
    if (key !== undefined && isKnown) {
      const keys = known.get(version)
      if (keys === undefined) known.set(version, [key])
      else keys.push(key)
    }
    onJudged(event, response.outcome, counted.count ?? 1)
  }

  /** The evidence of a version that learns is incomplete from here on. */
  #unrecorded({ time, node, container, image, count = 1 }: ActEvent): void {
    this.unrecorded += count
    const loss = {
      reason: 'profile-full' satisfies typeof profileFull,
      count,
      from: time,
      to: time,
    }
    const place = image === undefined ? { container } : { container, image }
    this.#lost({ v: 1, kind: 'loss', time, node, source: 'judge', ...place, loss })
  }

  /** Whether another source also reported it; undefined if there is no other source. */
  #sharedEventOf(
    event: ActEvent,
    refs: readonly BehaviourRef[],
    version: DeployedVersion,
  ): SharedEvent | undefined {
    return this.#options.dedup?.reported({
      version: version.key,
      container: event.container.id,
      source: event.source,
      when: microsOf(event.time),
      count: event.count ?? 1,
      acts: refs.map(({ actor, uid, object }) => actNameOfObject(actor.exe, uid, object)),
    })
  }

  #loss(event: LossEvent): void {
    this.#lost(event)
    this.#options.onJudged(event, 'loss', 1)
  }

  #lost(event: LossEvent): void {
    this.#options.registry.addLoss(event)
    this.#responder.lost(event)
  }
}

/** A kernel reports its own processes only: nobody may name the container of another one. */
function otherSide(isInside: boolean): string {
  return isInside
    ? 'the kernel of a sandbox reports it, and the container has none'
    : 'it is an action of the sandbox around the container, which has its own kernel'
}
