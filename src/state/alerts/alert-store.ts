import type { SnugEvent } from '../../core/event/event.ts'
import { SnugError } from '../../errors.ts'
import type {
  Alert,
  AlertBehaviour,
  AlertDecision,
  AlertType,
  Severity,
} from '../../core/event/alert.ts'
import { type AlertFilter, alertFilter } from '../../pipeline/alerts/alert-filter.ts'
import type { RecordIds } from '../../pipeline/alerts/record-ids.ts'
import { type Storm, stormAlert, type StormRules, Storms } from '../../pipeline/alerts/storms.ts'

/** What the judge found, before it is one alert or one more count of an alert that is there. */
export interface Finding {
  /** The same fingerprint is the same act: its alert's count rises. */
  readonly fingerprint: string
  readonly type: AlertType
  readonly severity: Severity
  readonly reasons: readonly string[]
  readonly nearest: AlertBehaviour | null
  readonly behaviour: AlertBehaviour | null
  readonly guardrails: readonly string[]
  readonly attack: readonly string[]
  readonly mode: string
  readonly confidence?: Alert['confidence']
  readonly event: SnugEvent
  /** What was done about it; absent: it was told. */
  readonly action?: Alert['action']
}

export interface AlertStoreOptions {
  readonly node: string
  /** Alerts kept; beyond it the oldest go, and are counted in `pruned`. */
  readonly capacity: number
  readonly ids: RecordIds
  readonly storms: StormRules
  /** Has the last word on a new alert. */
  readonly grade?: (alert: Alert) => Alert
}

/**
 * The alerts of this node. The same act is one alert whose count rises until it is decided on; the next
 * time after that it is a new one.
 */
export class AlertStore {
  readonly #options: AlertStoreOptions
  readonly #byId = new Map<string, Alert>()
  readonly #open = new Map<string, string>()
  readonly #fingerprints = new Map<string, string>()
  /** In their newest state: also those for which there is no room any more. */
  #changed = new Map<string, AlertRecord>()
  readonly #storms: Storms
  /** How many different ones there were, and of them were told by another one. */
  readonly counts = { raised: 0, inStorms: 0 }
  #pruned = 0

  constructor(options: AlertStoreOptions) {
    this.#options = options
    this.#storms = new Storms(options.storms)
  }

  set stormRules(rules: StormRules) {
    this.#storms.rules = rules
  }

  /** How many are new or changed and not yet drained. */
  get changes(): number {
    return this.#changed.size
  }

  get size(): number {
    return this.#byId.size
  }

  get openCount(): number {
    return this.#open.size
  }

  get hasChanged(): boolean {
    return this.changes > 0
  }

  get pruned(): number {
    return this.#pruned
  }

  /** Takes back what the store kept. `fingerprint` is what {@link drainChanged} gave with the alert. */
  load(records: Iterable<AlertRecord>): void {
    for (const { alert, fingerprint } of records) {
      this.#options.ids.after(alert.id)
      this.#put(alert, fingerprint)
    }
  }

  raise(
    finding: Finding,
    nowMs: number,
    count = 1,
  ): { readonly alert: Alert; readonly fresh: boolean } {
    const openId = this.#open.get(finding.fingerprint)
    const known = openId === undefined ? undefined : this.#byId.get(openId)
    if (known !== undefined) {
      this.reportedBy(finding.fingerprint, finding.event.source)
      return { alert: this.#count(this.get(known.id), count, finding.event.time), fresh: false }
    }
    const { event } = finding
    const act = event.kind === 'loss' ? undefined : event
    const found: Alert = {
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
    }
    const alert = this.#options.grade?.(found) ?? found
    this.counts.raised += 1
    const storm = this.#storms.part(alert, nowMs)
    if (storm !== undefined) this.counts.inStorms += 1
    const reported =
      storm === undefined ? alert : { ...alert, partOf: this.#summarise(storm, alert) }
    this.#touch(reported, finding.fingerprint)
    this.#put(reported, finding.fingerprint)
    return { alert: reported, fresh: true }
  }

  /** `count` more of an act that has an open alert; undefined where it has none. */
  repeat(fingerprint: string, count: number, lastSeen: string): Alert | undefined {
    const id = this.#open.get(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    return alert === undefined ? undefined : this.#count(alert, count, lastSeen)
  }

  /** Another source told the act as well: one alert names both. False where it has no open alert. */
  reportedBy(fingerprint: string, source: string): boolean {
    const id = this.#open.get(fingerprint)
    const alert = id === undefined ? undefined : this.#byId.get(id)
    if (alert === undefined) return false
    const sources = alert.sources ?? [alert.event.source]
    if (sources.includes(source)) return true
    const named: Alert = { ...alert, sources: [...sources, source].sort() }
    this.#byId.set(alert.id, named)
    this.#touch(named, fingerprint)
    return true
  }

  get(id: string): Alert {
    const alert = this.#byId.get(id)
    if (alert === undefined) throw new SnugError('ALERT_UNKNOWN', `no alert has the id \`${id}\``)
    return alert
  }

  /** Newest first. */
  list({ limit, ...filter }: AlertFilter & { readonly limit: number }): readonly Alert[] {
    const wants = alertFilter(filter)
    const found: Alert[] = []
    for (const alert of [...this.#byId.values()].reverse()) {
      if (found.length >= limit) break
      if (wants(alert)) found.push(alert)
    }
    return found
  }

  decide(id: string, decision: AlertDecision): Alert {
    const decided: Alert = { ...this.get(id), decision }
    this.#byId.set(id, decided)
    const fingerprint = this.#fingerprints.get(id) ?? ''
    this.#touch(decided, fingerprint)
    if (this.#open.get(fingerprint) === id) this.#open.delete(fingerprint)
    return decided
  }

  /** Takes the decision back: the same act counts here again, unless it has a newer alert by now. */
  reopen(id: string): Alert {
    const { decision: _, ...open } = this.get(id)
    this.#byId.set(id, open)
    const fingerprint = this.#fingerprints.get(id) ?? ''
    this.#touch(open, fingerprint)
    if (!this.#open.has(fingerprint)) this.#open.set(fingerprint, id)
    return open
  }

  /** What is new or changed since the last call, oldest first, for the store and then for the sinks. */
  drainChanged(): AlertRecord[] {
    const records = [...this.#changed.values()]
    this.#changed = new Map()
    return records
  }

  /** The id of the alert that stands for the storm: a further one where that was decided on. */
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
    this.#byId.set(alert.id, raised)
    this.#touch(raised, this.#fingerprints.get(alert.id) ?? '')
    return raised
  }

  #touch(alert: Alert, fingerprint: string): void {
    this.#changed.set(alert.id, { alert, fingerprint })
  }

  #put(alert: Alert, fingerprint: string): void {
    this.#byId.set(alert.id, alert)
    this.#fingerprints.set(alert.id, fingerprint)
    if (alert.decision === undefined) this.#open.set(fingerprint, alert.id)
    if (this.#byId.size <= this.#options.capacity) return
    const oldest = this.#byId.keys().next()
    if (!oldest.done) this.#drop(oldest.value)
  }

  #drop(id: string): void {
    const fingerprint = this.#fingerprints.get(id)
    this.#byId.delete(id)
    this.#fingerprints.delete(id)
    if (fingerprint !== undefined && this.#open.get(fingerprint) === id) {
      this.#open.delete(fingerprint)
    }
    this.#pruned += 1
  }
}

export interface AlertRecord {
  readonly alert: Alert
  readonly fingerprint: string
}
