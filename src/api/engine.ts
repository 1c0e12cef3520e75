import type { CaseFileView, CaseSummary, CaseView } from './case-views.ts'
import type { HoldView } from './hold-views.ts'
import type {
  IncidentClosing,
  IncidentClosure,
  IncidentPage,
  IncidentQuery,
  IncidentStory,
  SeenIncident,
} from './incident-views.ts'
import type { LiveReader } from './live-log.ts'
import type { PageViews } from './page-views.ts'
import type { PersonView } from './person-views.ts'
import type {
  AllowScope,
  BackTestResult,
  DecisionResult,
  ProfileDiff,
  ProfileExport,
  ProfileView,
  ReplayResult,
} from './profile-views.ts'
import type {
  AuditCheckView,
  AuditView,
  CardDecision,
  CardDecisionResult,
  EditTestResult,
  ForgetChoice,
  ForgetResult,
  IncidentResult,
  ProfileEdit,
  RemovalResult,
  UndoResult,
} from './review-views.ts'
import type { CostReport, DoctorReport, StateNews, StatusView } from './status-views.ts'
import type { AlertState } from './terms.ts'
import type { Mode } from '../core/lifecycle/mode.ts'
import type { LineageView, VersionView } from './version-views.ts'
import type { ProfileDocument } from '../supplychain/export/profile-document.ts'
import type { ImageRef, SnugEvent } from '../core/event/event.ts'
import type { ExportFormat } from '../supplychain/export/export-profile.ts'
import type { AlertType, Severity } from '../core/event/alert-words.ts'
import type { Alert } from '../core/event/alert.ts'
import type { VersionClass } from '../core/lifecycle/open-version.ts'
import type { KeptScan } from '../supplychain/findings/kept-scan.ts'
import type { HoldLevel } from '../core/lifecycle/hold.ts'

/**
 * The one facade that `server` (and through it the CLI) speaks to. Everything an operator can see or do
 * is here and nothing else; all values are plain JSON, and times are RFC 3339 UTC.
 *
 * Errors: every method throws `SnugError` with a code of `errors.ts`.
 */
export interface Engine {
  status(): StatusView
  images(): Promise<readonly LineageView[]>
  image(ref: string): Promise<LineageView>
  /** Without a range all of its behaviours. */
  profile(ref: string, range?: ProfileRange): Promise<ProfileView>
  /** Identifies the current state of the versions of IMAGE; see `live/revision.ts`. */
  revision(ref: string): string
  diff(a: string, b: string): Promise<ProfileDiff>
  /** `canary` only with mode `block`. */
  setMode(ref: string, mode: Mode, by: Decider, canary?: CanaryChoice): Promise<VersionView>
  /** Whether the set of programs of a version is expected to close. The reason is required. */
  setClass(ref: string, to: VersionClass, by: Decider): Promise<VersionView>
  /** Blocking off for `forMs` milliseconds, for every version of IMAGE that blocks. */
  breakGlass(ref: string, forMs: number, by: Decider): Promise<readonly VersionView[]>
  endBreakGlass(ref: string, by: Decider): Promise<readonly VersionView[]>
  /** Keeps containers from acting, for a time. The reason is required. */
  hold(order: HoldOrder, by: Decider): Promise<HoldView>
  /** `text`: the id of a hold, or what it was ordered for. Returns what was held. */
  release(text: string, by: Decider): Promise<readonly HoldView[]>
  holds(): readonly HoldView[]
  /** Evidence of the container, by its name or the beginning of its id. The reason is required. */
  capture(container: string, by: Decider): Promise<CaseSummary>
  /** Newest first. */
  cases(): Promise<readonly CaseSummary[]>
  case(id: string): Promise<CaseView>
  caseFile(id: string, by: Decider): Promise<CaseFileView>
  /** Without `behaviours`: everything in review, except behaviours that a guardrail keeps in quarantine. */
  approve(
    ref: string,
    behaviours: readonly string[] | undefined,
    by: Decider,
    options?: ApproveOptions,
  ): Promise<DecisionResult>
  /** The behaviours are deviations for good, whatever is learned later; successors keep to that. */
  reject(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun?: boolean,
  ): Promise<DecisionResult>
  /** Withdraws the decisions on the behaviours: the evidence counts again. */
  withdraw(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun?: boolean,
  ): Promise<DecisionResult>
  /**
   * Decides on exactly these behaviours, of one version or several, as one step with one audit entry. Refuses all of it
   * where one of the versions is no longer as its revision identifies it.
   */
  decideCard(decision: CardDecision, by: Decider): Promise<CardDecisionResult>
  /** Makes the profile what it would be without that evidence. */
  forget(ref: string, choice: ForgetChoice, by: Decider, dryRun?: boolean): Promise<ForgetResult>
  /** Forgets the events of an exec session, and rejects behaviour that only it showed. The reason is required. */
  incident(ref: string, session: string, by: Decider, dryRun?: boolean): Promise<IncidentResult>
  /**
   * Removes one version: its profile, evidence and decisions. Its alerts stay. A version that runs
   * or blocks, or that a later version is compared with, is not removed.
   */
  removeImage(ref: string, by: Decider, dryRun?: boolean): Promise<RemovalResult>
  /** Ends the window now. */
  endLearning(ref: string, by: Decider): Promise<VersionView>

