import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SnugEvent } from '../../../../src/core/event/event.ts'
import type {
  IdentifiedMessage,
  IdentifierLimits,
  IdentifierOptions,
} from '../../../../src/agent/pipeline/identity/identified.ts'
import { Identifier } from '../../../../src/agent/pipeline/identity/identifier.ts'
import { ImageFiles } from '../../../../src/agent/pipeline/identity/image-files.ts'
import { behaviourKey, type SourceMessage } from '../../../../src/agent/pipeline/sources/source.ts'
import {
  event,
  identityOf,
  open,
  ScriptedEngine,
  started,
  time,
} from '../../../fixtures/identity-fixtures.ts'

const idA = 'a'.repeat(64)
const idB = 'b'.repeat(64)

let engine: ScriptedEngine
let released: IdentifiedMessage[]
let identifier: Identifier

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-24T12:00:00Z') })
  engine = new ScriptedEngine()
  released = []
  identifier = make()
})
afterEach(() => {
  identifier.close()
  vi.useRealTimers()
})

function make(
  limits: Partial<IdentifierLimits> = {},
  engines = [engine],
  isOwn?: IdentifierOptions['isOwn'],
): Identifier {
  return new Identifier({
    ...(isOwn === undefined ? {} : { isOwn }),
    engines,
    files: new ImageFiles(),
    node: 'n1',
    release: (batch) => released.push(...batch),
    limits,
  })
}

describe('the container of the agent', () => {
  it('is not reported, nor are its events, before it is identified and after', async () => {
    identifier = make({}, [engine], ({ id }) => id === idA)
    const acts = (path: string): SourceMessage[] => [event(open(path)), event(open(path, idB))]
    const at = identifier.push([started(idA), started(idB), ...acts('/early')])
    expect(at).toEqual([])
    for (const id of [idA, idB]) engine.report(identityOf(id))
    const end = { type: 'container-ended', id: idA, time: time(9) } as const
    const all = [...released, ...identifier.push([...acts('/late'), end])]
    expect(all.map(({ type }) => type)).toEqual(['container', 'event', 'event'])
    expect(JSON.stringify(all)).not.toContain(idA)
  })
})

describe('a container that is identified at once', () => {
  it('is reported before its first event, and its events carry name, image and workload', () => {
    engine.containers.set(
      idA,
      identityOf(idA, { workload: { kind: 'ComposeService', name: 'web' } }),
    )
    engine.atOnce.add(idA)
    const [first, second, third] = identifier.push([
      started(idA),
      { type: 'event', event: open('/a'), key: behaviourKey('00000000000000aa') },
      { type: 'container-ended', id: idA, time: time(9) },
    ])
    expect(first).toMatchObject({ type: 'container', identity: { name: 'web-a' } })
    expect(second).toMatchObject({
      type: 'event',
      key: '00000000000000aa',
      event: {
        container: { id: idA, name: 'web-a' },
        image: { repository: 'shop/web', digest: 'sha256:1' },
        workload: { name: 'web' },
      },
    })
    expect(third).toEqual({ type: 'container-ended', id: idA, time: time(9) })
    expect(released).toEqual([])
  })

  it('is marked in its events where it started before the agent', () => {
    engine.containers.set(idA, identityOf(idA))
    engine.atOnce.add(idA)
    const out = identifier.push([started(idA, true), event(open('/a'))])
    expect(out[1]).toMatchObject({ event: { container: { before: true } } })
  })

  function identifyAtOnce(rootfsOf: NonNullable<IdentifierOptions['rootfsOf']>): void {
    identifier.close()
    identifier = new Identifier({
      engines: [engine],
      files: new ImageFiles(),
      node: 'n1',
      release: (batch) => released.push(...batch),
      rootfsOf,
    })
    engine.containers.set(idA, identityOf(idA))
    engine.atOnce.add(idA)
  }

  it('is reported again with its layers once its process has its root', () => {
    const rootfs = { upper: '/layers/2/fs', layers: ['/layers/1/fs'] }
    let root: typeof rootfs | undefined
    let asked = 0
    identifyAtOnce(() => {
      asked += 1
      return root
    })
    const layersOf = (batch: readonly IdentifiedMessage[]) =>
      batch.map((each) =>
        each.type === 'container' ? (each.identity.rootfs ?? 'none') : each.type,
      )
    expect(layersOf(identifier.push([started(idA), event(open('/a'))]))).toEqual(['none', 'event'])
    root = rootfs
    expect(layersOf(identifier.push([event(open('/b'))]))).toEqual([rootfs, 'event'])
    const before = asked
    expect(layersOf(identifier.push([event(open('/c')), event(open('/d'))]))).toEqual([
      'event',
      'event',
    ])
    expect(asked).toBe(before)
  })

  it('is not asked for its layers by each event where they are not found', () => {
    let asked = 0
    identifyAtOnce(() => {
      asked += 1
      return undefined
    })
    identifier.push([started(idA), ...Array.from({ length: 1_024 }, () => event(open('/a')))])
    // At its start, and at the messages 1, 2, 4, … 1,024.
    expect(asked).toBe(12)
  })

  it('stays known for events that arrive after its end, and is reported again when it restarts', () => {
    engine.containers.set(idA, identityOf(idA))
    engine.atOnce.add(idA)
    const out = identifier.push([
      started(idA),
      { type: 'container-ended', id: idA, time: time(1) },
      event(open('/late')),
      started(idA),
      event(open('/again')),
    ])
    expect(out.map(({ type }) => type)).toEqual([
      'container',
      'container-ended',
      'event',
      'container',
      'event',
    ])
    expect(out[2]).toMatchObject({ event: { image: { digest: 'sha256:1' } } })
  })
})

