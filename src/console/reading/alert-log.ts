import { type Severity, severities } from '../../core/event/alert-words.ts'
import { StreamLog, type StreamSource } from '../../fleet/nats/stream-log.ts'
import { nameOf } from './alert-name.ts'
import { AlertWindow } from './alert-window.ts'
import { FleetCases } from './fleet-cases.ts'
import { Interned } from './interned.ts'
import { alertIn, type KeptAlert } from './stream-record.ts'
import type { FleetAlertRow, FleetAlerts } from './views.ts'
import type { NatsAccess } from '../../support/config/nats-access.ts'
import { textFinder } from './window.ts'
import { SnugError } from '../../errors.ts'

export interface AlertLogOptions {
  readonly access: NatsAccess
  readonly source: StreamSource
  /** Messages of the stream that are kept in memory, as short rows. */
  readonly window: number
  readonly onAlert?: (alert: KeptAlert) => void
  readonly onCase?: () => void
  readonly onState?: (fault: string | undefined) => void
}

export interface AlertSearch {
  readonly limit: number
  /** Text in the row, ignoring case. */
  readonly q?: string
  /** This severity and above. */
  readonly severity?: Severity
  readonly type?: string
  /** Repository, or the beginning of it. */
  readonly image?: string
  readonly namespace?: string
  readonly node?: string
  readonly decided?: boolean
  /** Who began a session whose events are in it. */
  readonly person?: string
  /** Epoch milliseconds: the stream received the alert, or its latest state, from then on. */
  readonly fromMs?: number
  /** Epoch milliseconds: and before that. */
  readonly toMs?: number
  /** From the answer before. */
  readonly before?: number
}

const blockSize = 1_000
/** How long one search goes on. What it did not get to is on the next page. */
const searchMs = 100
/** Alerts in memory between two looks at the clock. */
const scanned = 2_000

/**
 * The alerts of all nodes. The stream is the log: the latest ones are in memory as short rows, older ones are read from
 * it block by block, newest first.
 */
export class AlertLog {
  readonly stream: StreamLog
  readonly window: AlertWindow
  readonly cases = new FleetCases()
  readonly #interned = new Interned()
  /** Messages that are no alert, or not valid. */
  ignored = 0