  alerts(query: AlertQuery): Promise<readonly Alert[]>
  alert(id: string): Alert
  alertRevision(id: string): string
  /** Allows the alert's behaviour for its version; with `until` and `only` the allowance is bounded. */
  allowAlert(id: string, scope: AllowScope, by: Decider): Promise<Alert>
  /** The behaviour of the alert stays a deviation. */
  rejectAlert(id: string, by: Decider): Promise<Alert>
  ackAlert(id: string, reason: string, by: Decider): Promise<Alert>
  /** Withdraws the decision on the alert, with its effect on behaviours. */
  withdrawAlert(id: string, by: Decider): Promise<Alert>

  /** Alerts that hang together, gravest first. */
  incidents(query: IncidentQuery): Promise<IncidentPage>
  /** The incident that has the alert with this id. */
  incidentStory(id: string): Promise<IncidentStory>
  /** Acknowledges the open alerts of an incident. The reason is required. */
  closeIncident(id: string, closing: IncidentClosing, by: Decider): Promise<IncidentClosure>
  /**
   * Acknowledges alerts of an incident that was closed elsewhere: those that are open, and as severe as they were seen.
   * Returns their ids.
   */
  closeSeen(incident: SeenIncident, by: Decider): Promise<readonly string[]>

  /** What each person did in which containers, the latest first; `name`: only this one. */
  persons(name?: string): Promise<readonly PersonView[]>

  /** The newest decisions, newest first; only those before `before`, where it is given. */
  audit(limit: number, before?: number): Promise<readonly AuditView[]>
  /** Undoes the decision with that number, if it still applies and no later decision depends on it. */
  undo(seq: number, by: Decider): Promise<UndoResult>
  /** Follows the chain of all decisions from the first on. */
  verifyAudit(): Promise<AuditCheckView>
  /** Records a decision that was made outside of the engine. */
  record(what: string, by: Decider, fields: Readonly<Record<string, unknown>>): Promise<void>

  /** A sentence about a fault beside the pipeline; undefined: the fault has ended. */
  fault(what: string, message: string | undefined): void

  /** Alerts (topic `alerts`) and state changes of versions and the agent (`states`), live. */
  liveNews(query: LiveQuery): LiveReader<Alert | StateNews>
  /** Live events: new ones only, or every one with `raw`. */
  liveEvents(query: LiveQuery): LiveReader<SnugEvent>
  /** The latest reported events, newest first. */
  events(query: EventQuery): Promise<readonly RecordedEvent[]>

