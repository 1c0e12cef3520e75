import fc from 'fast-check'
import { expect, it } from 'vitest'
import { severities } from '../../src/core/event/alert-words.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { Access } from '../../src/core/event/event-words.ts'
import { recordFilter } from '../../src/agent/pipeline/delivery/filter.ts'
import { act, type Where } from '../fixtures/event-fixture.ts'
import { identityOf } from '../fixtures/identity-fixtures.ts'
import { endWindow, judgingWith } from '../fixtures/judging.ts'
import { cases } from '../fixtures/random-cases.ts'
import { registryWith } from '../fixtures/version-registry.ts'

/**
 * An adversary who has read the source: first a window, then up to 1,000 acts of a container and its replicas, then the one
 * that matters. What a sink gets about that one is never less than without the acts before it.
 */
const start = Date.parse('2026-11-24T13:40:00Z')
const rules = { floorMs: 1_000, ceilingMs: 60_000, unseen: 1, after: 'alert' as const }
const containers = ['c1', 'c2', 'c3', 'c4', 'c5']

const program = fc.constantFrom('/usr/bin/python3', '/usr/sbin/nginx')
const folder = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'anna', 'boris'), { minLength: 1, maxLength: 5 })
  .chain((names) => fc.constantFrom('/srv', '/var/lib/app').map((top) => [top, ...names].join('/')))
const name = fc
  .tuple(
    fc.nat(400),
    fc.constantFrom('.csv', '.txt', '.pdf', '.php', '.sh', '.yml', '.phar', '', '.x'),
  )
  .map(([n, kind]) => `n${n}x${kind}`)
const path = fc.tuple(folder, name).map((parts) => parts.join('/'))
interface By extends Where {
  readonly exe: string
  readonly container: string
}
/** A script of the image that the window may not show: who starts it first has an alert open for what follows. */
const job = '/usr/local/bin/close-books'
const shell = 70
const ofJob = (at: By): By => ({ ...at, pid: 71, ppid: shell, ancestors: [job] })
const by: fc.Arbitrary<By> = fc
  .record({ exe: program, container: fc.constantFrom(...containers) })
  .chain((at) => fc.constantFrom(at, ofJob(at)))
const startOfJob = ({ container }: By): ActEvent =>
  act.exec('/usr/bin/dash', { exe: '/usr/bin/dash', script: job, container, pid: shell })

function fileActs(at: By): fc.Arbitrary<ActEvent> {
  const changed = fc
    .tuple(path, fc.constantFrom<Access>('write', 'create', 'delete'))
    .map(([subject, access]) => act.file(subject, [access], at))
  const made = folder.map((subject) => act.file(subject, ['create'], at))
  const renamed = fc.tuple(path, path).map(([from, to]) => act.file(from, ['rename'], at, { to }))
  return fc.oneof(changed, made, renamed)
}

function otherActs(at: By): fc.Arbitrary<ActEvent> {
  return fc.oneof(
    path.map((subject) => act.file(subject, ['read'], at)),
    fc.integer({ min: 1, max: 60_000 }).map((port) => act.connect('10.0.0.7', port, at)),
    fc.integer({ min: 1, max: 60_000 }).map((port) => act.listen('0.0.0.0', port, at)),
    fc.constantFrom(33, 34, 1_001, 1_017).map((uid) => act.identity(0, uid, at)),
    fc.constantFrom('/home/a', '/home/b', '/home/c').map((to) => act.syscall('chroot', at, to)),
    fc.constantFrom('CAP_CHOWN', 'CAP_FOWNER').map((one) => act.capability(one, { ...at, uid: 0 })),
    fc.constantFrom('id', 'sh', 'nc').map((one) => act.exec(`/usr/bin/${one}`, at)),
  )
}

const acts = (at: By): fc.Arbitrary<ActEvent> => fc.oneof(fileActs(at), otherActs(at))

/** Many names of one kind: what hides best is the same sort of act in great numbers. */
const flood = (at: By): fc.Arbitrary<readonly ActEvent[]> =>
  fc
    .tuple(folder, fc.constantFrom('.csv', '.txt', '.php', ''), fc.integer({ min: 1, max: 200 }))
    .map(([below, kind, times]) =>
      Array.from({ length: times }, (_, n) => act.file(`${below}/f${n}x${kind}`, ['write'], at)),
    )

