import { isSameImage } from '../../core/event/image-key.ts'
import { LRUCache } from 'lru-cache'
import type { ImageRef, SnugEvent } from '../../core/event/event.ts'
import { SnugError } from '../../errors.ts'
import type {
  Alert,
  AlertBehaviour,
  AlertDecision,
  AlertType,
  Severity,
} from '../../core/event/alert.ts'
import { finish, type Steps } from '../../core/steps.ts'
import { type Cause, causesApart, isOfFiles } from '../../core/match/cause.ts'
import { replicasLeast } from '../../core/match/replicas.ts'
import type { RiskFacts } from '../../core/event/alert-risk.ts'
import { type Techniques, withTechniques } from '../../core/match/technique.ts'
import { type AlertFilter, alertFilter } from '../../pipeline/alerts/alert-filter.ts'
import type { RecordIds } from '../../pipeline/alerts/record-ids.ts'
import {
  anyGroupOf,
  besideFingerprint,
  groupOf,
  ownFingerprint,
  storedFingerprint,
  wideFingerprint,
} from './cause-fingerprint.ts'
import {
  causeView,
  folded,
  marked,
  ranked,
  wholeCauses,
  widened,
  withReplicas,
} from './cause-fold.ts'
import { EvictionOrder } from './eviction.ts'
import { type About, SiblingCauses } from './sibling-causes.ts'
import { type ReplicaGroup, ReplicaGroups } from './replica-groups.ts'
import { type Storm, stormAlert, type StormRules, Storms } from '../../pipeline/alerts/storms.ts'

/** A result of the judge, before it becomes an alert or raises the count of one. */
export interface Finding {
  /** Events with the same fingerprint are the same event: the count of the alert rises. */
  readonly fingerprint: string
  readonly type: AlertType
  readonly severity: Severity
  readonly reasons: readonly string[]
  readonly nearest: AlertBehaviour | null
  readonly behaviour: AlertBehaviour | null
  /** The behaviour with the names of the event, where its own are shapes: what an alert has as a sample. */
  readonly sample?: AlertBehaviour
  readonly guardrails: readonly string[]
  readonly attack: readonly string[]
  readonly mode: string
  readonly confidence?: Alert['confidence']
  readonly event: SnugEvent
  /** Absent: the agent only reported the event. */
  readonly action?: Alert['action']
  readonly cause?: FindingCause
  /** For a deviation without a guardrail: the facts that its severity follows from. */
  readonly risk?: RiskFacts
}

/** Findings of one cause and scope share one alert. */
export interface FindingCause {
  readonly cause: Cause
  /** Fields that must also be equal: version, container, origin, action, guardrails. */
  readonly scope: string
  /** The version: its containers are replicas. */
  readonly replicasOf: string
  /** Containers of the version that run now. */
  readonly running: number
}

export interface AlertStoreOptions {
  readonly node: string
  /** Maximum number of alerts. The oldest are evicted beyond it, and counted in `pruned`. */
  readonly capacity: number
  readonly ids: RecordIds
  readonly storms: StormRules
  /** Adds what only the number of peers of an alert shows; absent: nothing. */
  readonly techniques?: Pick<Techniques, 'counted'>
  /** Makes the final decision on the severity of a new alert. */
  readonly grade?: (alert: Alert) => Alert
}

/** Events for which the store remembers the alert that they share. */
export const sharesKept = 20_000
/** Behaviours of one alert that are kept apart. Each further one counts as a new name. */
export const namesKept = 512
/** The same for all alerts together. */
export const allNamesKept = 65_536

/**
 * The alerts of this node. Repeats of an event raise the count of one alert until someone decides
 * on it. The next repeat after the decision raises a new alert.
 */
