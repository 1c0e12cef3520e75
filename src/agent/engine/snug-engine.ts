import { loadAttacks } from '../../support/config/load-attacks.ts'
import type { Alert } from '../../core/event/alert.ts'
import type { ActEvent, ImageRef, SnugEvent } from '../../core/event/event.ts'
import type { ExportFormat } from '../../supplychain/export/export-profile.ts'
import { describeError, SnugError } from '../../errors.ts'
import { inheritedExpireAt } from '../../core/lifecycle/inheritance.ts'
import type { VersionClass } from '../../core/lifecycle/open-version.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { Steps } from '../../core/steps.ts'
import type { KeptScan } from '../../supplychain/findings/kept-scan.ts'
import { deadline } from '../../support/deadline.ts'
import { actKindsOfHost, stopsOf } from '../../support/telemetry/host-acts.ts'
import { checkHost, type HostPaths } from '../../support/telemetry/host-checks.ts'
import type { Daemon } from './daemon.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { CaseFileView, CaseSummary, CaseView } from '../../api/case-views.ts'
import type {
  AlertQuery,
  ApproveOptions,
  CanaryChoice,
  Decider,
  Engine,
  EventQuery,
  HoldOrder,
  LiveQuery,
  ProfileRange,
} from '../../api/engine.ts'
import type { HoldView } from '../../api/hold-views.ts'
import type {
  IncidentClosing,
  IncidentClosure,
  SeenIncident,
  IncidentPage,
  IncidentQuery,
  IncidentStory,
} from '../../api/incident-views.ts'
import { liveAsk } from '../../api/live-filter.ts'
import type { LiveReader } from '../../api/live-log.ts'
import type { PersonView } from '../../api/person-views.ts'
import type {
  AllowScope,
  BackTestResult,
  BehaviourView,
  DecisionResult,
  ProfileDiff,
  ProfileExport,
  ProfileView,
  ReplayResult,
} from '../../api/profile-views.ts'
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
} from '../../api/review-views.ts'
import type { CostReport, DoctorReport, StateNews, StatusView } from '../../api/status-views.ts'
import type { Mode } from '../../core/lifecycle/mode.ts'
import type { EvidenceView, LineageView, VersionView } from '../../api/version-views.ts'
import type { IncidentsNow } from '../reading/incident-groups.ts'
import { incidentOf, incidentPage, incidentStory } from '../reading/incident-queries.ts'
import { personViews } from '../reading/person-queries.ts'
import { evidenceView } from '../reading/evidence-view.ts'
import { PageQueries } from '../reading/page-queries.ts'
import { exportOf, importProfile } from './profile-transfer.ts'
import { rootView } from '../reading/root-view.ts'
import { readRecorded, backTest } from '../pipeline/judge/recorded-events.ts'
import { alertRevisionOf, revisionOf } from '../reading/live/revision.ts'
import { decideCard } from '../decisions/card-decision.ts'
import { closeIncident, closeSeen } from '../decisions/close-incident.ts'
import { testEdit } from '../decisions/edit-test.ts'
import { ClassService } from '../decisions/class-service.ts'
import { ModeService } from '../decisions/mode-service.ts'
import { removeVersion } from '../decisions/remove-version.ts'
import { undo } from '../decisions/undo.ts'
import { ReviewService } from '../decisions/review-service.ts'
import { blindChecks } from '../reading/status/blind-checks.ts'
import { nodeCost } from '../reading/status/node-cost.ts'
import { crossChecksOf, statusView } from '../reading/status/status-view.ts'
import { keepScan } from '../records/persistence/attach-scan.ts'
import { scanView } from '../records/persistence/scan-record.ts'
import { profileDiff } from '../reading/profile-diff.ts'
import { behaviourView, lineageViews, versionView } from '../reading/views.ts'

interface ViewedVersion {
  readonly atMs: number
  readonly view: VersionView
}

const recentMs = 5_000

/** The facade over the running daemon: everything an operator can see or do. */
export class SnugEngine implements Engine {
  readonly page: PageQueries
  readonly #daemon: Daemon
  readonly #viewed = new WeakMap<DeployedVersion, ViewedVersion>()
  readonly #version: string
  readonly #host: HostPaths
  readonly #reviews: ReviewService
  readonly #modes: ModeService
  readonly #classes: ClassService
  readonly #incidents: IncidentsNow

