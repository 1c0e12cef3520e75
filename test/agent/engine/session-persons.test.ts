import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { type SessionPerson, sessionsOfAlert } from '../../../src/core/person/session-person.ts'
import { personBounds, settleMs } from '../../../src/agent/evidence/session-persons.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { type AuditedAct, auditLine } from '../../fixtures/audit-lines.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
  type WorldOptions,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const container = 'a'.repeat(64)
/** Long enough after the agent for a session to be certain. */
const quietMs = 60_000
let folder: string
let log: string
let world: DaemonWorld

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snug-persons-'))
  log = join(folder, 'audit.log')
})
afterEach(async () => {
  await world.stop()
  rmSync(folder, { recursive: true })
})

async function start(options: WorldOptions = { auditLog: log }): Promise<void> {
  world = daemonWorld(options)
  await world.start()
  world.containers.report({
    ...identityOf(container),
    name: 'web-0/web',
    workload: { namespace: 'shop', kind: 'StatefulSet', name: 'web', pod: 'web-0' },
  })
  world.containers.atOnce.add(container)
  const time = new Date(world.now()).toISOString()
  world.source.emit({
    type: 'container-started',
    container: { id: container, cgroup: '', time, before: false },
  })
  world.advance(quietMs)
  if (existsSync(log)) await until('the log', () => world.daemon.auditLog?.isReadable === true)
}

async function until(what: string, isThere: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs
  while (!isThere()) {
    if (Date.now() > deadline) throw new Error(`${what} did not come`)
    await delay(10)
  }
}

/** A session that begins with a program that the image did not ship. */
function session(name: string, args: readonly string[] = ['sh'], path = '/tmp/sh'): ActEvent {
  const event = act.run(path, args, { origin: 'exec-in', session: name, container })
  const time = new Date(world.now()).toISOString()
  return { ...event, time, kind: 'exec', exec: { path, drift: true } }
}

async function emit(...events: readonly ActEvent[]): Promise<void> {
  world.source.emit(...events.map(eventMessage))
  await judged()
}

function logs(...acts: readonly Omit<AuditedAct, 'atMs'>[]): void {
  const lines = acts.map((of) => auditLine({ atMs: world.now() - 50, ...of }))
  appendFileSync(log, lines.join(''))
}

/** Until this many lines of the log are read. */
async function read(lines: number): Promise<void> {
  await until(`${lines} lines`, () => {
    const { request = 0, other = 0, unreadable = 0 } = world.daemon.auditLog?.counts ?? {}
    return request + other + unreadable >= lines
  })
}

function persons(): Readonly<Record<string, SessionPerson>> {
  const all = world.daemon.alerts.newestFirst.flatMap(({ whole }) => whole.sessions ?? [])
  return Object.fromEntries(all.map(({ id, person }) => [id, person]))
}

it('an alert of a session gets its person once the audit log has the request', async () => {
  writeFileSync(log, '')
  await start()
  await emit(session('s1'))
  expect(persons()).toEqual({ s1: { certainty: 'unknown', why: 'waiting', candidates: 0 } })
  logs({ user: 'alice' })
  await read(1)
  world.advance(settleMs)
  expect(persons()['s1']).toMatchObject({ name: 'alice', certainty: 'certain', from: '10.1.2.3' })
})

it('each of two sessions in one alert has its person', async () => {
  writeFileSync(log, '')
  await start()
  logs({ user: 'alice', command: ['tool', 'a'] }, { user: 'bob', command: ['tool', 'b'] })
  await emit(session('s1', ['tool', 'b'], '/tmp/tool'), session('s2', ['tool', 'a'], '/tmp/tool'))
  await read(2)
  world.advance(settleMs)
  expect(world.daemon.alerts.size).toBe(1)
  expect(persons()).toMatchObject({ s1: { name: 'bob' }, s2: { name: 'alice' } })
})

