import { beforeEach, describe, expect, it } from 'vitest'
import type { ActEvent, LossEvent, SnugEvent } from '../../../../src/core/event/event.ts'
import type { DeployedVersion } from '../../../../src/agent/records/versions/deployed-version.ts'
import { learnedKept } from '../../../../src/agent/pipeline/judge/event-memory.ts'
import type { ShippedPair } from '../../../../src/agent/records/versions/image-delta.ts'
import {
  behaviourKey,
  type BehaviourKey,
  type SourceControl,
} from '../../../../src/agent/pipeline/sources/source.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import { identityOf } from '../../../fixtures/identity-fixtures.ts'
import { endWindow, judgingWith } from '../../../fixtures/judging.ts'
import { registryWith } from '../../../fixtures/version-registry.ts'

const start = Date.parse('2026-11-24T13:40:00Z')
const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }

class World {
  nowMs = start
  pair: ShippedPair | undefined
  readonly assigned: [string, number][] = []
  readonly known: [number, readonly BehaviourKey[]][] = []
  readonly vanished: string[] = []
  readonly registry = registryWith({ rules, now: () => this.nowMs })
  readonly #judging = judgingWith({
    registry: this.registry,
    shippedBy: () => this.pair,
    now: () => this.nowMs,
  })
  readonly stage = this.#judging.stage
  readonly alerts = this.#judging.alerts
  readonly outcomes = this.#judging.outcomes
  readonly control: SourceControl = {
    assign: () => {},
    known: (scope, keys) => this.known.push([scope, keys]),
    filter: () => {},
    flush: () => {},
  }

  constructor() {
    const { events } = this.registry
    events.on('container-started', ({ scope }, container) => this.assigned.push([container, scope]))
    events.on('inherited-expired', (_, gone) => this.vanished.push(...gone.map(({ id }) => id)))
  }

  feed(...events: SnugEvent[]): void {
    const messages = events.map((event) => ({ type: 'event' as const, event }))
    this.stage.judge({ messages, source: 'file' })
  }

  feedKeyed(event: ActEvent, key: string): void {
    const message = { type: 'event' as const, event, key: behaviourKey(key) }
    this.stage.judge({ messages: [message], source: 'ebpf', control: this.control })
  }

  sight(key: string, containerId: string, count: number): void {
    const time = '2026-11-24T13:40:30.000000Z'
    const countUpdate = { key: behaviourKey(key), containerId, count, first: time, last: time }
    this.stage.judge({
      messages: [{ type: 'count-update', countUpdate, identity: undefined as never }],
      source: 'ebpf',
    })
  }

  version(digest = 'sha256:aa'): DeployedVersion {
    return this.registry.index.findOne(`shop/web@${digest}`)
  }

  endWindow(digest?: string): void {
    const version = this.version(digest)
    this.nowMs += 5_000
    endWindow(this.registry, version, rules, this.nowMs)
  }

  get texts(): (string | undefined)[] {
    return this.alerts.list({ limit: 100 }).map(({ behaviour }) => behaviour?.text)
  }
}

function ofVersion(event: ActEvent, digest: string): ActEvent {
  return { ...event, image: { repository: 'shop/web', digest } }
}

