import { describe, expect, it } from 'vitest'
import {
  AlertTraces,
  mostSpans,
  traceId,
} from '../../../../src/agent/pipeline/delivery/alert-traces.ts'
import { httpReceiver } from '../../../fixtures/sink-receivers.ts'
import { product, sampleAlerts } from '../../../fixtures/format-alerts.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}

interface Request {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[]
  }[]
}

describe('the trace of an alert', () => {
  it('covers the path from the event to the sink, with a trace id from its id', async () => {
    await using receiver = await httpReceiver(() => [])
    const [alert] = sampleAlerts
    if (alert === undefined) throw new Error('there is no sample')
    const id = '01KAVS3V2J8Q4ZD5W9X7Y6T0RE'
    const url = `http://127.0.0.1:${receiver.port}`
    const errors: unknown[] = []
    const traces = new AlertTraces(
      { url, tls: {}, timeoutMs: 5_000 },
      { product, node: 'n1' },
      (error) => errors.push(error),
    )
    const atMs = Date.parse(alert.time)
    traces.stored([{ ...alert, id }], atMs + 2)
    traces.delivered('siem', [{ ...alert, id }], atMs + 5)
    // A raised count makes no new trace.
    traces.stored([{ ...alert, id: `${id.slice(0, -1)}F`, count: 7 }], atMs + 9)
    await traces.close()
    expect(errors).toEqual([])
    expect(receiver.requests[0]?.path).toBe('/v1/traces')
    const { resourceSpans } = JSON.parse(receiver.requests[0]?.body ?? '') as Request
    const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans))
    expect(spans.map(({ name }) => name)).toEqual(['alert', 'detect', 'store', 'deliver siem'])
    const root = spans.find(({ parentSpanId }) => parentSpanId === undefined)
    expect(root?.name).toBe('alert')
    for (const span of spans) {
      expect(span.traceId).toBe(traceId(id))
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/)
      expect(span.spanId).toMatch(/^[0-9a-f]{16}$/)
      if (span !== root) expect(span.parentSpanId).toBe(root?.spanId)
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano))
    }
    expect(BigInt(spans[3]?.endTimeUnixNano ?? 0) / 1_000_000n).toBe(BigInt(atMs + 5))
  })

  it('is dropped where too many wait, and the drop is reported', async () => {
    await using receiver = await httpReceiver(() => [])
    const reported: number[] = []
    const traces = new AlertTraces(
      { url: `http://127.0.0.1:${receiver.port}`, tls: {}, timeoutMs: 5_000 },
      { product, node: 'n1' },
      (_, spans) => reported.push(spans),
    )
    const [alert] = sampleAlerts
    if (alert === undefined) throw new Error('there is no sample')
    const alerts = Array.from({ length: mostSpans }, (_, n) => ({
      ...alert,
      id: `${alert.id}${n}`,
    }))
    traces.stored(alerts, Date.now())
    await traces.close()
    expect(reported).toEqual([mostSpans * 2])
    const { resourceSpans } = JSON.parse(receiver.requests[0]?.body ?? '') as Request
    expect(resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(mostSpans)
  })

  it('is dropped where the collector refuses it, and the drop is reported', async () => {
    const reported: number[] = []
    const traces = new AlertTraces(
      { url: 'http://127.0.0.1:1', tls: {}, timeoutMs: 1_000 },
      { product, node: 'n1' },
      (_, spans) => reported.push(spans),
    )
    traces.stored(sampleAlerts.slice(0, 1), Date.now())
    await traces.close()
    expect(reported).toEqual([3])
  })
})
