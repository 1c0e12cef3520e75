import type { BehaviourKind } from '../../core/coverage/coverage-report.ts'
import { observableOf } from '../../core/coverage/observable.ts'
import type { ActEvent, LossEvent, SnugEvent } from '../../core/event/event.ts'
import { microsOf } from '../../core/event/time.ts'
import type { IdentifiedBatch, IdentifiedMessage } from '../identity/identified.ts'
import type { Guardrails } from '../../core/match/guardrail.ts'
import type { Techniques } from '../../core/match/technique.ts'
import { judge, type JudgeOptions } from '../../core/match/judge.ts'
import { mainRef, riskFactsOf } from '../../core/match/risk-facts.ts'
import { behaviourId, behavioursOf, type BehaviourRef } from '../../core/behaviour/behaviour.ts'
import type { Phase } from '../../core/profile/profile-entry.ts'
import type { AlertStore } from '../../state/alerts/alert-store.ts'
import type { Finding, FindingCause } from '../../state/alerts/finding.ts'
import { deservesAlert } from '../alerts/alert-policy.ts'
import { actionOf, stoppedFinding, type StoppedThough } from '../alerts/enforcement-findings.ts'
import type {
  BehaviourKey,
  PolicyReport,
  SelfProbe,
  SourceControl,
  SourceMark,
} from '../sources/source.ts'
import { allowEvent, wasRejected } from './profile-decisions.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import {
  actNameOf,
  deviationFinding,
  findingCauseOf,
  type Judged,
  type JudgedBy,
  lossFinding,
  lossFingerprint,
  mainBehaviour,
  unobservedKindFinding,
} from './findings.ts'
import { CountUpdates } from './count-updates.ts'
import { loadingRun } from './loaded-files.ts'
import type { SourceCoverage } from './source-coverage.ts'
import { actNameOfObject, type SharedEvent, type CrossSourceDedup } from './cross-source-dedup.ts'
import { stretchBefore, stretchText } from './unobserved.ts'
import { elsewhereText } from './elsewhere.ts'
import type { profileFull } from '../../state/versions/loss-ledger.ts'
import type { VersionRegistry } from '../../state/versions/version-registry.ts'
import { withChanges } from '../../core/with-changes.ts'
import { UpgradeDelta, type UpgradeOptions } from './upgrade-delta.ts'

export interface JudgeStageOptions {
  readonly registry: VersionRegistry
  readonly guardrails: Guardrails
  readonly techniques: Techniques
  readonly alerts: AlertStore
  readonly shippedBy: UpgradeOptions['shippedBy']
  /** The version expects more behaviours after a decision on a whole place. */
  readonly onAllowed?: (version: DeployedVersion) => void
  /**
   * The image's scheduled job that an event belongs to, as text for people; absent: none is known.
   */
  readonly scheduledBy?: (event: ActEvent, version: DeployedVersion) => string | undefined
  /**
   * Receives every event with its verdict, for the live stream and the counters. `count`: the
   * number of events it counts for; 0 if another source had reported all of them.
   */
  readonly onJudged: (event: SnugEvent, outcome: Outcome, count: number) => void
  readonly now: () => number
  /** The part of judging that runs in the kernel; absent: none. */
  readonly kernel?: KernelJudge
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
  /** Whether the kernel stops what it has no profile for. */
  readonly failClosed?: boolean
  /** Absent if there is only one source. */
  readonly dedup?: CrossSourceDedup | undefined
}

export interface KernelJudge {
  /** Epoch milliseconds since when the kernel has the current profile; undefined: it has none. */
  since(version: DeployedVersion): number | undefined
  /** Whether the container was to be blocked, and its assignment came after that time. */
  isBeforeAssignment?(container: string, timeMs: number): boolean
}

interface JudgedWith {
  readonly version: DeployedVersion
  readonly options: JudgeOptions
}

export type Outcome = 'expected' | 'learned' | 'deviation' | 'unprofiled' | 'loss'

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
 * Maximum number of behaviours of a version that wait for review; beyond it events still raise
 * alerts but are not recorded individually.
 */
export const laterKept = 5_000
/**
 * Maximum number of behaviours that a version learns, without reads that follow from the image's
 * files. Beyond it, events that no known behaviour or place includes are a loss.
 */
