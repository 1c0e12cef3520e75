import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { lastTimeOf, type OutboundRecord } from '../../../../core/event/outbound-record.ts'
import { epochMs } from '../format/alert-facts.ts'
import type { Render } from '../format/format.ts'
import { answerLine, HttpPoster, type HttpTarget } from './http-post.ts'
import type { Sink } from './sink.ts'

const compress = promisify(gzip)

export interface LokiOptions extends HttpTarget {
  readonly tenant?: string | undefined
  /** Beside `job`, `node`, `type` and `severity`. */
  readonly labels: Readonly<Record<string, string>>
}

const largestPost = 200

/**
 * Pushes to Loki, one stream for each node, type and severity. Loki drops an entry that it has
 * already: a batch that is sent again makes no duplicates. It takes the valid entries of a batch
 * that it refuses.
 */
export function lokiSink(name: string, render: Render, options: LokiOptions): Sink {
  const poster = new HttpPoster({ ...options, url: pushUrl(options.url) })
  const { tenant, labels } = options
  return {
    name,
    most: largestPost,
    write: async (records) => {
      const body = await compress(JSON.stringify({ streams: streamsOf(records, render, labels) }))
      const answer = await poster.post(body, {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        ...(tenant === undefined ? {} : { 'x-scope-orgid': tenant }),
      })
      return answerLine(answer)
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

interface Stream {
  readonly stream: Readonly<Record<string, string>>
  readonly values: [string, string][]
}

function streamsOf(
  records: readonly OutboundRecord[],
  render: Render,
  labels: Readonly<Record<string, string>>,
): readonly Stream[] {
  const streams = new Map<string, Stream>()
  for (const record of records) {
    const { node, type, severity } = record
    const key = JSON.stringify([node, type, severity])
    const stream = streams.get(key) ?? {
      stream: { ...labels, job: 'snug', node, type, severity },
      values: [],
    }
    streams.set(key, stream)
    // Nanoseconds, as text.
    const time = epochMs(lastTimeOf(record))
    stream.values.push([`${time}000000`, render(record)])
  }
  return [...streams.values()]
}

function pushUrl(url: string): string {
  const found = new URL(url)
  if (found.pathname === '/') found.pathname = '/loki/api/v1/push'
  return found.href
}
