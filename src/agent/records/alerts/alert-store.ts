import { isSameImage } from '../../../core/event/image-key.ts'
import type { ActEvent, ExecEvent, ImageRef } from '../../../core/event/event.ts'
import {
  awaitsHash,
  executionOf,
  type FileHash,
  foreignPath,
  hashBounds,
  hashedFileOf,
  hashText,
  withHash,
} from '../../../core/event/file-hash.ts'
import type { AlertSession, SessionPerson } from '../../../core/person/session-person.ts'
import { LRUCache } from 'lru-cache'
import { SnugError } from '../../../errors.ts'
import type { Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertBehaviour, AlertDecision } from '../../../core/event/alert.ts'
import { finish, type Steps } from '../../../core/steps.ts'
import type { Cause } from '../../../core/match/cause.ts'
import { graver } from '../../../core/match/guardrail.ts'
import { replicasLeast } from '../../../core/match/replicas.ts'
import { type Techniques, withTechniques } from '../../../core/match/technique.ts'
import { type AlertFilter, alertFilter } from '../../pipeline/alerts/alert-filter.ts'
import type { RecordIds } from '../../pipeline/alerts/record-ids.ts'
import { AlertNames } from './alert-names.ts'
import { causeFingerprint, ownFingerprint, wideFingerprint } from './cause-fingerprint.ts'
import {
  folded,
  hasPart,
  hasRoomForPart,
  marked,
  risen,
  withPart,
  withReplicas,
} from './cause-fold.ts'
import { DecidedPlaces } from './decided-places.ts'
import { EvictionOrder } from './eviction.ts'
import type { Finding, FindingCause } from '../../pipeline/alerts/finding.ts'
import { firstAlert } from './finding.ts'
import { KeptAlert } from './kept-alert.ts'
import { OpenAlerts } from './open-alerts.ts'
import { type ReplicaGroup, ReplicaGroups } from './replica-groups.ts'
import { RestingAlerts } from './resting-alerts.ts'
import { RunAlerts, withLoaded } from './run-alerts.ts'
import { SessionAlerts, withPerson, withSession } from './session-alerts.ts'
import { type Storm, stormAlert, type StormRules, Storms } from '../../pipeline/alerts/storms.ts'
import { withChanges } from '../../../core/with-changes.ts'

/** Executions whose hash an alert awaits: more than wait for one. */
const unhashedKept = 1_024

/** Images of which alerts have one object: more than the versions of most nodes. */
const imagesShared = 1_024

export interface AlertStoreOptions {
  readonly node: string
  /** Maximum number of alerts. The oldest are evicted beyond it, and counted in `pruned`. */
  readonly capacity: number
  readonly ids: RecordIds
  readonly storms: StormRules
  /** Adds what only the number of peers of an alert shows; absent: nothing. */
  readonly techniques?: Pick<Techniques, 'counted'>
  /** The session of an event, and its name among all of the node; absent: nobody asks who began it. */
  readonly sessionOf?: (event: ActEvent) => (AlertSession & { readonly key: string }) | undefined
  /** Makes the final decision on the severity of a new alert. */
  readonly grade?: (alert: Alert) => Alert
}

/**
 * The alerts of this node. Repeats of an event raise the count of one alert until someone decides
 * on it. The next repeat after the decision raises a new alert.
 */
