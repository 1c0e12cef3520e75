import type { Severity } from '../../../core/event/alert.ts'
import type { SinkConfig } from '../../../support/config/sink-schema.ts'
import type { Product } from '../format/alert-facts.ts'
import { renderer, renderWithin } from '../format/format.ts'
import { fileSink } from './file-sink.ts'
import { recordFilter } from '../filter.ts'
import { falcoSink, otlpSink, webhookSink } from './http-sinks.ts'
import { kafkaSink } from './kafka-sink.ts'
import { natsSink } from './nats-sink.ts'
import type { SinkBinding, Sink } from './sink.ts'
import { addressText } from './address.ts'
import { stdoutSink } from './stdout-sink.ts'
import { syslogSink } from './syslog-sink.ts'

/** Creates the sink of a config entry and opens nothing. `from`: as in {@link recordFilter}. */
export function bindSink(
  config: SinkConfig,
  product: Product,
  from: Severity = 'low',
): SinkBinding {
  return {
    sink: makeSink(config, product),
    type: config.type,
    format: config.type === 'falco' ? 'falco' : config.format,
    target: targetOf(config),
    accepts: recordFilter(config.only, config.storms, from),
    spec: JSON.stringify([config, from]),
  }
}

const streamBytes = 8_192
const datagramBytes = 2_048
/** Brokers accept one mebibyte by default, including the overhead of the message. */
const messageBytes = 1_000_000

function makeSink(config: SinkConfig, product: Product): Sink {
  const { name } = config
  const render = renderer(config.type === 'falco' ? 'falco' : config.format, product)
  switch (config.type) {
    case 'stdout':
      return stdoutSink(name, render)
    case 'file':
      return fileSink(name, render, {
        path: config.path,
        keep: config.keep,
        ...(config.rotateSize === undefined ? {} : { rotateSize: config.rotateSize }),
        ...(config.rotateAge === undefined ? {} : { rotateAge: config.rotateAge }),
      })
    case 'syslog': {
      const { address, transport, facility, tls, timeout } = config
      const maxBytes = config.maxBytes ?? (transport === 'udp' ? datagramBytes : streamBytes)
      const options = { ...address, transport, facility, maxBytes, tls, timeoutMs: timeout }
      return syslogSink(name, render, options)
    }
    case 'http':
      return webhookSink(name, render, {
        ...httpTarget(config),
        format: config.format,
        gzip: config.gzip,
        secret: config.secret,
      })
    case 'otlp':
      return otlpSink(name, render, product, httpTarget(config))
    case 'falco':
      return falcoSink(name, render, httpTarget(config))
    case 'kafka': {
      const { brokers, topic, acks, sasl, timeout } = config
      const also = { ...tlsOf(config), ...(sasl === undefined ? {} : { sasl }) }
      return kafkaSink(name, renderWithin(render, messageBytes), {
        brokers,
        topic,
        acks,
        timeoutMs: timeout,
        ...also,
      })
    }
    case 'nats': {
      const { servers, subject, user, password, token, credentials, timeout } = config
      const identity = { user, password, token, credentials }
      const options = { servers, subject, timeoutMs: timeout, ...identity, ...tlsOf(config) }
      return natsSink(name, renderWithin(render, messageBytes), options)
    }
  }
}

function httpTarget(config: Extract<SinkConfig, { readonly url: string }>) {
  const { url, token, tls, timeout } = config
  return { url, token, tls, timeoutMs: timeout }
}

function tlsOf({ transport, tls }: Extract<SinkConfig, { readonly transport: 'tcp' | 'tls' }>) {
  return transport === 'tls' ? { tls } : {}
}

function targetOf(config: SinkConfig): string {
  switch (config.type) {
    case 'stdout':
      return 'standard output'
    case 'file':
      return config.path
    case 'syslog':
      return `${config.transport}://${addressText(config.address)}`
    case 'http':
    case 'otlp':
    case 'falco': {
      // The query may contain a key.
      const { origin, pathname } = new URL(config.url)
      return `${origin}${pathname}`
    }
    case 'kafka':
      return `kafka://${config.brokers.map(addressText).join(',')}/${config.topic}`
    case 'nats':
      return `nats://${config.servers.map(addressText).join(',')}/${config.subject}`
  }
}
