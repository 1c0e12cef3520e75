import type { Dispatcher, SinkChange } from '../../pipeline/delivery/dispatcher.ts'
import type { GivenUp, DeliveryQueueLimits } from '../../pipeline/delivery/delivery-queue.ts'
import type { SinkBinding } from '../../pipeline/delivery/sinks/sink.ts'
import { describeError, SnugError } from '../../../errors.ts'
import type { Alert } from '../../../core/event/alert.ts'
import { awaitsHash, type HashPatience } from '../../../core/event/file-hash.ts'
import { isAlert, type OutboundRecord } from '../../../core/event/outbound-record.ts'
import type { IncidentRecord } from '../../../core/incident/incident-record.ts'
import type { AlertStore } from '../alerts/alert-store.ts'
import { undeliveredFinding, unstoredFinding } from '../../pipeline/alerts/delivery-findings.ts'
import type { RecordIds } from '../../pipeline/alerts/record-ids.ts'
import type { Identifier } from '../../pipeline/identity/identifier.ts'
import type { SourceControl, SourceMark } from '../../pipeline/sources/source.ts'
import { type CursorFile, cursorsOf, furthest } from '../store/cursor-file.ts'
import type { Store, StoreWrite } from '../store/store.ts'
import type { Log } from '../../../support/telemetry/log.ts'
import type { ProfileWrite } from '../../../core/profile/profile.ts'
import { Pace } from '../../../support/pace.ts'
import type { LoopWatch } from '../../../support/telemetry/loop-watch.ts'
import { AuditTrail } from '../audit/audit-trail.ts'
import type { DeployedVersion, VersionKey } from '../versions/deployed-version.ts'
import { incidentRemoval, incidentWrite, restoreIncidents } from './incident-record.ts'
import { type Collected, Persister } from './persister.ts'
import { namesWrite } from './names-record.ts'
import { profileWrites, slotWrites, versionWrite } from './stored-state.ts'
import { scanRemoval, scanWrite } from './scan-record.ts'
import type { VersionRegistry } from '../versions/version-registry.ts'

/** The position at which delivery resumes, and what it has to report. */
export interface DeliveryNews {
  readonly cursors: Readonly<Record<string, string>>
  readonly onDelivered: (sink: string, cursor: string) => void
  readonly onGivenUp: (sink: string, given: GivenUp) => void
}

/** What has to be stored of the messages before the mark, as long as they are not judged. */
export interface UnjudgedMessages {
  readonly identifier: Identifier
  /** What changed of those that wait to be judged. */
  waiting(): readonly StoreWrite[]
}

/** Which incident an alert belongs to. */
export interface AlertIncidents {
  /** Undefined: not known yet, or none. */
  ofAlert(id: string): string | undefined
  /** Resolves once the incidents of the latest alerts are known; undefined: they are not derived now. */
  readonly underway: Promise<void> | undefined
}

export interface JournalParts {
  readonly node: string
  readonly store: Store
  /** Absent if nothing survives the process. */
  readonly cursors?: CursorFile
  readonly makeDispatcher: (news: DeliveryNews) => Dispatcher
  readonly alertsKept: number
  readonly auditKept: number
  readonly hashPatience: HashPatience
  readonly ids: RecordIds
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  /** Follows the alerts that are stored. */
  readonly live: { alerts(alerts: readonly Alert[]): void }
  readonly faults: Map<string, string>
  /** Names the work that blocks the event loop. */
  readonly watch: LoopWatch
  readonly damaged: (what: string, message: string) => void
  readonly controls: () => Iterable<SourceControl>
  /** New or changed alerts, before they are stored: an answer does not wait for the disk. */
  readonly onAlerts: (alerts: readonly Alert[]) => void
  readonly inflow: () => UnjudgedMessages
  readonly incidents: () => AlertIncidents
  readonly log: Log
  /** Epoch milliseconds. */
  readonly now: () => number
}

const persistMs = 1_000
/** Number of unstored alerts from which a source must wait for the store. */
export const mostAlertsUnstored = 4_096
/** Learned behaviour, and counts of alerts, are written after this short delay, which joins changes into one batch. */
const newsPersistMs = 200
const closeSinksMs = 5_000

/**
 * Protects state against loss: it collects changes, stores them, and only then offers them to the
 * sinks.
 */
