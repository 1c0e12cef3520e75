import { createHmac } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Product } from '../format/alert-facts.ts'
import { isJson, type Render } from '../format/format.ts'
import { type AlertFormat } from '../../../../core/event/alert-format.ts'
import { toOtlp } from '../format/otlp.ts'
import { HttpPoster, type HttpTarget, answerLine } from './http-post.ts'
import { readSecret } from './secret.ts'
import { type Sink, SinkError } from './sink.ts'
import type { SecretSource } from '../../../../support/net/server-access.ts'

const compress = promisify(gzip)

export interface WebhookOptions extends HttpTarget {
  readonly format: AlertFormat
  readonly gzip: boolean
  /** Key of the signature. */
  readonly secret?: SecretSource | undefined
}

/** If the answer is lost, the whole batch is sent again. */
const largestPost = 200

/**
 * Posts each batch as lines. With a secret, `X-Snug-Signature: t=SECONDS,v1=HEX` holds the
 * HMAC-SHA256 of `SECONDS`, a dot, and the body as sent. The signature proves the sender and
 * reveals changes and late replays.
 */
export function webhookSink(name: string, render: Render, options: WebhookOptions): Sink {
  const poster = new HttpPoster(options)
  const type = isJson(options.format) ? 'application/x-ndjson' : 'text/plain; charset=utf-8'
  return {
    name,
    most: largestPost,
    write: async (records) => {
      const plain = Buffer.from(records.map((record) => `${render(record)}\n`).join(''))
      const body = options.gzip ? await compress(plain) : plain
      const signed = options.secret === undefined ? {} : await signature(body, options.secret)
      const headers = {
        'content-type': type,
        ...(options.gzip ? { 'content-encoding': 'gzip' } : {}),
        ...signed,
      }
      return answerLine(await poster.post(body, headers))
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

async function signature(body: Buffer, source: SecretSource): Promise<Record<string, string>> {
  const seconds = Math.floor(Date.now() / 1000)
  const hmac = createHmac('sha256', await readSecret(source))
    .update(`${seconds}.`)
    .update(body)
  return { 'x-snug-signature': `t=${seconds},v1=${hmac.digest('hex')}` }
}

/** Each record is a separate request. After a failure, the records before it are sent again. */
const largestFalcoBatch = 50

/**
 * Posts each record in Falco's format: to Falcosidekick and other receivers of Falco's HTTP output.
 */
export function falcoSink(name: string, render: Render, target: HttpTarget): Sink {
  const poster = new HttpPoster(target)
  return {
    name,
    most: largestFalcoBatch,
    write: async (records) => {
      let answer = 'nothing was sent'
      for (const record of records) {
        const body = Buffer.from(render(record))
        answer = answerLine(await poster.post(body, { 'content-type': 'application/json' }))
      }
      return answer
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

/** OpenTelemetry logs over HTTP in JSON. */
export function otlpSink(name: string, render: Render, product: Product, target: HttpTarget): Sink {
  const poster = new HttpPoster({ ...target, url: otlpUrl(target.url) })
  return {
    name,
    write: async (records) => {
      const body = await compress(JSON.stringify(toOtlp(records, product, render)))
      const answer = await poster.post(body, {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      })
      const rejected = rejectedRecords(answer.text)
      // By the specification, a client does not resend rejected records. A batch of one record
      // shows which one was rejected.
      if (rejected > 0 && records.length > 1) throw new SinkError(`${rejected} were rejected`)
      return answerLine(answer)
    },
    reopen: () => poster.reopen(),
    close: () => poster.close(),
  }
}

/** The endpoint of a collector, or a full path. */
function otlpUrl(text: string): string {
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = '/v1/logs'
  return url.href
}

function rejectedRecords(text: string): number {
  try {
    const answer = JSON.parse(text) as { partialSuccess?: { rejectedLogRecords?: unknown } } | null
    return Number(answer?.partialSuccess?.rejectedLogRecords ?? 0) || 0
  } catch {
    // Only the 2xx status counts: many collectors send an empty answer, or one that is not JSON.
    return 0
  }
}
