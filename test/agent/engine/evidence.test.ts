import { beforeEach, describe, expect, it } from 'vitest'
import type { LossEvent, ImageRef } from '../../../src/core/event/event.ts'
import { LossLedger } from '../../../src/agent/records/versions/loss-ledger.ts'
import { stintsOf } from '../../../src/core/coverage/coverage.ts'
import type { SourceMessage } from '../../../src/agent/pipeline/sources/source.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { type DaemonWorld, daemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const startMs = Date.parse('2026-11-24T13:40:00.000Z')
const id = (letter: string): string => letter.repeat(64)
const image: ImageRef = { repository: 'shop/web', digest: 'sha256:aa' }

let world: DaemonWorld
beforeEach(() => {
  world = daemonWorld({
    startMs,
    rules: { floorMs: 3_600_000, ceilingMs: 7_200_000, inheritedForMs: 86_400_000 },
  })
})

const now = (): string => new Date(world.now()).toISOString()

/** Puts messages through identity and judge, as they come from a source. */
function emit(...messages: SourceMessage[]): void {
  const batch = world.daemon.inflow.identifier.push(messages)
  world.daemon.inflow.stage.judge({ messages: batch, source: 'ebpf' })
}

function starts(
  letter: string,
  more: { before?: boolean; image?: ImageRef; imageId?: string } = {},
) {
  const identity = identityOf(id(letter), {
    image: more.image ?? image,
    imageId: more.imageId ?? `sha256:id-of-${(more.image ?? image).digest}`,
  })
  world.containers.containers.set(id(letter), identity)
  world.containers.atOnce.add(id(letter))
  const container = { id: id(letter), cgroup: '/c', time: now(), before: more.before === true }
  emit({ type: 'container-started', container })
}

const ends = (letter: string) => emit({ type: 'container-ended', id: id(letter), time: now() })

/** As a sensor reports it: without an image. */
function reads(letter: string, path: string, exe = '/usr/sbin/nginx'): void {
  const { image: _, ...event } = act.file(path, ['read'], {
    container: id(letter),
    time: now(),
    exe,
  })
  emit(eventMessage(event as Parameters<typeof eventMessage>[0]))
}

function loses(reason: string, fromMs: number, letter?: string): void {
  const event: LossEvent = {
    v: 1,
    kind: 'loss',
    time: now(),
    node: 'n1',
    source: 'ebpf',
    ...(letter === undefined ? {} : { container: { id: id(letter) }, image }),
    loss: { reason, count: 3, from: new Date(fromMs).toISOString(), to: now() },
  }
  emit({ type: 'event', event })
}

const version = (digest = 'sha256:aa') => world.daemon.registry.index.findOne(`shop/web@${digest}`)
const alerts = () => world.daemon.alerts.list({ limit: 100 }).filter(({ type }) => type !== 'loss')

async function enforce(digest = 'sha256:aa'): Promise<void> {
  await world.engine.endLearning(`shop/web@${digest}`, { who: 'test' })
  const { life } = version(digest)
  if (life.state === 'review') throw new Error(life.state)
}

