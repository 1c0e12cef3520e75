import { type BehaviourRef, behaviourId, behavioursOf } from '../../../core/behaviour/behaviour.ts'
import { observableOf } from '../../../core/coverage/observable.ts'
import type { ActEvent, ExecEvent, LossEvent } from '../../../core/event/event.ts'
import { mainRef, riskFactsOf } from '../../../core/match/risk.ts'
import type { Techniques } from '../../../core/match/technique.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import type { Finding, FindingCause } from '../alerts/finding.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../../records/versions/version-registry.ts'
import { deservesAlert } from '../alerts/alert-policy.ts'
import { stoppedFinding, type StoppedThough } from '../alerts/enforcement-findings.ts'
import type { SharedEvent } from './cross-source-dedup.ts'
import { elsewhereText } from './elsewhere.ts'
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
import { FirstRuns } from './first-runs.ts'
import { inInstance } from './instances.ts'
import { loadingRun } from './loaded-files.ts'
import { allowEvent, wasRejected } from './profile-decisions.ts'
import { stretchBefore, stretchText } from './unobserved.ts'
import type { UpgradeDelta } from './upgrade-delta.ts'
import { hasPrior, type Verdicts } from './verdicts.ts'

export type Outcome = 'expected' | 'learned' | 'deviation' | 'unprofiled' | 'loss'

export interface ResponseOptions {
  readonly registry: VersionRegistry
  readonly techniques: Techniques
  readonly alerts: AlertStore
  /**
   * The image's scheduled job that an event belongs to, as text for people; absent: none is known.
   */
  readonly scheduledBy?: (event: ActEvent, version: DeployedVersion) => string | undefined
  readonly now: () => number
  /** The part of judging that runs in the kernel; absent: none. */
  readonly kernel?: KernelJudge
  /** Whether the kernel stops what it has no profile for. */
  readonly failClosed?: boolean
  /** The containers are runs of jobs of CI: see `isOpenAct`. */
  readonly jobs?: boolean
}

export interface KernelJudge {
  /** Epoch milliseconds since when the kernel has the current profile; undefined: it has none. */
  since(version: DeployedVersion): number | undefined
  /** Epoch milliseconds since when the kernel has the name of a peer's address; undefined: it has none. */
  namedSince?(address: string): number | undefined
  /** Whether the container was to be blocked, and its assignment came after that time. */
  isBeforeAssignment?(container: string, timeMs: number): boolean
}

/** What follows from the verdict on an event. */
export interface Response {
  readonly outcome: Outcome
  /** Fingerprint of the alert that was raised; absent: none. */
  readonly alert?: string
  /** A decision put the event into the profile. */
  readonly isRecorded?: boolean
}

const expected: Response = { outcome: 'expected' }

/**
 * Maximum time to install a profile or the name of a peer in the kernel. Until then, the previous
 * one still blocks.
 */
const swapMs = 5_000

/** Raises an alert where the verdict on an event calls for one, or where the kernel stopped it. */
export class Responder {
  /** Events that the kernel stopped although the profile allows them: faults of Snug. */
  disagreements = 0
  readonly #options: ResponseOptions
  readonly #verdicts: Verdicts
  readonly #delta: UpgradeDelta
  readonly #runs: FirstRuns

  constructor(options: ResponseOptions, verdicts: Verdicts, delta: UpgradeDelta) {
    this.#options = options
    this.#runs = new FirstRuns(options)
    this.#verdicts = verdicts
    this.#delta = delta
  }

  /** `shared`: the reports of other sources; absent if there is only one. */
  to(judged: JudgedBy, shared: SharedEvent | undefined): Response {
    const stopped = this.#checkStopped(judged)
    const response =
      judged.verdict.outcome === 'expected' ? expected : this.#unexpectedShared(judged, shared)
    return stopped === undefined ? response : { alert: stopped, ...response }
  }

  /** No profile applies; guardrails still raise alerts. */
  unprofiled(event: ActEvent, refs: readonly BehaviourRef[], why: string): void {
    const verdict = this.#verdicts.withoutProfile(event, refs)
    const judged = { event, refs, verdict, version: undefined }
    if (hasInterfered(event)) this.#reportStopped('unknown', judged)
    if (verdict.guardrails.length > 0) this.#alert(judged, [why])
  }