export class Journal {
  readonly trail: AuditTrail
  readonly #parts: JournalParts
  readonly #persister: Persister
  #dispatcher: Dispatcher | undefined
  #records: StoreWrite[] = []
  /** Audit entries and incidents among the records, for the sinks. */
  #outbound: OutboundRecord[] = []
  /** The last record of each incident. */
  readonly #incidents = new Map<string, IncidentRecord>()
  #soon: NodeJS.Timeout | undefined
  /** Stored, and not offered to the sinks yet. */
  readonly #held = new Map<string, OutboundRecord>()
  #heldTimer: NodeJS.Timeout | undefined
  /** The last batch was stored with such messages. */
  #hasUnidentified = true
  /** The latest mark: all earlier messages are judged or wait, and this is not yet stored. */
  #mark: SourceMark | undefined

  constructor(parts: JournalParts) {
    this.#parts = parts
    const { node, store, ids, alerts, alertsKept, live, faults, log, now } = parts
    this.trail = new AuditTrail({ store, node, ids, now })
    this.#persister = new Persister({
      store,
      intervalMs: persistMs,
      mostWaiting: alertsKept,
      collect: () => this.#collect(),
      onStored: (outbound) => {
        faults.delete('store')
        if (outbound.length === 0) return
        this.#offer(outbound)
        live.alerts(outbound.filter(isAlert))
      },
      onError: (error) => {
        faults.set('store', `${describeError(error)} (STORE_FAILED)`)
        log.error(
          { code: 'STORE_FAILED', error: describeError(error) },
          'the store failed: changes are kept',
        )
      },
      onLost: (lost) => {
        alerts.raise(unstoredFinding(lost, node, now()), now(), lost.length)
        log.error({ count: lost.length }, 'the agent dropped alerts: the store refuses writes')
      },
    })
  }

  /**
   * Restores the meta records and the alerts of the store. Must be called once, before {@link
   * start}.
   */
  async load(meta: Readonly<Record<string, unknown>>, alerts: readonly Alert[]): Promise<void> {
    const audited = await this.#loadTrail()
    const { cursors, makeDispatcher, ids, node, now, damaged } = this.#parts
    const incidents = restoreIncidents(meta, (key) => {
      damaged(key, 'the last record of an incident cannot be read: it is sent again')
    })
    for (const record of incidents) this.#incidents.set(record.incident, record)
    const kept = furthest(cursorsOf(meta['cursors']), cursors?.load() ?? {})
    // A sink may have alerts that the store lost in a power cut. New ids must not collide with
    // theirs.
    for (const cursor of Object.values(kept)) ids.after(cursor)
    this.#dispatcher = makeDispatcher({
      cursors: { ...kept },
      onDelivered: (sink, cursor) => {
        kept[sink] = cursor
        this.note('cursors', { ...kept })
        // Until the cursor is on record, a kill leads to a second delivery.
        if (cursors?.keep(kept) !== true) this.#persister.kick()
      },
      onGivenUp: (sink, given) => {
        const finding = undeliveredFinding({ sink, ...given }, node, now())
        this.#parts.alerts.raise(finding, now(), given.count)
        this.#persister.kick()
      },
    })
    this.#dispatcher.resume(inOrder([...audited, ...alerts, ...incidents]))
  }

  /** Exists once {@link load} has read the cursors of the sinks. */
  get dispatcher(): Dispatcher {
    if (this.#dispatcher === undefined) throw new Error('the journal was not loaded')
    return this.#dispatcher
  }

  start(): void {
    this.#persister.start()
  }

  /**
   * An alert waits for the hash of what was executed, and shortly for its incident. All that is stored meanwhile waits
   * behind it: the position of a sink is one id, and nothing before it is delivered after a restart. What comes later is
   * an update.
   */
  #offer(stored: readonly OutboundRecord[]): void {
    for (const record of stored) this.#held.set(record.id, record)
    const { underway } = this.#parts.incidents()
    if (underway === undefined) this.#releaseHashed()
    else void underway.then(() => this.#releaseHashed())
  }

  #releaseHashed(): void {
    const isAwaited = [...this.#held.values()].some(awaitsHashOf)
    if (!isAwaited) this.#release()
    else this.#heldTimer ??= setTimeout(() => this.#release(), this.#parts.hashPatience.sinksMs)
  }

  #release(): void {
    clearTimeout(this.#heldTimer)
    this.#heldTimer = undefined
    const incidents = this.#parts.incidents()
    const records = inOrder(
      [...this.#held.values()].map((record) => {
        const incident = isAlert(record) ? incidents.ofAlert(record.id) : undefined
        return isAlert(record) && incident !== undefined ? { ...record, incident } : record
      }),
    )
    this.#held.clear()
    if (records.length > 0) this.#dispatcher?.offer(records)
  }

  /** Stores everything, and gives the sinks a short time to take it. */
  async close(): Promise<void> {
    clearTimeout(this.#soon)
    await this.#persister.flush()
    this.#release()
    await this.#dispatcher?.close(closeSinksMs)
    await this.#persister.close()
    this.#parts.cursors?.close()
  }

  /** Everything decided or observed so far is in the store, or waits for one that refuses it. */
  async persist(): Promise<void> {
    await this.#persister.flush()
  }

  /**
   * The decision of a person is in the store. Errors: `STORE_FAILED` if it is not: it applies, and
   * waits.
   */
  async decided(): Promise<void> {
    if (await this.#persister.flush()) return
    throw new SnugError(
      'STORE_FAILED',
      'the decision applies, but is not stored: the agent stores it once its disk has space',
    )
  }

  /** Schedules a write of the changes; new alerts are written at once. */
  changed(): void {
    const { alerts } = this.#parts
    if (alerts.hasNew) this.#persister.kick()
    else if (this.#soon === undefined && (alerts.changes > 0 || this.#hasNews())) {
      this.#soon = setTimeout(() => {
        this.#soon = undefined
        this.#persister.kick()
      }, newsPersistMs)
    }
  }

  /**
   * Resolves once more alerts fit. Without this limit, alerts that arrive faster than the store
   * writes would fill the memory.
   */
  async room(): Promise<void> {
    if (this.#parts.alerts.changes >= mostAlertsUnstored) await this.#persister.flush()
  }

  audit(what: string, who: string, fields: Readonly<Record<string, unknown>>): void {
    const { record, writes } = this.trail.append(what, who, fields)
    this.#records.push(...writes)
    if (record !== undefined) this.#outbound.push(record)
  }

  /** Removes the oldest audit entries beyond the bound, with the next batch. */
  async cutAudit(): Promise<void> {
    const cut = await this.trail.cut(this.#parts.auditKept)
    if (cut === undefined) return
    this.#records.push(...cut.writes)
    if (cut.record !== undefined) this.#outbound.push(cut.record)
  }

  /** Whether a sink takes incidents. */
  get wantsIncidents(): boolean {
    return this.#dispatcher?.wantsIncidents === true
  }

  /** The last record of each incident, by its id. */
  get incidents(): ReadonlyMap<string, IncidentRecord> {
    return this.#incidents
  }

  /** Stores the record in the place of the one before it, and then offers it to the sinks. */
  recordIncident(record: IncidentRecord): void {
    this.#incidents.set(record.incident, record)
    this.#records.push(incidentWrite(record))
    this.#outbound.push(record)
    this.#persister.kick()
  }

  /** Nothing will be sent of the incident any more. */
  forgetIncident(id: string): void {
    this.#incidents.delete(id)
    this.#records.push(incidentRemoval(id))
  }

  /** Sets a meta record, which is part of the next batch. */
  note(key: string, value: unknown): void {
    this.#records.push({ kind: 'meta', key, value })
  }

  /** Removes everything stored about the version, with the next batch. */
  removed(version: DeployedVersion): void {
    this.#records.push({ kind: 'version-removed', version: version.key }, scanRemoval(version))
  }

  /** Records the end of observation: if the daemon dies now, later events were not observed. */
  observedUntil(time: string): void {
    this.note('observedUntil', time)
    this.#persister.kick()
  }

  /** Everything that a source reported before this mark is judged, or waits. */
  judgedUntil(mark: SourceMark): void {
    this.#mark = mark
  }

  async reopenSinks(): Promise<void> {
    await this.#dispatcher?.reopen()
  }

  async changeSinks(
    outlets: readonly SinkBinding[],
    limits: DeliveryQueueLimits,
  ): Promise<SinkChange> {
    const stored = await this.#stored()
    this.#release()
    const none = { added: [], changed: [], removed: [], undelivered: 0 }
    return (await this.#dispatcher?.reconfigure(outlets, limits, stored)) ?? none
  }

  /** Counts of the store, for metrics. */
  get storing(): Readonly<Record<'waiting' | 'done' | 'failed' | 'givenUp', number>> {
    return { ...this.#persister.counts, waiting: this.#persister.waiting }
  }

  async #loadTrail(): Promise<readonly OutboundRecord[]> {
    const { ok, entries, head, faults } = await this.trail.load()
    const { log, damaged } = this.#parts
    // The log keeps the head outside of the store that it vouches for.
    log.info({ entries, head }, 'the audit log was read')
    if (!ok) damaged('audit', `the audit log was damaged or changed: ${faults.join('; ')}`)
    return this.trail.newest()
  }

  /**
   * The stored records for a new sink, oldest first. Records that are missing here are offered to
   * it later.
   */
  async #stored(): Promise<readonly OutboundRecord[]> {
    for (;;) {
      const { length } = this.trail
      await this.#persister.flush()
      const audited = await this.trail.newest()
      // A record that was stored meanwhile was already offered to the other sinks.
      if (this.trail.length > length) continue
      const alerts: Alert[] = []
      const pace = new Pace()
      for (const { whole } of this.#parts.alerts.newestFirst) {
        alerts.push(whole)
        if (pace.isOver) await pace.turn()
      }
      return inOrder([...audited, ...alerts, ...this.#incidents.values()])
    }
  }

  #hasNews(): boolean {
    for (const { news } of this.#parts.registry.index) if (news) return true
    return false
  }

  /** All as it is in one turn. Behaviours, which may be thousands, are encoded in slices. */
  async #collect(): Promise<Collected> {
    const { watch } = this.#parts
    const what = 'what changed is collected'
    const { collected, drained } = watch.during(what, () => this.#take())
    const writes = [...collected.writes]
    const pace = new Pace()
    for (const { key, entries } of drained) {
      for (const { id, value } of entries) {
        writes.push({ kind: 'behaviour', version: key, id, value })
        if (pace.isOver) await pace.turn()
      }
    }
    return { ...collected, writes }
  }

  #take(): Taken {
    const { registry, alerts, controls } = this.#parts
    const writes = this.#records
    const drained: Drained[] = []
    this.#records = []
    for (const version of registry.index) {
      const entries = this.#takeVersion(version, writes)
      if (entries !== undefined) drained.push({ key: version.key, entries })
    }
    const { losses } = registry
    if (losses.drainChanged()) writes.push({ kind: 'meta', key: 'losses', value: losses.spans })
    writes.push(...this.#parts.inflow().identifier.names.drainChanged().map(namesWrite))
    const changed = alerts.drainChanged()
    for (const { alert, fingerprint } of changed) {
      writes.push({ kind: 'alert', id: alert.id, fingerprint, value: alert })
    }
    this.#parts.onAlerts(changed.map(({ alert }) => alert))
    const outbound = inOrder([...this.#outbound, ...changed.map(({ alert }) => alert)])
    this.#outbound = []
    for (const write of this.#parts.inflow().waiting()) writes.push(write)
    const unidentified = this.#parts.inflow().identifier.unidentified
    if (unidentified.length > 0 || this.#hasUnidentified) {
      writes.push({ kind: 'meta', key: 'unidentified', value: unidentified })
    }
    this.#hasUnidentified = unidentified.length > 0
    const mark = this.#mark
    if (mark === undefined) return { collected: { writes, outbound }, drained }
    this.#mark = undefined
    writes.push({ kind: 'meta', key: 'mark', value: mark })
    const stored = (): void => {
      for (const control of controls()) control.acknowledge?.(mark)
    }
    return { collected: { writes, outbound, stored }, drained }
  }

  #takeVersion(version: DeployedVersion, writes: StoreWrite[]): Drained['entries'] | undefined {
    const { key, profile, losses } = version
    version.news = false
    const write = profile.drain()
    if (write !== undefined) writes.push(...profileWrites(key, write))
    writes.push(...slotWrites(version))
    if (losses.drainChanged() || version.changed) {
      version.changed = false
      writes.push(versionWrite(version))
    }
    if (version.scanChanged) {
      version.scanChanged = false
      writes.push(scanWrite(version))
    }
    return write?.entries
  }
}

/** Behaviours of a version to store. */
interface Drained {
  readonly key: VersionKey
  readonly entries: ProfileWrite['entries']
}

interface Taken {
  readonly collected: Collected
  readonly drained: readonly Drained[]
}

function awaitsHashOf(record: OutboundRecord): boolean {
  return isAlert(record) && record.summary === undefined && awaitsHash(record.event)
}

/** Sinks expect records in the order of ids. */
function inOrder(outbound: OutboundRecord[]): readonly OutboundRecord[] {
  return outbound.sort((a, b) => (a.id < b.id ? -1 : 1))
}
