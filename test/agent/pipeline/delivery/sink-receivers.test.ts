import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import type { OutboundRecord } from '../../../../src/core/event/outbound-record.ts'
import { describeError } from '../../../../src/errors.ts'
import { bindSink } from '../../../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import type { Sink, SinkBinding } from '../../../../src/agent/pipeline/delivery/sinks/sink.ts'
import { sinkSchema } from '../../../../src/support/config/sink-schema.ts'
import {
  hostileAlert,
  product,
  sampleAlerts,
  sampleAudits,
  sampleIncidents,
  sessionAlerts,
} from '../../../fixtures/format-alerts.ts'
import { type HttpReceiver, httpReceiver } from '../../../fixtures/sink-receivers.ts'

let receiver: HttpReceiver
let folder = ''
const sinks: Sink[] = []
beforeEach(async () => {
  receiver = await httpReceiver((body) => [body])
  folder = mkdtempSync('/tmp/snug-receivers-')
})
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.close()
  await receiver[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function bind(config: object): SinkBinding {
  const url = `http://127.0.0.1:${receiver.port}`
  const binding = bindSink(sinkSchema.parse({ name: 'out', url, ...config }), product)
  sinks.push(binding.sink)
  return binding
}
const open = (config: object): Sink => bind(config).sink
const secret = (text: string, name = 'secret'): { readonly file: string } => {
  const file = join(folder, name)
  writeFileSync(file, `${text}\n`)
  return { file }
}
const sent = (): readonly unknown[] =>
  receiver.requests.flatMap(({ body }) =>
    body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  )
const [first, second, decided] = sampleAlerts as readonly [Alert, Alert, Alert]
const [audit] = sampleAudits()
if (audit === undefined) throw new Error('there is no sample')

describe('Elasticsearch', () => {
  const answer = (...items: readonly object[]): void => {
    receiver.answer = {
      status: 200,
      headers: {},
      text: JSON.stringify({ errors: true, items: items.map((item) => ({ index: item })) }),
    }
  }
  const invalid = {
    status: 400,
    error: { type: 'document_parsing_exception', reason: 'failed to parse field [x]' },
  }
  const busy = { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'full' } }

  it('gets each document under the id of its alert, as ECS, with an API key', async () => {
    answer({ status: 201 }, { status: 200 })
    await open({ type: 'elasticsearch', index: 'alerts', apiKey: secret('a2V5') }).write([
      first,
      second,
    ])
    expect(receiver.requests[0]).toMatchObject({
      path: '/_bulk?filter_path=errors%2Citems.*.status%2Citems.*.error',
      headers: { authorization: 'ApiKey a2V5', 'content-type': 'application/x-ndjson' },
    })
    expect(sent()).toMatchObject([
      { index: { _index: 'alerts', _id: first.id } },
      { event: { id: first.id, kind: 'alert' } },
      { index: { _index: 'alerts', _id: second.id } },
      { event: { id: second.id, kind: 'alert' } },
    ])
  })

  it('has one document of an incident, which is not that of its first alert', async () => {
    const incidents = sampleIncidents()
    answer(...[first, ...incidents].map(() => ({ status: 200 })))
    await open({ type: 'elasticsearch' }).write([first, ...incidents])
    const _id = `incident-${first.id}`
    expect(sent().filter((line) => 'index' in (line as object))).toMatchObject([
      { index: { _id: first.id } },
      ...incidents.map(() => ({ index: { _id } })),
    ])
  })

  it('has not taken a batch of which it refused one document, with an answer of 200', async () => {
    answer({ status: 201 }, invalid)
    const write = open({ type: 'elasticsearch' }).write([first, second])
    await expect(write).rejects.toMatchObject({
      code: 'SINK_REFUSED',
      message: '1 of 2 documents were refused, the first with 400: failed to parse field [x]',
    })
  })

  it.each([
    ['for good, where the document is invalid', [invalid], true],
    ['for now, where it is busy', [busy], false],
    ['for now, where it is busy for one of them', [invalid, busy], false],
    ['for now, where there is no such index', [{ status: 404, error: { type: 'none' } }], false],
  ])('refuses %s', async (_, items, final) => {
    answer(...items)
    const write = open({ type: 'elasticsearch' }).write(sampleAlerts.slice(0, items.length))
    await expect(write).rejects.toMatchObject({ code: 'SINK_REFUSED', final })
  })

  it('has a document already, where a data stream reports a conflict', async () => {
    const items = [{ create: { status: 409, error: { type: 'version_conflict' } } }]
    receiver.answer.text = JSON.stringify({ errors: true, items })
    const sink = open({ type: 'elasticsearch', action: 'create' })
    expect(await sink.write([second])).toBe('1 documents are stored')
    expect(sent()[0]).toEqual({ create: { _index: 'snug', _id: `${second.id}-7` } })
    answer({ status: 409, error: { type: 'version_conflict' } })
    await expect(open({ type: 'elasticsearch' }).write([second])).rejects.toThrow('409')
  })

  it.each(['ok', '{}', '{"errors":false,"items":[]}'])('has not taken it with %s', async (text) => {
    receiver.answer.text = text
    await expect(open({ type: 'elasticsearch' }).write([first])).rejects.toMatchObject({
      code: 'SINK_REFUSED',
    })
  })

  it('gets user and password', async () => {
    answer({ status: 201 })
    await open({ type: 'elasticsearch', user: 'snug', password: secret('pw') }).write([first])
    const basic = `Basic ${Buffer.from('snug:pw').toString('base64')}`
    expect(receiver.requests[0]?.headers.authorization).toBe(basic)
  })
})