  /** `host`: the configured paths that the doctor checks. */
  constructor(daemon: Daemon, version: string, host: HostPaths) {
    this.#daemon = daemon
    this.#reviews = new ReviewService(daemon)
    this.#modes = new ModeService(daemon)
    this.#classes = new ClassService(daemon)
    this.#incidents = daemon.incidents
    this.page = new PageQueries(daemon, this.#incidents)
    this.#version = version
    this.#host = host
  }

  status(): StatusView {
    return statusView(this.#daemon, this.#version)
  }

  images(): Promise<readonly LineageView[]> {
    const { registry, slices } = this.#daemon
    return slices.run('images', this.#lineages(registry.index))
  }

  async image(ref: string): Promise<LineageView> {
    const { registry, slices } = this.#daemon
    const found = registry.index.findLineage(ref)
    return slices.run('image', this.#image(ref, found))
  }

  *#image(ref: string, found: readonly DeployedVersion[]): Steps<LineageView> {
    const { registry } = this.#daemon
    const [lineage] = yield* this.#lineages(found)
    if (lineage === undefined) throw new SnugError('IMAGE_UNKNOWN', `no image is named \`${ref}\``)
    const versions: VersionView[] = []
    for (const one of lineage.versions) {
      const version = registry.index.ofImage(one.image)
      if (version === undefined) {
        versions.push(one)
        continue
      }
      const scan = version.scan === undefined ? {} : { scan: scanView(version.scan, true) }
      const root = yield* rootView(version, registry, this.#daemon.now())
      const evidence = yield* this.#evidence(version)
      versions.push({ ...one, ...scan, evidence, root })
    }
    return { ...lineage, versions }
  }

  #lineages(versions: Iterable<DeployedVersion>): Steps<readonly LineageView[]> {
    const { registry, kernel } = this.#daemon
    return lineageViews(versions, registry, kernel.profiles, this.#daemon.now())
  }

  revision(ref: string): string {
    return revisionOf(this.#daemon.registry.index.find(ref))
  }

  async profile(ref: string, range: ProfileRange = {}): Promise<ProfileView> {
    const { registry, slices } = this.#daemon
    return slices.run('profile', this.#profile(registry.index.findOne(ref), range))
  }

  *#profile(version: DeployedVersion, { after, limit }: ProfileRange): Steps<ProfileView> {
    const view = yield* after === undefined
      ? this.#versionSteps(version)
      : this.#recentView(version)
    const behaviours: BehaviourView[] = []
    yield* version.profile.settleSteps()
    for (const entry of version.profile.page(after, limit)) {
      behaviours.push(behaviourView(entry, version.profile, this.#inheritedExpireAt(version)))
      yield
    }
    return { version: view, behaviours }
  }

  /** For further pages of one list: the quality of the evidence is not computed again for each of them. */
  *#recentView(version: DeployedVersion): Steps<VersionView> {
    const nowMs = this.#daemon.now()
    const known = this.#viewed.get(version)
    if (known !== undefined && Math.abs(nowMs - known.atMs) < recentMs) {
      return { ...known.view, revision: revisionOf([version]) }
    }
    const view = yield* this.#versionSteps(version)
    this.#viewed.set(version, { atMs: nowMs, view })
    return view
  }

  async diff(a: string, b: string): Promise<ProfileDiff> {
    const { registry, inflow, slices } = this.#daemon
    const { delta } = inflow.stage
    const [from, to] = [registry.index.findOne(a), registry.index.findOne(b)]
    const world = {
      now: this.#daemon.now(),
      expiresAt: this.#inheritedExpireAt(to),
      explain: (entry: ProfileEntry) => delta.explain(entry, to, from),
      componentOf: (entry: Pick<ProfileEntry, 'actor' | 'object'>) =>
        delta.componentOf(entry, to, from),
    }
    return slices.run('diff', profileDiff(from, to, world))
  }

  #inheritedExpireAt({ life }: DeployedVersion): number | undefined {
    return inheritedExpireAt(life, this.#daemon.registry.lifecycle.rules)
  }

  #evidence(version: DeployedVersion): Steps<EvidenceView> {
    const { registry } = this.#daemon
    const schedules = this.#daemon.inflow.schedules.of(version.identity)
    const checks = crossChecksOf(this.#daemon, version.key)
    const { guardrails } = this.#daemon.parts
    return evidenceView(version, registry, this.#daemon.now(), { schedules, checks, guardrails })
  }

  async setMode(ref: string, mode: Mode, by: Decider, canary?: CanaryChoice): Promise<VersionView> {
    return this.#view(await this.#modes.set(ref, mode, by, canary))
  }

  async setClass(ref: string, to: VersionClass, by: Decider): Promise<VersionView> {
    return this.#view(await this.#classes.set(ref, to, by))
  }

  async breakGlass(ref: string, forMs: number, by: Decider): Promise<readonly VersionView[]> {
    return this.#views(await this.#modes.breakGlass(ref, forMs, by))
  }

  async endBreakGlass(ref: string, by: Decider): Promise<readonly VersionView[]> {
    return this.#views(await this.#modes.endBreakGlass(ref, by))
  }

  hold(order: HoldOrder, by: Decider): Promise<HoldView> {
    return this.#daemon.holdService.hold(order, by)
  }

  release(text: string, by: Decider): Promise<readonly HoldView[]> {
    return this.#daemon.holdService.release(text, by)
  }

  holds(): readonly HoldView[] {
    return this.#daemon.holdService.list()
  }

  capture(container: string, by: Decider): Promise<CaseSummary> {
    return this.#daemon.cases.capture(container, by)
  }

  cases(): Promise<readonly CaseSummary[]> {
    return this.#daemon.cases.list()
  }

  case(id: string): Promise<CaseView> {
    return this.#daemon.cases.show(id)
  }

  caseFile(id: string, by: Decider): Promise<CaseFileView> {
    return this.#daemon.cases.file(id, by)
  }

  async endLearning(ref: string, by: Decider): Promise<VersionView> {
    return this.#view(await this.#modes.endLearning(ref, by))
  }

  approve(
    ref: string,
    behaviours: readonly string[] | undefined,
    by: Decider,
    options: ApproveOptions = {},
  ): Promise<DecisionResult> {
    return this.#reviews.approve(ref, behaviours, by, options)
  }

  reject(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun?: boolean,
  ): Promise<DecisionResult> {
    return this.#reviews.reject(ref, behaviours, by, dryRun)
  }

  withdraw(
    ref: string,
    behaviours: readonly string[],
    by: Decider,
    dryRun?: boolean,
  ): Promise<DecisionResult> {
    return this.#reviews.withdraw(ref, behaviours, by, dryRun)
  }

  decideCard(decision: CardDecision, by: Decider): Promise<CardDecisionResult> {
    return decideCard(this.#daemon, decision, by)
  }

  forget(ref: string, choice: ForgetChoice, by: Decider, dryRun?: boolean): Promise<ForgetResult> {
    return this.#reviews.forget(ref, choice, by, dryRun)
  }

  incident(ref: string, session: string, by: Decider, dryRun?: boolean): Promise<IncidentResult> {
    return this.#reviews.incident(ref, session, by, dryRun)
  }

  removeImage(ref: string, by: Decider, dryRun?: boolean): Promise<RemovalResult> {
    return removeVersion(this.#daemon, ref, by, dryRun)
  }

  async alerts({ image, ...rest }: AlertQuery): Promise<readonly Alert[]> {
    const { alerts, slices } = this.#daemon
    const wanted = image === undefined ? undefined : this.#matcher(image)
    const query = {
      ...rest,
      ...(wanted === undefined
        ? {}
        : { matches: (ref: ImageRef | undefined) => ref !== undefined && wanted(ref) }),
    }
    return slices.run('alerts', alerts.listSteps(query))
  }

  persons(name?: string): Promise<readonly PersonView[]> {
    const { alerts, entrances, slices } = this.#daemon
    return slices.run('persons', personViews(alerts.newestFirst, entrances.list(name), name))
  }

  alert(id: string): Alert {
    return this.#daemon.alerts.get(id)
  }

  alertRevision(id: string): string {
    return alertRevisionOf(this.#daemon.alerts.get(id))
  }

  allowAlert(id: string, scope: AllowScope, by: Decider): Promise<Alert> {
    return this.#reviews.allowAlert(id, scope, by)
  }

  rejectAlert(id: string, by: Decider): Promise<Alert> {
    return this.#reviews.rejectAlert(id, by)
  }

  withdrawAlert(id: string, by: Decider): Promise<Alert> {
    return this.#reviews.withdrawAlert(id, by)
  }

  async ackAlert(id: string, reason: string, by: Decider): Promise<Alert> {
    const { alerts } = this.#daemon
    const at = new Date(this.#daemon.now()).toISOString()
    const decided = alerts.decide(id, { kind: 'acknowledged', by: by.who, at, reason })
    this.#daemon.journal.audit('ack', by.who, { alert: id, reason })
    await this.#daemon.journal.decided()
    return decided
  }

  incidents(query: IncidentQuery): Promise<IncidentPage> {
    return this.#daemon.slices.run('incidents', this.#incidentPage(query))
  }

  *#incidentPage(query: IncidentQuery): Steps<IncidentPage> {
    return yield* incidentPage(yield* this.#incidents.steps(), query)
  }

  incidentStory(id: string): Promise<IncidentStory> {
    return this.#daemon.slices.run('incident', this.#incidentStory(id))
  }

  *#incidentStory(id: string): Steps<IncidentStory> {
    const groups = yield* this.#incidents.steps()
    return yield* incidentStory(groups, incidentOf(groups, id))
  }

  closeIncident(id: string, closing: IncidentClosing, by: Decider): Promise<IncidentClosure> {
    return closeIncident(this.#daemon, this.#incidents, id, closing, by)
  }

  closeSeen(incident: SeenIncident, by: Decider): Promise<readonly string[]> {
    return closeSeen(this.#daemon, incident, by)
  }

  async audit(limit: number, before?: number): Promise<readonly AuditView[]> {
    // A decision of the fleet applies before it is stored. The views have it, and so has the list.
    await this.#daemon.journal.persist()
    return this.#daemon.journal.trail.list(limit, before)
  }

  undo(seq: number, by: Decider): Promise<UndoResult> {
    return undo(this.#daemon, this.#reviews, seq, by)
  }

  async verifyAudit(): Promise<AuditCheckView> {
    await this.#daemon.journal.persist()
    return this.#daemon.journal.trail.verify()
  }

  async record(
    what: string,
    by: Decider,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    this.#daemon.journal.audit(what, by.who, fields)
    await this.#daemon.journal.persist()
  }

  fault(what: string, message: string | undefined): void {
    const { faults } = this.#daemon
    if (message === undefined) faults.delete(what)
    else faults.set(what, message)
  }

  liveNews(query: LiveQuery): LiveReader<Alert | StateNews> {
    return this.#daemon.live.news.subscribe(liveAsk(query))
  }

  liveEvents(query: LiveQuery): LiveReader<SnugEvent> {
    const daemon = this.#daemon
    if (query.raw !== true) return daemon.live.events.subscribe(liveAsk(query))
    daemon.rawReader(1)
    const onEnd = (): void => daemon.rawReader(-1)
    return daemon.live.events.subscribe({ ...liveAsk(query), onEnd })
  }

  async events({ limit, before = Infinity, session, ...query }: EventQuery) {
    const { live, slices } = this.#daemon
    const { wants } = liveAsk(query)
    const steps = live.events.recordedSteps(limit, before, (event) => {
      if (session !== undefined && !(isAct(event) && event.process.session === session))
        return false
      return wants(event, 'events')
    })
    const found = await slices.run('events', steps)
    return found.map(({ n, item }) => ({ n, event: item }))
  }

  async replay(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ReplayResult> {
    const daemon = this.#daemon
    const before = { ...daemon.inflow.counters }
    const summary = await readRecorded(chunks, signal, (events) =>
      daemon.inflow.judgeEvents(events),
    )
    await daemon.journal.persist()
    const { expected, deviation, unprofiled, learned, loss } = daemon.inflow.counters
    return {
      ...summary,
      expected: expected - before.expected,
      deviations: deviation - before.deviation,
      unprofiled: unprofiled - before.unprofiled,
      learned: learned - before.learned,
      losses: loss - before.loss,
    }
  }

  backTest(
    ref: string,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BackTestResult> {
    const { profile, observed } = this.#daemon.registry.index.findOne(ref)
    const { guardrails } = this.#daemon.parts
    return backTest(profile, { guardrails, observed }, chunks, signal)
  }

  async testEdit(ref: string, edit: ProfileEdit): Promise<EditTestResult> {
    const version = this.#daemon.registry.index.findOne(ref)
    const matches = this.#matcher(ref)
    const { alerts: store, slices } = this.#daemon
    const steps = store.listSteps({
      limit: Infinity,
      matches: (image) => image !== undefined && matches(image),
    })
    const alerts = await slices.run('alerts', steps)
    return testEdit(version, edit, alerts, loadAttacks(), this.#daemon.now())
  }

  async exportProfile(ref: string, format: ExportFormat): Promise<ProfileExport> {
    const { registry, slices } = this.#daemon
    const version = registry.index.findOne(ref)
    return slices.run('export', exportOf(version, format, registry, this.#daemon.now()))
  }

  async importProfile(chunks: AsyncIterable<Uint8Array>, by: Decider): Promise<VersionView> {
    return this.#view(await importProfile(this.#daemon, chunks, by))
  }

  async keepScan(ref: string, scan: KeptScan, by: Decider): Promise<VersionView> {
    const version = this.#daemon.registry.index.findOne(ref)
    await keepScan(this.#daemon, version, scan, by)
    return this.#view(version)
  }

  async starting(container: string, withinMs: number): Promise<void> {
    const { kernel, parts } = this.#daemon
    const within = deadline(withinMs)
    try {
      await kernel.starting(container, within.signal)
    } catch (error) {
      const isLate = within.signal.aborted
      const reason = isLate
        ? `the kernel does not judge it after ${withinMs} ms`
        : describeError(error)
      const { failClosed, log } = parts
      if (failClosed) log.warn({ container, reason }, 'refused to let a container start')
      throw new SnugError(
        failClosed ? 'START_REFUSED' : 'START_UNJUDGED',
        `container \`${container.slice(0, 12)}\`: ${reason}`,
      )
    } finally {
      within.end()
    }
  }

  async doctor(): Promise<DoctorReport> {
    const host = await checkHost(this.#host)
    const checks = [...host.checks]
    for (const source of this.#daemon.parts.sources) {
      const found = Object.entries(source.stats.facts).map(([name, fact]) => `${name}: ${fact}`)
      const ok = source.state.kind === 'running' || source.state.kind === 'stopped'
      const reason = source.state.kind === 'degraded' ? [source.state.reason] : []
      checks.push({ name: `source ${source.name}`, ok, found: [...reason, ...found].join('; ') })
    }
    checks.push(...blindChecks(this.status().containers))
    const images = (await this.images()).flatMap(({ repository, versions }) =>
      versions.map(({ image, because }) => ({ image: `${repository}@${image.digest}`, because })),
    )
    const stops = stopsOf(this.#daemon.parts.sources.map(({ stats }) => stats.facts))
    return { checks, acts: actKindsOfHost(checks, stops), images, stops }
  }

  cost(seconds: number, gateway?: number): Promise<CostReport> {
    return nodeCost(this.#daemon.parts.sources, seconds, gateway)
  }

  #view(version: DeployedVersion): Promise<VersionView> {
    return this.#daemon.slices.run('version', this.#versionSteps(version))
  }

  #views(versions: readonly DeployedVersion[]): Promise<readonly VersionView[]> {
    return Promise.all(versions.map((version) => this.#view(version)))
  }

  #versionSteps(version: DeployedVersion): Steps<VersionView> {
    const { registry, kernel } = this.#daemon
    return versionView(version, registry, kernel.profiles, this.#daemon.now())
  }

  #matcher(ref: string): (image: ImageRef) => boolean {
    const { registry } = this.#daemon
    const named = new Set(registry.index.find(ref))
    return (image) => {
      const version = registry.index.ofImage(image)
      return version !== undefined && named.has(version)
    }
  }
}

function isAct(event: SnugEvent): event is ActEvent {
  return event.kind !== 'loss'
}
