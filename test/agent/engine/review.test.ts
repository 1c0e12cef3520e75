import { afterEach, describe, expect, it } from 'vitest'
import { parseEvent } from '../../../src/core/event/parse-event.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { BehaviourView } from '../../../src/api/profile-views.ts'
import { loadAttacks } from '../../../src/support/config/load-attacks.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import { act, type Where } from '../../fixtures/event-fixture.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  type WorldOptions,
  begin,
  judged,
} from '../../fixtures/daemon-fixtures.ts'

const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
const image = 'shop/web'
const by = { who: 'cli:root' }
const why = { ...by, reason: 'an intruder was in' }
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function started(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = daemonWorld(options)
  worlds.push(world)
  await world.start()
  for (const container of [a, b]) world.source.emit(begin(world, container))
  return world
}

const inSession: Where = { container: a, origin: 'exec-in', session: 'session-1', uid: 0 }

async function reports(world: DaemonWorld, ...events: ActEvent[]): Promise<void> {
  for (const { image: _, ...event } of events) {
    const time = new Date(world.now()).toISOString()
    world.source.emit(eventMessage({ ...event, time } as ActEvent))
  }
  await judged()
}

/** Learns one behaviour of each container and one of a session, then sets mode alert. */
async function learned(options: WorldOptions = {}): Promise<DaemonWorld> {
  const world = await started(options)
  await reports(
    world,
    act.exec('/bin/both', { container: a }),
    act.exec('/bin/both', { container: b }),
    act.exec('/bin/only-b', { container: b }),
    act.exec('/bin/sh', inSession),
    act.file('/etc/shadow', ['read'], { container: a }),
  )
  await world.engine.endLearning(image, by)
  world.advance(5_000)
  return world
}

async function row(world: DaemonWorld, text: string): Promise<BehaviourView | undefined> {
  return (await world.engine.profile(image)).behaviours.find((each) => each.text === text)
}

async function idOf(world: DaemonWorld, text: string): Promise<string> {
  const found = await row(world, text)
  if (found === undefined) throw new Error(`no behaviour \`${text}\``)
  return found.id
}

async function alertOf(world: DaemonWorld, event: ActEvent) {
  await reports(world, event)
  const [alert] = await world.engine.alerts({ limit: 1 })
  if (alert === undefined) throw new Error('no alert')
  return alert
}

it('has no decision on record where nothing waited to be approved', async () => {
  const world = await learned()
  const approvals = async (): Promise<number> =>
    (await world.engine.audit(100)).filter(({ what }) => what === 'approve').length
  await reports(world, act.exec('/bin/new', { container: a }))
  await world.engine.approve(image, undefined, by)
  const before = await approvals()
  expect(before).toBe(1)
  const { decided } = await world.engine.approve(image, undefined, by)
  expect(decided).toEqual([])
  expect(await approvals()).toBe(before)
})

