import { expect, it } from 'vitest'
import { Entrances, entrancesKept } from '../../../src/agent/evidence/entrances.ts'
import { personViews } from '../../../src/agent/reading/person-queries.ts'
import { auditedRequest } from '../../../src/core/person/audited-request.ts'
import { finish } from '../../../src/core/steps.ts'
import { type AuditedAct, auditEvent } from '../../fixtures/audit-lines.ts'

const atMs = Date.parse('2026-12-01T10:00:00Z')

function after(...acts: readonly AuditedAct[]): Entrances {
  const entrances = new Entrances()
  for (const act of acts) {
    const request = auditedRequest(auditEvent(act))
    if (typeof request === 'string') throw new Error(request)
    entrances.takes(request)
  }
  return entrances
}

it('has the way, the pod and the time of both lines of a request', () => {
  const attach = { user: 'alice', subresource: 'attach', atMs, id: 'one' } as const
  const more = { impersonatedUser: { username: 'bob' } }
  const entrances = after(
    { ...attach, more },
    { ...attach, more, stage: 'ResponseComplete', laterMs: 5_000 },
    { user: 'carl', subresource: 'portforward', container: '', atMs: atMs + 1_000 },
  )
  expect(entrances.list()).toEqual([
    {
      kind: 'port-forward',
      namespace: 'shop',
      pod: 'web-0',
      name: 'carl',
      from: '10.1.2.3',
      beganMs: atMs + 1_000,
    },
    {
      kind: 'attach',
      namespace: 'shop',
      pod: 'web-0',
      container: 'web',
      name: 'alice',
      as: 'bob',
      from: '10.1.2.3',
      beganMs: atMs,
      endedMs: atMs + 5_000,
    },
  ])
  expect(entrances.list('alice').map(({ name }) => name)).toEqual(['alice'])
})

it('has neither sessions nor what the server refused', () => {
  const entrances = after(
    { user: 'alice', subresource: 'exec', atMs },
    { user: 'alice', subresource: 'ephemeralcontainers', atMs },
    { user: 'alice', subresource: 'attach', atMs, code: 403 },
    { user: 'alice', subresource: 'portforward', atMs, code: 403 },
  )
  expect(entrances.list()).toEqual([])
})

it('keeps the latest', () => {
  const acts = Array.from({ length: entrancesKept + 5 }, (_, at) => ({
    user: `u${at}`,
    subresource: 'attach',
    atMs: atMs + at,
  }))
  const names = after(...acts)
    .list()
    .map(({ name }) => name)
  expect(names).toHaveLength(entrancesKept)
  expect([names[0], names.at(-1)]).toEqual([`u${entrancesKept + 4}`, 'u5'])
})

it('makes a person of who has no alert, without a severity', () => {
  const entrances = after({ user: 'carl', subresource: 'attach', atMs })
  const time = '2026-12-01T10:00:00.000Z'
  expect(finish(personViews([], entrances.list(), undefined))).toEqual([
    {
      name: 'carl',
      as: [],
      from: ['10.1.2.3'],
      sessions: 0,
      alerts: 0,
      firstSeen: time,
      lastSeen: time,
      containers: [],
      entrances: [
        { kind: 'attach', place: 'shop/web-0', container: 'web', from: '10.1.2.3', began: time },
      ],
    },
  ])
  expect(finish(personViews([], entrances.list(), 'alice'))).toEqual([])
})
