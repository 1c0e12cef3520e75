import { describe, expect, it } from 'vitest'
import {
  incidentNews,
  type IncidentRecord,
  type IncidentSketch,
} from '../../../src/core/incident/incident-record.ts'
import { sampleIncidents } from '../../fixtures/format-alerts.ts'

const [begun, closed, ended] = sampleIncidents() as [IncidentRecord, IncidentRecord, IncidentRecord]
const { severity, alerts, open } = begun
const same: IncidentSketch = { state: 'open', severity, alerts, open, persons: 1, techniques: 1 }

describe('a record of an incident', () => {
  it.each<[string, IncidentRecord | undefined, Partial<IncidentSketch>]>([
    ['begins', undefined, {}],
    ['is closed', begun, { state: 'closed', open: 0 }],
    ['opens again', closed, {}],
    ['is graver', { ...begun, severity: 'high' }, {}],
    ['is apart again from the one that it had joined', ended, {}],
  ])('is due at once where it %s', (_, last, change) => {
    expect(incidentNews(last, { ...same, ...change })).toBe('at-once')
  })

  it.each<[string, Partial<IncidentSketch>]>([
    ['alert joined', { alerts: alerts + 1 }],
    ['alert was allowed', { alerts: alerts - 1 }],
    ['alert was decided on', { open: open - 1 }],
    ['person became known', { persons: 2 }],
    ['technique joined', { techniques: 2 }],
  ])('is due later where an %s', (_, change) => {
    expect(incidentNews(begun, { ...same, ...change })).toBe('later')
  })

  it.each<[string, IncidentRecord | undefined, Partial<IncidentSketch>]>([
    ['nothing changed', begun, {}],
    ['its gravest alert was allowed', begun, { severity: 'medium' }],
    ['it was closed before its first record', undefined, { state: 'closed', open: 0 }],
    ['alerts of a closed one were evicted', closed, { state: 'closed', open: 0, alerts: 1 }],
  ])('is not due where %s', (_, last, change) => {
    expect(incidentNews(last, { ...same, ...change })).toBeUndefined()
  })
})