describe('a container that is not identified yet', () => {
  it('has its messages held in order while those of others go on', async () => {
    engine.containers.set(idB, identityOf(idB))
    engine.atOnce.add(idB)
    const out = identifier.push([
      started(idB),
      started(idA),
      event(open('/1')),
      event(open('/b', idB)),
    ])
    identifier.push([event(open('/2')), { type: 'container-ended', id: idA, time: time(5) }])
    expect(paths(out)).toEqual(['/b'])
    expect(identifier.stats).toMatchObject({ waiting: 1, held: 3 })
    engine.report(identityOf(idA))
    expect(released.map(({ type }) => type)).toEqual([
      'container',
      'event',
      'event',
      'container-ended',
    ])
    expect(paths(released)).toEqual(['/1', '/2'])
    for (const message of released) {
      if (message.type === 'event') expect(message.event.image?.digest).toBe('sha256:1')
    }
    expect(identifier.stats).toMatchObject({ waiting: 0, held: 0, resolved: 2 })
  })

  it('is looked up again until an engine has it', async () => {
    identifier.push([started(idA), event(open('/1'))])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(engine.asked).toBeGreaterThan(3)
    expect(released).toEqual([])
    engine.containers.set(idA, identityOf(idA))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(paths(released)).toEqual(['/1'])
  })

  it('is given up after a while: its events go on without an image', async () => {
    identifier.push([started(idA), event(open('/1'))])
    await vi.advanceTimersByTimeAsync(29_000)
    expect(released).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(paths(released)).toEqual(['/1'])
    expect(released[0]).not.toHaveProperty('event.image')
    const [next] = identifier.push([event(open('/2'))])
    expect(next).toMatchObject({ event: { file: { path: '/2' } } })
    expect(identifier.stats).toMatchObject({ waiting: 0, unresolved: 1 })
  })

  it('is given up sooner where every engine reports that it has no such container', async () => {
    engine.answer = 'unknown'
    identifier.push([started(idA), event(open('/1'))])
    await vi.advanceTimersByTimeAsync(6_000)
    expect(paths(released)).toEqual(['/1'])
  })

  it('is identified from the time an engine reports it, even after it was given up', async () => {
    identifier.push([started(idA), event(open('/1'))])
    await vi.advanceTimersByTimeAsync(31_000)
    released = []
    identifier.push([event(open('/2'))])
    engine.report(identityOf(idA))
    expect(released).toMatchObject([
      { type: 'container', seen: { id: idA } },
      { event: { container: { id: idA }, loss: { reason: 'identity-unavailable', count: 2 } } },
    ])
    expect(identifier.push([event(open('/3'))])).toMatchObject([
      { event: { image: { digest: 'sha256:1' } } },
    ])
  })

  it('is a loss where it ended before an engine could be asked', async () => {
    const end = { type: 'container-ended', id: idA, time: time(9) } as const
    const count = { key: behaviourKey('00000000000000aa'), containerId: idA, count: 3 }
    identifier.push([
      started(idA),
      event(open('/1')),
      { type: 'count-update', countUpdate: { ...count, first: time(1), last: time(4) } },
      end,
    ])
    await vi.advanceTimersByTimeAsync(31_000)
    expect(released).toMatchObject([
      { event: { kind: 'file' } },
      {
        event: {
          kind: 'loss',
          container: { id: idA },
          loss: { reason: 'identity-unavailable', count: 4, to: time(4) },
        },
      },
      end,
    ])
  })

  it('is a loss at its end where it ran on after it was given up, and once', async () => {
    identifier.push([started(idA), event(open('/1'))])
    await vi.advanceTimersByTimeAsync(31_000)
    expect(paths(released)).toEqual(['/1'])
    identifier.push([event(open('/2'))])
    const end = { type: 'container-ended', id: idA, time: time(9) } as const
    expect(identifier.push([end])).toMatchObject([{ event: { loss: { count: 2 } } }, end])
    expect(identifier.push([end])).toEqual([end])
  })

  it('is no loss where every engine reports that it has no such container', async () => {
    engine.answer = 'unknown'
    const end = { type: 'container-ended', id: idA, time: time(9) } as const
    identifier.push([started(idA), event(open('/1')), end])
    await vi.advanceTimersByTimeAsync(6_000)
    expect(released).toMatchObject([{ event: { kind: 'file' } }, end])
  })

  it('drops the events above its limit and reports their number', () => {
    identifier.close()
    identifier = make({ perContainer: 2 })
    const many = Array.from({ length: 5 }, (_, n) => event(open(`/${n}`)))
    identifier.push([started(idA), ...many, { type: 'container-ended', id: idA, time: time(9) }])
    engine.report(identityOf(idA))
    expect(paths(released)).toEqual(['/0', '/1'])
    expect(released.at(-1)).toMatchObject({
      event: {
        kind: 'loss',
        container: { id: idA },
        image: { digest: 'sha256:1' },
        loss: { reason: 'identity-overflow', count: 3 },
      },
    })
    expect(released.some(({ type }) => type === 'container-ended')).toBe(true)
    expect(identifier.stats.lost).toBe(3)
  })

  it('shares one bound with all others that wait', () => {
    identifier.close()
    identifier = make({ total: 3 })
    identifier.push([
      started(idA),
      started(idB),
      ...[1, 2].map((n) => event(open(`/a${n}`))),
      ...[1, 2].map((n) => event(open(`/b${n}`, idB))),
    ])
    engine.report(identityOf(idA))
    engine.report(identityOf(idB))
    expect(paths(released)).toEqual(['/a1', '/a2', '/b1'])
    const losses = released.filter((each) => each.type === 'event' && each.event.kind === 'loss')
    expect(losses).toMatchObject([{ event: { container: { id: idB }, loss: { count: 1 } } }])
  })

  it('may start again under its id while it waits', () => {
    identifier.push([
      started(idA),
      event(open('/1')),
      { type: 'container-ended', id: idA, time: time(1) },
      started(idA),
      event(open('/2')),
    ])
    engine.report(identityOf(idA))
    expect(released.map(({ type }) => type)).toEqual([
      'container',
      'event',
      'container-ended',
      'container',
      'event',
    ])
  })

  it('is released when the agent stops', () => {
    identifier.push([started(idA), event(open('/1'))])
    identifier.flush()
    expect(paths(released)).toEqual(['/1'])
  })
})