  /** Feeds recorded events through the same pipeline as live ones; resolves when all were judged. */
  replay(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ReplayResult>
  /** Judges recorded events against one profile and changes nothing. */
  backTest(
    ref: string,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BackTestResult>
  /**
   * Judges the recorded events of a version, and attacks, against its profile with other decisions; changes nothing.
   */
  testEdit(ref: string, edit: ProfileEdit): Promise<EditTestResult>

  /** The profile of a version as a file of another tool. */
  exportProfile(ref: string, format: ExportFormat): Promise<ProfileExport>
  /** Merges an exported profile into the version of its image, which then waits for review. */
  importProfile(chunks: AsyncIterable<Uint8Array>, by: Decider): Promise<VersionView>

  /** Stores a scanner's findings on the version of IMAGE, with their observed use; decides nothing. */
  keepScan(ref: string, scan: KeptScan, by: Decider): Promise<VersionView>

  /**
   * A container is about to start, by its whole id; what starts it waits for the answer. Resolves once the kernel judges
   * the container, or where nothing would be refused in it.
   *
   * Errors: START_UNJUDGED after `withinMs`; START_REFUSED instead with `block.failClosed`
   */
  starting(container: string, withinMs: number): Promise<void>

  doctor(): Promise<DoctorReport>

  /** Measures for so many seconds what Snug takes on this node. `gateway` is the pid of that process. */
  cost(seconds: number, gateway?: number): Promise<CostReport>

  /** Further queries of the page. */
  readonly page: PageViews
}

/** Who decided, for the audit: `cli:root`, `token:NAME`. */
export interface Decider {
  readonly who: string
  /** RFC 3339: when, where it was decided elsewhere. */
  readonly at?: string
  readonly reason?: string
  /** The node that reported it, where it was decided elsewhere: the author is that node's claim. */
  readonly node?: string
}

export interface HoldOrder {
  /** CONTAINER by its name or the beginning of its id, POD with or without its namespace, or IMAGE. */
  readonly target: string
  readonly level: HoldLevel
  readonly forMs: number
  /** Holds nothing, and answers which containers it would be. */
  readonly dryRun?: boolean
}

/** Which containers are blocked first; an absent member is as configured. */
export interface CanaryChoice {
  /** Above 0, at most 1. */
  readonly fraction?: number
  /** Milliseconds */
  readonly forMs?: number
}

export interface ApproveOptions {
  /** Changes nothing: the answer shows what would change. */
  readonly dryRun?: boolean
  /** Includes behaviours on which a guardrail fired. */
  readonly quarantined?: boolean
  /** RFC 3339: the approval ends by itself; only of named behaviours. */
  readonly until?: string
  /** Also for the same image in all other scopes; only of named behaviours. */
  readonly allScopes?: boolean
}

export interface AlertQuery {
  readonly image?: string
  /** This severity and above. */
  readonly severity?: Severity
  readonly type?: AlertType
  readonly state?: AlertState
  /** Its name, or the beginning of its id. */
  readonly container?: string
  /** Who began a session whose events are in it. */
  readonly person?: string
  /** Text in the behaviour, reasons, actor, image or container; case is ignored. */
  readonly text?: string
  /** Only alerts older than the one with this id. */
  readonly before?: string
  readonly limit: number
}

/** Behaviours in order of id, after the one with the id `after`. */
export interface ProfileRange {
  readonly after?: string
  readonly limit?: number
}

/** Events in the memory of the agent. */
export interface EventQuery {
  readonly image?: string
  readonly container?: string
  readonly session?: string
  /** Only those with a lower number. */
  readonly before?: number
  readonly limit: number
}

export interface RecordedEvent {
  readonly n: number
  readonly event: SnugEvent
}

export interface LiveQuery {
  readonly topics?: readonly string[]
  /** Number of the first message to deliver; absent: new messages only. */
  readonly from?: number
  readonly image?: string
  readonly container?: string
  /**
   * Every event, including those that the kernel would only count: such a reader turns the kernel's
   * filter off.
   */
  readonly raw?: boolean
}

/** A version as it was recorded, for a file. */
export interface RecordedVersion {
  readonly image: ImageRef
  readonly tags: readonly string[]
  readonly digests: readonly string[]
  /** `snug.profile/v1` */
  readonly text: string
  readonly behaviours: number
  readonly runs: number
  /** Events that are certainly missing. */
  readonly lost: number
}

/** A run of a job of CI. */
export interface JobRun {
  /** Of all runs of the job. */
  readonly image: ImageRef
  /** By the profile of earlier runs; absent: the run is learned. */
  readonly judged?: { readonly mode: 'audit' | 'block'; readonly profile: ProfileDocument }
}