describe('Splunk', () => {
  const taken = { status: 200, headers: {}, text: '{"text":"Success","code":0,"ackId":3}' }
  const splunk = (more: object = {}): Sink =>
    open({ type: 'splunk', token: secret('abc'), ...more })

  it('gets an event for each record, with its time, node and type', async () => {
    receiver.answer = taken
    await splunk({ index: 'security' }).write([first, audit])
    expect(receiver.requests[0]).toMatchObject({
      path: '/services/collector/event',
      headers: { authorization: 'Splunk abc' },
    })
    const [alert, entry] = sent() as readonly Record<string, unknown>[]
    expect(alert).toMatchObject({
      time: Date.parse(first.lastSeen) / 1000,
      host: 'n1',
      source: 'snug',
      sourcetype: 'snug:alert',
      index: 'security',
      event: { id: first.id },
    })
    expect(entry).toMatchObject({ sourcetype: 'snug:audit', event: { id: audit.id } })
  })

  it('gets a line of CEF as text', async () => {
    receiver.answer = taken
    await splunk({ format: 'cef' }).write([hostileAlert('a"b\\c')])
    expect(sent()).toMatchObject([{ event: expect.stringMatching(/^CEF:0\|Snug/) as unknown }])
  })

  it.each([
    [400, 6, true],
    [400, 7, false],
    [400, 12, true],
    [401, 3, false],
    [403, 4, false],
    [503, 9, false],
  ])('refuses with %s and code %s; for good: %s', async (status, code, final) => {
    receiver.answer = { status, headers: {}, text: JSON.stringify({ text: 'no', code }) }
    await expect(splunk().write([first])).rejects.toMatchObject({ code: 'SINK_REFUSED', final })
  })

  it('has not taken a batch where what answers is no collector', async () => {
    await expect(splunk().write([first])).rejects.toThrow('none of a collector: 200: ok')
  })

  it('has a batch once the indexers have acknowledged it', async () => {
    let asked = 0
    receiver.reply = (_, path) => {
      if (!path.includes('/ack')) return taken.text
      asked += 1
      return JSON.stringify({ acks: { 3: asked > 1 } })
    }
    await splunk({ acknowledge: true }).write([first])
    expect(asked).toBe(2)
    const [post, ack] = receiver.requests
    const channel = String(post?.headers['x-splunk-request-channel'])
    expect(ack).toMatchObject({
      path: `/services/collector/ack?channel=${channel}`,
      body: '{"acks":[3]}',
    })
  })

  it.each([
    ['{"text":"Success","code":0}', 'gives no acknowledgements'],
    [taken.text, 'no acknowledgement within 1000 ms'],
  ])('has not without: %s', async (text, because) => {
    receiver.reply = (_, path) => (path.includes('/ack') ? '{"acks":{"3":false}}' : text)
    const write = splunk({ acknowledge: true, timeout: '1s' }).write([first])
    await expect(write).rejects.toThrow(because)
  })
})

