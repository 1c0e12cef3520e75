import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { bindSink } from '../../src/pipeline/delivery/sinks/make-sink.ts'
import type { Sink } from '../../src/pipeline/delivery/sinks/sink.ts'
import { stdoutSink } from '../../src/pipeline/delivery/sinks/stdout-sink.ts'
import { renderer } from '../../src/pipeline/delivery/format/format.ts'
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

interface OtlpRequest {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly { readonly body: { readonly stringValue: string } }[]
    }[]
  }[]
}