export class AlertStore {
  readonly #options: AlertStoreOptions
  readonly #byId = new Map<string, Alert>()
  readonly #open = new Map<string, string>()
  /** Group of causes → number of open separate alerts. */
  readonly #apart = new Map<string, number>()
  /** Group of causes → the alert of its novelty, as long as it has one cause. */
  readonly #novel = new Map<string, string>()
  readonly #siblings = new SiblingCauses()
  /** Alert that a second cause joined → the id of its first cause. */
  readonly #firstCauses = new Map<string, string>()
  /** Fingerprint of an event, or of an alert that a second cause joined → fingerprint of the alert that it shares. */
  readonly #shares = new LRUCache<string, string>({ max: sharesKept })
  /** Fingerprint of a place that was allowed as a whole → its alert. */
  readonly #decided = new Map<string, string>()
  /** Alert → behaviours that share it, as far as they are kept apart. */
  readonly #names = new Map<string, Set<string>>()
  #namesTotal = 0
  readonly #replicas = new ReplicaGroups()
  readonly #eviction: EvictionOrder
  readonly #fingerprints = new Map<string, string>()
  /** In their newest state, including alerts that no longer fit into the store. */
  #changed = new Map<string, AlertRecord>()
  #hasNew = false
  readonly #storms: Storms
  /** Number of distinct alerts, and how many of them a summary alert covered. */
  readonly counts = { raised: 0, inStorms: 0 }
  #pruned = 0
  #evictedOpen = 0

  constructor(options: AlertStoreOptions) {
    this.#options = options
    this.#eviction = new EvictionOrder(options.capacity)
    this.#storms = new Storms(options.storms)
  }

  set stormRules(rules: StormRules) {
    this.#storms.rules = rules
  }

  /** Number of new or changed alerts that are not yet drained. */
  get changes(): number {
    return this.#changed.size
  }