const onAll = (event: ActEvent): readonly ActEvent[] =>
  containers.map((id) => ({ ...event, container: { id } }))

/** Mostly one program of one container, and others beside it. */
const history = (at: By): fc.Arbitrary<readonly ActEvent[]> =>
  fc
    .array(
      fc.oneof(
        acts(at).map((one) => [one]),
        flood(at),
        fc.constant([startOfJob(at)]),
        by.chain(acts).map((one) => [one]),
        acts(at).map(onAll),
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.flat().slice(0, 1_000))

const window = fc.array(by.chain(acts), { maxLength: 40 })

const attack = by.chain((at) =>
  fc
    .record({ window, before: history(at), last: acts(at), isOnAll: fc.boolean() })
    .map(({ isOnAll, before, ...rest }) => ({
      ...rest,
      before: isOnAll ? [...before, ...onAll(rest.last)] : before,
    })),
)

class World {
  nowMs = start
  readonly #registry = registryWith({ rules, now: () => this.nowMs })
  readonly #judging = judgingWith({
    registry: this.#registry,
    now: () => this.nowMs,
    room: { capacity: 10_000, each: 20 },
  })

  constructor(learned: readonly ActEvent[]) {
    this.feed(learned)
    this.feed([act.file('/srv/app/first', ['read'])])
    const version = this.#registry.index.findOne('shop/web@sha256:aa')
    for (const id of containers) {
      const identity = { ...identityOf(id), image: version.image }
      const time = new Date(this.nowMs).toISOString()
      this.#registry.containerStarted(identity, { id, cgroup: '', time, before: false })
    }
    this.nowMs += 5_000
    endWindow(this.#registry, version, rules, this.nowMs)
  }

  feed(events: readonly ActEvent[]): void {
    for (const event of events) {
      this.nowMs += 50
      const timed = { ...event, time: new Date(this.nowMs).toISOString() }
      this.#judging.stage.judge({ messages: [{ type: 'event', event: timed }], source: 'file' })
    }
  }

  get outcome(): string | undefined {
    return this.#judging.outcomes.at(-1)
  }

  /** New or changed alerts since the last call. */
  changed(): readonly Alert[] {
    return this.#judging.alerts.drainChanged().map(({ alert }) => alert)
  }
}

const rank = ({ severity }: Alert): number => severities.indexOf(severity)
const gravest = (alerts: readonly Alert[]): number => Math.max(-1, ...alerts.map(rank))
const toSink = recordFilter({}, 'summary', 'medium')

/** The judgement on the last act, and the alerts that it changed. */
function outcomeOf(learned: readonly ActEvent[], before: readonly ActEvent[], last: ActEvent) {
  const world = new World(learned)
  world.feed(before)
  world.changed()
  world.feed([last])
  return { outcome: world.outcome, alerts: world.changed() }
}

it('no act of a container or its replicas makes a later one more ordinary, nor keeps it from a sink', () => {
  const sent = (alerts: readonly Alert[]): number =>
    gravest(alerts.filter((alert) => toSink(alert)))
  fc.assert(
    fc.property(attack, ({ window: learned, before, last }) => {
      const alone = outcomeOf(learned, [], last)
      const after = outcomeOf(learned, before, last)
      expect(after.outcome).toBe(alone.outcome)
      expect(gravest(after.alerts)).toBeGreaterThanOrEqual(gravest(alone.alerts))
      expect(sent(after.alerts)).toBeGreaterThanOrEqual(sent(alone.alerts))
    }),
    { numRuns: cases(200) },
  )
})

it('the severity of an open alert never falls', () => {
  fc.assert(
    fc.property(window, by.chain(history), (learned, before) => {
      const world = new World(learned)
      const seen = new Map<string, number>()
      for (const event of before) {
        world.feed([event])
        for (const alert of world.changed()) {
          expect(rank(alert)).toBeGreaterThanOrEqual(seen.get(alert.id) ?? 0)
          seen.set(alert.id, rank(alert))
        }
      }
    }),
    { numRuns: cases(100) },
  )
})