export const learnedKept = 10_000

/**
 * Maximum time to install a profile in the kernel. Until then, the previous profile still blocks.
 */
const swapMs = 5_000

/**
 * The core of the daemon: it learns or judges each identified event, or both, and raises alerts.
 * Synchronous and in order.
 */
export class JudgeStage {
  /** Events that the kernel stopped although the profile allows them: faults of Snug. */
  disagreements = 0
  /** Messages that could not be judged, for an error: faults of Snug. */
  failures = 0
  /** Events whose behaviour did not fit into the profile of a version that learns. */
  unrecorded = 0
  /** From the predecessor of a version. */
  readonly delta: UpgradeDelta
  readonly #options: JudgeStageOptions
  readonly #countUpdates: CountUpdates
  #judgedBy: (Pick<DeployedVersion, 'life' | 'observed'> & JudgedWith) | undefined
  /** Fingerprint of the alert of the current event. */
  #raised: string | undefined
  /** The profile already records the current event. */
  #isRecorded = false

  constructor(options: JudgeStageOptions) {
    this.#options = options
    this.delta = new UpgradeDelta(options)
    this.#countUpdates = new CountUpdates(options)
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
      if (control?.profile !== undefined && this.#kernelSince(version) !== undefined) continue
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
        this.#options.registry.containerEnded(message.id, message.time)
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
    if (version?.life.state === 'learning') version.watchedFor(sourceCoverage.ofContainer(source))
  }

  #act(
    reported: ActEvent,
    key: BehaviourKey | undefined,
    source: string,
    known: Map<DeployedVersion, BehaviourKey[]>,
  ): void {
    const { registry, onJudged, sourceCoverage } = this.#options
    const watched = sourceCoverage.of(reported, source)
    const version = registry.versionOf(reported)
    if (version === undefined) {
      this.#unprofiled(reported)
      onJudged(reported, 'unprofiled', reported.count ?? 1)
      return
    }
    version.touched(reported, registry.teaches(reported.workload))
    const { profile, life } = version
    const refs = behavioursOf(reported, profile.shaper)
    const learning = life.state === 'learning'
    if (learning) version.watchedFor(watched)
    const isTaught = learning && version.learnsFrom(reported.container.id)
    const phase: Phase = isTaught ? 'learned' : 'later'
    const verdict = judge(profile, reported, refs, this.#optionsFor(version))
    const isExpected = verdict.outcome === 'expected'
    const isLate = !isExpected && this.#isLate(reported, version)
    const event: ActEvent = isLate
      ? withChanges(reported, { enforced: 'missed' as const })
      : reported
    const profiled = this.#sharedEventOf(event, refs, version)
    const counted = profiled === undefined ? event : withChanges(event, { count: profiled.fresh })
    this.#raised = undefined
    this.#isRecorded = false
    this.#checkStopped(event, refs, isExpected, version)
    const outcome = isExpected
      ? 'expected'
      : this.#unexpectedShared({ event, refs, verdict, version, isLate }, profiled)
    if (this.#raised !== undefined) profiled?.alerted(this.#raised)
    if (!this.#isRecorded) {
      const { behaviours } = registry.bounds
      const before = profile.size
      const refused = profile.observe(counted, refs, {
        phase,
        isFull: isFull(version, isTaught),
        isNodeFull: behaviours.isFullFor(before),
        ...(verdict.guardrailsByRef === undefined ? {} : { guardrails: verdict.guardrailsByRef }),
      })
      behaviours.grew(profile.size - before)
      // Later, the alert about the event remains.
      if (refused > 0 && isTaught) this.#unrecorded(event)
    }
    if (!isExpected) version.news = true
    if (key !== undefined) this.#remember(version, key, event, refs, outcome, known)
    onJudged(event, outcome, counted.count ?? 1)
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

  /** Returns the same object until the version changes, because every event needs it. */
  #optionsFor(version: DeployedVersion): JudgeOptions {
    const { life, observed, observedBefore } = version
    const last = this.#judgedBy
    const isSame = last?.version === version && last.life === life
    if (isSame && last.observed === observed) return last.options
    const learning = life.state === 'learning'
    const { guardrails } = this.#options
    const options: JudgeOptions = {
      guardrails,
      // An inherited profile was learned, so all guardrails apply to behaviour beyond it.
      learning: learning && !version.inherited,
      // Most deviations join an existing alert, which needs no further reasons.
      explain: false,
      ...(life.holes === undefined ? {} : { incomplete: life.holes }),
      // While a version learns, the profile of its predecessor judges it, for the kinds observed
      // there; or that of its vendor, for the kinds that it has.
      ...(learning && !hasPrior(version) ? {} : { observed: learning ? observedBefore : observed }),
    }
    this.#judgedBy = { version, life, observed, options }
    return options
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

  /**
   * If another source raised an alert, this report joins it. If that source raised none, this
   * report is judged as it is.
   */
  #unexpectedShared(judged: JudgedBy, profiled: SharedEvent | undefined): Outcome {
    const { event } = judged
    if (profiled === undefined) return this.#unexpected(judged)
    const { fresh, alert } = profiled
    const isThere = alert !== undefined && this.#options.alerts.reportedBy(alert, event.source)
    if (fresh === 0 && isThere) return 'deviation'
    return this.#unexpected({ ...judged, event: { ...event, count: Math.max(1, fresh) } })
  }

  /** It should have been stopped, and its container was not assigned yet. */
  #isLate({ enforced, container, time }: ActEvent, { life }: DeployedVersion): boolean {
    if (enforced !== undefined || life.mode !== 'block') return false
    return this.#options.kernel?.isBeforeAssignment?.(container.id, Date.parse(time)) === true
  }

  #kernelSince(version: DeployedVersion): number | undefined {
    return this.#options.kernel?.since(version)
  }

