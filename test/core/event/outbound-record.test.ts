import { expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { revisionOf } from '../../../src/core/event/outbound-record.ts'
import { type SessionPerson, unknown } from '../../../src/core/person/session-person.ts'
import { alertAt } from '../../fixtures/incident-alerts.ts'

it('each state of an alert is another revision, also where it is decided on, opened again and decided on again', () => {
  const alert = alertAt({ id: '01', atMs: 0 })
  const acknowledged = (at: string): Alert => ({
    ...alert,
    decision: { kind: 'acknowledged', by: 'cli:root', at },
  })
  const states: readonly Alert[] = [
    alert,
    { ...alert, count: 2 },
    acknowledged('2026-11-24T12:00:00.000Z'),
    { ...alert, reopened: '2026-11-24T12:00:05.000Z' },
    acknowledged('2026-11-24T12:00:09.000Z'),
    { ...alert, reopened: '2026-11-24T12:00:12.000Z' },
  ]
  const revisions = states.map(revisionOf)
  expect(new Set(revisions).size).toBe(states.length)
  expect(revisions).toEqual(states.map((each) => revisionOf({ ...each })))
})

it('the person of a session is another revision, and so is one that is taken back', () => {
  const alert = alertAt({ id: '01', atMs: 0 })
  const by = (person: SessionPerson): Alert => ({
    ...alert,
    sessions: [{ id: 's1', since: alert.time, person }],
  })
  const states: readonly Alert[] = [
    by(unknown('waiting')),
    by({ certainty: 'likely', name: 'alice', candidates: 1 }),
    by({ certainty: 'certain', name: 'alice', candidates: 1 }),
    by(unknown('several-persons', 2)),
  ]
  expect(new Set(states.map(revisionOf)).size).toBe(states.length)
  // That it waits is no news.
  expect(revisionOf(by(unknown('waiting')))).toBe(revisionOf(alert))
})
