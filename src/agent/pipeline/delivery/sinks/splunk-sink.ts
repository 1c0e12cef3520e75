import { randomUUID } from 'node:crypto'
import { isAlert, lastTimeOf, type OutboundRecord } from '../../../../core/event/outbound-record.ts'
import type { AlertFormat } from '../../../../core/event/alert-format.ts'
import { pause } from '../../../../support/pause.ts'
import { epochMs } from '../format/alert-facts.ts'
import { isJson, type Render } from '../format/format.ts'
import { type Answer, answerLine, HttpPoster, type HttpTarget } from './http-post.ts'
import { type Sink, SinkError } from './sink.ts'

export interface SplunkOptions extends HttpTarget {
  readonly format: AlertFormat
  readonly index?: string | undefined
  /** Absent: `snug:alert`, `snug:audit` and `snug:incident`. */
  readonly sourcetype?: string | undefined
  /** Waits until the indexers have the batch. */
  readonly acknowledge: boolean
}

/** Codes of the collector that refuse the data; the others refuse the sender, its settings or the moment. */
const dataCodes = new Set([5, 6, 12, 13, 15])
const ackEveryMs = 500
/** A batch is sent again as a whole. */
const largestPost = 200

/**
 * Splunk's HTTP Event Collector. An event has the time, the node as `host`, and the record as
 * `event`. Without `acknowledge` a batch counts as delivered once the collector has taken it; with
 * it, once its acknowledgement is there.
 */
export function splunkSink(name: string, render: Render, options: SplunkOptions): Sink {
  const channel = randomUUID()
  const isFinal = ({ status, text }: Answer): boolean =>
    status === 413 || dataCodes.has(Number(member(text, 'code') ?? Number.NaN))
  const post = new HttpPoster({ ...options, url: at(options.url, 'event'), isFinal })
  const acks = new HttpPoster({ ...options, url: at(options.url, 'ack', channel), isFinal })
  const headers = {
    'content-type': 'application/json',
    ...(options.acknowledge ? { 'x-splunk-request-channel': channel } : {}),
  }
  const closing = new AbortController()

  const acknowledged = async (id: number, untilMs: number): Promise<void> => {
    const body = Buffer.from(JSON.stringify({ acks: [id] }))
    for (;;) {
      const { text } = await acks.post(body, headers)
      if (member(member(text, 'acks'), String(id)) === true) return
      if (closing.signal.aborted) throw new SinkError('the agent stops')
      if (performance.now() >= untilMs) {
        throw new SinkError(`no acknowledgement within ${options.timeoutMs} ms`)
      }
      await pause(Math.min(ackEveryMs, options.timeoutMs), closing.signal)
    }
  }

  return {
    name,
    most: largestPost,
    write: async (records) => {
      const untilMs = performance.now() + options.timeoutMs
      const body = records.map((record) => eventOf(record, render, options)).join('\n')
      const answer = await post.post(Buffer.from(body), headers)
      if (member(answer.text, 'code') !== 0) {
        throw new SinkError(`the answer is none of a collector: ${answerLine(answer)}`)
      }
      if (options.acknowledge) {
        const id = member(answer.text, 'ackId')
        if (typeof id !== 'number') throw new SinkError('the collector gives no acknowledgements')
        await acknowledged(id, untilMs)
      }
      return answerLine(answer)
    },
    reopen: async () => {
      await post.reopen()
      await acks.reopen()
    },
    close: async () => {
      closing.abort()
      await post.close()
      await acks.close()
    },
  }
}

function eventOf(record: OutboundRecord, render: Render, options: SplunkOptions): string {
  const { format, index, sourcetype = `snug:${isAlert(record) ? 'alert' : record.type}` } = options
  const time = epochMs(lastTimeOf(record)) / 1000
  const head = JSON.stringify({
    time,
    host: record.node,
    source: 'snug',
    sourcetype,
    ...(index === undefined ? {} : { index }),
  })
  const line = render(record)
  return `${head.slice(0, -1)},"event":${isJson(format) ? line : JSON.stringify(line)}}`
}

/** Address of the collector, or a full path to its events. */
function at(url: string, what: 'event' | 'ack', channel?: string): string {
  const found = new URL(url)
  if (found.pathname === '/') found.pathname = '/services/collector/event'
  if (what === 'ack') found.pathname = found.pathname.replace(/\/event(\/1\.0)?$/, '/ack')
  if (channel !== undefined) found.searchParams.set('channel', channel)
  return found.href
}

function member(of: unknown, key: string): unknown {
  try {
    const value: unknown = typeof of === 'string' ? JSON.parse(of) : of
    return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  } catch {
    return undefined
  }
}