  get size(): number {
    return this.#byId.size
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Whether one of these is new. */
  get hasNew(): boolean {
    return this.#hasNew
  }

  get pruned(): number {
    return this.#pruned
  }

  /** Number of alerts that were evicted without a decision since the last call. */
  drainEvicted(): number {
    const count = this.#evictedOpen
    this.#evictedOpen = 0
    return count
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Restores the stored alerts. `fingerprint` comes from {@link drainChanged}. */
  load(records: Iterable<AlertRecord>): void {
    for (const { alert, fingerprint: stored } of records) {
      this.#options.ids.after(alert.id)
      const { fingerprint, first } = storedFingerprint(stored)
      if (first !== undefined) this.#joined(alert.id, fingerprint, first)
      this.#put(alert, fingerprint)
    }
  }

  /**
   * The decision of a person on a whole place that the service owns: it applies to later names too.
   * Places with code, settings or secrets, and names that match a guardrail, need a decision for
   * each name.
   */
  standingDecision({ cause, scope }: FindingCause, time: string): AlertDecision | undefined {
    const id = this.#decided.get(ownFingerprint(cause, scope))
    const alert = id === undefined ? undefined : this.#byId.get(id)
    const decision = alert?.decision
    if (decision === undefined || decision.onlyWorkload !== undefined) return undefined
    return decision.until === undefined || decision.until > time ? decision : undefined
  }

  /** Decisions on whole places of the version no longer apply. Its alerts stay. */
  forgetDecisions(image: ImageRef): void {
    for (const [fingerprint, id] of this.#decided) {
      if (isSameImage(this.#byId.get(id)?.image, image)) this.#decided.delete(fingerprint)
    }
  }

  /** Counts one more name of a place that was decided on as a whole. */
  countDecided(finding: Finding, count: number): void {
    const { cause: found, event } = finding
    const id =
      found === undefined ? undefined : this.#decided.get(ownFingerprint(found.cause, found.scope))
    const alert = id === undefined ? undefined : this.#byId.get(id)
    if (alert !== undefined) this.#count(this.#fold(alert, finding), count, event.time)
  }

  /** Whether the finding joins an existing alert, so that its reasons are not needed. */
  shares({ cause, scope }: FindingCause): boolean {
    return this.#open.has(ownFingerprint(cause, scope))
  }

  raise(
    finding: Finding,
    nowMs: number,
    count = 1,
  ): { readonly alert: Alert; readonly fresh: boolean } {
    const fingerprint = this.#fingerprintOf(finding)
    if (fingerprint !== finding.fingerprint) this.#shares.set(finding.fingerprint, fingerprint)
    this.#widenFirst(finding, fingerprint)
    const openId = this.#open.get(fingerprint)
    const known = openId === undefined ? undefined : this.#byId.get(openId)
    if (known !== undefined) {
      this.reportedBy(fingerprint, finding.event.source)
      const alert = this.#fold(this.get(known.id), finding)
      this.#joinedBy(alert, finding)
      return { alert: this.#count(alert, count, finding.event.time), fresh: false }
    }
    const alert = this.#withReplicas(
      this.#graded(this.#fresh(finding, fingerprint, nowMs, count)),
      finding,
      nowMs,
    )
    this.counts.raised += 1
    const storm = alert.novelty === true ? undefined : this.#storms.part(alert, nowMs)
    if (storm !== undefined) this.counts.inStorms += 1
    const raised = storm === undefined ? alert : { ...alert, partOf: this.#summarise(storm, alert) }
    this.#touch(raised, fingerprint)
    this.#hasNew = true
    this.#put(raised, fingerprint)
    return { alert: raised, fresh: true }
  }

  /**
   * Checks again events that replicas showed: the others have had time to show them too.
   */
  tick(nowMs: number): void {
    for (const group of this.#replicas.due(nowMs)) this.#refresh(group)
  }

  #fresh(finding: Finding, fingerprint: string, nowMs: number, count: number): Alert {
    const { event, cause, risk } = finding
    const act = event.kind === 'loss' ? undefined : event
    const isWide = cause !== undefined && fingerprint !== ownFingerprint(cause.cause, cause.scope)
    return {
      schema: 'snug.alert/v1',
      id: this.#options.ids.next(nowMs),
      time: new Date(nowMs).toISOString(),
      node: this.#options.node,
      severity: finding.severity,
      type: finding.type,
      action: finding.action ?? 'alerted',
      reasons: finding.reasons,
      nearest: finding.nearest,
      behaviour: finding.behaviour,
      ...(event.image === undefined ? {} : { image: event.image }),
      ...(event.container === undefined ? {} : { container: event.container }),
      ...(act?.workload === undefined ? {} : { workload: act.workload }),
      ...(act === undefined ? {} : { process: act.process }),
      event,
      count,
      firstSeen: event.time,
      lastSeen: event.time,
      mode: finding.mode,
      ...(finding.confidence === undefined ? {} : { confidence: finding.confidence }),
      guardrails: finding.guardrails,
      attack: finding.attack,
      ...(cause === undefined ? {} : { cause: causeView(cause.cause, isWide) }),
      ...(risk === undefined ? {} : { risk }),
    }
  }

  #graded(alert: Alert): Alert {
    return marked(this.#options.grade?.(alert) ?? alert)
  }

  #hasRoom(finding: Finding, { cause, scope }: FindingCause): boolean {
    const isJoined = joinsOthers(finding, cause)
    if (isJoined && this.#open.has(wideFingerprint(cause, scope, finding.severity))) return false
    const most = causesApart(cause.access, isNovelty(finding))
    return (this.#apart.get(`${scope}${cause.group}`) ?? 0) < most
  }

  /** The first alert of a group's novelty, or of a row of folders, becomes that of all its causes with the second one. */
  #widenFirst(finding: Finding, fingerprint: string): void {
    const { cause: found, severity } = finding
    if (found === undefined || this.#open.has(fingerprint)) return
    if (fingerprint !== wideFingerprint(found.cause, found.scope, severity)) return
    const alert = joinsOthers(finding, found.cause) ? this.#novelty(found) : this.#sibling(finding)
    const own = alert === undefined ? undefined : this.#fingerprints.get(alert.id)
    if (alert?.cause === undefined || own === undefined) return
    const { id } = alert
    if (this.#open.get(own) !== id) return
    this.#closeGroup(own)
    this.#replicas.forget(id)
    this.#joined(id, fingerprint, alert.cause.id)
    const wide = { ...alert, cause: widened(alert.cause, found.cause.group) }
    this.#fingerprints.set(id, fingerprint)
    this.#replace(wide)
    this.#openAs(fingerprint, id)
  }

  #novelty({ cause, scope }: FindingCause): Alert | undefined {
    const id = this.#novel.get(`${scope}${cause.group}`)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    return alert?.novelty === true ? alert : undefined
  }

  /** An open alert that is as grave, about a folder beside that of the finding. */
  #sibling(finding: Finding): Alert | undefined {
    const about = aboutOf(finding)
    const id = about === undefined ? undefined : this.#siblings.of(about)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    const isOpen = alert !== undefined && alert.decision === undefined
    return isOpen && alert.severity === finding.severity ? alert : undefined
  }

  /**
   * The cause has a separate alert, or shares the one for further causes of its group and severity.
   */
  #fingerprintOf(finding: Finding): string {
    const { cause: found, fingerprint, severity } = finding
    if (found === undefined) return fingerprint
    const own = ownFingerprint(found.cause, found.scope)
    if (this.#open.has(own)) return own
    if (this.#sibling(finding) === undefined && this.#hasRoom(finding, found)) return own
    return wideFingerprint(found.cause, found.scope, severity)
  }

  /** Folders beside that of the finding join the alert too. */
  #joinedBy({ id, novelty }: Alert, finding: Finding): void {
    const about = aboutOf(finding)
    if (about !== undefined && novelty !== true) this.#siblings.add(id, about)
  }

  /** What counts for the alert of its first cause counts for the alert of all causes from here on. */
  #joined(id: string, fingerprint: string, first: string): void {
    this.#firstCauses.set(id, first)
    this.#shares.set(besideFingerprint(fingerprint, first), fingerprint)
  }

  #fold(known: Alert, { behaviour, sample, cause, attack }: Finding): Alert {
    if (cause === undefined || behaviour === null) return known
    // The alert stands for all of its samples.
    const alert = withTechniques(known, attack)
    let names = this.#names.get(alert.id)
    if (names === undefined) {
      const { samples = [], behaviour: first } = alert
      names = new Set([...samples.map(({ id }) => id), ...(first === null ? [] : [first.id])])
      this.#names.set(alert.id, names)
      this.#namesTotal += names.size
    }
    const isNew = !names.has(behaviour.id)
    if (isNew && names.size < namesKept && this.#namesTotal < allNamesKept) {
      names.add(behaviour.id)
      this.#namesTotal += 1
    }
    const next = folded(alert, sample ?? behaviour, cause.cause, isNew)
    return next === alert ? alert : this.#counted(ranked(next, alert.risk), cause)
  }

  #counted(alert: Alert, { cause, scope }: FindingCause): Alert {
    const { techniques } = this.#options
    if (techniques === undefined || alert.cause === undefined) return alert
    const apart = alert.cause.wide === true ? (this.#apart.get(`${scope}${cause.group}`) ?? 0) : 0
    return techniques.counted(alert, alert.cause.names + apart)
  }

  #withReplicas(alert: Alert, { cause }: Finding, nowMs: number): Alert {
    if (cause === undefined || alert.risk === undefined || alert.container === undefined)
      return alert
    if (alert.cause?.wide === true || cause.running < replicasLeast) return alert
    const { container, id, firstSeen, risk } = alert
    const group = this.#replicas.add(
      `${cause.replicasOf}${cause.cause.id}`,
      { container: container.id, alert: id, firstMs: Date.parse(firstSeen) },
      cause.running,
      nowMs,
    )
    if (group.others) this.#refresh(group)
    return ranked(withReplicas(alert, group), risk)
  }

  #refresh(group: ReplicaGroup): void {
    for (const id of group.alerts) {
      const alert = this.#byId.get(id)
      if (alert !== undefined) this.#replace(ranked(withReplicas(alert, group), alert.risk))
    }
  }

