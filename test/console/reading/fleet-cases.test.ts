import { beforeEach, expect, it } from 'vitest'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import { FleetCases } from '../../../src/console/reading/fleet-cases.ts'
import { FleetIncidents } from '../../../src/console/reading/fleet-incidents.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { alertIn } from '../../../src/console/reading/stream-record.ts'
import { auditRecord } from '../../../src/core/event/outbound-record.ts'
import { alertAt, startMs } from '../../fixtures/incident-alerts.ts'

const fleet = { revision: 0, profiles: () => [], profile: () => undefined }
const sha256 = 'a'.repeat(64)
let cases: FleetCases
let seq = 0

beforeEach(() => {
  cases = new FleetCases()
})

/** An entry of the audit trail of a node, as its sink sends it. */
function arrives(node: string, what: string, atMs: number, details: object): boolean {
  const time = new Date(startMs + atMs).toISOString()
  seq += 1
  const entry = { seq, previous: '', id: `${seq}`, time, what, who: 'agent', ...details }
  const record = auditRecord(entry, 'hash', node)
  return cases.put(JSON.parse(JSON.stringify(record)))
}

const written = (id: string, more: object = {}) => {
  const reason = 'alert 01: a shell'
  return { case: id, state: 'collecting', container: 'a', reason, sha256, bytes: 2_000, ...more }
}

async function shown() {
  const window = new AlertWindow(10)
  const value = JSON.parse(JSON.stringify(alertAt({ id: '01', atMs: 1_000, container: 'a' })))
  const alert = alertIn({ seq: 1, time: value.time, value }, new Interned())
  if (alert === undefined) throw new Error('no alert')
  window.put(alert)
  return (await new FleetIncidents(window, { fleet, cases }).story('01 n1')).cases
}

it('a case of an alert is in its incident, with node, digest and size, as it is now', async () => {
  expect(arrives('n1', 'case', 2_000, written('c1', { alert: '01' }))).toBe(true)
  const done = { alert: '01', state: 'complete', bytes: 3_000, sha256: 'b'.repeat(64) }
  arrives('n1', 'case', 62_000, written('c1', done))
  expect(await shown()).toEqual([
    {
      id: 'c1',
      node: 'n1',
      container: 'a',
      time: new Date(startMs + 2_000).toISOString(),
      by: 'agent',
      reason: 'alert 01: a shell',
      state: 'complete',
      sha256: 'b'.repeat(64),
      bytes: 3_000,
      because: 'alert',
    },
  ])
  arrives('n1', 'case-removed', 90_000, { cases: ['c1'] })
  expect(await shown()).toEqual([])
})

it('a later case of a container of the incident is there, and no other one', async () => {
  arrives('n1', 'case', 2_000, written('c1', { who: 'cli:root' }))
  arrives('n1', 'case', 0, written('before'))
  arrives('n1', 'case', 2_000, written('other', { container: 'b' }))
  // Ids of alerts are unique on one node only.
  arrives('n2', 'case', 2_000, written('c1', { alert: '01' }))
  expect(await shown()).toMatchObject([
    { id: 'c1', node: 'n1', by: 'cli:root', because: 'container' },
  ])
})

it('an entry about something else, or without a digest, is no case', async () => {
  expect(arrives('n1', 'mode', 0, {})).toBe(false)
  expect(arrives('n1', 'case', 2_000, written('c1', { sha256: 'none' }))).toBe(false)
  expect(cases.put(undefined)).toBe(false)
  expect(await shown()).toEqual([])
})