  /** The content of what was executed is known: guardrails may list it. */
  hashed(event: ExecEvent): void {
    const { registry, techniques } = this.#options
    const version = registry.versionOf(event)
    const refs = behavioursOf(event, version?.profile.shaper ?? registry.shaper)
    const verdict = this.#verdicts.byHash(event, refs)
    if (verdict === undefined) return
    const judged = { event, refs, verdict, version }
    const finding = deviationFinding(judged, { reasons: [], cause: undefined, techniques })
    const fingerprint = `${finding.fingerprint}/${event.exec.sha256}`
    this.#raise({ ...finding, fingerprint }, event.count ?? 1)
  }

  lost(event: LossEvent): void {
    const { registry, alerts } = this.#options
    const concerned = registry.concernedBy(event)
    const finding = lossFinding(event, {
      before: alerts.countOf(lossFingerprint(event)),
      blocks: concerned.some(({ life }) => life.mode === 'block'),
    })
    this.#raise(finding, Math.max(1, event.loss.count))
  }

  /** It should have been stopped, and its container was not assigned yet. */
  isLate({ enforced, container, time }: ActEvent, { life }: DeployedVersion): boolean {
    if (enforced !== undefined || life.mode !== 'block') return false
    return this.#options.kernel?.isBeforeAssignment?.(container.id, Date.parse(time)) === true
  }

