import { describe, expect, it } from 'vitest'
import {
  outboundRecordTypes,
  type OutboundRecord,
} from '../../../../src/core/event/outbound-record.ts'
import type { IncidentRecord } from '../../../../src/core/incident/incident-record.ts'
import { recordFilter, type SinkFilter } from '../../../../src/agent/pipeline/delivery/filter.ts'
import { OutboxQueue } from '../../../../src/agent/pipeline/delivery/outbox-queue.ts'
import { bindSink } from '../../../../src/agent/pipeline/delivery/sinks/make-sink.ts'
import { sinkSchema } from '../../../../src/support/config/sink-schema.ts'
import { product, sampleAlerts, sampleIncidents } from '../../../fixtures/format-alerts.ts'

const [begun, closed, ended] = sampleIncidents() as [IncidentRecord, IncidentRecord, IncidentRecord]
const [alert] = sampleAlerts

describe('a sink', () => {
  const takes = (filter: SinkFilter, record: OutboundRecord = begun): boolean =>
    recordFilter(filter, 'summary', 'medium')(record)

  it('gets incidents where its types name them, and not by default', () => {
    expect(takes({})).toBe(false)
    expect(takes({ types: outboundRecordTypes.filter((type) => type !== 'incident') })).toBe(false)
    expect(takes({ types: ['incident'] })).toBe(true)
    expect(takes({ types: ['incident'] }, alert)).toBe(false)
    expect(takes({ types: outboundRecordTypes }, alert)).toBe(true)
  })

  it('gets those of a severity, an image or a namespace', () => {
    const types = ['incident'] as const
    const high = { ...begun, severity: 'high' } as const
    expect(takes({ types, severity: 'high' }, high)).toBe(true)
    expect(takes({ types, severity: 'critical' }, high)).toBe(false)
    for (const [images, isTaken] of [
      ['registry.local/shop/web', true],
      ['registry.local/shop/web:1.*', true],
      ['registry.local/shop/web:2.*', false],
      ['registry.local/shop', false],
    ] as const) {
      expect(takes({ types, images: [images] })).toBe(isTaken)
    }
    expect(takes({ types, namespaces: ['sh*'] })).toBe(true)
    expect(takes({ types, namespaces: ['bank'] })).toBe(false)
    expect(takes({ types, namespaces: ['bank'] }, { ...begun, namespaces: ['shop', 'bank'] })).toBe(
      true,
    )
  })

  it('has incidents derived only where it takes them', () => {
    const bound = (only: object): boolean | undefined =>
      bindSink(sinkSchema.parse({ name: 'out', type: 'stdout', only }), product).wantsIncidents
    expect(bound({})).toBe(false)
    expect(bound({ types: ['deviation', 'incident'] })).toBe(true)
  })
})

describe('the queue of a sink', () => {
  const queue = () => new OutboxQueue({ maxBytes: 1e6, maxAgeMs: 1e6, maxSpan: 1e3 })
  const put = (to: OutboxQueue, ...records: readonly OutboundRecord[]): void => {
    for (const [place, record] of records.entries()) to.put({ record, place }, 0)
  }
  const all = (of: OutboxQueue): readonly OutboundRecord[] => of.take(100, 1e6)

  it('keeps the newest record of an incident, behind what came before it', () => {
    const waiting = queue()
    const other = { ...begun, id: '01KAVS00000000000000000IN9', incident: 'another' }
    put(waiting, begun, other, ...(alert === undefined ? [] : [alert]), closed, ended)
    expect(all(waiting)).toEqual([other, alert, ended])
    const bytes = waiting.bytes
    waiting.done(all(waiting))
    expect([waiting.size, bytes > 0, waiting.bytes]).toEqual([0, true, 0])
  })

  it('keeps a record that is being sent, and the newest behind it', () => {
    const waiting = queue()
    put(waiting, begun)
    const batch = all(waiting)
    put(waiting, closed, ended)
    waiting.done(batch)
    expect(all(waiting)).toEqual([ended])
  })
})