describe('a container whose source reports no start and no end', () => {
  beforeEach(() => {
    engine.report(identityOf(idA))
    engine.atOnce.add(idA)
  })

  it('ends where the engine reports it', () => {
    identifier.push([event(open('/a'))])
    engine.leave(idA, 'stopped')
    engine.leave(idA, 'gone')
    expect(released).toEqual([
      { type: 'container-ended', id: idA, time: '2026-11-24T12:00:00.000Z' },
    ])
  })

  it('is announced again by its next event after the engine started it again', () => {
    identifier.push([event(open('/a'))])
    engine.leave(idA, 'stopped')
    expect(identifier.push([event(open('/late'))])).toHaveLength(1)
    engine.report(identityOf(idA))
    const out = identifier.push([event(open('/again'))])
    expect(out.map(({ type }) => type)).toEqual(['container', 'event'])
  })

  it('is forgotten some time after its end', () => {
    identifier = make({ remembered: 2 })
    const ids = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(64))
    for (const id of ids) {
      engine.report(identityOf(id))
      engine.atOnce.add(id)
      identifier.push([event(open('/a', id))])
      engine.leave(id, 'gone')
    }
    engine.atOnce.clear()
    const [known, forgotten] = [ids[3], ids[0]].map((id) =>
      identifier.push([event(open('/b', id))]),
    )
    expect(known?.[0]).toMatchObject({ event: { image: { repository: 'shop/web' } } })
    expect(forgotten?.[0]).not.toHaveProperty('event.image')
  })
})

