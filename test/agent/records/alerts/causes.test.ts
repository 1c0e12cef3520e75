import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { compareText } from '../../../../src/core/compare-text.ts'
import { recordFilter } from '../../../../src/agent/pipeline/delivery/filter.ts'
import { RecordIds } from '../../../../src/agent/pipeline/alerts/record-ids.ts'
import { allNamesKept, namesKept } from '../../../../src/agent/records/alerts/alert-names.ts'
import { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import {
  figuresEveryMs,
  replicasKept,
} from '../../../../src/agent/records/alerts/replica-groups.ts'
import { act, techniques } from '../../../fixtures/event-fixture.ts'
import { findingOf } from '../../../fixtures/findings.ts'

const nowMs = Date.parse('2026-11-24T13:40:27Z')

function storeOf(capacity = 1_000): AlertStore {
  return new AlertStore({
    node: 'n1',
    capacity,
    ids: new RecordIds(),
    storms: { each: 1_000, withinMs: 60_000, always: 'critical' },
    techniques,
  })
}

const reading = (path: string): ActEvent => act.file(path, ['read'], { exe: '/usr/bin/find' })
const inContainer = (event: ActEvent, id: string): ActEvent => ({
  ...event,
  container: { id: id.repeat(64).slice(0, 64) },
})

describe('alerts of one cause', () => {
  it('are one alert with a count, the first and the latest names, and a proposed place', () => {
    const alerts = storeOf()
    for (let n = 0; n < 100; n += 1)
      alerts.raise(findingOf(reading(`/srv/jobs/job-x${n}.in`)), nowMs)
    const [alert, ...others] = alerts.list({ limit: 9 })
    expect(others).toEqual([])
    expect(alert).toMatchObject({
      count: 100,
      severity: 'low',
      novelty: true,
      cause: { access: 'read', place: '/srv/jobs/', names: 100, proposed: '/srv/jobs/job-x*.in' },
    })
    const names = alert?.samples?.map(({ object }) => object.slice(object.lastIndexOf('/') + 1))
    expect(names).toHaveLength(10)
    expect(names?.[0]).toBe('job-x0.in')
    expect(names?.at(-1)).toBe('job-x99.in')
  })

  it('have fewer samples where names are long, because each further name writes the alert again', () => {
    const alerts = storeOf()
    const folder = `/srv/${'deep/'.repeat(800)}`
    for (let n = 0; n < 100; n += 1)
      alerts.raise(findingOf(reading(`${folder}job-x${n}.in`)), nowMs)
    const [alert] = alerts.list({ limit: 9 })
    expect(alert?.cause).toMatchObject({ names: 100, proposed: `${folder}job-x*.in` })
    const names = alert?.samples?.map(({ object }) => object.slice(object.lastIndexOf('/') + 1))
    expect(names).toEqual(['job-x0.in', 'job-x98.in', 'job-x99.in'])
  })

  it('have the techniques of all their names', () => {
    const alerts = storeOf()
    alerts.raise(findingOf(reading('/home/anna/.my.cnf')), nowMs)
    alerts.raise(findingOf(reading('/home/anna/.sh_history')), nowMs)
    const [alert, ...others] = alerts.list({ limit: 9 })
    expect(others).toEqual([])
    expect(alert?.attack).toEqual(['T1552.001', 'T1552.003'])
  })

  it('of a scan are a few, of which one is named a scan', () => {
    const alerts = storeOf()
    const scanner = { exe: '/usr/bin/probe' }
    for (let port = 1; port <= 2_000; port += 1)
      alerts.raise(findingOf(act.connect('10.0.0.7', port, scanner)), nowMs)
    const found = alerts.list({ limit: 99 })
    expect(found.length).toBeLessThan(15)
    const scans = found.filter(({ attack }) => attack.includes('T1046'))
    expect(scans.map(({ count }) => count)).toEqual([2_000 - (found.length - 1)])
    expect(scans[0]?.reasons.at(-1)).toContain('many different peers and ports')
  })

  it('of a shell are one for each command, and no command hides in that of another', () => {
    const alerts = storeOf()
    const marks = ['fetch', 'pack', 'sort', 'send', 'list', 'drop'].flatMap((verb) =>
      ['mail', 'notes', 'logs', 'plans', 'bills'].map((what) => `${verb} ${what}`),
    )
    const delivered = new Set<string>()
    for (const mark of marks) {
      alerts.raise(findingOf(act.run('/bin/sh', ['sh', '-c', mark], { exe: '/srv/app' })), nowMs)
      for (const { alert } of alerts.drainChanged()) delivered.add(alert.id)
    }
    const found = alerts.list({ limit: 99 })
    expect(delivered.size).toBe(found.length)
    expect(found.map(({ severity }) => severity)).not.toContain('low')
    const single = found.filter(({ cause }) => cause?.wide !== true)
    const [further, ...others] = found.filter(({ cause }) => cause?.wide === true)
    expect([single.length, others.length]).toEqual([12, 0])
    expect(further?.count).toBe(marks.length - single.length)
    const shown = [
      ...single.flatMap(({ behaviour }) => behaviour?.text ?? []),
      ...(further?.samples ?? []).map(({ text }) => text),
    ]
    for (const mark of marks)
      expect(
        shown.filter((text) => text.includes(`'${mark}'`)),
        mark,
      ).toHaveLength(1)
  })

  it('of a client with a few peers are no scan', () => {
    const alerts = storeOf()
    for (let host = 1; host <= 15; host += 1)
      alerts.raise(findingOf(act.connect(`10.0.0.${host}`, 443, {})), nowMs)
    expect(alerts.list({ limit: 99 }).flatMap(({ attack }) => attack)).toEqual([])
  })

  it('of a walk through the whole tree are a handful', () => {
    const alerts = storeOf()
    for (let n = 0; n < 3_000; n += 1) {
      alerts.raise(findingOf(reading(`/${['usr', 'srv', 'etc'][n % 3]}/d${n % 400}/f${n}`)), nowMs)
    }
    expect(alerts.size).toBeLessThanOrEqual(3 * 5)
    expect(alerts.list({ limit: 99 }).reduce((sum, { count }) => sum + count, 0)).toBe(3_000)
    const wide = alerts.list({ limit: 99 }).filter(({ cause }) => cause?.wide === true)
    expect(wide.map(({ cause }) => cause?.place ?? '').sort(compareText)).toEqual([
      '/etc/',
      '/srv/',
      '/usr/',
    ])
  })

  it('have the names of the events as samples, and not the shapes that these are recorded as', () => {
    const alerts = storeOf()
    for (const name of ['draft.txt', 'a-3f2504e0-4f89-41d3-9a0c-0305e82c3301.txt'])
      alerts.raise(findingOf(reading(`/srv/jobs/${name}`)), nowMs)
    const [alert] = alerts.list({ limit: 9 })
    expect(alert?.samples?.map(({ text }) => text)).toEqual([
      'read /srv/jobs/draft.txt',
      'read /srv/jobs/a-3f2504e0-4f89-41d3-9a0c-0305e82c3301.txt',
    ])
  })

  it('is novelty where a program writes to a device that keeps nothing', () => {
    const alerts = storeOf()
    alerts.raise(findingOf(act.file('/dev/null', ['write'])), nowMs)
    alerts.raise(findingOf(act.file('/dev/other', ['write'])), nowMs)
    const graded = alerts
      .list({ limit: 9 })
      .map(({ behaviour, severity }) => [behaviour?.object, severity])
    expect(new Map(graded as [string, string][])).toEqual(
      new Map([
        ['/dev/null', 'low'],
        ['/dev/other', 'medium'],
      ]),
    )
  })

  it('of novelty of the service itself are one alert, which has the samples of all', () => {
    const alerts = storeOf()
    for (let n = 0; n < 6; n += 1) alerts.raise(findingOf(reading(`/srv/d${n}/x`)), nowMs)
    const [alert, ...others] = alerts.list({ limit: 9 })
    expect(others).toEqual([])
    expect(alert).toMatchObject({
      count: 6,
      novelty: true,
      behaviour: { object: '/srv/d0/x' },
      cause: { wide: true, place: '/srv/', names: 6 },
    })
    expect(alert?.samples).toHaveLength(6)
    // What is graver has separate alerts beside it.
    const writes = ['a', 'b/c'].map((folder) => act.file(`/srv/${folder}/x`, ['write']))
    for (const write of writes) alerts.raise(findingOf(write), nowMs)
    expect(alerts.list({ limit: 9 }).map(({ severity }) => severity)).toEqual([
      'medium',
      'medium',
      'low',
    ])
    const session = storeOf()
    const byHand = (path: string): ActEvent => {
      const event = reading(path)
      return { ...event, process: { ...event.process, origin: 'exec-in', session: 's1' } }
    }
    for (let n = 0; n < 6; n += 1)
      session.raise(findingOf(byHand(`/srv${'/d'.repeat(n)}/x`)), nowMs)
    expect(session.size).toBe(5)
  })

  describe('in folders that differ in a name', () => {
    const writing = (path: string): ActEvent => act.file(path, ['write', 'create'])
    const rows = {
      'the last name': ['/srv/jobs/a/out.php', '/srv/jobs/b/out.php', '/srv/jobs/c/out.php'],
      'a name before': ['/srv/a/mail/.x', '/srv/b/mail/.y', '/srv/c/mail/.z'],
      'two names of five': [
        '/srv/mail/a/dir/.x/1.php',
        '/srv/mail/b/dir/.y/2.php',
        '/srv/mail/b/dir/.z/3.php',
      ],
      'names with parts that vary': [
        '/srv/2026-03-17.job/olive.cc3496c0/a.txt',
        '/srv/2026-03-18.job/umber.1f3ddc16/2026-03-19.txt',
        '/srv/2026-03-18.job/64d2208d-d39f-4e9a-8440-9be1499f6a02/b.txt',
      ],
    }

    it.each(Object.entries(rows))('are one alert: %s', (_, paths) => {
      const alerts = storeOf()
      for (const path of paths) alerts.raise(findingOf(writing(path)), nowMs)
      const [alert, ...others] = alerts.list({ limit: 9 })
      expect(others).toEqual([])
      expect(alert).toMatchObject({ count: 3, severity: 'medium', cause: { wide: true, names: 3 } })
      expect(alert?.samples).toHaveLength(3)
      const restarted = storeOf()
      restarted.load(alerts.drainChanged())
      for (const path of paths) restarted.raise(findingOf(writing(path)), nowMs)
      expect(restarted.list({ limit: 9 })).toMatchObject([{ count: 6 }])
    })

    it.each([
      ['kinds of files that do harm', '/srv/jobs/a/out.php', '/srv/jobs/b/.profile'],
      ['depths', '/srv/jobs/a/out.php', '/srv/jobs/a/b/out.php'],
      ['two names of three', '/srv/a/b/out.php', '/srv/c/d/out.php'],
      ['three names', '/srv/a/jobs/a/in/a/out.php', '/srv/b/jobs/b/in/b/out.php'],
      ['folders of the system', '/etc/a/out.php', '/etc/b/out.php'],
      ['programs', '/srv/jobs/a/out.php', '/srv/jobs/b/out.php', '/bin/other'],
    ])('are apart with different %s', (_, one, other, exe = '/bin/cp') => {
      const alerts = storeOf()
      alerts.raise(findingOf(act.file(one, ['write', 'create'], { exe: '/bin/cp' })), nowMs)
      alerts.raise(findingOf(act.file(other, ['write', 'create'], { exe })), nowMs)
      expect(alerts.list({ limit: 9 }).map(({ cause }) => cause?.names)).toEqual([1, 1])
    })

    it('join an open alert also where one beside them was decided on', () => {
      const alerts = storeOf()
      const open = (): readonly (number | undefined)[] =>
        alerts.list({ limit: 9, state: 'open' }).map(({ cause }) => cause?.names)
      const { alert: first } = alerts.raise(findingOf(writing('/srv/x/a/out.php')), nowMs)
      alerts.decide(first.id, { kind: 'acknowledged', by: 'test', at: first.time })
      alerts.raise(findingOf(writing('/srv/y/b/out.php')), nowMs)
      alerts.raise(findingOf(writing('/srv/y/a/out.php')), nowMs)
      expect(open()).toEqual([2])
      // Opened again and decided on once more, it hides nothing that it had in common with the other.
      alerts.reopen(first.id, 0)
      alerts.raise(findingOf(writing('/srv/x/a/2.php')), nowMs)
      alerts.decide(first.id, { kind: 'acknowledged', by: 'test', at: first.time })
      alerts.raise(findingOf(writing('/srv/z/a/out.php')), nowMs)
      expect(open()).toEqual([3])
    })

    it.each([
      ['of data', ['/srv/jobs/a/1.csv', '/srv/jobs/b/2.tsv', '/srv/jobs/c/3.txt'], 1],
      ['of code', ['/srv/jobs/a/1.csv', '/srv/jobs/b/2.php', '/srv/jobs/c/3.sh'], 3],
      ['of libraries', ['/srv/jobs/a/1.csv', '/srv/jobs/b/2.so'], 2],
      ['of settings', ['/srv/jobs/a/1.csv', '/srv/jobs/b/2.conf'], 2],
      ['of secrets', ['/srv/jobs/a/1.csv', '/srv/jobs/b/2.key'], 2],
      ['of programs', ['/srv/jobs/a/1.csv', '/srv/jobs/b/tool'], 2],
      ['that are hidden', ['/srv/jobs/a/1.csv', '/srv/jobs/b/.2'], 2],
    ])('are apart by the kinds of files that matter: %s', (_, paths, number) => {
      const alerts = storeOf()
      for (const path of paths) alerts.raise(findingOf(writing(path)), nowMs)
      expect(alerts.list({ limit: 9 })).toHaveLength(number)
    })

    it('are apart by the kinds of files that matter, also where both have several folders', () => {
      const alerts = storeOf()
      const paths = ['a/1.csv', 'a/2.php', 'b/1.csv', 'b/2.php', 'c/1.csv', 'c/2.php']
      for (const path of paths) alerts.raise(findingOf(writing(`/srv/jobs/${path}`)), nowMs)
      const all = alerts.list({ limit: 9 })
      const kinds = all.map(({ samples }) => samples?.map(({ object }) => object.slice(-4)))
      expect(kinds).toEqual([Array(3).fill('.php'), Array(3).fill('.csv')])
      const restarted = storeOf()
      restarted.load(alerts.drainChanged())
      for (const name of ['d/1.tsv', 'd/2.php'])
        restarted.raise(findingOf(writing(`/srv/jobs/${name}`)), nowMs)
      expect(restarted.list({ limit: 9 }).map(({ cause }) => cause?.names)).toEqual([4, 4])
    })

    it('are one alert where a program removes files, of which some have no extension', () => {
      const alerts = storeOf()
      for (const path of ['/srv/jobs/a/1.csv', '/srv/jobs/b/lock', '/srv/jobs/c/3.tsv'])
        alerts.raise(findingOf(act.file(path, ['delete'])), nowMs)
      alerts.raise(findingOf(act.file('/srv/jobs/d/app.php', ['delete'])), nowMs)
      alerts.raise(findingOf(writing('/srv/jobs/e/tool')), nowMs)
      expect(alerts.list({ limit: 9 }).map(({ cause }) => cause?.names)).toEqual([1, 1, 3])
    })

    it('are a new alert after a decision on the first', () => {
      const alerts = storeOf()
      for (const path of rows['the last name']) alerts.raise(findingOf(writing(path)), nowMs)
      const [alert] = alerts.list({ limit: 9 })
      alerts.decide(alert!.id, { kind: 'acknowledged', by: 'test', at: alert!.time })
      const next = alerts.raise(findingOf(writing('/srv/jobs/d/out.php')), nowMs)
      expect(next).toMatchObject({ fresh: true, alert: { cause: { names: 1 } } })
    })
  })

  it.each([
    {
      name: 'programs',
      events: ['a', 'b', 'c'].map((name) => act.exec(`/bin/${name}`)),
      objects: ['/bin/b', '/bin/a'],
      further: act.exec('/bin/d'),
    },
    {
      name: 'identities',
      events: [33, 34, 35, 36].map((uid) => act.identity(0, uid)),
      objects: ['uid 0 → 35', 'uid 0 → 34', 'uid 0 → 33'],
      further: act.identity(0, 37),
    },
  ])(
    'of other $name are no part of an earlier alert of novelty',
    ({ events, objects, further }) => {
      const novelty = (event: ActEvent) => ({ ...findingOf(event), severity: 'low' as const })
      const alerts = storeOf()
      for (const event of events) alerts.raise(novelty(event), nowMs)
      const open = alerts.list({ limit: 9 })
      expect(open.map(({ behaviour }) => behaviour?.object)).toEqual(
        objects.map((object) => expect.stringContaining(object) as string),
      )
      const at = '2026-11-24T13:41:00.000000Z'
      alerts.decide(open.at(-1)!.id, { kind: 'rejected', by: 'test', at })
      expect(alerts.raise(novelty(further), nowMs).fresh).toBe(true)
    },
  )

  it('continue their counts by the fingerprint of each event, even after a restart', () => {
    const alerts = storeOf()
    const findings = ['a', 'b'].map((name) => findingOf(reading(`/srv/jobs/${name}`)))
    for (const finding of findings) alerts.raise(finding, nowMs)
    const second = findings[1]!.fingerprint
    expect(alerts.repeat(second, 3, '2026-11-24T13:41:00.000000Z')?.count).toBe(5)
    const shared = alerts.sharedFingerprint(second)
    const restarted = storeOf()
    restarted.load(alerts.drainChanged())
    expect(restarted.repeat(shared, 1, '2026-11-24T13:42:00.000000Z')?.count).toBe(6)
    restarted.raise(findingOf(reading('/srv/jobs/c')), nowMs)
    expect(restarted.list({ limit: 9 })).toMatchObject([{ count: 7, cause: { names: 3 } }])
  })

  it('of novelty go on counting the first cause, even after a restart, until a decision', () => {
    const alerts = storeOf()
    const findings = ['a', 'b'].map((folder) => findingOf(reading(`/srv/${folder}/x`)))
    const [first, second] = [findings[0]!, findings[1]!]
    alerts.raise(first, nowMs)
    const before = alerts.sharedFingerprint(first.fingerprint)
    alerts.raise(second, nowMs)
    const later = '2026-11-24T13:41:00.000000Z'
    expect(alerts.repeat(first.fingerprint, 2, later)?.count).toBe(4)
    expect(alerts.repeat(before, 1, later)?.count).toBe(5)
    const restarted = storeOf()
    restarted.load(alerts.drainChanged())
    expect(restarted.repeat(before, 3, later)?.count).toBe(8)
    expect(restarted.raise(first, nowMs)).toMatchObject({ fresh: false, alert: { count: 9 } })
    const again = storeOf()
    again.load(restarted.drainChanged())
    again.raise(findingOf(reading('/srv/a/y')), nowMs)
    const [open] = again.list({ limit: 9 })
    expect(open?.cause?.names).toBe(3)
    again.decide(open!.id, { kind: 'allowed', by: 'test', at: later })
    expect(again.repeat(before, 1, later)).toBeUndefined()
    // A decision on all causes is none on a whole place.
    expect(again.standingDecision(first.cause!, later)).toBeUndefined()
    expect(again.raise(first, nowMs)).toMatchObject({ fresh: true, alert: { cause: { names: 1 } } })
    again.raise(second, nowMs)
    expect(again.list({ limit: 9, state: 'open' }).map(({ count }) => count)).toEqual([2])
  })

  it('remember a bounded number of names, and count every further event as a new one', () => {
    const alerts = storeOf()
    const containers = Math.ceil(allNamesKept / namesKept) + 1
    const bases = Array.from({ length: containers }, (_, container) =>
      findingOf(inContainer(reading(`/srv/jobs/job-x.in`), `${container}-`)),
    )
    const raise = (container: number, name: number) => {
      const base = bases[container]!
      const behaviour = { ...base.behaviour!, id: `b${container}-${name}` }
      return alerts.raise({ ...base, behaviour }, nowMs).alert.cause?.names ?? 0
    }
    for (let container = 0; container < containers; container += 1) {
      for (let name = 0; name < namesKept; name += 1) raise(container, name)
    }
    const known = raise(0, 1)
    expect(raise(0, 1)).toBe(known)
    const last = containers - 1
    const counted = raise(last, namesKept - 1)
    expect(raise(last, namesKept - 1)).toBe(counted + 1)
  })

  it('lose no event, in any order of events', () => {
    const part = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
    const root = fc.constantFrom('srv', 'etc', 'tmp')
    const paths = fc.array(fc.tuple(root, part, part).map((parts) => `/${parts.join('/')}`))
    fc.assert(
      fc.property(paths, (list) => {
        const alerts = storeOf()
        for (const path of list) alerts.raise(findingOf(reading(path)), nowMs)
        const all = alerts.list({ limit: Infinity })
        expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(list.length)
        expect(all.reduce((sum, { cause }) => sum + (cause?.names ?? 0), 0)).toBe(
          new Set(list).size,
        )
      }),
      { numRuns: 50 },
    )
  })

  it('are decided in one step, and later names of the place with them', () => {
    const alerts = storeOf()
    const findings = ['ax', 'bx', 'cx'].map((name) => findingOf(reading(`/srv/jobs/${name}`)))
    for (const finding of findings) alerts.raise(finding, nowMs)
    const [alert] = alerts.list({ limit: 1 })
    const at = '2026-11-24T13:50:00.000Z'
    alerts.decide(alert?.id ?? '', { kind: 'allowed', by: 'me', at })
    const later = findingOf(reading('/srv/jobs/dx'))
    expect(alerts.standingDecision(later.cause!, at)).toMatchObject({ kind: 'allowed', by: 'me' })
    const secret = findingOf(reading('/srv/jobs/.env'))
    expect(alerts.standingDecision(secret.cause!, at)).toBeUndefined()
    alerts.countDecided(later, 1)
    expect(alerts.get(alert?.id ?? '')).toMatchObject({ count: 4, cause: { names: 4 } })
    alerts.reopen(alert?.id ?? '', 0)
    expect(alerts.standingDecision(later.cause!, at)).toBeUndefined()
  })
})

describe('an alert of several causes that a person allows', () => {
  const at = '2026-11-24T13:50:00.000Z'
  const allowed = { kind: 'allowed', by: 'me', at } as const
  const standing = (alerts: AlertStore, path: string): boolean =>
    alerts.standingDecision(findingOf(reading(path)).cause!, at) !== undefined

  it('covers later names of each that has three, also after a restart, until it is undone', () => {
    const alerts = storeOf()
    const names = ['a/1x', 'b/1y', 'a/2x', 'c/1z', 'b/2y', 'a/3x', 'b/3y', 'a/3x']
    for (const name of names) alerts.raise(findingOf(reading(`/srv/jobs/${name}`)), nowMs)
    const [alert, ...others] = alerts.list({ limit: 9 })
    expect(others).toEqual([])
    expect(alert?.cause).toMatchObject({
      wide: true,
      names: 7,
      parts: [
        { place: '/srv/jobs/a/', names: 3 },
        { place: '/srv/jobs/b/', names: 3 },
        { place: '/srv/jobs/c/', names: 1 },
      ],
    })
    expect(standing(alerts, '/srv/jobs/a/4x')).toBe(false)
    alerts.decide(alert!.id, allowed)
    const restarted = storeOf()
    restarted.load(alerts.drainChanged())
    for (const store of [alerts, restarted]) {
      expect(standing(store, '/srv/jobs/a/4x')).toBe(true)
      expect(standing(store, '/srv/jobs/b/4y')).toBe(true)
      expect(standing(store, '/srv/jobs/c/2z')).toBe(false)
      expect(standing(store, '/srv/jobs/d/1')).toBe(false)
      expect(standing(store, '/srv/jobs/a/.env')).toBe(false)
      store.countDecided(findingOf(reading('/srv/jobs/b/4y')), 1)
      expect(store.get(alert!.id).cause).toMatchObject({ names: 8, parts: [{}, { names: 4 }, {}] })
      store.reopen(alert!.id, 0)
      expect(standing(store, '/srv/jobs/a/4x')).toBe(false)
    }
  })

  it('covers none of code and settings, nor beyond the places that it has', () => {
    const alerts = storeOf()
    const paths = Array.from({ length: 40 }, (_, n) => `/srv/jobs/job-${'x'.repeat(n)}/`)
    const folders = [...paths, '/etc/a/', '/etc/b/']
    for (const folder of folders) {
      for (const name of ['x', 'y', 'z']) alerts.raise(findingOf(reading(folder + name)), nowMs)
    }
    for (const { id } of alerts.list({ limit: 9 })) alerts.decide(id, allowed)
    const covered = folders.filter((folder) => standing(alerts, `${folder}w`))
    expect(covered).toEqual(paths.slice(0, 32))
  })

  it('covers what a decision on an alert of each would', () => {
    const part = fc.constantFrom('a', 'b')
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const path = fc.tuple(part, part, name).map((parts) => `/srv/${parts.join('/')}`)
    const paths = fc.array(path, { minLength: 12, maxLength: 24 })
    let covers = 0
    fc.assert(
      fc.property(paths, (list) => {
        const findings = list.map((path) => findingOf(reading(path)))
        const together = storeOf()
        for (const finding of findings) together.raise(finding, nowMs)
        for (const { id } of together.list({ limit: 99 })) together.decide(id, allowed)
        for (const folder of new Set(list.map((path) => path.slice(0, -1)))) {
          const alone = storeOf()
          for (const [i, path] of list.entries()) {
            if (path.startsWith(folder)) alone.raise(findings[i]!, nowMs)
          }
          for (const alert of alone.list({ limit: 9 })) alone.decide(alert.id, allowed)
          const isCovered = standing(together, `${folder}later`)
          expect(isCovered).toBe(standing(alone, `${folder}later`))
          if (isCovered) covers += 1
        }
      }),
      { numRuns: 20 },
    )
    expect(covers).toBeGreaterThan(10)
  })
})

describe('a graver deviation', () => {
  const web = { exe: '/usr/bin/python3' }
  const writing = (path: string): ActEvent => act.file(path, ['write', 'create'], web)
  /** What a sink gets that takes `medium` and above, by the paths of its samples. */
  const sent = (alerts: AlertStore): string => {
    const toSink = recordFilter({ severity: 'medium' }, 'summary')
    const delivered = alerts.drainChanged().flatMap(({ alert }) => (toSink(alert) ? [alert] : []))
    return JSON.stringify(delivered.map(({ samples, behaviour }) => samples ?? [behaviour]))
  }

  it('is not hidden by the names of an alert that was there before', () => {
    const alerts = storeOf()
    const folders = ['a', 'b/b', 'c/c/c', 'd/d/d/d']
    for (const folder of folders) alerts.raise(findingOf(writing(`/srv/${folder}/x.csv`)), nowMs)
    for (let n = 0; n < 20; n += 1)
      alerts.raise(findingOf(writing(`/srv/e/e/e/e/e/n${n}.csv`)), nowMs)
    sent(alerts)
    const { alert, fresh } = alerts.raise(findingOf(writing('/srv/www/shell.php')), nowMs)
    expect(fresh).toBe(true)
    expect(alert).toMatchObject({ severity: 'medium', cause: { names: 1 } })
    expect(sent(alerts)).toContain('/srv/www/shell.php')
  })

  it('never joins novelty of the same cause', () => {
    const alerts = storeOf()
    const finding = findingOf(writing('/srv/jobs/a.csv'))
    alerts.raise({ ...finding, severity: 'low' }, nowMs)
    const { alert, fresh } = alerts.raise(findingOf(writing('/srv/jobs/b.csv')), nowMs)
    expect([fresh, alert.severity]).toEqual([true, 'medium'])
    expect(alerts.list({ limit: 9 }).map(({ severity }) => severity)).toEqual(['medium', 'low'])
  })

  it('keeps its severity however many names follow', () => {
    const alerts = storeOf()
    for (let n = 0; n < 100; n += 1)
      alerts.raise(findingOf(writing(`/srv/jobs/job-x${n}.csv`)), nowMs)
    expect(alerts.list({ limit: 9 })).toMatchObject([{ severity: 'medium', cause: { names: 100 } }])
  })
})

describe('replicas with the same cause', () => {
  it('keep the severity of all their alerts where most of them do it together', () => {
    const alerts = storeOf()
    for (const id of 'abcd') {
      alerts.raise(findingOf(inContainer(act.connect('10.9.9.9', 5432), id), 4), nowMs)
    }
    const severities = alerts.list({ limit: 9 }).map(({ severity }) => severity)
    expect(severities).toEqual(['medium', 'medium', 'medium', 'medium'])
    alerts.tick(nowMs + figuresEveryMs)
    const all = alerts.list({ limit: 9 })
    expect(all.map(({ severity }) => severity)).toEqual(severities)
    expect(all.map(({ replicas }) => replicas)).toEqual(
      Array.from({ length: 4 }, () => ({ shown: 4, running: 4 })),
    )
    expect(all[0]?.reasons.at(-1)).toContain('4 of 4 replicas')
  })

  it('rewrite the alerts of others only where the statement about them changes', () => {
    const alerts = storeOf()
    const raise = (id: string): number => {
      alerts.raise(findingOf(inContainer(act.connect('10.9.9.9', 5432), id), 4), nowMs)
      return alerts.drainChanged().length
    }
    const changed = Array.from({ length: 300 }, (_, n) => raise(`c${n}`))
    // The third is most of four: the two before it state that as well.
    expect(changed.slice(0, 5)).toEqual([1, 1, 3, 1, 1])
    expect(changed.reduce((sum, count) => sum + count)).toBe(302)
    alerts.tick(nowMs + figuresEveryMs)
    // Those that state these figures already are not written again.
    expect(alerts.drainChanged()).toHaveLength(replicasKept - 45)
    const [last] = alerts.list({ limit: 1 })
    expect(last?.replicas).toEqual({ shown: replicasKept, running: 4 })
    expect(last?.reasons.at(-1)).toContain(`${replicasKept} replicas (4 run now)`)
  })

  it('rewrite them once a minute at most, also long after the first', () => {
    const alerts = storeOf()
    const raise = (id: string): void => {
      const event = inContainer(act.connect('10.9.9.9', 5432), id)
      alerts.raise(findingOf({ ...event, time: new Date(nowMs).toISOString() }, 100), nowMs)
    }
    for (const id of ['a', 'b', 'c']) raise(id)
    const laterMs = nowMs + 10 * figuresEveryMs
    for (let ms = nowMs; ms <= laterMs; ms += 1_000) alerts.tick(ms)
    alerts.drainChanged()
    const event = inContainer(act.connect('10.9.9.9', 5432), 'd')
    alerts.raise(findingOf({ ...event, time: new Date(laterMs).toISOString() }, 100), laterMs)
    alerts.tick(laterMs + 1_000)
    expect(alerts.drainChanged()).toHaveLength(1)
    alerts.tick(laterMs + figuresEveryMs)
    // The fourth has its figures from the start.
    expect(alerts.drainChanged()).toHaveLength(3)
  })

  it('raise it where one of many is alone with it once the others had time', () => {
    const alerts = storeOf()
    const time = new Date(nowMs).toISOString()
    const event = { ...inContainer(act.exec('/usr/bin/id'), 'a'), time }
    alerts.raise(findingOf(event, 10), nowMs)
    alerts.tick(nowMs + 299_000)
    expect(alerts.list({ limit: 1 })[0]?.severity).toBe('medium')
    alerts.tick(nowMs + 301_000)
    expect(alerts.list({ limit: 1 })[0]).toMatchObject({
      severity: 'high',
      replicas: { shown: 1, running: 10 },
    })
    expect(alerts.list({ limit: 1 })[0]?.reasons.at(-1)).toContain('1 of 10 replicas')
  })
})

describe('alerts beyond the capacity', () => {
  it('never take the place of graver ones, nor of those of other containers', () => {
    const alerts = storeOf(100)
    const grave = findingOf(
      inContainer(act.file('/etc/shadow', ['read'], { exe: '/bin/cat' }), 'b'),
    )
    const kept = alerts.raise({ ...grave, type: 'guardrail', severity: 'high' }, nowMs).alert.id
    const other = alerts.raise(findingOf(inContainer(reading('/srv/a/b'), 'c')), nowMs).alert.id
    for (let n = 0; n < 1_000; n += 1) {
      const { cause: _, ...alone } = findingOf(reading('/srv/x/y'))
      alerts.raise({ ...alone, fingerprint: `f${n}` }, nowMs)
    }
    expect(alerts.size).toBe(100)
    expect([alerts.has(kept), alerts.has(other)]).toEqual([true, true])
    expect(alerts.drainEvicted()).toBe(902)
    expect(alerts.drainEvicted()).toBe(0)
  })
})