describe('forgetting', () => {
  it('removes a container by the prefix of its id and returns the removed behaviours', async () => {
    const world = await learned()
    const result = await world.engine.forget(image, { container: 'bbbb' }, why)
    expect(result.gone.map(({ text }) => text)).toEqual(['run /bin/only-b'])
    expect(result.lessened).toEqual([await idOf(world, 'run /bin/both')])
    expect(result.acts).toBe(2)
    expect((await row(world, 'run /bin/both'))?.containers).toEqual([a])
    const [alert] = [await alertOf(world, act.exec('/bin/only-b', { container: b }))]
    expect(alert.behaviour?.text).toBe('run /bin/only-b')
  })

  it('removes the container from the data of the coverage estimate', async () => {
    const world = await learned()
    world.source.emit({ type: 'container-ended', id: b, time: new Date(world.now()).toISOString() })
    await judged()
    const before = (await world.engine.image(image)).versions[0]?.containers
    await world.engine.forget(image, { container: b }, by)
    expect(before).toEqual({ running: 1, seen: 2, before: 0 })
    expect((await world.engine.image(image)).versions[0]?.containers).toEqual({
      running: 1,
      seen: 1,
      before: 0,
    })
  })

  it('counts one that still runs as one whose start was not observed', async () => {
    const world = await learned()
    await world.engine.forget(image, { container: a }, by)
    const { containers } = (await world.engine.image(image)).versions[0] ?? {}
    expect(containers).toEqual({ running: 2, seen: 2, before: 1 })
  })

  it('sends the kernel a profile without the forgotten behaviours', async () => {
    const world = await learned()
    const before = world.control.all('profile').length
    await world.engine.forget(image, { container: b }, by)
    // Decisions in quick succession are sent to the kernel together.
    await expect.poll(() => world.control.all('profile').length).toBeGreaterThan(before)
  })

  it('has the kernel ask again while the version learns', async () => {
    const world = await started()
    await reports(world, act.exec('/bin/only-b', { container: b }))
    const scope = world.control.last('assign')?.scope ?? 0
    await world.engine.forget(image, { container: b }, by)
    expect(world.control.last('assign')?.scope).toBeGreaterThan(scope)
    expect(await row(world, 'run /bin/only-b')).toBeUndefined()
  })

  it('removes a span of time, and marks it as not observed', async () => {
    const world = await started()
    await reports(world, act.exec('/bin/early', { container: a }))
    world.advance(300_000)
    const from = new Date(world.now()).toISOString()
    await reports(world, act.exec('/bin/late', { container: a }))
    const result = await world.engine.forget(image, { between: { from, to: from } }, by)
    expect(result.gone.map(({ text }) => text)).toEqual(['run /bin/late'])
    expect(result.from?.slice(0, 23)).toBe(from.slice(0, 23))
    expect(await row(world, 'run /bin/early')).toBeDefined()
    const losses = (await world.engine.image(image)).versions[0]?.losses
    expect(losses?.map(({ reason, count }) => [reason, count])).toEqual([['forgotten', 1]])
  })

  it('outlives the daemon', async () => {
    const store = new MemoryStore()
    const world = await learned({ store })
    await world.engine.forget(image, { container: b }, by)
    const ids = (await world.engine.profile(image)).behaviours.map(({ id }) => id)
    const stored = (await store.load()).versions[0]?.behaviours.map(({ id }) => id)
    expect(stored?.toSorted()).toEqual(ids.toSorted())
  })

  it.each([
    [{ container: 'nobody' }, 'EVIDENCE_UNKNOWN'],
    [{ session: 'none' }, 'EVIDENCE_UNKNOWN'],
    [{ between: { from: '2026-11-24T13:00:00Z', to: '2026-11-24T12:00:00Z' } }, 'DECISION_INVALID'],
  ] as const)('%j is refused', async (choice, code) => {
    const world = await learned()
    await expect(world.engine.forget(image, choice, by)).rejects.toMatchObject({ code })
  })

  it('refuses a beginning that several containers have', async () => {
    const world = await started()
    const other = `${'a'.repeat(63)}c`
    await reports(
      world,
      act.exec('/bin/x', { container: a }),
      act.exec('/bin/x', { container: other }),
    )
    world.source.emit(begin(world, other))
    await judged()
    await reports(world, act.exec('/bin/x', { container: other }))
    const refused = world.engine.forget(image, { container: 'aaa' }, by)
    await expect(refused).rejects.toMatchObject({ code: 'EVIDENCE_UNKNOWN' })
  })
})

describe('a dry run', () => {
  it('shows the effects of a decision, and changes nothing', async () => {
    const world = await learned()
    await alertOf(world, act.exec('/bin/nc', inSession))
    const audited = async () => (await world.engine.audit(100)).length
    const before = { audit: await audited(), profile: await world.engine.profile(image) }

    const approved = await world.engine.approve(image, undefined, by, { dryRun: true })
    const forgotten = await world.engine.forget(image, { container: b }, by, true)
    const incident = await world.engine.incident(image, 'session-1', why, true)
    const only = await idOf(world, 'run /bin/only-b')
    const rejected = await world.engine.reject(image, [only], by, true)
    const withdrawn = await world.engine.withdraw(image, [only], by, true)

    expect({ audit: await audited(), profile: await world.engine.profile(image) }).toEqual(before)
    expect(rejected.decided).toEqual([only])
    expect(withdrawn.decided).toEqual([only])
    const { decided } = await world.engine.approve(image, undefined, by)
    expect(approved.decided).toEqual(decided)
    expect(await world.engine.incident(image, 'session-1', why)).toMatchObject({
      rejected: incident.rejected,
      alerts: incident.alerts,
      acts: incident.acts,
    })
    expect(await world.engine.forget(image, { container: b }, by)).toMatchObject({
      gone: forgotten.gone,
      acts: forgotten.acts,
    })
  })
})

