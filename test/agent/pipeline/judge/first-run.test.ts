import { beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import { act, type Where } from '../../../fixtures/event-fixture.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }
const keeper = '/usr/local/bin/book-keeper'
const job = '/usr/local/bin/close-books'
const dash = '/usr/bin/dash'

/** A version that has learned, and whose image ships a script that its window did not show. */
class Learned {
  nowMs = Date.parse('2026-11-24T13:40:00Z')
  readonly #registry = registryWith({ rules, now: () => this.nowMs })
  readonly #judging = judgingWith({ registry: this.#registry, now: () => this.nowMs })
  readonly alerts: AlertStore = this.#judging.alerts

  constructor(shown: readonly ActEvent[] = []) {
    this.show(act.file('/srv/books/today.tsv', ['read'], { exe: dash, script: keeper }), ...shown)
    this.nowMs += 5_000
    endWindow(this.#registry, this.#registry.index.findOne('shop/web'), rules, this.nowMs)
  }

  /** Returns what sinks get of the events. */
  show(...events: ActEvent[]): readonly Alert[] {
    this.alerts.drainChanged()
    for (const event of events)
      this.#judging.stage.judge({ messages: [{ type: 'event', event }], source: 'file' })
    const changed = this.alerts.drainChanged().map(({ alert }) => alert)
    return changed.filter(({ novelty }) => novelty !== true)
  }

  get open(): readonly Alert[] {
    return this.alerts.list({ limit: 200 })
  }
}

/** The script itself, and a program that it runs. */

const script = (more: Where = {}): Where => ({
  exe: dash,
  script: job,
  pid: 70,
  ppid: 7,
  ancestors: [keeper],
  ...more,
})
const child = (exe: string, more: Where = {}): Where => ({
  exe,
  pid: 71,
  ppid: 70,
  ancestors: [job, keeper],
  ...more,
})
const start = (more: Where = {}): ActEvent => act.exec(dash, script(more))

describe('a script of the image that the window did not show', () => {
  let world: Learned
  beforeEach(() => {
    world = new Learned()
  })

  const nightly = (container = 'c1'): ActEvent[] => [
    start({ container }),
    act.file('/srv/books/closed/1.tsv', ['create', 'write'], script({ container })),
    act.exec('/usr/bin/gzip', child('/usr/bin/gzip', { container })),
    act.file('/srv/books/closed/1.tsv', ['delete'], child('/usr/bin/gzip', { container })),
  ]

  it('is one alert with what it and its programs do', () => {
    world.show(...nightly())
    expect(world.open).toMatchObject([
      {
        type: 'deviation',
        severity: 'medium',
        cause: { place: job, firstRun: true, names: 4 },
        samples: [
          { text: expect.stringContaining(job) },
          { text: 'write /srv/books/closed/1.tsv' },
          { text: 'run /usr/bin/gzip' },
          { text: 'delete /srv/books/closed/1.tsv' },
        ],
      },
    ])
    expect(world.open[0]?.reasons[0]).toBe(
      `\`${job}\` did not run during the window: changes files in 1 folder, runs 2 programs; the latest: delete /srv/books/closed/1.tsv`,
    )
  })

  it('has what is new in a later run, and counts what is not', () => {
    world.show(...nightly(), ...nightly())
    expect(world.open).toMatchObject([{ count: 8, cause: { names: 4 } }])
    const [again] = world.show(act.connect('203.0.113.9', 443, script({ pid: 90, ppid: 70 })))
    expect(again?.id).toBe(world.open[0]?.id)
    expect(again?.reasons[0]).toContain('the latest: connect to tcp 203.0.113.9:443')
  })

  it('has applets of one program', () => {
    world.show(
      ...nightly(),
      act.run('/bin/busybox', ['mkdir', '/srv/a'], child('/bin/busybox')),
      act.run('/bin/busybox', ['/bin/gzip', '1.tsv'], child('/bin/busybox')),
    )
    expect(world.open).toMatchObject([{ cause: { names: 6 } }])
  })

  it('is another alert in each container', () => {
    world.show(...nightly(), ...nightly('c2'))
    expect(world.open.map(({ container }) => container?.id)).toEqual(['c2', 'c1'])
  })

  it('has one more for files of unknown kinds, however many programs write them', () => {
    world.show(
      ...nightly(),
      act.file('/srv/books/index', ['create'], script()),
      act.file('/srv/books/books.sqlite-part', ['create'], child('/usr/bin/sqlite3')),
      act.syscall('utimensat', child('/usr/bin/sqlite3'), '/srv/books/index'),
    )
    expect(world.open.map(({ cause }) => [cause?.place, cause?.names])).toEqual([
      [job, 3],
      [job, 4],
    ])
  })

  it.each<[string, ActEvent]>([
    ['a command', act.run('/bin/sh', ['sh', '-c', 'curl evil'], child('/bin/sh'))],
    ['a shell that reads its input', act.run('/bin/sh', ['sh'], child('/bin/sh'))],
    ['an applet that does', act.run('/bin/busybox', ['sh'], child('/bin/busybox'))],
    ['a secret that it reads', act.file('/etc/shadow', ['read'], script(), { shipped: true })],
    ['a script that it drops', act.file('/srv/www/shell.php', ['create'], script())],
    ['a hidden file', act.file('/srv/books/.profile', ['create'], script())],
    ['code that the image did not ship', act.exec('/tmp/dropped', child('/tmp/dropped'), true)],
    ['a shell on a socket', act.exec('/bin/sh', { ...child('/bin/sh'), socketStdio: true })],
    ['a way to root', act.identity(101, 0, script())],
    ['a system call', act.syscall('ptrace', script())],
    [
      'what the kernel stopped',
      { ...act.connect('203.0.113.9', 443, script()), enforced: 'killed' },
    ],
    [
      'what the service does, by the names of the same programs',
      act.connect('203.0.113.9', 443, child('/usr/bin/gzip', { pid: 700, ppid: 699 })),
    ],
    ['a program beside it', act.connect('203.0.113.9', 443, { exe: '/usr/bin/gzip', pid: 71 })],
    ['what a session does', act.connect('203.0.113.9', 443, script({ origin: 'exec-in' }))],
  ])('has %s reported by itself', (_, event) => {
    world.show(...nightly())
    const before = world.open.map(({ id }) => id)
    const fresh = world.show(event).filter(({ id }) => !before.includes(id))
    expect(fresh.length).toBeGreaterThan(0)
    expect(fresh.every(({ cause }) => cause?.firstRun === undefined)).toBe(true)
    expect(world.open.find(({ id }) => id === before[0])?.cause?.names).toBe(4)
  })

  it.each<[string, ActEvent]>([
    ['a foreign program', act.exec('/tmp/dropped', child('/tmp/dropped', { pid: 72 }), true)],
    ['a command', act.run('/bin/sh', ['sh', '-c', 'curl evil'], child('/bin/sh', { pid: 72 }))],
  ])('has what %s that it runs does reported by itself', (_, started) => {
    world.show(...nightly())
    // The process wrote a file before it became the other program.
    world.show(act.file('/srv/books/closed/1.tsv', ['create'], script({ pid: 72, ppid: 70 })))
    const names = world.open.find(({ cause }) => cause?.firstRun === true)?.cause?.names
    const below: Where = { pid: 73, ppid: 72, ancestors: ['/tmp/dropped', job, keeper] }
    world.show(
      started,
      act.connect('198.51.100.7', 443, child('/bin/sh', { pid: 72 })),
      act.exec('/usr/bin/curl', { exe: '/usr/bin/curl', ...below }),
      act.connect('203.0.113.9', 443, { exe: '/usr/bin/curl', ...below }),
    )
    expect(world.open.find(({ cause }) => cause?.firstRun === true)?.cause?.names).toBe(names)
    expect(world.open.filter(({ cause }) => cause?.firstRun !== true)).toHaveLength(4)
  })

  it('is followed only where its start is in its alert', () => {
    const onSocket = start({ socketStdio: true })
    world.show(onSocket, act.connect('203.0.113.9', 443, script()))
    expect(world.open.map(({ cause }) => cause?.firstRun)).toEqual([undefined, undefined])
  })

  it('is no first run where the container wrote it', () => {
    const written = {
      ...start(),
      exec: { path: dash, drift: false, script: job, scriptDrift: true },
    }
    world.show(written as ActEvent, act.connect('203.0.113.9', 443, script()))
    expect(world.open.map(({ cause }) => cause?.firstRun)).toEqual([undefined, undefined])
  })

  it.each<[string, readonly ActEvent[]]>([
    ['as another user', [start({ uid: 7 })]],
    ['by another parent', [start({ ancestors: ['/usr/sbin/cron'] })]],
    ['by a program that it ran', [act.exec('/usr/bin/gzip', child('/usr/bin/gzip'))]],
    ['by a file that it read', [act.file('/srv/books/today.tsv', ['read'], script())]],
  ])('is no first run of a script that the window showed %s', (_, shown) => {
    const other = new Learned(shown)
    other.show(
      start(),
      act.connect('203.0.113.9', 443, script()),
      act.exec('/usr/bin/find', child('/usr/bin/find', { pid: 99, ppid: 70 })),
    )
    expect(other.open.length).toBeGreaterThan(0)
    expect(other.open.filter(({ cause }) => cause?.firstRun === true)).toEqual([])
  })

  it('is no first run of a program: what that does is in its arguments', () => {
    world.show(
      act.exec('/usr/bin/curl', { exe: '/usr/bin/curl', pid: 70, ancestors: [keeper] }),
      act.connect('203.0.113.9', 443, { exe: '/usr/bin/curl', pid: 70, ancestors: [keeper] }),
    )
    expect(world.open.map(({ cause }) => cause?.firstRun)).toEqual([undefined, undefined])
  })

  it('keeps its latest processes: also the thousandth is a part', () => {
    world.show(...nightly())
    const programs = Array.from({ length: 1_000 }, (_, n) =>
      child('/usr/bin/gzip', { pid: 100 + n, ppid: 99 + n === 99 ? 70 : 99 + n }),
    )
    for (const one of programs) world.show(act.file('/srv/books/closed/1.tsv', ['delete'], one))
    world.show(act.connect('203.0.113.9', 443, child('/usr/bin/gzip', { pid: 1_100, ppid: 1_099 })))
    expect(world.open).toHaveLength(1)
  })
})
