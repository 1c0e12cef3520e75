import { describe, expect, it } from 'vitest'
import {
  onlyPerson,
  personNames,
  sessionKey,
  type SessionPerson,
  sessionsOfAlert,
  unknown,
} from '../../../../src/core/person/session-person.ts'
import {
  SessionAlerts,
  withPerson,
  withSession,
} from '../../../../src/agent/records/alerts/session-alerts.ts'
import { sampleAlert } from '../../../fixtures/server-fixtures.ts'

const since = '2026-12-01T10:00:00.000000Z'
const alice: SessionPerson = {
  certainty: 'certain',
  name: 'alice',
  from: '10.0.0.1',
  candidates: 1,
}

describe('sessions of an alert', () => {
  it('are the first few and the latest few, each once', () => {
    let alert = sampleAlert('01')
    for (let at = 0; at < 40; at += 1) {
      const session = { id: `s${at}`, since, person: unknown('waiting') }
      alert = withSession(withSession(alert, session), session)
    }
    const ids = alert.sessions?.map(({ id }) => id)
    expect(ids).toHaveLength(sessionsOfAlert)
    expect(ids?.slice(0, 5)).toEqual(['s0', 's1', 's2', 's3', 's28'])
    expect(ids?.at(-1)).toBe('s39')
  })

  it('get their person each, and the alert of another container does not', () => {
    const sessions = ['s1', 's2'].map((id) => ({ id, since, person: unknown('waiting') }))
    const alert = sampleAlert('01', { sessions })
    const key = sessionKey(alert.container?.id ?? '', 's2')
    expect(withPerson(alert, key, alice).sessions?.map(({ person }) => person)).toEqual([
      unknown('waiting'),
      alice,
    ])
    expect(withPerson(alert, sessionKey('other', 's2'), alice)).toBe(alert)
  })

  it('are found again after a restart', () => {
    const alert = sampleAlert('01', { sessions: [{ id: 's1', since, person: alice }] })
    const alerts = new SessionAlerts()
    alerts.restore(alert)
    expect([...alerts.of(sessionKey(alert.container?.id ?? '', 's1'))]).toEqual(['01'])
    expect([...alerts.of(sessionKey('other', 's1'))]).toEqual([])
  })

  it('have one person only where all have the same one, and all are there', () => {
    const of = (...persons: readonly SessionPerson[]) =>
      persons.map((person, at) => ({ id: `s${at}`, since, person }))
    const bob: SessionPerson = { ...alice, name: 'bob' }
    expect(onlyPerson(of(alice, alice))).toBe(alice)
    expect(onlyPerson(of(alice, bob))).toBeUndefined()
    expect(onlyPerson(of(alice, unknown('no-request')))).toBeUndefined()
    expect(onlyPerson(of({ ...alice, from: '10.0.0.2' }, alice))).toBeUndefined()
    expect(onlyPerson(of(...Array<SessionPerson>(sessionsOfAlert).fill(alice)))).toBeUndefined()
    expect(onlyPerson(undefined)).toBeUndefined()
    expect(personNames(of(bob, unknown('waiting'), alice, bob))).toEqual(['alice', 'bob'])
  })
})