  /** A stopped event always raises an alert, whatever the profile allows by now. */
  #checkStopped(
    event: ActEvent,
    refs: readonly BehaviourRef[],
    isExpected: boolean,
    version: DeployedVersion,
  ): void {
    if (event.enforced === undefined) return
    const learning = version.life.state === 'learning'
    if (!isExpected && !learning) return
    const why = learning ? 'learning' : this.#whyStopped(event, version)
    if (why !== 'disagreement' && !hasInterfered(event)) return
    if (why === 'disagreement') this.disagreements += event.count ?? 1
    this.#reportStopped(why, event, refs, version)
  }

  #whyStopped(event: ActEvent, version: DeployedVersion): StoppedThough {
    const since = this.#kernelSince(version)
    const isOlder = since === undefined || Date.parse(event.time) <= since + swapMs
    return isOlder ? 'expected-since' : 'disagreement'
  }

  #reportStopped(
    why: StoppedThough,
    event: ActEvent,
    refs: readonly BehaviourRef[],
    version?: DeployedVersion,
  ): void {
    const name = actNameOf({ event, refs, version }, 'alerted')
    const mode = version?.life.mode ?? 'unprofiled'
    const finding = stoppedFinding(why, event, {
      behaviour: mainBehaviour(refs),
      act: name,
      mode,
      failClosed: this.#options.failClosed === true,
    })
    this.#raise(finding, event.count ?? 1)
  }

  /** Raises an alert where one is due; returns the outcome of the event. */
  #unexpected(judged: JudgedBy): Outcome {
    const { event, verdict, version } = judged
    const { life, profile } = version
    if (verdict.outcome === 'unprofiled' && event.enforced === undefined) {
      return this.#unobserved(judged)
    }
    const facts = { actorKnown: profile.byActor(event.kind, event.process.exe).length > 0 }
    if (life.state !== 'learning') {
      if (deservesAlert(event, verdict, facts) && !this.#isLoaded(judged)) this.#deviates(judged)
      return 'deviation'
    }
    const isRejected = verdict.unexpected.some((ref) => wasRejected(profile, ref))
    if (verdict.guardrails.length > 0 || isRejected) {
      this.#alert(judged, isRejected ? ['a reviewer rejected this behaviour'] : [])
      return 'deviation'
    }
    // Behaviour of a container that does not teach waits for review.
    const quiet = version.learnsFrom(event.container.id) ? 'learned' : 'deviation'
    if (!hasPrior(version) || event.process.origin === 'exec-in') return quiet
    // A new version of a known image: behaviours that its image explains are its delta, for review;
    // others raise an alert now.
    if (this.delta.isExplained(verdict, version)) return quiet
    if (!deservesAlert(event, verdict, facts) || this.#isLoaded(judged)) return quiet
    const ofComponent = this.delta.componentFinding(judged)
    if (ofComponent !== undefined) {
      this.#raise(ofComponent, event.count ?? 1)
      return 'deviation'
    }
    this.#alert(judged, [
      life.predecessor === undefined
        ? 'the profile that was shipped for the image does not have this behaviour'
        : 'this behaviour is new in this version, and no change of the image explains it',
    ])
    return 'deviation'
  }

  /** The alert about the run of the program has the files that it loads. */
  #isLoaded(judged: JudgedBy): boolean {
    const run = loadingRun(judged)
    const behaviour = mainBehaviour(judged.verdict.unexpected)
    if (run === undefined || behaviour === null) return false
    return this.#options.alerts.addLoaded(run, behaviour)
  }

  /**
   * No source observed this kind during learning: guardrails still raise alerts, and the kind is
   * reported once.
   */
  #unobserved(judged: JudgedBy): Outcome {
    const { event, verdict, version } = judged
    const learning = version.life.state === 'learning'
    if (verdict.guardrails.length > 0) {
      this.#alert(judged)
      return 'deviation'
    }
    if (learning) return 'learned'
    const kind = observableOf(event)
    if (!version.alertedKinds.has(kind)) {
      version.alertedKinds.add(kind)
      version.changed = true
      this.#raise(unobservedKindFinding(event, kind, version), event.count ?? 1)
    }
    return 'unprofiled'
  }

  /** The confidence is low if the sensor may have missed the cause. */
  #deviates(judged: JudgedBy): void {
    const { event, verdict, version } = judged
    const { id } = event.container
    const stretch = stretchBefore(
      version,
      id,
      event.time,
      this.#options.registry.lifecycle.rules.floorMs,
    )
    if (stretch === undefined) {
      this.#alert(judged)
      return
    }
    const doubtful = { ...judged, verdict: { ...verdict, confidence: 'partial' } as const }
    this.#alert(doubtful, [stretchText(stretch)])
  }

  #alert(judged: Judged, reasons: readonly string[] = []): void {
    const { event, version } = judged
    const { techniques } = this.#options
    const count = event.count ?? 1
    const cause = findingCauseOf(judged)
    const main = mainRef(judged.verdict.unexpected)
    const risk = main && riskFactsOf(version?.profile, event, main, cause?.cause)
    const joining = deviationFinding(judged, { reasons, cause, techniques, risk })
    if (cause !== undefined && this.#options.alerts.shares(cause, joining.severity)) {
      this.#raise(joining, count)
      return
    }
    if (cause !== undefined && version !== undefined && this.#isDecided(judged, cause, version))
      return
    const explained = this.#explained(judged)
    const job = version && this.#options.scheduledBy?.(event, version)
    const seen = version === undefined ? [] : this.#seenElsewhere(explained, version)
    const finding = deviationFinding(explained, {
      reasons: [...(job === undefined ? [] : [`${job}, first seen`]), ...reasons, ...seen],
      cause: cause && { ...cause, running: version?.running ?? 0 },
      techniques,
      risk,
    })
    this.#raise(finding, count)
  }

  /** What other scopes of the image expect helps to decide, and allows nothing. */
  #seenElsewhere({ verdict }: Judged, version: DeployedVersion): readonly string[] {
    const ids = verdict.unexpected.map((ref) => behaviourId(ref.key))
    const scopes = ids.length === 0 ? [] : this.#options.registry.scopesExpecting(version, ids)
    return scopes.length === 0 ? [] : [elsewhereText(scopes)]
  }

  /**
   * A person allowed the whole place: the decision includes the new name, and the alert counts it.
   */
  #isDecided(judged: Judged, cause: FindingCause, version: DeployedVersion): boolean {
    const { event } = judged
    const { alerts, onAllowed, techniques } = this.#options
    const decision = alerts.standingDecision(cause, event.time)
    if (decision === undefined || event.enforced !== undefined) return false
    const { kind: _, onlyWorkload: __, ...given } = decision
    const ids = judged.refs.map((ref) => behaviourId(ref.key))
    // Otherwise the decision itself records it.
    this.#isRecorded = !ids.every((id) => version.profile.has(id))
    allowEvent(version, event, { kind: 'approved', ...given })
    const finding = deviationFinding(judged, { reasons: [], cause, techniques })
    alerts.countDecided(finding, event.count ?? 1)
    onAllowed?.(version)
    return true
  }

  /** Judged again with reasons: they are computed only for alerts. */
  #explained<T extends Judged>(judged: T): T {
    const { event, refs, version, verdict } = judged
    if (version === undefined) return judged
    const { life } = version
    const explain = life.state !== 'learning' || life.predecessor !== undefined
    const options = { ...this.#optionsFor(version), explain }
    const { confidence } = verdict
    return { ...judged, verdict: { ...judge(version.profile, event, refs, options), confidence } }
  }

  #raise(finding: Finding, count: number): void {
    this.#raised = finding.fingerprint
    this.#options.alerts.raise(finding, this.#options.now(), count)
  }

  /** No profile exists; guardrails still raise alerts. */
  #unprofiled(event: ActEvent): void {
    const refs = behavioursOf(event, this.#options.registry.shaper)
    const verdict = judge(undefined, event, refs, { guardrails: this.#options.guardrails })
    if (hasInterfered(event)) this.#reportStopped('unknown', event, refs)
    if (verdict.guardrails.length === 0) return
    this.#alert({ event, refs, verdict, version: undefined }, [
      'the image of the container is unknown',
    ])
  }

  #loss(event: LossEvent): void {
    this.#raised = this.#lost(event)
    this.#options.onJudged(event, 'loss', 1)
  }

  /** Returns the fingerprint of its alert. */
  #lost(event: LossEvent): string {
    const { registry, alerts, now } = this.#options
    registry.addLoss(event)
    const concerned = registry.concernedBy(event)
    const finding = lossFinding(event, {
      before: alerts.countOf(lossFingerprint(event)),
      blocks: concerned.some(({ life }) => life.mode === 'block'),
    })
    alerts.raise(finding, now(), Math.max(1, event.loss.count))
    return finding.fingerprint
  }

  #remember(
    version: DeployedVersion,
    key: BehaviourKey,
    event: ActEvent,
    refs: readonly BehaviourRef[],
    outcome: Outcome,
    known: Map<DeployedVersion, BehaviourKey[]>,
  ): void {
    const expected = outcome === 'expected' || outcome === 'learned'
    const { origin, session } = event.process
    const meaning = {
      behaviours: refs.map((ref) => version.profile.idOf(ref)),
      origin,
      ...(session === undefined ? {} : { session }),
      source: event.source,
      expected,
    }
    const { id: container } = event.container
    version.remember(key, meaning)
    version.reported.setAction(key, container, actionOf(event))
    if (outcome === 'deviation') {
      const reported = { ...meaning, key, container, action: actionOf(event) }
      const raised = this.#raised
      const alert = raised && this.#options.alerts.sharedFingerprint(raised)
      version.rememberReported(
        alert === raised || alert === undefined ? reported : { ...reported, alert },
      )
    }
    // The kernel never gets the keys of exec sessions: each session is reported again.
    if (!expected || origin === 'exec-in') return
    const keys = known.get(version)
    if (keys === undefined) known.set(version, [key])
    else keys.push(key)
  }
}

/** The service has felt it, whether or not it was stopped in time. */
function hasInterfered({ enforced, survives }: ActEvent): boolean {
  return enforced !== undefined && (enforced !== 'missed' || survives !== undefined)
}

function isFull({ profile, life, learnedSize }: DeployedVersion, isTaught: boolean): boolean {
  if (isTaught) return profile.ownSize >= learnedKept
  // While it learns, those that wait for review leave most of the room to what is learned.
  if (life.state === 'learning') return profile.ownSize >= laterKept
  return profile.size >= laterKept + learnedSize
}

/** A profile judges it while it learns: its predecessor's, or one that was shipped. */
function hasPrior({ life, inherited }: DeployedVersion): boolean {
  return life.predecessor !== undefined || inherited
}