  constructor({ access, source, window, onAlert, onCase, onState }: AlertLogOptions) {
    this.window = new AlertWindow(window)
    this.stream = new StreamLog({
      access,
      source,
      begin: { latest: window },
      onMessage: (message) => {
        const alert = alertIn(message, this.#interned)
        if (alert === undefined) {
          // The audit trail and incidents may come by the same sink.
          if (this.cases.put(message.value)) onCase?.()
          else if (!isOther(message.value)) this.ignored += 1
          return
        }
        this.window.put(alert)
        onAlert?.(alert)
      },
      onReset: () => {
        this.window.clear()
        this.cases.clear()
      },
      ...(onState && { onState }),
    })
  }

  run(signal: AbortSignal): Promise<void> {
    return this.stream.run(signal)
  }

  /** Newest first. Errors: ALERT_LOG_UNAVAILABLE. */
  async search(query: AlertSearch): Promise<FleetAlerts> {
    const { limit, before = Number.MAX_SAFE_INTEGER, fromMs = 0 } = query
    const wants = matcher(query)
    const rows: KeptAlert[] = []
    const beginning = new Date(fromMs).toISOString()
    const began = performance.now()
    const isLate = (): boolean => performance.now() - began > searchMs
    let looked = 0
    for (const alert of this.window.newestFirst()) {
      if (alert.seq >= before) continue
      if (++looked % scanned === 0 && isLate())
        return page(rows, alert.seq + 1, alert.receivedAt, true)
      if (Date.parse(alert.receivedAt) < fromMs) return page(rows, undefined, beginning, false)
      if (wants(alert)) rows.push(alert)
      if (rows.length === limit) return page(rows, alert.seq, alert.receivedAt, false)
    }
    const { begin } = this.stream
    const kept = this.window.dropped ? (this.window.oldest?.seq ?? begin) : begin
    try {
      return await this.#older(query, wants, rows, Math.min(before, kept), isLate)
    } catch (error) {
      // What is in memory is there without the stream; what is older is on a next page, once it can be read.
      if (query.before !== undefined || rows.length === 0) throw error
      return page(rows, kept, this.window.oldest?.receivedAt ?? beginning, true)
    }
  }

  /** The whole alert, as its node sent it. Errors: ALERT_UNKNOWN, ALERT_LOG_UNAVAILABLE. */
  async alert(seq: number): Promise<object> {
    const message = await this.stream.message(seq)
    if (message !== undefined && alertIn(message, this.#interned) !== undefined)
      return message.value as object
    throw new SnugError('ALERT_UNKNOWN', `the stream has no alert \`${seq}\``)
  }

  async #older(
    { limit, fromMs = 0, toMs }: AlertSearch,
    wants: (alert: KeptAlert) => boolean,
    rows: KeptAlert[],
    from: number,
    isLate: () => boolean,
  ): Promise<FleetAlerts> {
    const seen = new Set(rows.map(nameOf))
    let end = from
    const first = await this.stream.first()
    if (toMs !== undefined && end > first)
      end = Math.min(end, (await this.stream.seqAt(toMs)) ?? end)
    let searchedTo = this.window.oldest?.receivedAt ?? new Date().toISOString()
    while (end > first) {
      if (isLate()) return page(rows, end, searchedTo, true)
      const start = Math.max(first, end - blockSize)
      const messages = await this.stream.range(start, end)
      for (const message of [...messages].reverse()) {
        const { seq, time } = message
        searchedTo = time
        if (Date.parse(time) < fromMs)
          return page(rows, undefined, new Date(fromMs).toISOString(), false)
        const alert = alertIn(message, this.#interned)
        if (alert === undefined || this.window.has(alert)) continue
        const name = nameOf(alert)
        if (seen.has(name)) continue
        seen.add(name)
        if (wants(alert)) rows.push(alert)
        if (rows.length === limit) return page(rows, seq, time, false)
      }
      end = start
    }
    return page(rows, undefined, new Date(fromMs).toISOString(), false)
  }
}

function page(
  rows: readonly KeptAlert[],
  next: number | undefined,
  searchedTo: string,
  isPartial: boolean,
): FleetAlerts {
  return {
    rows: rows.map(rowOf),
    ...(next === undefined ? {} : { next: String(next) }),
    searchedTo,
    isPartial,
  }
}

/** What is kept for decisions is no part of a row. */
function rowOf(alert: KeptAlert): FleetAlertRow {
  const { behaviours: _, names: _n, cause: _c, guardrails: _g, profile: _p, ...rest } = alert
  const { connections: _o, decidedAt: _a, decidedFor: _f, reopenedAt: _r, ...more } = rest
  const { incident: _i, sessions: _s, ...row } = more
  return row
}

function matcher(query: AlertSearch): (alert: KeptAlert) => boolean {
  const { q, severity, type, image, namespace, node, decided, person, toMs } = query
  const least = severity === undefined ? 0 : severities.indexOf(severity)
  const hasText = q === undefined ? undefined : textFinder(q)
  return (alert) =>
    severities.indexOf(alert.severity) >= least &&
    (type === undefined || alert.type === type) &&
    (node === undefined || alert.node === node) &&
    (namespace === undefined || alert.namespace === namespace) &&
    (image === undefined || alert.repository?.startsWith(image) === true) &&
    (decided === undefined || decided === (alert.decision !== undefined)) &&
    (person === undefined || alert.persons.includes(person)) &&
    (toMs === undefined || Date.parse(alert.receivedAt) < toMs) &&
    (hasText === undefined ||
      hasText(alert.text) ||
      hasText(alert.reason) ||
      hasText(alert.node) ||
      hasText(alert.actor) ||
      hasText(alert.repository) ||
      hasText(alert.container))
}

const otherSchemas: ReadonlySet<unknown> = new Set(['snug.audit/v1', 'snug.incident/v1'])

function isOther(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    otherSchemas.has((value as { readonly schema?: unknown }).schema)
  )
}
