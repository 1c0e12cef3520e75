import { beforeEach, describe, expect, it } from 'vitest'
import type { Alert } from '../../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import type { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import { componentKept } from '../../../../src/agent/records/alerts/cause-fold.ts'
import { act, type Where } from '../../../fixtures/event-fixture.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }
const announce = '/usr/local/bin/announce'
const old = '/usr/sbin/nginx'

/** A version that has learned, and a second one of which the image also brings `announce`. */
class Upgraded {
  nowMs = Date.parse('2026-11-24T13:40:00Z')
  readonly #registry = registryWith({ rules, now: () => this.nowMs })
  readonly #judging = judgingWith({
    registry: this.#registry,
    now: () => this.nowMs,
    shippedBy: () => ({
      now: (path) =>
        [announce, '/usr/bin/curl', '/bin/sh', old].includes(path) ? path : undefined,
      before: (path) => (['/usr/bin/curl', '/bin/sh', old].includes(path) ? path : undefined),
    }),
  })
  readonly alerts: AlertStore = this.#judging.alerts

  constructor() {
    this.#feed(act.file('/etc/nginx/nginx.conf'))
    this.endWindow('sha256:aa')
  }

  /** Events of containers of the second version; returns what sinks get of them. */
  show(...events: ActEvent[]): readonly Alert[] {
    this.alerts.drainChanged()
    for (const event of events)
      this.#feed({ ...event, image: { repository: 'shop/web', digest: 'sha256:bb' } })
    const changed = this.alerts.drainChanged().map(({ alert }) => alert)
    return changed.filter(({ novelty }) => novelty !== true)
  }

  endWindow(digest = 'sha256:bb'): void {
    this.nowMs += 5_000
    endWindow(this.#registry, this.version(digest), rules, this.nowMs)
  }

  version(digest = 'sha256:bb') {
    return this.#registry.index.findOne(`shop/web@${digest}`)
  }

  get open(): readonly Alert[] {
    return this.alerts.list({ limit: 200 })
  }

  #feed(event: ActEvent): void {
    this.#judging.stage.judge({ messages: [{ type: 'event', event }], source: 'file' })
  }
}

const by = (container = 'c1'): Where => ({ exe: announce, container })
const usual = (container = 'c1') => [
  act.exec(announce, { exe: old, container }),
  act.exec('/usr/bin/curl', by(container)),
  act.run('/bin/sh', ['sh', '-c', 'date'], by(container)),
  act.file('/var/lib/announce/state.csv', ['create', 'write'], by(container)),
  act.connect('203.0.113.9', 443, by(container)),
]

