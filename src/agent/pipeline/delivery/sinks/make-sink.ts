import type { Severity } from '../../../../core/event/alert-words.ts'
import type { SinkConfig } from '../../../../support/config/sink-schema.ts'
import type { Product } from '../format/alert-facts.ts'
import { renderer, renderWithin } from '../format/format.ts'
import { alertmanagerSink } from './alertmanager-sink.ts'
import { slackSink, teamsSink } from './chat-sinks.ts'
import { elasticsearchSink } from './elasticsearch-sink.ts'
import { fileSink } from './file-sink.ts'
import { recordFilter } from '../filter.ts'
import { falcoSink, otlpSink, webhookSink } from './http-sinks.ts'
import { lokiSink } from './loki-sink.ts'
import { pagerdutySink } from './pagerduty-sink.ts'
import { splunkSink } from './splunk-sink.ts'
import { kafkaSink } from './kafka-sink.ts'
import type { ReportTarget } from '../agent-reporter.ts'
import { natsAccessOf } from '../../../../support/config/nats-access.ts'
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
    format: 'format' in config ? config.format : config.type,
    target: targetOf(config),
    accepts: recordFilter(config.only, config.storms, from),
    wantsIncidents: config.only.types?.includes('incident') === true,
    spec: JSON.stringify([config, from]),
  }
}

/** Where the sinks have agents report their state. */
export function reportTargets(sinks: readonly SinkConfig[]): readonly ReportTarget[] {
  return sinks.flatMap((sink) => {
    if (sink.type !== 'nats' || sink.reports === undefined) return []
    const { subject, every } = sink.reports
    return [{ sink: sink.name, access: natsAccessOf(sink), subject, everyMs: every }]
  })
}

const streamBytes = 8_192
const datagramBytes = 2_048
/** Brokers accept one mebibyte by default, including the overhead of the message. */
const messageBytes = 1_000_000

function makeSink(config: SinkConfig, product: Product): Sink {
  const { name } = config
  const render = renderer('format' in config ? config.format : 'falco', product)
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
    case 'splunk': {
      const { format, index, sourcetype, acknowledge } = config
      const target = { ...httpTarget(config), scheme: 'Splunk' }
      return splunkSink(name, render, { ...target, format, index, sourcetype, acknowledge })
    }
    case 'elasticsearch': {
      const { apiKey, index, action } = config
      const target = { ...httpTarget(config), token: apiKey, scheme: 'ApiKey' }
      return elasticsearchSink(name, render, { ...target, index, action })
    }
    case 'loki': {
      const { tenant, labels } = config
      return lokiSink(name, render, { ...httpTarget(config), tenant, labels })
    }
    case 'alertmanager': {
      const { firing, labels } = config
      return alertmanagerSink(name, { ...httpTarget(config), firing, labels })
    }
    case 'slack':
      return slackSink(name, chatTarget(config))
    case 'teams':
      return teamsSink(name, chatTarget(config))
    case 'pagerduty':
      return pagerdutySink(name, { ...httpTarget(config), key: config.key })
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
      const options = { ...natsAccessOf(config), subject: config.subject }
      return natsSink(name, renderWithin(render, messageBytes), options)
    }
  }
}

function httpTarget(config: Extract<SinkConfig, { readonly url: string }>) {
  const { url, tls, timeout } = config
  const login =
    'user' in config && config.user !== undefined && config.password !== undefined
      ? { user: config.user, password: config.password }
      : undefined
  return {
    url,
    token: 'token' in config ? config.token : undefined,
    login,
    tls,
    timeoutMs: timeout,
  }
}

function chatTarget({
  url,
  tls,
  timeout,
}: Extract<SinkConfig, { readonly type: 'slack' | 'teams' }>) {
  return { url, tls, timeoutMs: timeout }
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
    case 'slack':
    case 'teams':
      return `the URL in ${config.url.file ?? config.url.env}`
    case 'http':
    case 'otlp':
    case 'falco':
    case 'splunk':
    case 'elasticsearch':
    case 'loki':
    case 'alertmanager':
    case 'pagerduty': {
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