export class AlertStore {
  readonly #options: AlertStoreOptions
  readonly #byId = new Map<string, KeptAlert>()
  readonly #resting = new RestingAlerts()
  readonly #images = new Map<string, ImageRef>()
  /** Absent since a change. */
  #newestFirst: readonly KeptAlert[] | undefined
  readonly #open = new OpenAlerts((id) => this.#byId.get(id)?.whole)
  readonly #decided = new DecidedPlaces()
  readonly #names = new AlertNames()
  readonly #runs = new RunAlerts()
  readonly #replicas = new ReplicaGroups()
  readonly #eviction: EvictionOrder
  /** In their newest state, including alerts that no longer fit into the store. */
  #changed = new Map<string, AlertRecord>()
  #hasNew = false
  /** Execution whose hash is still to come → its alert. */
  readonly #unhashed = new LRUCache<string, string>({ max: unhashedKept })
  readonly #sessions = new SessionAlerts()
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
      this.#put(alert, this.#open.restore(alert, stored))
      this.#sessions.restore(alert)
      const { event } = alert
      if (awaitsHash(event) && alert.summary === undefined)
        this.#replace(withFile(alert, event, { unhashed: 'agent-ended' }))
    }
  }

  /**
   * The decision of a person on a whole place that the service owns: it applies to later names too.
   * Places with code, settings or secrets, and names that match a guardrail, need a decision for
   * each name.
   */
  standingDecision({ cause, scope }: FindingCause, time: string): AlertDecision | undefined {
    const id = this.#decided.idOf(causeFingerprint(cause, scope))
    const alert = id === undefined ? undefined : this.#byId.get(id)
    const decision = alert?.decision
    if (decision === undefined || decision.onlyWorkload !== undefined) return undefined
    return decision.until === undefined || decision.until > time ? decision : undefined
  }

  /** Decisions on whole places of the version no longer apply. Its alerts stay. */
  forgetDecisions(image: ImageRef): void {
    this.#decided.removeWhere((id) => isSameImage(this.#byId.get(id)?.image, image))
  }

  /** Counts one more name of a place that was decided on as a whole. */
  countDecided(finding: Finding, count: number): void {
    const { cause: found, event } = finding
    const id =
      found === undefined
        ? undefined
        : this.#decided.idOf(causeFingerprint(found.cause, found.scope))
    const alert = id === undefined ? undefined : this.#byId.get(id)?.whole
    if (alert !== undefined) this.#count(this.#fold(alert, finding), count, event.time)
  }

  /** Whether an act of a component shares the alert of it, which may be a new one. */
  takesPart({ cause, scope }: FindingCause, part: Cause): boolean {
    const id = this.#open.idOf(causeFingerprint(cause, scope))
    const alert = id === undefined ? undefined : this.#byId.get(id)?.whole
    return alert === undefined || hasPart(alert, part) || hasRoomForPart(alert, part)
  }

  /** Events of the open alert with that fingerprint; 0 if there is none. */
  countOf(fingerprint: string): number {
    return this.#byId.get(this.#open.idOf(fingerprint) ?? '')?.count ?? 0
  }

  /** Whether the finding joins an existing alert, so that its reasons are not needed. */
  shares({ cause, scope, instance }: FindingCause, severity: Severity): boolean {
    const of = instance === undefined ? ownFingerprint : wideFingerprint
    return this.#open.has(of(cause, scope, severity))
  }

  raise(finding: Finding, nowMs: number, count = 1): Raised {
    const { event } = finding
    // Before the alert is looked up: a new session may change what is known of others.
    const session = event.kind === 'loss' ? undefined : this.#options.sessionOf?.(event)
    const raised = this.#raise(finding, nowMs, count)
    if (awaitsHash(event)) this.#unhashed.set(executionOf(event), raised.alert.id)
    if (session === undefined) return raised
    const { key, ...of } = session
    const alert = withSession(raised.alert, of)
    this.#sessions.add(key, alert.id)
    this.#replace(alert)
    return { ...raised, alert }
  }

  /** It is known now who began a session, or not known any more: its alerts get that. */
  named(key: string, person: SessionPerson): void {
    for (const id of this.#sessions.of(key)) {
      const alert = this.#byId.get(id)?.whole
      if (alert !== undefined) this.#replace(withPerson(alert, key, person))
    }
  }

  /** Adds the hash of what was executed to the alert about it. */
  hashed(event: ExecEvent, hash: FileHash): void {
    const execution = executionOf(event)
    const alert = this.#byId.get(this.#unhashed.get(execution) ?? '')?.whole
    this.#unhashed.delete(execution)
    if (alert === undefined) return
    this.#replace(withFile(alert, event, hash))
    // Sinks wait for it.
    this.#hasNew = true
  }

  #raise(finding: Finding, nowMs: number, count: number): Raised {
    const { fingerprint, first } = this.#open.place(finding)
    if (first !== undefined) {
      this.#replicas.forget(first.id)
      this.#open.join(first, fingerprint)
      this.#replace(first)
    }
    const openId = this.#open.idOf(fingerprint)
    const known = openId === undefined ? undefined : this.#byId.get(openId)
    if (known !== undefined) {
      this.reportedBy(fingerprint, finding.event.source)
      const alert = this.#fold(this.get(known.id), finding)
      this.#open.addSiblings(alert, finding)
      if (finding.run !== undefined) this.#runs.add(finding.run, alert.id)
      return { alert: this.#count(alert, count, finding.event.time), fresh: false }
    }
    const alert = this.#withReplicas(
      this.#graded(this.#first(finding, fingerprint, nowMs, count)),
      finding,
      nowMs,
    )
    this.counts.raised += 1
    const storm = alert.novelty === true ? undefined : this.#storms.part(alert, nowMs)
    if (storm !== undefined) this.counts.inStorms += 1
    const raised =
      storm === undefined ? alert : withChanges(alert, { partOf: this.#summarise(storm, alert) })
    this.#touch(raised, fingerprint)
    this.#hasNew = true
    this.#put(raised, fingerprint)
    if (finding.run !== undefined) this.#runs.add(finding.run, raised.id)
    return { alert: raised, fresh: true }
  }

  /**
   * Checks again events that replicas showed: the others have had time to show them too.
   */
  tick(nowMs: number): void {
    for (const group of this.#replicas.due(nowMs)) this.#refresh(group)
  }

  #first(finding: Finding, fingerprint: string, nowMs: number, count: number): Alert {
    const { node, ids } = this.#options
    return firstAlert(finding, { id: ids.next(nowMs), node, fingerprint, nowMs, count })
  }

  #graded(alert: Alert): Alert {
    return marked(this.#options.grade?.(alert) ?? alert)
  }

  /** The severity of an open alert rises to that of what joins it, and its reasons are then those of the gravest. */
  #risenBy(known: Alert, { severity, reasons }: Finding): Alert {
    if (graver(severity, known.severity) <= 0) return known
    const next = this.#graded(withChanges(known, { severity, reasons }))
    return graver(next.severity, known.severity) > 0 ? next : known
  }

  #fold(known: Alert, finding: Finding): Alert {
    const { behaviour, sample, cause, attack } = finding
    if (cause === undefined) return this.#risenBy(known, finding)
    if (behaviour === null) return known
    // The alert stands for all of its samples.
    const alert = withTechniques(known, attack)
    const isNew = this.#names.add(alert, behaviour.id)
    const { part } = cause
    if (part !== undefined) {
      if (!isNew) return alert
      const latest = sample ?? behaviour
      const next = withPart(folded(alert, latest, cause.cause, isNew), part, latest)
      const now = this.#risenBy(next, { ...finding, reasons: next.reasons })
      return now === next ? next : ledBy(now, finding)
    }
    const next = folded(alert, sample ?? behaviour, cause.cause, isNew)
    return next === alert ? alert : this.#counted(next, cause)
  }

  #counted(alert: Alert, cause: FindingCause): Alert {
    const { techniques } = this.#options
    if (techniques === undefined || alert.cause === undefined) return alert
    const apart = alert.cause.wide === true ? this.#open.apart(cause) : 0
    return techniques.counted(alert, alert.cause.names + apart)
  }

  #withReplicas(alert: Alert, { cause }: Finding, nowMs: number): Alert {
    if (cause === undefined || alert.risk === undefined || alert.container === undefined)
      return alert
    const { instance } = cause
    const isShared = alert.cause?.wide === true && instance === undefined
    if (isShared || cause.running < replicasLeast) return alert
    const { container, id, firstSeen, risk } = alert
    const group = this.#replicas.add(
      `${cause.replicasOf}${instance === undefined ? cause.cause.id : cause.cause.group}`,
      { container: container.id, alert: id, firstMs: Date.parse(firstSeen) },
      cause.running,
      nowMs,
    )
    if (group.others) this.#refresh(group)
    return risen(withReplicas(alert, group), risk)
  }

  #refresh(group: ReplicaGroup): void {
    for (const id of group.alerts) {
      const alert = this.#byId.get(id)?.whole
      if (alert?.risk !== undefined) this.#replace(risen(withReplicas(alert, group), alert.risk))
    }
  }

  #replace(alert: Alert): void {
    if (this.#byId.get(alert.id)?.is(alert) === true) return
    this.#set(alert)
    this.#touch(alert)
  }

  /** Counts `count` more events for the open alert; undefined if the event has none. */
  repeat(fingerprint: string, count: number, lastSeen: string): Alert | undefined {
    const id = this.#open.idFor(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)?.whole
    return alert === undefined ? undefined : this.#count(alert, count, lastSeen)
  }

  /** Adds a file that a program loaded to the open alert of its run. False if there is none, or if it has no room. */
  addLoaded(run: string, behaviour: AlertBehaviour): boolean {
    const alert = this.#byId.get(this.#runs.idOf(run) ?? '')?.whole
    const next = alert?.decision === undefined && alert && withLoaded(alert, behaviour)
    if (!next) return false
    this.#replace(next)
    return true
  }

  /**
   * Adds another source that reported the event to its alert. False if the event has no open alert.
   */
  reportedBy(fingerprint: string, source: string): boolean {
    const id = this.#open.idFor(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)?.whole
    if (alert === undefined) return false
    const sources = alert.sources ?? [alert.event.source]
    if (sources.includes(source)) return true
    this.#replace(withChanges(alert, { sources: [...sources, source].sort() }))
    return true
  }

  /** Fingerprint of the alert that an event shares, or its own fingerprint if it shares none. */
  sharedFingerprint(fingerprint: string): string {
    return this.#open.sharedFingerprint(fingerprint)
  }

  get(id: string): Alert {
    const alert = this.#byId.get(id)
    if (alert === undefined) throw new SnugError('ALERT_UNKNOWN', `no alert has the id \`${id}\``)
    return alert.whole
  }

  /** All of them as they are now. Pages ask again and again, and most alerts come and change in bursts. */
  get newestFirst(): readonly KeptAlert[] {
    this.#newestFirst ??= [...this.#byId.values()].reverse()
    return this.#newestFirst
  }

  /** Packs alerts that have not changed since the last call, with pauses. */
  restSteps(): Steps<void> {
    return this.#resting.steps()
  }

  /** Newest first. */
  list(query: AlertFilter & { readonly limit: number }): readonly Alert[] {
    return finish(this.listSteps(query))
  }

  /** {@link list} with pauses. */
  *listSteps({
    limit,
    ...filter
  }: AlertFilter & { readonly limit: number }): Steps<readonly Alert[]> {
    const wants = alertFilter(filter)
    const found: Alert[] = []
    for (const alert of this.newestFirst) {
      if (found.length >= limit) break
      if (wants(alert)) found.push(alert.whole)
      yield
    }
    return found
  }

  decide(id: string, decision: AlertDecision): Alert {
    const decided: Alert = withChanges(this.get(id), { decision })
    this.#replace(decided)
    this.#close(id)
    this.#decided.add(decided, this.#open.fingerprint(id))
    return decided
  }

  /** Reverts the decision: the same event counts here again, unless it has a newer alert by now. */
  reopen(id: string, nowMs: number): Alert {
    const before = this.get(id)
    const { decision: _, ...undecided } = before
    const open: Alert = { ...undecided, reopened: new Date(nowMs).toISOString() }
    this.#replace(open)
    const fingerprint = this.#open.fingerprint(id)
    this.#decided.remove(before, fingerprint)
    if (!this.#open.has(fingerprint)) this.#open.add(open, fingerprint)
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
    const known = this.#byId.get(storm.summaryId ?? '')?.whole
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
    const raised: Alert = withChanges(alert, {
      count: alert.count + count,
      lastSeen: lastSeen > alert.lastSeen ? lastSeen : alert.lastSeen,
    })
    this.#replace(raised)
    return raised
  }

  #touch(alert: Alert, fingerprint?: string): void {
    this.#changed.set(alert.id, { alert, fingerprint: this.#open.stored(alert.id, fingerprint) })
  }

  #put(alert: Alert, fingerprint: string): void {
    this.#set(alert)
    if (alert.decision === undefined) this.#open.add(alert, fingerprint)
    else {
      this.#open.addDecided(alert, fingerprint)
      this.#decided.add(alert, fingerprint)
    }
    if (this.#byId.size <= this.#options.capacity) return
    const next = this.#eviction.next()
    if (next !== undefined) this.#drop(next)
  }

  #set(alert: Alert): void {
    const kept = new KeptAlert(alert, alert.image && this.#sharedImage(alert.image))
    const before = this.#byId.get(alert.id)
    this.#resting.replace(before, kept)
    this.#eviction.replace(before, kept)
    this.#byId.set(alert.id, kept)
    this.#newestFirst = undefined
  }

  #sharedImage(image: ImageRef): ImageRef {
    const name = JSON.stringify(image)
    const known = this.#images.get(name)
    if (known !== undefined) return known
    if (this.#images.size >= imagesShared) this.#images.clear()
    this.#images.set(name, image)
    return image
  }

  #close(id: string): void {
    if (!this.#open.close(id)) return
    this.#names.drop(id)
    this.#replicas.forget(id)
  }

  #drop(id: string): void {
    const kept = this.#byId.get(id)
    // Of an open alert there is nothing decided: it needs not be opened.
    if (kept?.decision === undefined) this.#evictedOpen += 1
    else this.#decided.remove(kept.whole, this.#open.fingerprint(id))
    this.#close(id)
    this.#byId.delete(id)
    this.#resting.replace(kept, undefined)
    this.#eviction.replace(kept, undefined)
    this.#newestFirst = undefined
    this.#open.forget(id)
    this.#names.drop(id)
    this.#pruned += 1
  }
}

/** The alert with its gravest act as the one that stands for all. */
function ledBy(alert: Alert, { behaviour, event }: Finding): Alert {
  if (event.kind === 'loss') return alert
  const { workload: _, ...rest } = alert
  const { container, process, workload } = event
  return withChanges(rest, {
    behaviour,
    event,
    container,
    process,
    ...(workload === undefined ? {} : { workload }),
  })
}

/** The alert with the hash of a file that was executed: of its event, or of another that shares it. */
function withFile(alert: Alert, event: ExecEvent, hash: FileHash): Alert {
  const { event: first, files = [] } = alert
  if (awaitsHash(first) && executionOf(first) === executionOf(event))
    return withChanges(alert, { event: withHash(first, hash) })
  const path = foreignPath(event) ?? event.exec.path
  const file = { path, ...hash }
  const isThere = [...files, ...hashedFileOf(first)].some(
    (one) => one.path === path && hashText(one) === hashText(hash),
  )
  return isThere || files.length >= hashBounds.ofAlert
    ? alert
    : withChanges(alert, { files: [...files, file] })
}

interface Raised {
  readonly alert: Alert
  readonly fresh: boolean
}

export interface AlertRecord {
  readonly alert: Alert
  readonly fingerprint: string
}