describe('a container that its source announced', () => {
  it('ends where its source reports the end, whatever the engine reports', () => {
    engine.report(identityOf(idA))
    engine.atOnce.add(idA)
    identifier.push([started(idA)])
    engine.leave(idA, 'stopped')
    expect(released).toEqual([])
  })
})

describe('without any engine', () => {
  it('nothing waits', () => {
    identifier.close()
    identifier = make({}, [])
    expect(paths(identifier.push([started(idA), event(open('/1'))]))).toEqual(['/1'])
    expect(identifier.stats.unresolved).toBe(1)
  })
})

describe('messages that need no identity', () => {
  it('pass untouched where the event has an image', () => {
    const whole = { ...open('/1'), image: { repository: 'r', digest: 'sha256:9' } } as SnugEvent
    const message = { type: 'event', event: whole } as const
    expect(identifier.push([message])[0]).toBe(message)
  })

  it('pass where a loss is of the whole node', () => {
    const loss: SnugEvent = {
      v: 1,
      kind: 'loss',
      time: time(1),
      node: 'n1',
      source: 'ebpf',
      loss: { reason: 'ring-full', count: 4, from: time(0), to: time(1) },
    }
    expect(identifier.push([event(loss)])).toEqual([event(loss)])
  })

  it('pass where the source did not announce the container and no engine has it', () => {
    expect(paths(identifier.push([event(open('/1'))]))).toEqual(['/1'])
    expect(identifier.stats.waiting).toBe(0)
  })

  it('pass as the very messages that came where they are identified: nothing is copied or awaited', () => {
    const whole = { ...open('/1'), image: { repository: 'r', digest: 'sha256:9' } } as SnugEvent
    const batch = Array.from({ length: 100 }, () => event(whole))
    const passed = identifier.push(batch)
    expect(passed).toHaveLength(100)
    for (const [at, message] of passed.entries()) expect(message).toBe(batch[at])
  })
})

describe('a sighting', () => {
  const countUpdate = {
    key: behaviourKey('00000000000000aa'),
    containerId: idA,
    count: 7,
    first: time(1),
    last: time(2),
  }

  it('carries the identity of its container', () => {
    engine.containers.set(idA, identityOf(idA))
    engine.atOnce.add(idA)
    const out = identifier.push([started(idA), { type: 'count-update', countUpdate }])
    expect(out[1]).toMatchObject({ type: 'count-update', countUpdate, identity: { id: idA } })
  })

  it('of an unknown container is counted, not lost, because its events are unprofiled too', () => {
    expect(identifier.push([{ type: 'count-update', countUpdate }])).toEqual([])
    expect(identifier.stats.unplaced).toBe(7)
  })
})

function paths(messages: readonly IdentifiedMessage[]): string[] {
  return messages.flatMap((message) =>
    message.type === 'event' && message.event.kind === 'file' ? [message.event.file.path] : [],
  )
}

describe('an event whose source names container and image in its own way', () => {
  const hub = { repository: 'nginx', digest: `sha256:${'ab'.repeat(32)}` }
  const found = (id: string): SourceMessage => ({
    type: 'event',
    event: { ...open('/a', id), source: 'tetragon', image: hub },
  })
  const images = (messages: readonly IdentifiedMessage[]) =>
    messages.flatMap((message) => (message.type === 'event' ? [message.event.image] : []))

  it('has the image that the engine reports, whether the container was announced or not', () => {
    engine.containers.set(idA, identityOf(idA))
    engine.containers.set(idB, identityOf(idB))
    engine.atOnce.add(idA).add(idB)
    const out = identifier.push([started(idA), found(idA), found(idB)])
    expect(images(out)).toMatchObject([{ repository: 'shop/web' }, { repository: 'shop/web' }])
    // Only a container that a source watches from its start is reported as one.
    expect(out.filter(({ type }) => type === 'container')).toHaveLength(1)
  })

  it('keeps the image of its source where no engine has the container', () => {
    expect(images(identifier.push([found(idA)]))).toEqual([hub])
  })

  it('waits with the other events of its container for the answer of the engine', async () => {
    expect(identifier.push([started(idA), found(idA)])).toEqual([])
    engine.report(identityOf(idA))
    await vi.advanceTimersByTimeAsync(0)
    expect(images(released)).toMatchObject([{ repository: 'shop/web' }])
  })

  it('belongs to the container whose id begins with the digits in the event', () => {
    engine.report(identityOf(idA))
    engine.atOnce.add(idA)
    const ids = identifier
      .push([
        found(idA.slice(0, 12)),
        found(idA.slice(0, 31)),
        found('abcdefabcdef'),
        found('aaaaaa'),
      ])
      .flatMap((message) => (message.type === 'event' ? [message.event.container?.id] : []))
    expect(ids).toEqual([idA, idA, 'abcdefabcdef', 'aaaaaa'])
  })
})