describe('the judge stage', () => {
  let world: World
  beforeEach(() => {
    world = new World()
  })

  it('learns without alerts, then alerts on behaviours that it did not learn', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'), act.connect('10.0.0.7', 5432))
    expect(world.outcomes).toEqual(['learned', 'learned'])
    world.endWindow()
    world.feed(act.file('/etc/nginx/nginx.conf'), act.connect('10.0.0.9', 4444))
    expect(world.outcomes.slice(2)).toEqual(['expected', 'deviation'])
    expect(world.texts).toEqual(['connect to tcp 10.0.0.9:4444'])
    const [alert] = world.alerts.list({ limit: 1 })
    expect(alert?.nearest?.text).toContain('10.0.0.7:5432')
    expect(alert?.reasons[0]).toContain('has never connected to')
  })

  it('alerts on a guardrail while it learns, and does not learn the behaviour', () => {
    const shadow = act.file('/etc/shadow', ['read'], { exe: '/bin/cat' }, { shipped: true })
    world.feed(act.file('/etc/nginx/nginx.conf'), shadow)
    expect(world.alerts.list({ limit: 9 }).map(({ type }) => type)).toEqual(['guardrail'])
    world.endWindow()
    world.feed(shadow)
    expect(world.outcomes.at(-1)).toBe('deviation')
    expect(world.alerts.list({ limit: 9 })[0]?.count).toBe(2)
  })

  it('keeps behaviours of an exec session apart from the service', () => {
    world.feed(
      act.file('/etc/nginx/nginx.conf'),
      act.exec('/usr/bin/curl', { exe: '/usr/bin/curl', origin: 'exec-in', session: 's1' }),
    )
    expect(world.alerts.size).toBe(0)
    world.endWindow()
    world.feed(act.exec('/usr/bin/curl', { exe: '/usr/bin/curl' }))
    expect(world.texts).toEqual(['run /usr/bin/curl'])
  })

  it('alerts for a new version only on behaviours that its image does not explain', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    world.endWindow()
    world.pair = {
      now: (path) => (path === '/usr/bin/new-tool' ? 'content' : undefined),
      before: () => undefined,
    }
    world.feed(
      ofVersion(act.file('/etc/nginx/nginx.conf'), 'sha256:bb'),
      ofVersion(act.exec('/usr/bin/new-tool'), 'sha256:bb'),
      ofVersion(act.connect('203.0.113.9', 443), 'sha256:bb'),
    )
    expect(world.outcomes.slice(1)).toEqual(['expected', 'learned', 'deviation'])
    expect(world.texts).toEqual(['connect to tcp 203.0.113.9:443'])
    expect(world.version('sha256:bb').life.state).toBe('learning')
  })

  it('alerts on what a changed program of a new version does', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    world.endWindow()
    // The program itself is another one in the new image.
    world.pair = { now: () => 'new', before: () => 'old' }
    const of = (event: ActEvent) => ofVersion(event, 'sha256:bb')
    const attack = [
      act.connect('203.0.113.9', 443),
      act.listen('0.0.0.0', 4444),
      act.exec('/bin/sh'),
      act.identity(101, 0),
      act.syscall('ptrace'),
      act.file('/srv/data/written', ['create']),
    ].map(of)
    world.feed(...attack)
    expect(world.outcomes.slice(1)).toEqual(attack.map(() => 'deviation'))
    world.feed(of(act.file('/etc/changed.conf')))
    expect(world.outcomes.at(-1)).toBe('learned')
  })

  it('alerts on the data and secrets of the image that a new program reads, beside its start', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    world.endWindow()
    const by = (exe: string, path: string) => act.file(path, ['read'], { exe }, { shipped: true })
    world.feed(
      act.exec('/usr/bin/od'),
      by('/usr/bin/od', '/lib/libc.so.6'),
      by('/usr/bin/od', '/root/.ssh/id_rsa'),
      by('/usr/bin/nl', '/srv/secret/customers'),
      by('/usr/bin/nl', '/srv/orders.csv'),
    )
    expect(world.texts).toEqual([
      'read /srv/orders.csv',
      'read /srv/secret/customers',
      'read /root/.ssh/id_rsa',
      'run /usr/bin/od',
    ])
  })

  it('learns nothing again when a known digest comes back', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    world.endWindow()
    world.feed(ofVersion(act.file('/etc/nginx/nginx.conf'), 'sha256:bb'))
    const size = world.version('sha256:aa').profile.size
    world.feed(act.file('/etc/nginx/nginx.conf', ['read'], { container: 'c9' }))
    expect(world.outcomes.at(-1)).toBe('expected')
    expect(world.version('sha256:aa').profile.size).toBe(size)
    expect(world.version('sha256:aa').life.state).toBe('enforced')
  })

  it('sends the source the keys it may suppress, and never that of a deviation', () => {
    world.feedKeyed(act.file('/etc/nginx/nginx.conf'), 'k1')
    world.endWindow()
    world.feedKeyed(act.connect('10.0.0.9', 4444), 'k2')
    const { scope } = world.version()
    expect(world.known).toEqual([[scope, ['k1']]])
  })

  it('adds suppressed repeats to the evidence where expected, and to the alert where not', () => {
    world.feedKeyed(act.file('/etc/nginx/nginx.conf'), 'k1')
    world.sight('k1', 'c1', 41)
    const [entry] = world.version().profile.entries()
    expect(entry?.cells[0]?.count).toBe(42)
    world.endWindow()
    world.feedKeyed(act.connect('10.0.0.9', 4444), 'k2')
    world.sight('k2', 'c1', 9)
    expect(world.alerts.list({ limit: 1 })[0]?.count).toBe(10)
  })

  it('counts a count update without a matching event instead of dropping it', () => {
    world.sight('k7', 'nobody', 5)
    expect(world.registry.unplacedCountUpdates).toBe(5)
  })

  it('adds a loss to the evidence of the version it covers, and raises an alert', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    const loss: LossEvent = {
      v: 1,
      kind: 'loss',
      time: '2026-11-24T13:41:00.000000Z',
      node: 'n1',
      source: 'ebpf',
      loss: {
        reason: 'ring',
        count: 12,
        from: '2026-11-24T13:40:50.000000Z',
        to: '2026-11-24T13:41:00.000000Z',
      },
    }
    world.feed(loss)
    expect(world.version().losses.spans).toEqual([loss.loss])
    const [alert] = world.alerts.list({ limit: 1 })
    expect(alert?.type).toBe('loss')
    expect(alert?.count).toBe(12)
  })

  it('gives a loss the severity of what it may hide, which rises as more is lost', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    const lose = (reason: string, count: number) => {
      const time = '2026-11-24T13:41:00.000000Z'
      const loss = { reason, count, from: time, to: time }
      world.feed({ v: 1, kind: 'loss', time, node: 'n1', source: 'ebpf', loss })
      return world.alerts.list({ limit: 1 })[0]
    }
    expect(lose('file-gone', 4)).toMatchObject({ severity: 'low', count: 4 })
    expect(lose('file-gone', 200)).toMatchObject({ severity: 'medium', count: 204 })
    expect(lose('file-gone', 1)).toMatchObject({ severity: 'medium', count: 205 })
    expect(lose('too-many-containers', 1)).toMatchObject({ severity: 'medium' })
    const version = world.version()
    version.life = { ...version.life, state: 'enforced', mode: 'block' }
    expect(lose('too-many-containers', 1)).toMatchObject({ severity: 'high', count: 2 })
    expect(lose('ring-full', 1)).toMatchObject({ severity: 'medium' })
    expect(world.alerts.size).toBe(3)
  })

  it('alerts on guardrails for a container whose image is unknown', () => {
    const { image: _, ...unknown } = act.file('/etc/shadow', ['read'], { exe: '/bin/cat' })
    world.feed(unknown as ActEvent)
    expect(world.outcomes).toEqual(['unprofiled'])
    expect(world.alerts.list({ limit: 1 })[0]?.mode).toBe('unprofiled')
  })

  it('raises no second alert for files of the image that an alerted program then reads', () => {
    world.feed(act.file('/etc/nginx/nginx.conf'))
    world.endWindow()
    world.feed(
      act.exec('/bin/sh'),
      act.file('/lib/libc.so.6', ['read'], { exe: '/bin/sh' }, { shipped: true }),
      act.file('/var/secret', ['read'], { exe: '/bin/sh' }),
    )
    expect(world.texts).toEqual(['read /var/secret', 'run /bin/sh'])
  })
})

