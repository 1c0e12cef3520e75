import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SinkConfig, sinkSchema } from '../../../../src/support/config/sink-schema.ts'
import { retryAfter } from '../../../../src/agent/pipeline/delivery/sinks/http-post.ts'
import { bindSink } from '../../../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import type { Sink } from '../../../../src/agent/pipeline/delivery/sinks/sink.ts'
import { type HttpReceiver, httpReceiver } from '../../../fixtures/sink-receivers.ts'
import { product, sampleAlerts } from '../../../fixtures/format-alerts.ts'

const [alert] = sampleAlerts
if (alert === undefined) throw new Error('there is no sample')

let receiver: HttpReceiver
let folder = ''
const sinks: Sink[] = []
beforeEach(async () => {
  receiver = await httpReceiver((body) => [body])
  folder = mkdtempSync('/tmp/snug-http-')
})
afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.close()
  await receiver[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function open(config: object, path = '/in'): Sink {
  const url = `http://127.0.0.1:${receiver.port}${path}`
  const { sink } = bindSink(sinkSchema.parse({ name: 'out', url, ...config }), product)
  sinks.push(sink)
  return sink
}

describe('a webhook', () => {
  it('signs each request, so that the receiver can verify it', async () => {
    const file = join(folder, 'secret')
    writeFileSync(file, 'hunter2\n')
    await open({ type: 'http', secret: { file } }).write([alert])
    const [request] = receiver.requests
    const signature = String(request?.headers['x-snug-signature'])
    const [, seconds = '', hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
    const own = createHmac('sha256', 'hunter2').update(`${seconds}.`)
    expect(hex).toBe(own.update(request?.raw ?? '').digest('hex'))
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(600)
  })

  it('reads its token each time, from a file that may be renewed', async () => {
    const file = join(folder, 'token')
    const sink = open({ type: 'http', token: { file } })
    await expect(sink.write([alert])).rejects.toMatchObject({ code: 'SINK_REFUSED' })
    writeFileSync(file, 'first')
    await sink.write([alert])
    writeFileSync(file, 'second')
    await sink.write([alert])
    expect(receiver.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ])
  })

  it.each([
    ['json', 'application/x-ndjson'],
    ['cef', 'text/plain; charset=utf-8'],
  ])('sends %s with its content type', async (format, type) => {
    await open({ type: 'http', format }).write([alert])
    expect(receiver.requests[0]?.headers['content-type']).toBe(type)
  })

  it('returns the delay that the receiver requested', async () => {
    receiver.answer = { status: 429, headers: { 'retry-after': '17' }, text: 'slow down' }
    const write = open({ type: 'http' }).write([alert])
    await expect(write).rejects.toMatchObject({
      retryAfterMs: 17_000,
      final: false,
      message: expect.stringContaining('429: slow down') as unknown,
    })
  })

  it.each([
    [400, true],
    [413, true],
    [401, false],
    [404, false],
    [500, false],
    [301, false],
  ])('takes an answer of %s for a refusal, for good: %s', async (status, final) => {
    receiver.answer = { status, headers: {}, text: '' }
    await expect(open({ type: 'http' }).write([alert])).rejects.toMatchObject({ final })
  })
})

describe('the delay of Retry-After', () => {
  const now = Date.parse('2026-11-24T13:40:00Z')

  it.each([
    ['0', 0],
    ['120', 120_000],
    ['Tue, 24 Nov 2026 13:41:00 GMT', 60_000],
    ['Tue, 24 Nov 2026 13:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (text, ms) => {
    expect(retryAfter(text, now)).toBe(ms)
  })
})

describe('a sink for Falco’s HTTP output', () => {
  it('posts each alert separately, with the fields that Falcosidekick requires', async () => {
    await open({ type: 'falco' }, '/').write(sampleAlerts)
    expect(receiver.requests).toHaveLength(sampleAlerts.length)
    for (const { body, headers } of receiver.requests) {
      expect(headers['content-type']).toBe('application/json')
      const payload = JSON.parse(body) as Record<string, unknown>
      for (const key of ['rule', 'priority', 'time', 'output', 'hostname', 'source']) {
        expect(payload[key]).toMatch(/./)
      }
      expect(Object.keys(payload['output_fields'] as object)).toContain('container.id')
    }
  })
})

describe('a sink for OpenTelemetry', () => {
  it('posts records in the encoding of OTLP', async () => {
    await open({ type: 'otlp', format: 'json' }, '').write(sampleAlerts)
    const [request] = receiver.requests
    expect(request?.path).toBe('/v1/logs')
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      resourceLogs: [
        {
          resource: {
            attributes: expect.arrayContaining([
              { key: 'service.name', value: { stringValue: 'snug' } },
            ]) as unknown,
          },
          scopeLogs: [
            {
              logRecords: sampleAlerts.map(({ id }) => ({
                timeUnixNano: expect.stringMatching(/^\d{19}$/) as unknown,
                severityNumber: expect.any(Number) as unknown,
                attributes: expect.arrayContaining([
                  { key: 'log.record.uid', value: { stringValue: id } },
                ]) as unknown,
              })),
            },
          ],
        },
      ],
    })
  })

  it('sends again, fewer at once, where some were rejected', async () => {
    receiver.answer = {
      status: 200,
      headers: {},
      text: JSON.stringify({ partialSuccess: { rejectedLogRecords: '2', errorMessage: 'no' } }),
    }
    const sink = open({ type: 'otlp' }, '')
    await expect(sink.write(sampleAlerts)).rejects.toMatchObject({ code: 'SINK_REFUSED' })
  })
})