describe('a container whose image has to be prepared', () => {
  it('waits for that with all its messages, in their order, and no other container does', async () => {
    let done: () => void = () => undefined
    const preparing = new Promise<void>((resolve) => (done = resolve))
    identifier = new Identifier({
      engines: [engine],
      files: new ImageFiles(),
      node: 'n1',
      prepared: ({ id }) => (id === idA ? preparing : undefined),
      release: (batch) => released.push(...batch),
    })
    for (const id of [idA, idB]) {
      engine.containers.set(id, identityOf(id))
      engine.atOnce.add(id)
    }
    const end = { type: 'container-ended', id: idA, time: time(9) } as const
    const acts = [event(open('/a')), event(open('/b', idB)), end]
    const at = identifier.push([started(idA), started(idB), ...acts])
    expect(at.map(({ type }) => type)).toEqual(['container', 'event'])
    // The engine reports it again meanwhile.
    engine.report(identityOf(idA))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(released).toEqual([])
    done()
    await vi.advanceTimersByTimeAsync(0)
    expect(released.map(({ type }) => type)).toEqual(['container', 'event', 'container-ended'])
    expect(identifier.stats).toMatchObject({ waiting: 0, held: 0, resolved: 2 })
  })
})

describe('a connection to an address that DNS answers name', () => {
  const connect = (address: string, id = idA): SourceMessage =>
    event({
      ...open('/x', id),
      kind: 'connect',
      connect: { protocol: 'tcp', address, port: 443 },
    })
  const answered = (name: string, address: string, resolver = '10.0.0.2'): SourceMessage => ({
    type: 'name-answer',
    answer: { containerId: idA, time: time(1), resolver, name, addresses: [{ address, ttl: 60 }] },
  })
  const known = (id: string): void => {
    engine.containers.set(id, identityOf(id))
    engine.atOnce.add(id)
  }
  const namesIn = (messages: readonly IdentifiedMessage[]) =>
    messages.flatMap((message) =>
      message.type === 'event' && message.event.kind === 'connect'
        ? [message.event.connect.name]
        : [],
    )

  beforeEach(() => {
    identifier.close()
    identifier = new Identifier({
      engines: [engine],
      files: new ImageFiles(),
      node: 'n1',
      release: (batch) => released.push(...batch),
      resolversOf: () => ['10.0.0.2'],
    })
  })

  it('is to that name, with a final dot; without an answer it is to the address', () => {
    known(idA)
    known(idB)
    const messages = identifier.push([
      started(idA),
      started(idB),
      connect('192.0.2.1'),
      answered('api.test', '192.0.2.1'),
      connect('192.0.2.1'),
      connect('192.0.2.1', idB),
    ])
    expect(namesIn(messages)).toEqual([undefined, 'api.test.', undefined])
  })

  it('is named too where the container waits for its identity', () => {
    identifier.push([started(idA), answered('api.test', '192.0.2.1'), connect('192.0.2.1')])
    engine.report(identityOf(idA))
    expect(namesIn(released)).toEqual(['api.test.'])
  })

  it('is not named by an answer that no resolver of the container gave', () => {
    known(idA)
    const answer = answered('api.test', '192.0.2.1', '127.0.0.1')
    const messages = identifier.push([started(idA), answer, connect('192.0.2.1')])
    expect(namesIn(messages)).toEqual([undefined])
  })

  it('is to the container or workload that has the address, whatever DNS calls it', () => {
    known(idA)
    engine.peers.set('192.0.2.1', { name: 'user-db' })
    const messages = identifier.push([
      started(idA),
      answered('evil.test', '192.0.2.1'),
      connect('192.0.2.1'),
    ])
    expect(namesIn(messages)).toEqual(['user-db'])
  })
})