describe('an incident', () => {
  it('forgets the session, rejects what only it did, and decides its alerts', async () => {
    const world = await learned()
    const alert = await alertOf(world, act.exec('/bin/nc', inSession))
    const result = await world.engine.incident(image, 'session-1', why)
    expect(result.rejected.map(({ text }) => text).toSorted()).toEqual([
      'run /bin/nc',
      'run /bin/sh',
    ])
    expect(await row(world, 'run /bin/nc')).toMatchObject({ state: 'rejected', count: 0 })
    expect(result.alerts).toContain(alert.id)
    expect(world.engine.alert(alert.id).decision).toMatchObject({
      kind: 'rejected',
      reason: why.reason,
    })
  })

  it('keeps behaviours that others had as well', async () => {
    const world = await learned()
    await reports(world, act.exec('/bin/sh', { ...inSession, session: 'session-2' }))
    const result = await world.engine.incident(image, 'session-1', why)
    expect(result.rejected).toEqual([])
    expect((await row(world, 'run /bin/sh'))?.state).toBe('apart')
  })

  it('needs a reason', async () => {
    const world = await learned()
    const refused = world.engine.incident(image, 'session-1', by)
    await expect(refused).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  })
})

describe('a behaviour that a guardrail keeps in quarantine', () => {
  it('is approved only by explicit request', async () => {
    const world = await learned()
    await alertOf(world, act.exec('/bin/new', { container: a }))
    const shadow = await idOf(world, 'read /etc/shadow')
    expect((await row(world, 'read /etc/shadow'))?.state).toBe('quarantined')
    const all = await world.engine.approve(image, undefined, by)
    expect(all.decided).toEqual([await idOf(world, 'run /bin/new')])
    expect(all.quarantined).toBe(1)
    const named = world.engine.approve(image, [shadow], by)
    await expect(named).rejects.toMatchObject({ code: 'DECISION_INVALID' })
    expect((await row(world, 'read /etc/shadow'))?.state).toBe('quarantined')
    const forgottenFields = await world.engine.approve(image, [shadow], by, { quarantined: true })
    expect(forgottenFields).toMatchObject({ decided: [shadow], quarantined: 0 })
    expect((await row(world, 'read /etc/shadow'))?.state).toBe('approved')
  })
})

describe('rejecting', () => {
  it('makes a learned behaviour a deviation', async () => {
    const world = await learned()
    await world.engine.reject(image, [await idOf(world, 'run /bin/both')], why)
    const alert = await alertOf(world, act.exec('/bin/both', { container: a }))
    expect(alert.reasons.join()).toContain(`cli:root rejected this behaviour`)
  })

  it('keeps the event of an alert a deviation when the version learns again', async () => {
    const world = await learned()
    const odd = act.exec('/bin/odd', { container: a })
    const alert = await alertOf(world, odd)
    const decided = await world.engine.rejectAlert(alert.id, why)
    expect(decided.decision).toMatchObject({ kind: 'rejected', reason: why.reason })
    await world.engine.setMode(image, 'learn', by)
    const again = await alertOf(world, odd)
    expect(again.id).not.toBe(alert.id)
    expect(again).toMatchObject({ type: 'deviation', mode: 'learn' })
    expect(again.reasons).toContain('a reviewer rejected this behaviour')
    expect((await row(world, 'run /bin/odd'))?.state).toBe('rejected')
  })

  it('does not affect other behaviours of the same shape', async () => {
    const world = await started()
    const path = (n: number) => `/tmp/30${n}`
    await reports(world, act.file(path(1), ['write'], { container: a }))
    await world.engine.endLearning(image, by)
    const alert = await alertOf(world, act.file(path(2), ['write'], { container: a }))
    await world.engine.rejectAlert(alert.id, by)
    const { profile } = world.daemon.registry.index.findOne(image)
    const states = profile.entries().map(({ id }) => profile.state(id))
    expect(new Set(states)).toEqual(new Set(['learned', 'rejected']))
  })
})

describe('allowing an alert of several causes', () => {
  it('decides none of what another such alert has', async () => {
    const world = await learned()
    const names = ['a/in.csv', 'a/in.php', 'b/in.csv', 'b/in.php']
    const writes = names.map((name) => act.file(`/srv/jobs/${name}`, ['write'], { container: a }))
    await reports(world, ...writes)
    const [code, data] = await world.engine.alerts({ limit: 9, state: 'open' })
    expect([code, data]).toMatchObject([
      { cause: { wide: true, names: 2 } },
      { cause: { wide: true, names: 2 } },
    ])
    await world.engine.allowAlert(data!.id, {}, by)
    const states = await Promise.all(names.map((name) => row(world, `write /srv/jobs/${name}`)))
    expect(states.map((each) => each?.state)).toEqual([
      'approved',
      'pending',
      'approved',
      'pending',
    ])
    const open = (await world.engine.alerts({ limit: 9, state: 'open' })).map(({ id }) => id)
    expect([open.includes(code!.id), open.includes(data!.id)]).toEqual([true, false])
  })
})