describe('Loki', () => {
  it('gets streams by node, type and severity, for a tenant', async () => {
    const labels = { cluster: 'c1', job: 'other' }
    const sink = open({ type: 'loki', tenant: 'sec', labels, token: secret('t') })
    await sink.write([first, second, first])
    expect(receiver.requests[0]).toMatchObject({
      path: '/loki/api/v1/push',
      headers: { 'x-scope-orgid': 'sec', authorization: 'Bearer t' },
    })
    const nanos = `${Date.parse(first.lastSeen)}000000`
    const line = expect.stringContaining(first.id) as unknown
    const stream = { cluster: 'c1', job: 'snug', node: 'n1' }
    expect(sent()).toMatchObject([
      {
        streams: [
          {
            stream: { ...stream, type: 'guardrail', severity: 'critical' },
            values: [
              [nanos, line],
              [nanos, line],
            ],
          },
          { stream: { ...stream, type: 'deviation', severity: 'medium' }, values: [{}] },
        ],
      },
    ])
  })
})

describe('Alertmanager', () => {
  interface Posted {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly startsAt: string
    readonly endsAt: string
  }
  const posted = async (...alerts: readonly OutboundRecord[]): Promise<readonly Posted[]> => {
    await open({ type: 'alertmanager', firing: '2h', labels: { team: 'sec' } }).write(alerts)
    return sent().flat() as readonly Posted[]
  }

  it('gets an alert that fires from now on, and ends with a decision', async () => {
    const beforeMs = Date.now()
    const [open, ended] = await posted(first, decided)
    expect(receiver.requests[0]?.path).toBe('/api/v2/alerts')
    expect(open).toMatchObject({
      labels: {
        alertname: 'SnugGuardrailExec',
        severity: 'critical',
        node: 'n1',
        id: first.id,
        team: 'sec',
        workload: 'shop/Deployment/web',
      },
      annotations: { summary: 'Forbidden: program started', techniques: 'T1059.004' },
      startsAt: first.firstSeen,
    })
    expect(Date.parse(open?.endsAt ?? '')).toBeGreaterThanOrEqual(beforeMs + 7_200_000)
    expect(ended?.endsAt).toBe(decided.decision?.at)
  })

  it('gets the same labels of an incident whatever becomes of it, and its end', async () => {
    const incidents = sampleIncidents()
    const [begun, ...ends] = await posted(...incidents)
    expect(begun?.labels).toMatchObject({ alertname: 'SnugIncident', id: first.id })
    for (const { labels } of ends) expect(labels).toEqual(begun?.labels)
    expect(ends.map(({ endsAt }) => endsAt)).toEqual(incidents.slice(1).map(({ time }) => time))
  })

  it('gets the same labels where only the count rose', async () => {
    const [before, after] = await posted(second, { ...second, count: 99 })
    expect(after?.labels).toEqual(before?.labels)
    expect(after?.annotations['count']).toBe('99')
  })

  it('gets the same labels where person and incident become known', async () => {
    const [byPerson] = sessionAlerts as readonly [Alert, ...Alert[]]
    const { sessions: _, ...unknown } = byPerson
    const [before, after] = await posted(unknown, { ...byPerson, incident: first.id })
    expect(after?.labels).toEqual(before?.labels)
    expect(after?.annotations).toMatchObject({ person: expect.stringContaining('alice') })
    expect(after?.annotations['incident']).toBe(first.id)
  })
})