describe('a sink of the config', () => {
  const refusal = (config: object): string | undefined =>
    sinkSchema.safeParse({ name: 'out', ...config }).error?.message

  it.each([
    [{ type: 'http', url: 'ftp://x/' }],
    [{ type: 'http', url: 'http://user:secret@x/' }],
    [{ type: 'http', url: 'http://x/', token: 'hunter2' }],
    [{ type: 'http', url: 'http://x/', token: { file: '/a', env: 'B' } }],
    [{ type: 'syslog', address: '10.0.0.5' }],
    [{ type: 'syslog', address: '10.0.0.5:70000' }],
    [{ type: 'syslog', address: 'x:1', transport: 'udp', maxBytes: 100_000 }],
    [{ type: 'syslog', address: 'x:1', tls: { cert: '/a' } }],
    [{ type: 'falco', url: 'http://x/', format: 'cef' }],
    [{ type: 'stdout', only: { severity: 'worst' } }],
  ])('is refused as %j', (config) => {
    expect(refusal(config)).toBeDefined()
  })

  it('is named without parts that may be secret', () => {
    const config: SinkConfig = sinkSchema.parse({
      name: 'out',
      type: 'http',
      url: 'https://x/in?key=hunter2',
    })
    expect(bindSink(config, product).target).toBe('https://x/in')
  })

  it.each([
    [
      { severity: 'high' },
      ['EXEC', 'SERVER', 'LISTEN', 'IDENTITY', 'CAPABILITY', 'SYSCALL', 'LOSS', 'EVIL'],
    ],
    [{ types: ['guardrail', 'loss'] }, ['EXEC', 'LOSS']],
    [{ images: ['*/shop/web:1.4'], types: ['guardrail'] }, ['EXEC']],
    [{ images: ['**/web'], types: ['guardrail', 'loss'] }, ['EXEC']],
    [{ images: ['shop/web'] }, []],
    [{ namespaces: ['sh*'], severity: 'critical' }, ['EXEC']],
    [{ namespaces: ['kube-*'] }, []],
  ])('with the filter %j takes %j', (only, ends) => {
    const { accepts } = bindSink(sinkSchema.parse({ name: 'out', type: 'stdout', only }), product)
    const taken = sampleAlerts.filter(accepts).map(({ id }) => id)
    expect(taken).toHaveLength(ends.length)
    for (const [at, end] of ends.entries()) expect(taken[at]).toMatch(new RegExp(`${end}$`))
  })
})