describe('the observed time', () => {
  const stints = () =>
    world.daemon.registry.lifecycle.runsOf(version(), world.now()).flatMap(stintsOf)

  it('is cut where the agent was down, and the next span has no start', () => {
    starts('a')
    world.advance(600_000)
    loses('agent-down', world.now() - 120_000)
    world.advance(60_000)
    expect(stints().map(({ from, to, before }) => [(to - from) / 1e6, before])).toEqual([
      [480, false],
      [60, true],
    ])
    // Single lost events do not make a span unobserved.
    loses('ring-full', world.now() - 30_000)
    expect(stints()).toHaveLength(2)
  })

  it('keeps the starts of one container apart, and its observed end', () => {
    starts('a')
    world.advance(60_000)
    ends('a')
    world.advance(60_000)
    starts('a')
    world.advance(60_000)
    expect(stints()).toMatchObject([{ ended: true }, { ended: false }])
    expect(version().runsSeen).toBe(1)
    // A restarted agent reports the container again: that is no start.
    starts('a', { before: true })
    expect(stints()).toHaveLength(2)
  })

  it('is kept over a restart of the agent', async () => {
    starts('a')
    world.advance(60_000)
    ends('a')
    world.advance(1_000)
    starts('a')
    reads('a', '/etc/x')
    loses('ring-full', world.now() - 500, 'a')
    const kept = stints()
    await world.daemon.journal.persist()
    const again = daemonWorld({ startMs: world.now(), store: world.store })
    await again.daemon.load()
    const restored = again.daemon.registry.index.findOne('shop/web')
    expect(
      again.daemon.registry.lifecycle.runsOf(restored, world.now()).flatMap(stintsOf),
    ).toMatchObject(kept.map(({ from, ended }) => ({ from, ended })))
    expect(restored.losses.spans.find(({ reason }) => reason === 'ring-full')).toMatchObject({
      container: id('a'),
    })
  })

  it('shows with the image, in full', async () => {
    starts('a')
    reads('a', '/etc/x')
    world.advance(600_000)
    const [one] = (await world.engine.image('shop/web')).versions
    expect(one?.evidence).toMatchObject({
      intervals: 1,
      observedMs: 600_000,
      observed: [{ container: id('a'), startSeen: true }],
      notYetSeen: ['a shutdown of a container'],
    })
    expect(one?.evidence?.novelty.points.at(-1)?.known).toBe(1)
    expect((await world.engine.images())[0]?.versions[0]?.evidence).toBeUndefined()
  })

  it('is part of the sentence about the user that the image runs as', async () => {
    starts('a')
    reads('a', '/etc/x')
    const [one] = (await world.engine.image('shop/web')).versions
    const coverage = one?.coverage.sentence ?? ''
    expect(one?.root?.verdict).toBe('not-root')
    expect(one?.root?.sentence).toMatch(/^does not run as root.*; the version is still learning; /)
    expect(one?.root?.sentence).toContain(coverage)
    const { notes } = await world.engine.exportProfile('shop/web', 'security-context')
    expect(notes).toContain(one?.root?.sentence)
    expect((await world.engine.images())[0]?.versions[0]?.root).toBeUndefined()
  })

  it('of a forgotten container starts now, without any of its starts', async () => {
    starts('a')
    world.advance(60_000)
    ends('a')
    world.advance(1_000)
    starts('a')
    reads('a', '/etc/x')
    await world.engine.forget('shop/web', { container: id('a') }, { who: 'me' })
    world.advance(30_000)
    expect(stints().map(({ from, to, before }) => [(to - from) / 1e6, before])).toEqual([
      [30, true],
    ])
  })

  it('does not end the window because one replica ended', () => {
    starts('a')
    starts('b')
    reads('a', '/etc/x')
    world.advance(60_000)
    ends('a')
    world.daemon.tick()
    expect(version().life.state).toBe('learning')
  })
})

describe('a loss', () => {
  it('of one container is not that of another', () => {
    const ledger = new LossLedger()
    const span = { reason: 'ring-full', count: 1, from: '2026-11-24T13:00:00Z' }
    ledger.add({ ...span, to: '2026-11-24T13:00:10Z', container: 'a' })
    ledger.add({ ...span, to: '2026-11-24T13:00:20Z', container: 'b' })
    expect(ledger.spans).toHaveLength(2)
    expect(ledger.unobserved('a', '2026-11-24T13:00:15Z', 1_000)).toBeUndefined()
    expect(ledger.unobserved('a', '2026-11-24T13:00:05Z', 1_000)?.container).toBe('a')
    expect(ledger.unobserved('c', '2026-11-24T13:00:05Z', 1_000)).toBeUndefined()
  })

  it('that a person requested by forget is no unobserved time', () => {
    const ledger = new LossLedger()
    const span = { from: '2026-11-24T13:00:00Z', to: '2026-11-24T13:00:10Z', count: 1 }
    ledger.add({ ...span, reason: 'forgotten' })
    expect(ledger.unobserved('a', '2026-11-24T13:00:05Z', 1_000)).toBeUndefined()
  })
})