  #replace(alert: Alert): void {
    if (this.#byId.get(alert.id) === alert) return
    this.#byId.set(alert.id, alert)
    this.#eviction.put(alert)
    this.#touch(alert, this.#fingerprints.get(alert.id) ?? '')
  }

  /** Counts `count` more events for the open alert; undefined if the event has none. */
  repeat(fingerprint: string, count: number, lastSeen: string): Alert | undefined {
    const id = this.#openId(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    return alert === undefined ? undefined : this.#count(alert, count, lastSeen)
  }

  /**
   * Adds another source that reported the event to its alert. False if the event has no open alert.
   */
  reportedBy(fingerprint: string, source: string): boolean {
    const id = this.#openId(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    if (alert === undefined) return false
    const sources = alert.sources ?? [alert.event.source]
    if (sources.includes(source)) return true
    this.#replace({ ...alert, sources: [...sources, source].sort() })
    return true
  }

  /** Fingerprint of the alert that an event shares, or its own fingerprint if it shares none. */
  sharedFingerprint(fingerprint: string): string {
    const shared = this.#shares.get(fingerprint) ?? fingerprint
    return this.#open.has(shared) ? shared : (this.#shares.get(shared) ?? shared)
  }

  #openId(fingerprint: string): string | undefined {
    return this.#open.get(fingerprint) ?? this.#open.get(this.sharedFingerprint(fingerprint))
  }

  get(id: string): Alert {
    const alert = this.#byId.get(id)
    if (alert === undefined) throw new SnugError('ALERT_UNKNOWN', `no alert has the id \`${id}\``)
    return alert
  }

  /** Newest first. */
  list(query: AlertFilter & { readonly limit: number }): readonly Alert[] {
    return finish(this.listSteps(query))
  }

  /** The same, with pauses. */
  *listSteps({
    limit,
    ...filter
  }: AlertFilter & { readonly limit: number }): Steps<readonly Alert[]> {
    const wants = alertFilter(filter)
    const found: Alert[] = []
    for (const alert of [...this.#byId.values()].reverse()) {
      if (found.length >= limit) break
      if (wants(alert)) found.push(alert)
      yield
    }
    return found
  }

  decide(id: string, decision: AlertDecision): Alert {
    const decided: Alert = { ...this.get(id), decision }
    this.#replace(decided)
    const fingerprint = this.#fingerprints.get(id) ?? ''
    this.#close(fingerprint, id)
    this.#keepDecided(decided, fingerprint)
    return decided
  }

  /** Reverts the decision: the same event counts here again, unless it has a newer alert by now. */
  reopen(id: string): Alert {
    const before = this.get(id)
    const { decision: _, ...open } = before
    this.#replace(open)
    const fingerprint = this.#fingerprints.get(id) ?? ''
    this.#dropDecided(before, fingerprint)
    if (!this.#open.has(fingerprint)) this.#openAs(fingerprint, id)
    return open
  }

  /**
   * New or changed alerts since the last call, oldest first, for the store and then for the sinks.
   */
  drainChanged(): AlertRecord[] {
    const records = [...this.#changed.values()]
    this.#changed = new Map()
    this.#hasNew = false
    return records
  }

  /**
   * The id of the summary alert of the storm. A new one is created if a person decided on the last
   * one.
   */
  #summarise(storm: Storm, latest: Alert): string {
    const known = this.#byId.get(storm.summaryId ?? '')
    const before = known?.decision === undefined ? known : undefined
    const id = before?.id ?? this.#options.ids.next(Date.parse(latest.time))
    storm.summaryId = id
    const summary = stormAlert(storm, latest, before, id)
    const fingerprint = `storm/${id}`
    this.#touch(summary, fingerprint)
    this.#put(summary, fingerprint)
    return id
  }

  #count(alert: Alert, count: number, lastSeen: string): Alert {
    const raised: Alert = {
      ...alert,
      count: alert.count + count,
      lastSeen: lastSeen > alert.lastSeen ? lastSeen : alert.lastSeen,
    }
    this.#replace(raised)
    return raised
  }

  #touch(alert: Alert, fingerprint: string): void {
    const first = this.#firstCauses.get(alert.id)
    const stored = first === undefined ? fingerprint : `${fingerprint}/${first}`
    this.#changed.set(alert.id, { alert, fingerprint: stored })
  }

  #put(alert: Alert, fingerprint: string): void {
    this.#byId.set(alert.id, alert)
    this.#eviction.put(alert)
    this.#fingerprints.set(alert.id, fingerprint)
    if (alert.decision === undefined) this.#openAs(fingerprint, alert.id)
    else this.#keepDecided(alert, fingerprint)
    if (this.#byId.size <= this.#options.capacity) return
    const next = this.#eviction.next()
    if (next !== undefined) this.#drop(next)
  }

  #openAs(fingerprint: string, id: string): void {
    const group = groupOf(fingerprint)
    if (group !== undefined && !this.#open.has(fingerprint)) {
      this.#apart.set(group, (this.#apart.get(group) ?? 0) + 1)
    }
    this.#open.set(fingerprint, id)
    const alert = this.#byId.get(id)
    if (group !== undefined && alert?.novelty === true) this.#novel.set(group, id)
    if (alert !== undefined) this.#siblings.addAlert(alert, anyGroupOf(fingerprint))
  }

  #close(fingerprint: string, id: string): void {
    if (this.#open.get(fingerprint) !== id) return
    this.#closeGroup(fingerprint)
    this.#dropNames(id)
    this.#replicas.forget(id)
  }

  #closeGroup(fingerprint: string): void {
    const id = this.#open.get(fingerprint)
    this.#open.delete(fingerprint)
    const group = groupOf(fingerprint)
    const left = group === undefined ? undefined : (this.#apart.get(group) ?? 1) - 1
    if (group !== undefined && left !== undefined) {
      if (left > 0) this.#apart.set(group, left)
      else this.#apart.delete(group)
      if (this.#novel.get(group) === id) this.#novel.delete(group)
    }
  }

  #keepDecided(alert: Alert, fingerprint: string): void {
    for (const cause of wholeCauses(alert)) {
      this.#decided.set(besideFingerprint(fingerprint, cause), alert.id)
    }
  }

  #dropDecided(alert: Alert, fingerprint: string): void {
    for (const cause of wholeCauses(alert)) {
      const own = besideFingerprint(fingerprint, cause)
      if (this.#decided.get(own) === alert.id) this.#decided.delete(own)
    }
  }

  #dropNames(id: string): void {
    this.#namesTotal -= this.#names.get(id)?.size ?? 0
    this.#names.delete(id)
  }

  #drop(id: string): void {
    const fingerprint = this.#fingerprints.get(id)
    const alert = this.#byId.get(id)
    if (alert?.decision === undefined) this.#evictedOpen += 1
    if (fingerprint !== undefined) this.#close(fingerprint, id)
    if (fingerprint !== undefined && alert !== undefined) this.#dropDecided(alert, fingerprint)
    this.#byId.delete(id)
    this.#eviction.remove(id)
    this.#fingerprints.delete(id)
    this.#firstCauses.delete(id)
    this.#dropNames(id)
    this.#pruned += 1
  }
}

function aboutOf({ cause: found, behaviour, severity }: Finding): About | undefined {
  if (found === undefined || behaviour === null) return undefined
  const { cause, scope } = found
  return { cause, file: behaviour.object, severity, group: `${scope}${cause.group}` }
}

/** Novelty of the service itself. */
function isNovelty({ severity, event }: Finding): boolean {
  return severity === 'low' && event.kind !== 'loss' && event.process.origin !== 'exec-in'
}

/** Novelty about files shares one alert. Another program, peer or identity is not hidden in an earlier alert. */
function joinsOthers(finding: Finding, { access }: Cause): boolean {
  return isOfFiles(access) && isNovelty(finding)
}

export interface AlertRecord {
  readonly alert: Alert
  readonly fingerprint: string
}