describe('an error while an event is judged', () => {
  it('costs that event, which is on record as a loss, and the next one is judged', () => {
    const world = new World()
    const broken = act.exec('/bin/broken')
    Object.defineProperty(broken, 'process', {
      get() {
        throw new Error('broken')
      },
    })
    world.feed(act.exec('/bin/one'), broken, act.exec('/bin/two'))
    expect(world.stage.failures).toBe(1)
    expect(world.outcomes).toEqual(['learned', 'loss', 'learned'])
    const reasons = world.registry.losses.spans.map(({ reason }) => reason)
    expect(reasons).toEqual(['judging-failed'])
  })
})

describe('a flood of names while a version learns', () => {
  const name = (n: number): string => `/srv/${letters(n)}/${letters(n * 7 + 3)}`
  const letters = (n: number): string => {
    let [text, rest] = ['', n * 48_271 + 11]
    for (let at = 0; at < 6; at += 1) {
      text += String.fromCharCode(97 + (rest % 26))
      rest = Math.floor(rest / 26) + n * 31
    }
    return text
  }

  it('ends at the bound: further events are a loss, and the evidence is incomplete', () => {
    const world = new World()
    const flood = learnedKept + 500
    for (let n = 0; n < flood; n += 1) world.feed(act.file(name(n), ['read']))
    const version = world.registry.index.findOne('shop/web')
    expect(version.profile.ownSize).toBeLessThanOrEqual(learnedKept + 1)
    const [loss] = version.losses.spans
    expect(loss).toMatchObject({ reason: 'profile-full', count: world.stage.unrecorded })
    expect(world.stage.unrecorded).toBeGreaterThan(0)
    const [alert] = world.alerts.list({ limit: 1 })
    expect(alert).toMatchObject({ type: 'loss', count: world.stage.unrecorded })
    world.feed(act.file(name(0), ['read']))
    const known = version.profile
      .entries()
      .find(({ object }) => JSON.stringify(object).includes(name(0)))
    expect(known?.cells[0]?.count).toBe(2)
    const { unrecorded } = world.stage
    const evidence = world.registry.lifecycle.evidence(version, world.nowMs)
    expect(evidence).toMatchObject({ lost: unrecorded, lastLossReason: 'profile-full', unrecorded })
    version.started(identityOf('c2'), {
      id: 'c2',
      cgroup: '',
      time: alert?.time ?? '',
      before: false,
    })
    world.nowMs += rules.ceilingMs + 1
    world.registry.lifecycle.tick()
    expect(version.life).toMatchObject({
      state: 'incomplete',
      holes: `the profile is full, and ${unrecorded} events did not fit into it`,
    })
  })
})