it('two persons with one command at one moment are both unknown', async () => {
  writeFileSync(log, '')
  await start()
  logs({ user: 'alice' }, { user: 'bob' })
  await emit(session('s1'), session('s2'))
  await read(2)
  world.advance(settleMs)
  const none = { certainty: 'unknown', why: 'several-persons', candidates: 2 }
  expect(persons()).toEqual({ s1: none, s2: none })
})

it('a line that comes minutes later names the person, or takes a name back', async () => {
  writeFileSync(log, '')
  await start()
  await emit(session('s1'))
  world.advance(settleMs)
  expect(persons()).toMatchObject({ s1: { why: 'no-request' } })
  const atMs = world.now() - settleMs - 50
  world.advance(120_000)
  appendFileSync(log, auditLine({ user: 'alice', atMs }))
  await read(1)
  world.advance(1_000)
  expect(persons()).toMatchObject({ s1: { name: 'alice' } })
  appendFileSync(log, auditLine({ user: 'bob', atMs }))
  await read(2)
  world.advance(1_000)
  expect(persons()).toMatchObject({ s1: { why: 'several-persons', candidates: 2 } })
  expect(world.daemon.persons.counts).toEqual({ certain: 0, likely: 0, unknown: 1 })
})

it('later alerts of the session have its person, and events of the service have none', async () => {
  writeFileSync(log, '')
  await start()
  logs({ user: 'alice' })
  await emit(session('s1'))
  await read(1)
  world.advance(settleMs)
  const later = act.run('/tmp/later', ['later'], { origin: 'exec-in', session: 's1', container })
  const own = act.run('/tmp/own', ['own'], { container })
  await emit(
    { ...later, kind: 'exec', exec: { path: '/tmp/later', drift: true } },
    { ...own, kind: 'exec', exec: { path: '/tmp/own', drift: true } },
  )
  const of = (path: string): Alert | undefined =>
    world.daemon.alerts.newestFirst
      .map(({ whole }) => whole)
      .find(({ behaviour }) => behaviour?.object.includes(path))
  expect(of('/tmp/later')?.sessions).toMatchObject([{ id: 's1', person: { name: 'alice' } }])
  expect(of('/tmp/own')?.sessions).toBeUndefined()
})

it('a log that is rotated, torn, doubled and damaged names the same person', async () => {
  await start()
  await emit(session('s1'))
  world.advance(settleMs)
  expect(persons()).toMatchObject({ s1: { why: 'no-source' } })
  const line = auditLine({ user: 'alice', atMs: world.now() - settleMs - 50 })
  const half = line.length >> 1
  writeFileSync(log, `{"kind":"Event"}\nnot JSON\n${line.slice(0, half)}`)
  await read(2)
  appendFileSync(log, `${line.slice(half)}${line}${'x'.repeat(2_000_000)}\n`)
  await read(5)
  // A node that never had the file has no fault.
  expect(world.daemon.faults.has('audit log')).toBe(false)
  renameSync(log, `${log}.1`)
  await until('the fault', () => world.daemon.faults.has('audit log'))
  writeFileSync(log, line)
  await read(6)
  world.advance(settleMs)
  expect(persons()).toMatchObject({ s1: { name: 'alice', certainty: 'certain', candidates: 1 } })
  expect(world.daemon.auditLog?.counts).toEqual({ request: 3, other: 2, unreadable: 1 })
  expect(world.daemon.faults.has('audit log')).toBe(false)
})

it('a person is likely after a loss of events, or of sessions', async () => {
  writeFileSync(log, '')
  await start()
  const time = new Date(world.now()).toISOString()
  const loss = { reason: 'ring', count: 1, from: time, to: time }
  world.source.emit({
    type: 'event',
    event: { v: 1, kind: 'loss', time, node: 'n1', source: 'ebpf', loss },
  })
  logs({ user: 'alice' })
  await emit(session('s1'))
  await read(1)
  world.advance(settleMs)
  expect(persons()).toMatchObject({ s1: { name: 'alice', certainty: 'likely' } })
})