describe('an allowance for one workload', () => {
  const of = (name: string): ActEvent => ({
    ...act.exec('/bin/odd', { container: a }),
    workload: { namespace: 'shop', kind: 'Deployment', name },
  })

  it('makes the behaviour expected there and nowhere else, and keeps the version from blocking', async () => {
    const world = await learned()
    const alert = await alertOf(world, of('web'))
    await world.engine.allowAlert(alert.id, { workload: true }, by)
    const { deviation } = { ...world.daemon.inflow.counters }
    await reports(world, of('web'))
    expect(world.daemon.inflow.counters.deviation).toBe(deviation)
    await reports(world, of('batch'))
    await reports(world, act.exec('/bin/odd', { container: a }))
    expect(world.daemon.inflow.counters.deviation).toBe(deviation + 2)
    await expect(world.engine.setMode(image, 'block', by)).rejects.toMatchObject({
      code: 'MODE_REFUSED',
    })
  })

  it('is refused for a user that the event does not have', async () => {
    const world = await learned()
    const alert = await alertOf(world, act.exec('/bin/odd', { container: a, uid: 101 }))
    const refused = world.engine.allowAlert(alert.id, { onlyUid: 0 }, by)
    await expect(refused).rejects.toMatchObject({ code: 'DECISION_INVALID' })
    await world.engine.allowAlert(alert.id, { onlyUid: 101 }, by)
    expect((await row(world, 'run /bin/odd'))?.state).toBe('approved')
  })

  it('is refused where the workload is not known', async () => {
    const world = await learned()
    const alert = await alertOf(world, act.exec('/bin/odd', { container: a }))
    const refused = world.engine.allowAlert(alert.id, { workload: true }, by)
    await expect(refused).rejects.toMatchObject({ code: 'DECISION_INVALID' })
  })
})

describe('every decision', () => {
  it('is on record with who, why, before and after, in a chain that holds', async () => {
    const store = new MemoryStore()
    const world = await learned({ store })
    const both = await idOf(world, 'run /bin/both')
    await world.engine.reject(image, [both], why)
    await world.engine.setMode(image, 'learn', by)
    await world.engine.record('token-create', { who: 'token:ops' }, { name: 'ci' })
    const [token, mode, , reject] = await world.engine.audit(10)
    expect(token).toMatchObject({ what: 'token-create', who: 'token:ops', name: 'ci' })
    expect(mode).toMatchObject({
      what: 'mode',
      before: { state: 'enforced', mode: 'alert' },
      after: { state: 'learning', mode: 'learn' },
    })
    expect(reject).toMatchObject({
      what: 'reject',
      who: 'cli:root',
      reason: why.reason,
      changes: [{ behaviour: both, before: 'learned', after: 'rejected' }],
    })
    expect(await world.engine.verifyAudit()).toMatchObject({ ok: true, faults: [] })
  })

  it('that was changed on disk is reported when the daemon starts', async () => {
    const store = new MemoryStore()
    const world = await learned({ store })
    const [entry] = await world.engine.audit(1)
    await world.stop()
    worlds.pop()
    const id = String(entry?.seq).padStart(12, '0')
    await store.batch([{ kind: 'audit', id, value: { ...entry, who: 'token:somebody' } }])
    const next = daemonWorld({ store })
    worlds.push(next)
    await next.start()
    expect(next.engine.status().degraded.join()).toMatch(/^audit: .*STORE_DAMAGED/)
    expect(await next.engine.verifyAudit()).toMatchObject({ ok: false })
  })
})