  /**
   * If another source raised an alert, this report joins it. If that source raised none, this
   * report is judged as it is.
   */
  #unexpectedShared(judged: JudgedBy, shared: SharedEvent | undefined): Response {
    const { event } = judged
    if (shared === undefined) return this.#unexpected(judged)
    const { fresh, alert } = shared
    const isThere = alert !== undefined && this.#options.alerts.reportedBy(alert, event.source)
    if (fresh === 0 && isThere) return { outcome: 'deviation' }
    return this.#unexpected({ ...judged, event: { ...event, count: Math.max(1, fresh) } })
  }

  /** A stopped event always raises an alert, whatever the profile allows by now. */
  #checkStopped(judged: JudgedBy): string | undefined {
    const { event, verdict, version } = judged
    if (event.enforced === undefined) return undefined
    const learning = version.life.state === 'learning'
    if (verdict.outcome !== 'expected' && !learning) return undefined
    const why = this.#whyStopped(event, version)
    if (why !== 'disagreement' && !hasInterfered(event)) return undefined
    if (why === 'disagreement') this.disagreements += event.count ?? 1
    return this.#reportStopped(why, judged)
  }

  #whyStopped(event: ActEvent, version: DeployedVersion): StoppedThough {
    if (event.held === true) return 'held'
    if (version.life.state === 'learning') return 'learning'
    const { kernel } = this.#options
    const since = kernel?.since(version)
    const named = event.kind === 'connect' ? kernel?.namedSince?.(event.connect.address) : undefined
    const isOlder =
      since === undefined || Date.parse(event.time) <= Math.max(since, named ?? 0) + swapMs
    return isOlder ? 'expected-since' : 'disagreement'
  }

  #reportStopped(why: StoppedThough, judged: Judged): string {
    const { event, refs, version } = judged
    const finding = stoppedFinding(why, event, {
      behaviour: mainBehaviour(refs),
      act: actNameOf(judged, 'alerted'),
      mode: version?.life.mode ?? 'unprofiled',
      failClosed: this.#options.failClosed === true,
    })
    return this.#raise(finding, event.count ?? 1)
  }

  #unexpected(judged: JudgedBy): Response {
    const { event, verdict, version } = judged
    const { life, profile } = version
    if (verdict.outcome === 'unprofiled' && event.enforced === undefined) {
      return this.#unobserved(judged)
    }
    const facts = { actorKnown: profile.byActor(event.kind, event.process.exe).length > 0 }
    if (life.state !== 'learning') {
      const isDue = deservesAlert(event, verdict, facts) && !this.#isLoaded(judged)
      return isDue ? this.#deviatesAfterWindow(judged) : { outcome: 'deviation' }
    }
    const isRejected = verdict.unexpected.some((ref) => wasRejected(profile, ref))
    if (verdict.guardrails.length > 0 || isRejected)
      return this.#alert(judged, isRejected ? ['a reviewer rejected this behaviour'] : [])
    // Behaviour of a container that does not teach waits for review.
    const quiet: Response = {
      outcome: version.learnsFrom(event.container.id) ? 'learned' : 'deviation',
    }
    if (!hasPrior(version) || event.process.origin === 'exec-in') return quiet
    // A new version of a known image: behaviours that its image explains are its delta, for review;
    // others raise an alert now.
    if (this.#delta.isExplained(verdict, version)) return quiet
    if (!deservesAlert(event, verdict, facts) || this.#isLoaded(judged)) return quiet
    const ofComponent = this.#delta.componentFinding(judged)
    if (ofComponent === undefined) return this.#deviates(judged, [this.#whyNew(version)])
    return { outcome: 'deviation', alert: this.#raise(ofComponent, event.count ?? 1) }
  }

  #whyNew({ life }: DeployedVersion): string {
    if (this.#options.jobs === true) return 'no earlier run of the job did this'
    return life.predecessor === undefined
      ? 'the profile that was shipped for the image does not have this behaviour'
      : 'this behaviour is new in this version, and no change of the image explains it'
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
  #unobserved(judged: JudgedBy): Response {
    const { event, verdict, version } = judged
    if (verdict.guardrails.length > 0) return this.#alert(judged)
    if (version.life.state === 'learning') return { outcome: 'learned' }
    const kind = observableOf(event)
    if (version.alertedKinds.has(kind)) return { outcome: 'unprofiled' }
    version.alertedKinds.add(kind)
    version.changed = true
    const finding = unobservedKindFinding(event, kind, version)
    return { outcome: 'unprofiled', alert: this.#raise(finding, event.count ?? 1) }
  }

  #deviates(judged: JudgedBy, reasons: readonly string[]): Response {
    const ofRun = this.#runs.finding(judged, reasons)
    if (ofRun === undefined) return this.#alert(judged, reasons)
    return { outcome: 'deviation', alert: this.#raise(ofRun, judged.event.count ?? 1) }
  }

  /** The confidence is low if the sensor may have missed the cause. */
  #deviatesAfterWindow(judged: JudgedBy): Response {
    const { event, verdict, version } = judged
    const { floorMs } = this.#options.registry.lifecycle.rules
    const stretch = stretchBefore(version, event.container.id, event.time, floorMs)
    if (stretch === undefined) return this.#deviates(judged, [])
    const doubtful = { ...judged, verdict: { ...verdict, confidence: 'partial' } as const }
    return this.#deviates(doubtful, [stretchText(stretch)])
  }

  #alert(judged: Judged, reasons: readonly string[] = []): Response {
    const { event, version } = judged
    const { techniques, alerts } = this.#options
    const count = event.count ?? 1
    const own = findingCauseOf(judged)
    const main = mainRef(judged.verdict.unexpected)
    const risk = main && riskFactsOf(version?.profile, event, main, own?.cause)
    const instance = own && main && risk && inInstance(judged, own, main, risk)
    const cause = instance?.cause ?? own
    const joining = deviationFinding(judged, { reasons, cause, techniques, risk })
    if (cause !== undefined && alerts.shares(cause, joining.severity))
      return { outcome: 'deviation', alert: this.#raise(joining, count) }
    for (const found of new Set([own, cause])) {
      const decided = version && found && this.#decided({ ...judged, version }, found)
      if (decided !== undefined) return decided
    }
    const explained = this.#verdicts.explained(judged)
    const job = version && this.#options.scheduledBy?.(event, version)
    const seen = version === undefined ? [] : this.#seenElsewhere(explained, version)
    const finding = deviationFinding(explained, {
      reasons: [
        ...(job === undefined ? [] : [`${job}, first seen`]),
        ...(instance === undefined ? [] : [instance.reason]),
        ...reasons,
        ...seen,
      ],
      cause: cause && { ...cause, running: version?.running ?? 0 },
      techniques,
      risk,
    })
    return { outcome: 'deviation', alert: this.#raise(finding, count) }
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
  #decided(judged: JudgedBy, cause: FindingCause): Response | undefined {
    const { event, refs, version } = judged
    const { alerts, registry, techniques } = this.#options
    const decision = alerts.standingDecision(cause, event.time)
    if (decision === undefined || event.enforced !== undefined) return undefined
    const { kind: _, onlyWorkload: __, ...given } = decision
    // Otherwise the decision itself records it.
    const isRecorded = !refs.every((ref) => version.profile.has(behaviourId(ref.key)))
    allowEvent(version, event, { kind: 'approved', ...given })
    const finding = deviationFinding(judged, { reasons: [], cause, techniques })
    alerts.countDecided(finding, event.count ?? 1)
    registry.events.emit('learned', version)
    return { outcome: 'deviation', isRecorded }
  }

  #raise(finding: Finding, count: number): string {
    this.#options.alerts.raise(finding, this.#options.now(), count)
    return finding.fingerprint
  }
}

/** The service has felt it, whether or not it was stopped in time. */
function hasInterfered({ enforced, survives }: ActEvent): boolean {
  return enforced !== undefined && (enforced !== 'missed' || survives !== undefined)
}