describe('a chat', () => {
  it('gets names of a container as text, and no markup', async () => {
    const text = '<!channel> & <http://evil.example|log in>\n*x*'
    const url = secret(`http://127.0.0.1:${receiver.port}/services/T0/B0/hunter2`)
    await open({ type: 'slack', url }).write([hostileAlert(text)])
    const [message] = sent() as readonly { readonly text: string; readonly mrkdwn: boolean }[]
    expect(message?.text).toContain('&lt;!channel&gt; &amp; &lt;http://evil.example|log in&gt;')
    expect(message?.text.split('\n')).toHaveLength(3)
    expect(message?.mrkdwn).toBe(false)
  })

  it.each(['slack', 'teams'])('of %s keeps messages small, whatever is in them', async (type) => {
    const url = secret(`http://127.0.0.1:${receiver.port}/x`)
    const long = Array.from({ length: 12 }, () => hostileAlert('ü🦊'.repeat(20_000)))
    await open({ type, url }).write(long)
    expect(receiver.requests).toHaveLength(3)
    for (const { raw } of receiver.requests) expect(raw.length).toBeLessThan(28_000)
  })

  it.each(['slack', 'teams'])('of %s keeps its URL to itself', async (type) => {
    receiver.answer = { status: 404, headers: {}, text: 'no_service' }
    const url = secret(`http://127.0.0.1:${receiver.port}/services/hunter2`)
    const { sink, target, spec } = bind({ type, url })
    const problem = await sink.write([first]).then(String, describeError)
    expect(problem).toContain('404: no_service')
    expect(`${problem} ${target} ${spec}`).not.toContain('hunter2')
    secret('not a URL')
    await expect(sink.write([first])).rejects.toMatchObject({ code: 'SINK_REFUSED' })
  })
})

describe('PagerDuty', () => {
  it('gets an incident for each alert, which a decision resolves', async () => {
    await open({ type: 'pagerduty', key: secret('k') }).write([first, decided])
    const details = { image: expect.stringContaining('shop/web:1.4@') as unknown, id: first.id }
    expect(sent()).toMatchObject([
      {
        routing_key: 'k',
        dedup_key: first.id,
        event_action: 'trigger',
        payload: {
          severity: 'critical',
          source: 'n1',
          class: 'guardrail.exec',
          custom_details: details,
        },
      },
      { routing_key: 'k', dedup_key: decided.id, event_action: 'resolve' },
    ])
  })

  it('gets one incident for each of Snug, until it is closed or part of another', async () => {
    const records = sampleIncidents()
    await open({ type: 'pagerduty', key: secret('k') }).write(records)
    const dedup_key = `incident-${records[0]?.incident}`
    expect(sent()).toMatchObject([
      {
        dedup_key,
        event_action: 'trigger',
        payload: {
          severity: 'critical',
          class: 'incident',
          summary: 'Incident: web-1: sh reads /etc/shadow',
        },
      },
      { dedup_key, event_action: 'resolve' },
      { dedup_key, event_action: 'resolve' },
    ])
  })
})

it.each([
  [{ type: 'elasticsearch', url: 'http://x', user: 'u' }],
  [{ type: 'elasticsearch', url: 'http://x', index: 'Upper' }],
  [{ type: 'elasticsearch', url: 'http://x', format: 'cef' }],
  [{ type: 'splunk', url: 'http://x' }],
  [{ type: 'slack', url: 'http://x/secret' }],
  [{ type: 'pagerduty' }],
  [{ type: 'loki', url: 'http://x', labels: { 'a-b': 'c' } }],
])('%j is no configuration', (config) => {
  expect(sinkSchema.safeParse({ name: 'out', ...config }).success).toBe(false)
})
