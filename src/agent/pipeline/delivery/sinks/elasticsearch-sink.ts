import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { documentOf, revisionOf } from '../../../../core/event/outbound-record.ts'
import type { Render } from '../format/format.ts'
import { HttpPoster, type HttpTarget } from './http-post.ts'
import { type Sink, SinkError } from './sink.ts'

const compress = promisify(gzip)

export interface ElasticsearchOptions extends HttpTarget {
  /** Index, alias or data stream. */
  readonly index: string
  /**
   * `index`: the document of an alert or incident has its newest state. `create`, for data streams:
   * each state is a document.
   */
  readonly action: 'index' | 'create'
}

const largestPost = 200
/** The document is there already. */
const conflict = 409
/** Refusals of the document itself, and not of the sender, its rights or the moment. */
const ofDocument = new Set([400, 413])

const outcome = z.looseObject({
  status: z.int(),
  error: z.looseObject({ type: z.string(), reason: z.string().nullish() }).nullish(),
})
const bulkAnswer = z.looseObject({
  errors: z.boolean(),
  items: z.array(z.record(z.string(), outcome)),
})

/**
 * Posts documents to `_bulk` of Elasticsearch or OpenSearch. Documents have ids, so a batch that is
 * sent again makes no duplicates. The answer has an outcome for each document. A batch is delivered
 * once all of them are stored.
 */
export function elasticsearchSink(
  name: string,
  render: Render,
  options: ElasticsearchOptions,
): Sink {
  const { index, action } = options
  const poster = new HttpPoster({ ...options, url: bulkUrl(options.url) })
  return {
    name,
    most: largestPost,
    write: async (records) => {
      const lines = records.flatMap((record) => {
        const _id = action === 'create' ? revisionOf(record) : documentOf(record)
        return [JSON.stringify({ [action]: { _index: index, _id } }), render(record)]
      })
      const { text } = await poster.post(await compress(`${lines.join('\n')}\n`), {
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
      })
      const outcomes = outcomesOf(text)
      if (outcomes.length !== records.length) {
        throw new SinkError(`the answer has ${outcomes.length} items of ${records.length}`)
      }
      const refused = outcomes.filter(({ status }) => !isStored(status, action))
      const [first] = refused
      if (first !== undefined) {
        const because = first.error?.reason ?? first.error?.type ?? 'without a reason'
        const count = `${refused.length} of ${records.length} documents were refused`
        throw new SinkError(`${count}, the first with ${first.status}: ${because.slice(0, 200)}`, {
          final: refused.every(({ status }) => ofDocument.has(status)),
        })
      }
      return `${outcomes.length} documents are stored`
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

function isStored(status: number, action: 'index' | 'create'): boolean {
  return (status >= 200 && status < 300) || (action === 'create' && status === conflict)
}

function outcomesOf(text: string): readonly z.output<typeof outcome>[] {
  const parsed = bulkAnswer.safeParse(jsonOf(text))
  if (!parsed.success) throw new SinkError(`the answer is none of \`_bulk\`: ${text.slice(0, 200)}`)
  return parsed.data.items.flatMap((item) => Object.values(item))
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** `filter_path` keeps the answer short. */
function bulkUrl(url: string): string {
  const found = new URL(url)
  if (!found.pathname.endsWith('/_bulk')) {
    found.pathname = `${found.pathname.replace(/\/$/, '')}/_bulk`
  }
  found.searchParams.set('filter_path', 'errors,items.*.status,items.*.error')
  return found.href
}