/** Of the fixture's rules for storms. */
const reportedEach = 20

describe('a deviation behind an unobserved stretch', () => {
  beforeEach(async () => {
    starts('a')
    reads('a', '/etc/nginx.conf')
    world.advance(3_700_000)
    await enforce()
    expect(version().life.mode).toBe('alert')
  })

  it('is reported with low confidence and the reason', () => {
    loses('agent-down', world.now() - 5_000)
    world.advance(1_000)
    reads('a', '/odd')
    expect(alerts()).toMatchObject([{ confidence: 'partial' }])
    expect(alerts()[0]?.reasons.join()).toContain('was not fully observed between')
    expect(alerts()[0]?.reasons.join()).toContain('agent-down')
  })

  it('shares one alert with others of its folder, with low confidence', () => {
    loses('agent-down', world.now() - 5_000)
    for (let n = 0; n < reportedEach + 30; n++)
      reads('a', `/odd-${String.fromCharCode(97 + (n % 26))}x${n}y`)
    expect(alerts()).toMatchObject([
      {
        count: reportedEach + 30,
        confidence: 'partial',
        cause: { place: '/', names: reportedEach + 30 },
      },
    ])
    reads('a', '/odd-ax0y')
    expect(alerts()).toMatchObject([
      { count: reportedEach + 31, cause: { place: '/', names: reportedEach + 30 } },
    ])
  })

  it('is never summarised where a guardrail names it', () => {
    loses('agent-down', world.now() - 5_000)
    for (let n = 0; n < reportedEach + 5; n++)
      reads('a', `/odd-${String.fromCharCode(97 + (n % 26))}x${n}y`)
    reads('a', '/etc/shadow', '/bin/cat')
    const guardrail = alerts().filter(({ type }) => type === 'guardrail')
    expect(guardrail).toHaveLength(1)
    expect(guardrail[0]?.behaviour?.text).toContain('/etc/shadow')
  })

  it('has full confidence in a container that began after it, and once the floor has passed', () => {
    loses('agent-down', world.now() - 5_000)
    world.advance(1_000)
    starts('b')
    reads('b', '/odd')
    world.advance(3_700_000)
    reads('a', '/other')
    expect(alerts().map(({ confidence }) => confidence)).toEqual([undefined, undefined])
  })

  it('is reported with low confidence for a container that ran before the agent', () => {
    starts('c', { before: true })
    reads('c', '/odd')
    expect(alerts()).toMatchObject([{ confidence: 'partial' }])
    expect(alerts()[0]?.reasons.join()).toContain('it started before the agent')
  })
})

describe('an image', () => {
  const built: ImageRef = { repository: 'shop/web', digest: 'sha256:id' }
  const pushed: ImageRef = { repository: 'shop/web', digest: 'sha256:pushed' }

  it('that is pushed after it was built is the version that it was', async () => {
    starts('a', { image: built, imageId: 'sha256:id' })
    reads('a', '/etc/x')
    starts('b', { image: pushed, imageId: 'sha256:id' })
    reads('b', '/etc/x')
    expect([...world.daemon.registry.index]).toHaveLength(1)
    expect(version('sha256:pushed')).toBe(version('sha256:id'))
    expect(version('sha256:id').runsSeen).toBe(2)
    const pending = { ...pushed, digest: 'sha256:again' }
    expect(world.daemon.registry.index.ofImage(pending, 'sha256:id')).toBe(version('sha256:id'))
    await world.daemon.journal.persist()
    const again = daemonWorld({ startMs: world.now(), store: world.store })
    await again.daemon.load()
    expect(again.daemon.registry.index.ofImage(pushed)?.image.digest).toBe('sha256:id')
  })

  it('of another id is another version, whatever its tag', () => {
    starts('a', { image: { ...built, tag: 'latest' }, imageId: 'sha256:id' })
    starts('b', { image: { ...pushed, tag: 'latest' }, imageId: 'sha256:other' })
    expect([...world.daemon.registry.index]).toHaveLength(2)
    expect(version('sha256:pushed').life.predecessor).toBe('sha256:id')
  })

  it('started with other settings, or in more replicas, is the same version', () => {
    starts('a')
    for (const letter of ['b', 'c', 'd']) starts(letter)
    expect([...world.daemon.registry.index]).toHaveLength(1)
    expect(version().running).toBe(4)
  })
})

