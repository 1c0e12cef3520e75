import { describe, expect, it } from 'vitest'
import {
  type AlertFilter,
  alertFilter,
} from '../../../../src/agent/pipeline/alerts/alert-filter.ts'
import { sampleAlert } from '../../../fixtures/server-fixtures.ts'

const object = '/lib/libx.so.1'
const library = { id: 'b1', kind: 'file', object, text: `read ${object}` } as const
const decision = { kind: 'acknowledged', by: 'token:ada', at: '2026-11-24T13:40:27Z' } as const
const person = { certainty: 'certain', name: 'alice', candidates: 1 } as const
const alerts = [
  sampleAlert('04', { severity: 'critical', type: 'guardrail', reasons: ['a shell on a socket'] }),
  sampleAlert('03', { decision, sessions: [{ id: 's1', since: decision.at, person }] }),
  sampleAlert('02', { severity: 'low', container: { id: 'cafe0'.padEnd(64, '0'), name: 'db-1' } }),
  sampleAlert('01', { severity: 'medium', type: 'loss', loaded: [library] }),
]

const cases: readonly [AlertFilter, readonly string[]][] = [
  [{}, ['04', '03', '02', '01']],
  [{ severity: 'medium' }, ['04', '03', '01']],
  [{ type: 'loss' }, ['01']],
  [{ state: 'open' }, ['04', '02', '01']],
  [{ state: 'decided' }, ['03']],
  [{ container: 'db-1' }, ['02']],
  [{ container: 'cafe' }, ['02']],
  [{ text: 'SHELL on' }, ['04']],
  [{ text: 'libx' }, ['01']],
  [{ text: 'Alice' }, ['03']],
  [{ person: 'alice' }, ['03']],
  [{ person: 'alic' }, []],
  [{ text: 'run /bin/sh', before: '03' }, ['02', '01']],
  [{ matches: (image) => image === undefined }, []],
]

describe('a filter of alerts', () => {
  it.each(cases)('%j', (filter, ids) => {
    expect(alerts.filter(alertFilter(filter)).map(({ id }) => id)).toEqual(ids)
  })
})