describe('a program that a new version brings', () => {
  let world: Upgraded
  beforeEach(() => {
    world = new Upgraded()
  })

  it('is one alert with all that it does, in every container', () => {
    world.show(...usual('c1'), ...usual('c2'))
    expect(world.open).toHaveLength(1)
    expect(world.open[0]).toMatchObject({
      type: 'deviation',
      severity: 'medium',
      cause: { access: 'run', place: announce, names: expect.any(Number) },
      behaviour: { text: 'run /usr/bin/curl' },
    })
    expect(world.open[0]?.reasons).toEqual([
      `\`${announce}\` is new in this version: changes files in 1 folder, runs 2 programs, connects to 1 peer; the latest: connect to tcp 203.0.113.9:443`,
      `the new version adds ${announce}`,
    ])
    expect(world.open[0]?.samples?.map(({ text }) => text)).toEqual([
      'run /usr/bin/curl',
      'run /bin/sh -c date …',
      'write /var/lib/announce/state.csv',
      'connect to tcp 203.0.113.9:443',
    ])
  })

  it('rises in severity as it does more, reaches sinks with each further act, and never falls', () => {
    const quiet = act.file('/srv/notes/a.txt', ['read'], by())
    expect(world.show(quiet)).toEqual([])
    expect(world.open).toMatchObject([{ severity: 'low', novelty: true }])
    expect(world.show(act.connect('203.0.113.9', 443, by('c7')))).toMatchObject([
      {
        severity: 'medium',
        behaviour: { text: 'connect to tcp 203.0.113.9:443' },
        event: { kind: 'connect' },
        container: { id: 'c7' },
      },
    ])
    const [again] = world.show(act.connect('198.51.100.7', 4444, by('c9')))
    expect(again?.id).toBe(world.open[0]?.id)
    expect(again?.reasons[0]).toContain(
      'connects to 2 peers; the latest: connect to tcp 198.51.100.7:4444',
    )
    world.show(act.file('/srv/notes/b/b.txt', ['read'], by()))
    expect(world.open).toMatchObject([{ severity: 'medium' }])
    expect(world.open[0]?.novelty).toBeUndefined()
  })

  it.each<[string, ActEvent]>([
    ['a secret that it reads', act.file('/etc/shadow', ['read'], by(), { shipped: true })],
    ['a key that it reads', act.file('/srv/tls/server.key', ['read'], by())],
    ['code that the image did not ship', act.exec('/tmp/dropped', by(), true)],
    ['code that it maps from elsewhere', act.file('/tmp/x.so', ['exec'], by())],
    ['a shell on a socket', act.exec('/bin/sh', { ...by(), socketStdio: true })],
    ['a script that it drops', act.file('/srv/www/shell.php', ['create'], by())],
    ['a program that it drops', act.file('/srv/data/tool', ['create'], by())],
    ['a setting of the system', act.file('/etc/cron.d/job', ['create'], by())],
    ['code of the image', act.file('/usr/bin/curl', ['write'], by(), { shipped: true })],
    ['a way to root', act.identity(101, 0, by())],
    ['a system call', act.syscall('ptrace', by())],
    [
      'a further name of a file',
      act.file('/srv/data/a.csv', ['create'], by(), { to: '/srv/notes/a.txt' }),
    ],
  ])('has %s reported by itself', (_, event) => {
    world.show(...usual())
    const before = world.open.map(({ id }) => id)
    const sent = world.show(event)
    const fresh = sent.filter(({ id }) => !before.includes(id))
    expect(fresh.length).toBeGreaterThan(0)
    expect(fresh.every(({ cause }) => cause?.component === undefined)).toBe(true)
    expect(world.open.find(({ id }) => id === before[0])?.cause?.names).toBe(4)
  })

  it('excuses nothing that an older program does, also where this runs it', () => {
    const acts = (exe: string) => [
      act.connect('203.0.113.9', 443, { exe }),
      act.file('/var/lib/announce/state.csv', ['create'], { exe }),
      act.run('/bin/sh', ['sh', '-c', 'date'], { exe }),
    ]
    world.show(...usual())
    const sent = world.show(...acts(old), ...acts('/usr/bin/curl'))
    expect(
      sent.map(({ process, behaviour }) => `${process?.exe}: ${behaviour?.text}`).sort(),
    ).toEqual(
      [old, '/usr/bin/curl']
        .flatMap((exe) => [
          `${exe}: connect to tcp 203.0.113.9:443`,
          `${exe}: create /var/lib/announce/state.csv`,
          `${exe}: run /bin/sh -c date …`,
        ])
        .sort(),
    )
  })

  it('is a program like any other where the container wrote it', () => {
    const drifted = (event: ActEvent): ActEvent => ({
      ...event,
      process: { ...event.process, drift: true },
    })
    world.show(drifted(act.connect('203.0.113.9', 443, by())))
    expect(world.open.map(({ cause }) => cause?.component)).toEqual([undefined])
  })

  it('has an alert for each further act once a person decided on what it does', () => {
    world.show(...usual())
    const version = world.version()
    const [connect] = version.profile.byActor('connect', announce)
    const decision = { kind: 'approved', by: 'anna', at: '2026-11-24T13:50:00Z' } as const
    version.profile.decideAll([connect!.id], decision)
    const [alert] = world.open
    world.alerts.decide(alert!.id, { kind: 'acknowledged', by: 'anna', at: decision.at })
    world.show(act.connect('198.51.100.7', 4444, by()), act.file('/srv/b/b.csv', ['create'], by()))
    const after = world.open.filter(({ decision: made }) => made === undefined)
    expect(after.map(({ behaviour }) => behaviour?.text)).toEqual([
      'create /srv/b/b.csv',
      'connect to tcp 198.51.100.7:4444',
    ])
    expect(after.every(({ cause }) => cause?.component === undefined)).toBe(true)
  })

  it('has an alert for each further act once the window of the version has ended', () => {
    world.show(...usual())
    world.endWindow()
    const [alert] = world.show(act.connect('198.51.100.7', 4444, by()))
    expect(alert?.cause?.component).toBeUndefined()
    expect(alert?.behaviour?.text).toBe('connect to tcp 198.51.100.7:4444')
  })

  it('has no room for an endless number of acts: what comes after them is reported as usual', () => {
    const peers = Array.from({ length: componentKept + 5 }, (_, n) => `203.0.113.${n + 1}`)
    world.show(...peers.map((peer) => act.connect(peer, 443, by())))
    const [component, ...others] = world.open.toReversed()
    expect(component?.cause?.component).toHaveLength(componentKept)
    expect(component?.samples).toHaveLength(componentKept)
    expect(others.map(({ behaviour }) => behaviour?.text)).toEqual(
      peers.slice(componentKept).map((peer) => `connect to tcp ${peer}:443`),
    )
  })
})
