import type { SinkConfig } from '../config/sink-schema.ts'
import type { Product } from '../format/alert-facts.ts'
import { renderer } from '../format/format.ts'
import { fileSink } from './file-sink.ts'
import { alertFilter } from './filter.ts'
import { falcoSink, otlpSink, webhookSink } from './http-sinks.ts'
import type { Outlet, Sink } from './sink.ts'
import { stdoutSink } from './stdout-sink.ts'
import { syslogSink } from './syslog-sink.ts'

/** The sink that the config asks for. Nothing is opened yet. */
export function makeOutlet(config: SinkConfig, product: Product): Outlet {
  return {
    sink: makeSink(config, product),
    type: config.type,
    format: config.type === 'falco' ? 'falco' : config.format,
    target: targetOf(config),
    accepts: alertFilter(config.only),
  }
}

const streamBytes = 8_192
const datagramBytes = 2_048

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
  }
}

function httpTarget(config: Extract<SinkConfig, { readonly url: string }>) {
  const { url, token, tls, timeout } = config
  return { url, token, tls, timeoutMs: timeout }
}

function targetOf(config: SinkConfig): string {
  switch (config.type) {
    case 'stdout':
      return 'standard output'
    case 'file':
      return config.path
    case 'syslog':
      return `${config.transport}://${config.address.host}:${config.address.port}`
    case 'http':
    case 'otlp':
    case 'falco': {
      // What follows the path may be a key.
      const { origin, pathname } = new URL(config.url)
      return `${origin}${pathname}`
    }
  }
}
