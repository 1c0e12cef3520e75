import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { bindSink } from '../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import type { Sink } from '../../src/agent/pipeline/delivery/sinks/sink.ts'
import { stdoutSink } from '../../src/agent/pipeline/delivery/sinks/stdout-sink.ts'
import { renderer } from '../../src/agent/pipeline/delivery/format/format.ts'
import { sinkSchema } from '../../src/support/config/sink-schema.ts'
import {
  datagramReceiver,
  httpReceiver,
  makeCertificate,
  type Receiver,
  syslogReceiver,
} from '../fixtures/sink-receivers.ts'
import { product } from '../fixtures/format-alerts.ts'
import { type SinkBench, sinkSuite } from './sink-suite.ts'

/** As the config file asks for it. */
const sinkOf = (config: object, timeoutMs: number): Sink => {
  const parsed = sinkSchema.parse({ name: 'out', ...config })
  // The file speaks of seconds, and these tests have none to wait.
  return bindSink({ ...parsed, ...('timeout' in parsed && { timeout: timeoutMs }) }, product).sink
}

const remote = (sink: Sink, receiver: Receiver, also?: Disposable): SinkBench => ({
  sink,
  received: () => receiver.lines,
  behave: (behaviour) => {
    receiver.behave = behaviour
  },
  dispose: async () => {
    await receiver[Symbol.asyncDispose]()
    also?.[Symbol.dispose]()
  },
})

const lines = (body: string): readonly string[] => body.split('\n').filter((line) => line !== '')

sinkSuite({
  name: 'on standard output',
  receiver: 'nobody',
  open: async () => {
    const stream = new PassThrough({ highWaterMark: 1 << 26 })
    let text = ''
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    return {
      sink: stdoutSink('out', renderer('json', product), stream),
      received: () => lines(text),
      dispose: async () => undefined,
    }
  },
})

sinkSuite({
  name: 'into a file',
  receiver: 'nobody',
  open: async () => {
    const folder = mkdtempSync('/tmp/snug-sink-')
    const path = join(folder, 'deep', 'alerts.ndjson')
    return {
      sink: bindSink(sinkSchema.parse({ name: 'out', type: 'file', path }), product).sink,
      received: () => (existsSync(path) ? lines(readFileSync(path, 'utf8')) : []),
      dispose: async () => rmSync(folder, { recursive: true }),
    }
  },
})

for (const format of ['json', 'cef', 'leef', 'ecs', 'ocsf']) {
  sinkSuite({
    name: `to syslog over TCP, as ${format}`,
    open: async (timeoutMs) => {
      const receiver = await syslogReceiver()
      const address = `127.0.0.1:${receiver.port}`
      return remote(sinkOf({ type: 'syslog', address, format }, timeoutMs), receiver)
    },
  })
}

sinkSuite({
  name: 'to syslog over TLS',
  open: async (timeoutMs) => {
    const certificate = makeCertificate()
    const receiver = await syslogReceiver(certificate)
    const address = `localhost:${receiver.port}`
    const tls = { ca: certificate.certPath }
    const sink = sinkOf({ type: 'syslog', address, transport: 'tls', tls }, timeoutMs)
    return remote(sink, receiver, certificate)
  },
})

sinkSuite({
  name: 'to syslog over UDP',
  receiver: 'silent',
  open: async (timeoutMs) => {
    const receiver = await datagramReceiver()
    const address = `127.0.0.1:${receiver.port}`
    return remote(sinkOf({ type: 'syslog', address, transport: 'udp' }, timeoutMs), receiver)
  },
})

for (const gzip of [true, false]) {
  sinkSuite({
    name: `to a webhook${gzip ? ', compressed' : ''}`,
    open: async (timeoutMs) => {
      const receiver = await httpReceiver(lines)
      const url = `http://127.0.0.1:${receiver.port}/in`
      return remote(sinkOf({ type: 'http', url, gzip }, timeoutMs), receiver)
    },
  })
}

sinkSuite({
  name: 'to what takes Falco’s HTTP output',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) => [body])
    const url = `http://127.0.0.1:${receiver.port}/`
    return remote(sinkOf({ type: 'falco', url }, timeoutMs), receiver)
  },
})

sinkSuite({
  name: 'to a collector of OpenTelemetry',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) => {
      const { resourceLogs } = JSON.parse(body) as OtlpRequest
      return resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body: line }) => line.stringValue)),
      )
    })
    return remote(
      sinkOf({ type: 'otlp', url: `http://127.0.0.1:${receiver.port}` }, timeoutMs),
      receiver,
    )
  },
})