describe('a successor', () => {
  const next: ImageRef = { repository: 'shop/web', digest: 'sha256:bb' }

  beforeEach(async () => {
    starts('a')
    reads('a', '/etc/kept')
    reads('a', '/etc/gone')
    world.advance(3_700_000)
    await enforce()
    starts('b', { image: next })
    reads('b', '/etc/kept')
    world.advance(3_700_000)
    await enforce('sha256:bb')
  })

  it('expects inherited behaviours without evidence for a while, and then expires them', async () => {
    const state = async (path: string) =>
      (await world.engine.profile('shop/web@sha256:bb')).behaviours.find(({ text }) =>
        text.includes(path),
      )
    expect(version('sha256:bb').life.holes).toBeUndefined()
    expect(await state('/etc/gone')).toMatchObject({ state: 'vanished', inherited: true })
    expect(await state('/etc/kept')).toMatchObject({ state: 'learned', inherited: false })
    const diff = await world.engine.diff('shop/web@sha256:aa', 'shop/web@sha256:bb')
    expect(diff.removed).toMatchObject([{ text: 'read /etc/gone' }])
    expect(diff.removed[0]?.explained).toContain('expected until')
    world.advance(86_400_000 - 1_000)
    expect(await state('/etc/gone')).toBeDefined()
    world.advance(2_000)
    expect(await state('/etc/gone')).toBeUndefined()
    expect(await state('/etc/kept')).toBeDefined()
    reads('b', '/etc/gone')
    expect(alerts().map(({ behaviour }) => behaviour?.text)).toEqual(['read /etc/gone'])
    await world.daemon.journal.persist()
    const again = daemonWorld({ startMs: world.now(), store: world.store })
    await again.daemon.load()
    const restored = again.daemon.registry.index.findOne('shop/web@sha256:bb')
    expect(restored.profile.entries().every(({ inherited }) => inherited?.from !== 'x')).toBe(true)
  })

  it('keeps behaviours that it showed in time, even after its window', () => {
    reads('b', '/etc/gone')
    world.advance(86_400_000 + 2_000)
    reads('b', '/etc/gone')
    expect(alerts()).toEqual([])
  })

  it('keeps all of it where its own window ended with holes', () => {
    starts('c', { image: { ...next, digest: 'sha256:cc' } })
    world.daemon.registry.lifecycle.apply(version('sha256:cc'), {
      version: {
        ...version('sha256:cc').life,
        state: 'incomplete',
        holes: 'acts were lost',
        learnedAt: world.now(),
      },
      transitions: [],
    })
    world.advance(10 * 86_400_000)
    reads('c', '/etc/kept')
    expect(alerts()).toEqual([])
  })
})

describe('guardrails and a hand-over', () => {
  it('fire on new behaviours of the successor, including novel ones, whatever its image ships', async () => {
    const exec = (letter: string, path: string) => {
      const { image: _, ...event } = act.exec(path, { container: id(letter), time: now() })
      emit(eventMessage(event as Parameters<typeof eventMessage>[0]))
    }
    starts('a')
    exec('a', '/usr/bin/apt')
    // A first version may learn these behaviours.
    expect(alerts()).toEqual([])
    reads('a', '/etc/x')
    world.advance(3_700_000)
    await enforce()
    starts('b', { image: { ...image, digest: 'sha256:bb' } })
    exec('b', '/usr/bin/apt')
    expect(alerts()).toEqual([])
    exec('b', '/usr/bin/pip3')
    expect(alerts()).toMatchObject([{ type: 'guardrail', guardrails: ['package-install'] }])
    const entry = version('sha256:bb')
      .profile.entries()
      .find(({ object }) => 'path' in object && object.path === '/usr/bin/pip3')
    expect(entry && version('sha256:bb').profile.state(entry.id)).toBe('quarantined')
  })
})