describe('the back-test of an edit', () => {
  it('reports what would alert and what would not, and changes nothing', async () => {
    const world = await learned()
    await reports(world, act.exec('/bin/new', { container: a, count: 3 }))
    const [both, fresh] = [await idOf(world, 'run /bin/both'), await idOf(world, 'run /bin/new')]
    const before = JSON.stringify((await world.engine.profile(image)).behaviours)
    const result = await world.engine.testEdit(image, {
      allow: [{ behaviour: fresh }],
      reject: [both.slice(0, 12)],
    })
    expect(result.fires.map(({ id, count }) => [id, count])).toEqual([[both, 2]])
    expect(result.quiets.map(({ id, count }) => [id, count])).toEqual([[fresh, 3]])
    expect(result.attacks).toEqual([])
    expect(result.permissive.after.allowed).toBe(result.permissive.before.allowed)
    expect(JSON.stringify((await world.engine.profile(image)).behaviours)).toBe(before)
  })

  it('names the witnesses of a shape one by one', async () => {
    const world = await started()
    const path = (n: number) => `/tmp/30${n}`
    await reports(
      world,
      act.file(path(1), ['write'], { container: a }),
      act.file(path(2), ['write'], { container: b }),
      act.file(path(1), ['rename'], { container: a }, { to: path(3) }),
    )
    const result = await world.engine.testEdit(image, { forget: [{ container: b }] })
    expect(result.judged).toBe(3)
    expect(result.fires.map(({ literal }) => literal)).toEqual([path(2)])
  })

  it('reports an attack that would be expected', async () => {
    const world = await started()
    const trace = loadAttacks().find(({ name }) => name === 'a preload file')
    const [first] = trace?.events ?? []
    if (first?.kind !== 'file') throw new Error('no trace of a preload file')
    await reports(
      world,
      act.exec('/bin/both', { container: a }),
      act.file(first.file.path, first.file.access, { container: a }),
    )
    const { behaviours } = await world.engine.profile(image)
    const ids = behaviours.filter(({ state }) => state === 'quarantined').map(({ id }) => id)
    expect(ids.length).toBeGreaterThan(0)
    const without = await world.engine.testEdit(image, {})
    expect(without.attacks).toEqual([])
    const allow = ids.map((behaviour) => ({ behaviour }))
    const result = await world.engine.testEdit(image, { allow })
    expect(result.attacks).toEqual([
      {
        name: 'a preload file',
        attack: trace?.attack,
        actor: '/usr/sbin/nginx',
        uid: 101,
        already: false,
      },
    ])
    expect(result.permissive).toMatchObject({ before: { attacks: 0 }, after: { attacks: 1 } })
  })
})

describe('the attacks that ship', () => {
  const traces = loadAttacks()

  it('are events with a technique each', () => {
    expect(traces.length).toBeGreaterThanOrEqual(20)
    for (const { name, attack, service, events } of traces) {
      expect(attack.length, name).toBeGreaterThan(0)
      expect(attack.every((id) => /^T\d{4}(\.\d{3})?$/.test(id))).toBe(true)
      expect(events.length, name).toBeGreaterThan(0)
      for (const event of events) expect(() => parseEvent({ ...event })).not.toThrow()
      const all = JSON.stringify(events)
      expect(all.includes(service) || all.includes('/usr/bin/dash'), name).toBe(true)
    }
  })
})

describe('undoing an entry of the audit', () => {
  const lastEntry = async (world: DaemonWorld): Promise<number> =>
    (await world.engine.audit(1))[0]!.seq

  it('withdraws a decision that is still in force, once, and is audited itself', async () => {
    const world = await learned()
    const id = await idOf(world, 'run /bin/only-b')
    await world.engine.reject(image, [id], by)
    const seq = await lastEntry(world)
    expect((await row(world, 'run /bin/only-b'))?.state).toBe('rejected')
    expect(await world.engine.undo(seq, by)).toMatchObject({ what: 'reject', behaviours: [id] })
    expect((await row(world, 'run /bin/only-b'))?.state).toBe('learned')
    const [entry] = await world.engine.audit(1)
    expect(entry).toMatchObject({ what: 'withdraw', reason: `undoes entry ${seq}` })
    await expect(world.engine.undo(seq, by)).rejects.toMatchObject({ code: 'UNDO_REFUSED' })
  })

  it('is refused where somebody decided on the same since, and changes nothing', async () => {
    const world = await learned()
    const id = await idOf(world, 'run /bin/only-b')
    await world.engine.reject(image, [id], by)
    const seq = await lastEntry(world)
    world.advance(1_000)
    await world.engine.approve(image, [id], { who: 'token:ada' })
    await expect(world.engine.undo(seq, by)).rejects.toMatchObject({ code: 'UNDO_REFUSED' })
    expect((await row(world, 'run /bin/only-b'))?.state).toBe('approved')
  })

  it('is refused for other audit entries, and where there is no such entry', async () => {
    const world = await learned()
    await world.engine.setMode(image, 'learn', by)
    for (const seq of [await lastEntry(world), 99_999]) {
      await expect(world.engine.undo(seq, by)).rejects.toMatchObject({ code: 'UNDO_REFUSED' })
    }
  })

  it('opens an alert again that it had decided', async () => {
    const world = await learned()
    await reports(world, act.exec('/bin/odd', { container: a }))
    const { id } = (await world.engine.alerts({ limit: 1 }))[0]!
    await world.engine.ackAlert(id, 'known', by)
    expect(await world.engine.undo(await lastEntry(world), by)).toMatchObject({ alert: id })
    expect(world.engine.alert(id).decision).toBeUndefined()
  })
})