const withFile = (text: string): Disposable & { readonly file: string } => {
  const folder = mkdtempSync('/tmp/snug-secret-')
  const file = join(folder, 'secret')
  writeFileSync(file, text)
  return { file, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

for (const acknowledge of [false, true]) {
  sinkSuite({
    name: `to a collector of Splunk${acknowledge ? ', acknowledged' : ''}`,
    open: async (timeoutMs) => {
      const receiver = await httpReceiver((body) =>
        body.startsWith('{"acks"')
          ? []
          : lines(body).map((line) => JSON.stringify((JSON.parse(line) as SplunkEvent).event)),
      )
      receiver.reply = (_, path) =>
        path.includes('/ack') ? '{"acks":{"7":true}}' : '{"text":"Success","code":0,"ackId":7}'
      const secret = withFile('abc')
      const url = `http://127.0.0.1:${receiver.port}`
      const config = { type: 'splunk', url, token: { file: secret.file }, acknowledge }
      return remote(sinkOf(config, timeoutMs), receiver, secret)
    },
  })
}

interface SplunkEvent {
  readonly event: object
}

sinkSuite({
  name: 'to `_bulk` of Elasticsearch',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) => lines(body).filter((_, at) => at % 2 === 1))
    receiver.reply = (body) => {
      const items = lines(body).flatMap((_, at) =>
        at % 2 === 1 ? [{ index: { status: 201 } }] : [],
      )
      return JSON.stringify({ errors: false, items })
    }
    const url = `http://127.0.0.1:${receiver.port}`
    return remote(sinkOf({ type: 'elasticsearch', url }, timeoutMs), receiver)
  },
})

sinkSuite({
  name: 'to Loki',
  order: 'container',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) =>
      (JSON.parse(body) as LokiPush).streams.flatMap(({ values }) =>
        values.map(([, line]) => line),
      ),
    )
    receiver.answer = { status: 204, headers: {}, text: '' }
    const url = `http://127.0.0.1:${receiver.port}`
    return remote(sinkOf({ type: 'loki', url }, timeoutMs), receiver)
  },
})

interface LokiPush {
  readonly streams: readonly { readonly values: readonly (readonly [string, string])[] }[]
}

sinkSuite({
  name: 'to Alertmanager',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) =>
      (JSON.parse(body) as readonly { readonly labels: { readonly id: string } }[]).map(
        ({ labels }) => labels.id,
      ),
    )
    const url = `http://127.0.0.1:${receiver.port}`
    return remote(sinkOf({ type: 'alertmanager', url }, timeoutMs), receiver)
  },
})

sinkSuite({
  name: 'to Slack',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) =>
      (JSON.parse(body) as { readonly text: string }).text.split('\n\n'),
    )
    const secret = withFile(`http://127.0.0.1:${receiver.port}/services/secret`)
    const config = { type: 'slack', url: { file: secret.file } }
    return remote(sinkOf(config, timeoutMs), receiver, secret)
  },
})

sinkSuite({
  name: 'to Teams',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) => {
      const texts = cardTexts(JSON.parse(body) as TeamsMessage)
      return texts.flatMap((_, at) => (at % 3 === 0 ? [texts.slice(at, at + 3).join(' ')] : []))
    })
    receiver.answer = { status: 202, headers: {}, text: '' }
    const secret = withFile(`http://127.0.0.1:${receiver.port}/secret`)
    const config = { type: 'teams', url: { file: secret.file } }
    return remote(sinkOf(config, timeoutMs), receiver, secret)
  },
})

interface TeamsMessage {
  readonly attachments: readonly {
    readonly content: {
      readonly body: readonly { readonly inlines: readonly { readonly text: string }[] }[]
    }
  }[]
}

function cardTexts({ attachments }: TeamsMessage): readonly string[] {
  const blocks = attachments.flatMap(({ content }) => content.body)
  return blocks.map(({ inlines }) => inlines.map(({ text }) => text).join(''))
}

sinkSuite({
  name: 'to PagerDuty',
  open: async (timeoutMs) => {
    const receiver = await httpReceiver((body) => [
      (JSON.parse(body) as { readonly dedup_key: string }).dedup_key,
    ])
    receiver.answer = { status: 202, headers: {}, text: '{"status":"success"}' }
    const secret = withFile('0123456789abcdef')
    const url = `http://127.0.0.1:${receiver.port}/v2/enqueue`
    const config = { type: 'pagerduty', url, key: { file: secret.file } }
    return remote(sinkOf(config, timeoutMs), receiver, secret)
  },
})

interface OtlpRequest {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly { readonly body: { readonly stringValue: string } }[]
    }[]
  }[]
}