it('a flood of sessions names nobody wrongly, and leaves none waiting', async () => {
  writeFileSync(log, '')
  await start({ auditLog: log, alertsKept: 1_000 })
  const { ofPod } = personBounds.sessions
  const all = Array.from({ length: ofPod + 50 }, (_, at) =>
    session(`s${at}`, ['tool', String(at)], `/tmp/tool${at}`),
  )
  logs(...all.map((_, at) => ({ user: `user${at}`, command: ['tool', String(at)] })))
  await emit(...all)
  await read(all.length)
  await world.daemon.inflow.settled()
  world.advance(settleMs)
  const { certain, likely, unknown } = world.daemon.persons.counts
  expect({ certain, all: likely + unknown }).toEqual({ certain: 0, all: all.length })
  expect(likely).toBeGreaterThan(ofPod - 60)
  // One alert stands for most of them.
  const named = Object.entries(persons())
  expect(named.length).toBeGreaterThan(sessionsOfAlert)
  expect(Object.keys(persons())).toContain(`s${all.length - 1}`)
  for (const [id, person] of named) {
    if (person.certainty === 'unknown') expect(person.why).toBe('more-sessions')
    else expect(person.name).toBe(id.replace('s', 'user'))
  }
})

it('what is known survives a restart, and what was waited for is known after it', async () => {
  writeFileSync(log, '')
  const store = new MemoryStore()
  await start({ auditLog: log, store })
  logs({ user: 'alice' })
  await emit(session('s1'))
  await read(1)
  world.advance(settleMs)
  await emit(session('s2', ['other'], '/tmp/other'))
  const atMs = world.now()
  await world.stop()
  writeFileSync(log, auditLine({ user: 'bob', command: ['other'], atMs: atMs - 50 }))
  world = daemonWorld({ auditLog: log, store, startMs: atMs + 2_000 })
  await world.start()
  await read(1)
  world.advance(settleMs)
  expect(persons()).toMatchObject({
    s1: { name: 'alice', certainty: 'certain' },
    s2: { name: 'bob', certainty: 'likely' },
  })
})

it('one person’s alerts can be listed, and one view has what they did in which containers', async () => {
  writeFileSync(log, '')
  await start()
  logs(
    { user: 'alice', command: ['a'], more: { impersonatedUser: { username: 'deployer' } } },
    { user: 'alice', command: ['b'] },
    { user: 'bob', command: ['c'] },
  )
  await emit(
    session('s1', ['a'], '/tmp/a'),
    session('s2', ['b'], '/tmp/b'),
    session('s3', ['c'], '/tmp/c'),
  )
  await read(3)
  world.advance(settleMs)
  const of = async (person: string) => world.engine.alerts({ person, limit: 10 })
  expect((await of('alice')).flatMap(({ process }) => process?.args)).toEqual(['b', 'a'])
  expect(await of('deployer')).toEqual([])
  const persons = await world.engine.persons()
  expect(persons.map(({ name }) => name).sort()).toEqual(['alice', 'bob'])
  expect(await world.engine.persons('alice')).toMatchObject([
    {
      name: 'alice',
      as: ['deployer'],
      from: ['10.1.2.3'],
      sessions: 2,
      alerts: 2,
      containers: [{ id: container, place: 'shop/web', sessions: 2, alerts: 2 }],
    },
  ])
  const { incidents } = await world.engine.incidents({ limit: 10 })
  expect(incidents.flatMap((incident) => incident.persons)).toEqual(
    expect.arrayContaining(['alice', 'bob']),
  )
  const { rows } = await world.engine.page.alertRows({ offset: 0, limit: 10, q: 'bob' })
  expect(rows.map((row) => row.persons)).toEqual([['bob']])
  expect(await world.engine.page.story(rows[0]?.id ?? '')).toMatchObject({
    persons: ['bob from 10.1.2.3 (certain)'],
  })
})

it('of a session in Docker, and without an audit log, nobody is named', async () => {
  await start({})
  await emit(session('s1'))
  expect(persons()).toEqual({ s1: { certainty: 'unknown', why: 'no-source', candidates: 0 } })
})
