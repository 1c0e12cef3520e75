import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Alert } from '../../../core/event/alert.ts'
import { isAlert, type OutboundRecord } from '../../../core/event/outbound-record.ts'
import type { Product } from './format/alert-facts.ts'
import { HttpPoster, type HttpTarget } from './sinks/http-post.ts'

/** Alerts whose delivery spans are still to be sent. */
const alertsKept = 10_000
/**
 * Spans that wait, besides those that are being sent. Further ones are dropped and reported, because
 * spans are no evidence.
 */
export const mostSpans = 5_000
const sendMs = 2_000

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly object[]
}

const internal = 1
const producer = 4

/**
 * Exports the path of each alert as OpenTelemetry spans, over HTTP in JSON. One parent span covers
 * `detect` (from the event to the alert: source, identity, judgement) and `store`. `deliver` to
 * each sink may take longer. The trace id is the 128 bits of the alert's id, so an alert leads to
 * its trace. Export is best effort: it sends as much as the collector takes.
 */
export class AlertTraces {
  readonly #poster: HttpPoster
  readonly #product: Product
  readonly #node: string
  readonly #stored = new LRUCache<string, number>({ max: alertsKept })
  readonly #onError: (error: unknown, spans: number) => void
  #spans: Span[] = []
  #timer: NodeJS.Timeout | undefined
  #dropped = 0
  #sending: Promise<void> | undefined

  constructor(
    target: HttpTarget,
    about: { readonly product: Product; readonly node: string },
    onError: (error: unknown, spans: number) => void,
  ) {
    this.#poster = new HttpPoster({ ...target, url: tracesUrl(target.url) })
    this.#product = about.product
    this.#node = about.node
    this.#onError = onError
  }

  /** Only new alerts get spans. A later change is a count. */
  stored(records: readonly OutboundRecord[], nowMs: number): void {
    for (const record of records) {
      if (!isAlert(record) || record.count > 1 || record.decision !== undefined) continue
      this.#stored.set(record.id, nowMs)
      const raisedMs = Date.parse(record.time)
      this.#add(record, 'alert', Date.parse(record.event.time), nowMs)
      this.#add(record, 'detect', Date.parse(record.event.time), raisedMs)
      this.#add(record, 'store', raisedMs, nowMs)
    }
  }

  delivered(sink: string, records: readonly OutboundRecord[], nowMs: number): void {
    for (const record of records) {
      const storedMs = this.#stored.get(record.id)
      if (!isAlert(record) || storedMs === undefined) continue
      this.#add(record, `deliver ${sink}`, storedMs, nowMs)
    }
  }

  async close(): Promise<void> {
    await this.#sending
    await this.#send()
    await this.#poster.close()
  }

  #add(alert: Alert, name: string, fromMs: number, toMs: number): void {
    if (this.#spans.length >= mostSpans) {
      this.#dropped += 1
      return
    }
    const root = spanId(alert.id, 'alert')
    this.#spans.push({
      traceId: traceId(alert.id),
      spanId: name === 'alert' ? root : spanId(alert.id, name),
      ...(name === 'alert' ? {} : { parentSpanId: root }),
      name,
      kind: name.startsWith('deliver') ? producer : internal,
      startTimeUnixNano: `${Math.min(fromMs, toMs)}000000`,
      endTimeUnixNano: `${toMs}000000`,
      attributes: [
        attribute('snug.alert.id', alert.id),
        attribute('snug.type', alert.type),
        attribute('snug.severity', alert.severity),
        ...(alert.container === undefined ? [] : [attribute('container.id', alert.container.id)]),
      ],
    })
    this.#timer ??= setTimeout(() => void this.#send(), sendMs)
  }

  /** One request at a time: a collector that does not answer must not hold many of them. */
  #send(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending ??= this.#post().finally(() => {
      this.#sending = undefined
      if (this.#spans.length > 0) this.#timer ??= setTimeout(() => void this.#send(), sendMs)
    })
    return this.#sending
  }

  async #post(): Promise<void> {
    if (this.#dropped > 0) {
      this.#onError(new Error('the collector is too slow'), this.#dropped)
      this.#dropped = 0
    }
    const spans = this.#spans
    this.#spans = []
    if (spans.length === 0) return
    const { name, version } = this.#product
    const resource = {
      attributes: [
        attribute('service.name', name),
        attribute('service.version', version),
        attribute('host.name', this.#node),
      ],
    }
    const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name }, spans }] }] }
    try {
      const headers = { 'content-type': 'application/json' }
      await this.#poster.post(Buffer.from(JSON.stringify(body)), headers)
    } catch (error) {
      this.#onError(error, spans.length)
    }
  }
}

function attribute(key: string, stringValue: string): object {
  return { key, value: { stringValue } }
}

function tracesUrl(text: string): string {
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url.href
}

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The 128 bits of a ULID, in hex. */
export function traceId(id: string): string {
  let bits = 0n
  for (const letter of id) bits = bits * 32n + BigInt(Math.max(0, crockford.indexOf(letter)))
  return BigInt.asUintN(128, bits).toString(16).padStart(32, '0')
}

function spanId(id: string, name: string): string {
  return createHash('sha256').update(`${id} ${name}`).digest('hex').slice(0, 16)
}
