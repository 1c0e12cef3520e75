import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join as inFolder } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FleetImage } from '../../src/fleet/fleet-image.ts'
import { Bucket } from '../../src/fleet/nats/bucket.ts'
import { decisionKey, sliceKey } from '../../src/fleet/nats/fleet-keys.ts'
import { NatsFleet } from '../../src/fleet/nats/nats-fleet.ts'
import {
  contribution,
  decidedEntry,
  FleetMember,
  fleetSuite,
  type MakeFleet,
} from '../contract/fleet-suite.ts'
import { Nats } from '../fixtures/nats.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'

/** The fleet in a bucket of a real nats-server. */
const bucket = 'snug'
const at = '2026-11-24T12:00:00.000Z'
const by = { by: 'cli:root', at }

let nats: Nats
let proxy: TcpProxy
let members: FleetMember[]
let image: FleetImage

beforeAll(async () => {
  nats = await Nats.start()
  await nats.makeBucket(bucket)
})

afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  proxy = await TcpProxy.before(nats.port)
  members = []
  image = anyImage()
})

afterEach(async () => {
  for (const member of members) member.leave()
  await proxy[Symbol.asyncDispose]()
})

function anyImage(): FleetImage {
  return { repository: 'shop/web', digest: `sha256:${randomBytes(32).toString('hex')}` }
}

const make =
  (port = nats.port): MakeFleet =>
  (node, link) =>
    new NatsFleet({
      access: { servers: [{ host: '127.0.0.1', port }], timeoutMs: 2_000 },
      bucket,
      node,
      ...link,
    })

fleetSuite({ name: 'NATS', make: (node, link) => make()(node, link), image: anyImage })

async function join(node: string, port?: number): Promise<FleetMember> {
  const member = new FleetMember(node, make(port))
  members.push(member)
  return member.join()
}

async function keys(): Promise<readonly string[]> {
  return [...(await nats.values(bucket)).keys()]
}

async function put(key: string, value: string): Promise<void> {
  await nats.publish([value], `$KV.${bucket}.${key}`)
}

describe('two writers of one key', () => {
  it('differ in the revision that each has read: the later write is refused by a code', async () => {
    const done = new AbortController()
    const listed = async (): Promise<Bucket> => {
      let bucketOf: Bucket | undefined
      await new Promise<void>((resolve) => {
        bucketOf = new Bucket({
          access: { servers: [{ host: '127.0.0.1', port: nats.port }], timeoutMs: 2_000 },
          bucket,
          onPut: () => undefined,
          onRemoved: () => undefined,
          onListed: resolve,
          onState: () => undefined,
        })
        void bucketOf.run(done.signal)
      })
      return bucketOf as Bucket
    }
    const [first, second] = [await listed(), await listed()]
    const key = `conflicts.${randomBytes(4).toString('hex')}`
    await first.put(key, '"first"', 0)
    await expect(second.put(key, '"second"', 0)).rejects.toMatchObject({ code: 'FLEET_CONFLICT' })
    expect((await nats.values(bucket)).get(key)).toBe('"first"')
    await nats.purge(bucket, key)
    done.abort()
  })
})

describe('a decision in the bucket', () => {
  it('stands once, and of two nodes that decide at the same time the later one applies on both', async () => {
    const [first, second] = [await join('n1'), await join('n2')]
    const later = '2026-11-24T12:00:01.000Z'
    const all = Array.from({ length: 100 }, (_, i) => `/${i}`)
    const approved = all.map((path) => decidedEntry(path, { kind: 'approved', ...by }))
    const rejected = all.map((path) => decidedEntry(path, { kind: 'rejected', ...by, at: later }))
    const modeOf = (mode: 'alert' | 'block', when: string) => ({ mode: { mode, ...by, at: when } })
    const published = await Promise.all([
      first.fleet.publish(contribution(image, approved, modeOf('alert', at))),
      second.fleet.publish(contribution(image, rejected, modeOf('block', later))),
    ])
    expect(published).toEqual([true, true])
    for (const member of [first, second]) {
      await expect
        .poll(() => all.map((path) => member.decision(image, path)?.kind))
        .toEqual(all.map(() => 'rejected'))
      await expect
        .poll(() => member.fleet.modeDecisions(image))
        .toEqual([{ mode: 'block', ...by, at: later, node: 'n2' }])
    }
  })

  it('is in no slice, and one in a slice decides nothing', async () => {
    const [first, second] = [await join('n1'), await join('n2')]
    const decision = { kind: 'rejected', ...by, grants: [] } as const
    await first.fleet.publish(contribution(image, [{ ...nodeEntry('/a', 'n1'), decision }]))
    const values = await nats.values(bucket)
    const slice = JSON.parse(values.get(sliceKey('n1', image, 0)) ?? '')
    expect(slice.entries).toMatchObject([{ object: { path: '/a' } }])
    expect(slice.entries[0].decision).toBeUndefined()
    const foreign = { ...nodeEntry('/b', 'n3'), decision }
    const value = { ...slice, node: 'n3', entries: [foreign], mode: { mode: 'block', ...by } }
    await put(sliceKey('n3', image, 0), JSON.stringify(value))
    await expect.poll(() => second.paths(image)).toEqual(['/a', '/a', '/b'])
    expect(second.decision(image, '/b')).toBeUndefined()
    expect(second.fleet.modeDecisions(image)).toEqual([])
  })
})

describe('while the server is away', () => {
  it('a node names that with a code, and has and gets everything once it is back', async () => {
    const [first, second] = [await join('n1'), await join('n2')]
    await first.fleet.publish(contribution(image, [nodeEntry('/before', 'n1')]))
    await expect.poll(() => second.paths(image)).toEqual(['/before'])
    await nats.kill()
    await expect.poll(() => second.fleet.fault).toContain('(FLEET_UNAVAILABLE)')
    const news = contribution(image, [nodeEntry('/before', 'n1'), nodeEntry('/meanwhile', 'n1')])
    expect(await first.fleet.publish(news)).toBe(false)
    expect(second.paths(image)).toEqual(['/before'])
    nats.startAgain()
    await expect.poll(async () => first.fleet.publish(news)).toBe(true)
    await expect.poll(() => second.paths(image)).toEqual(['/before', '/meanwhile'])
    expect([first.fleet.fault, second.fleet.fault]).toEqual([undefined, undefined])
  })

  it('a node that is cut off misses neither a decision nor a removal', async () => {
    const [first, cut] = [await join('n1'), await join('n2', proxy.port)]
    await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))
    await expect.poll(() => cut.paths(image)).toEqual(['/a'])
    proxy.behave = 'refuse'
    await expect.poll(() => cut.fleet.fault).toContain('(FLEET_UNAVAILABLE)')
    first.fleet.removed?.(image)
    const other = anyImage()
    const decided = [decidedEntry('/b', { kind: 'rejected', ...by })]
    await first.fleet.publish(contribution(other, decided))
    await expect.poll(keys).not.toContain(sliceKey('n1', image, 0))
    // As if the markers of what was removed had expired meanwhile.
    await nats.purge(bucket, sliceKey('n1', image, 0))
    proxy.behave = 'take'
    await expect.poll(() => cut.decision(other, '/b')?.kind).toBe('rejected')
    await expect.poll(() => cut.paths(image)).toEqual([])
    expect(cut.fleet.fault).toBeUndefined()
  })

  it('a node that starts then joins once the server answers', async () => {
    proxy.behave = 'refuse'
    const late = await join('n2', proxy.port)
    expect(late.fleet.ready).toBe(false)
    expect(late.fleet.fault).toContain('(FLEET_UNAVAILABLE)')
    expect(await late.fleet.publish(contribution(image, [nodeEntry('/a', 'n2')]))).toBe(false)
    proxy.behave = 'take'
    await expect.poll(() => late.fleet.ready).toBe(true)
    expect(await late.fleet.publish(contribution(image, [nodeEntry('/a', 'n2')]))).toBe(true)
  })
})

it('a bucket that was made again is read and filled as a new one', async () => {
  const own = 'again'
  await nats.makeBucket(own)
  const access = { servers: [{ host: '127.0.0.1', port: proxy.port }], timeoutMs: 2_000 }
  const [first, second] = ['n1', 'n2'].map(
    (name) =>
      new FleetMember(name, (node, link) => new NatsFleet({ access, bucket: own, node, ...link })),
  ) as [FleetMember, FleetMember]
  members.push(first, second)
  await Promise.all([first.join(), second.join()])
  await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))
  await expect.poll(() => second.paths(image)).toEqual(['/a'])
  proxy.behave = 'refuse'
  await nats.removeBucket(own)
  await nats.makeBucket(own)
  // With the same numbers as the values before.
  await nats.put(own, [[sliceKey('n3', image, 0), '{']])
  proxy.behave = 'take'
  await expect.poll(() => second.paths(image)).toEqual([])
  await expect
    .poll(async () => first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')])))
    .toBe(true)
  await expect.poll(() => second.paths(image)).toEqual(['/a'])
})

it('a bucket that does not exist is one coded fault', async () => {
  const access = { servers: [{ host: '127.0.0.1', port: nats.port }], timeoutMs: 2_000 }
  const member = new FleetMember(
    'n1',
    (node, link) => new NatsFleet({ access, bucket: 'missing', node, ...link }),
  )
  members.push(member)
  await member.join()
  expect(member.fleet.fault).toMatch(/`missing`.*stream not found.*FLEET_UNAVAILABLE/)
})

describe('a version that a node no longer has', () => {
  it('takes its slices along, and the last node the decisions too', async () => {
    const [first, second] = [await join('n1'), await join('n2')]
    const decided = decidedEntry('/d', { kind: 'approved', ...by })
    await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1'), decided]))
    await second.fleet.publish(contribution(image, [nodeEntry('/b', 'n2')]))
    const [slice, decision] = [sliceKey('n1', image, 0), decisionKey(image, decided.id)]
    await expect.poll(() => second.paths(image)).toEqual(['/a', '/d'])
    await expect.poll(() => first.paths(image)).toEqual(['/b', '/d'])
    first.fleet.removed?.(image)
    await expect.poll(keys).not.toContain(slice)
    expect(await keys()).toContain(decision)
    await expect.poll(() => second.paths(image)).toEqual(['/d'])
    second.fleet.removed?.(image)
    await expect.poll(keys).not.toContain(decision)
    expect((await keys()).filter((key) => key.includes(slice.split('.')[2] ?? ''))).toEqual([])
    // The image runs again.
    expect(await first.fleet.publish(contribution(image, [nodeEntry('/a', 'n1')]))).toBe(true)
    await expect.poll(() => second.paths(image)).toEqual(['/a'])
  })

  it('is gone for the node that removed it, whether NATS answers or sends the removal first', async () => {
    const [first, second] = [await join('n1'), await join('n2')]
    const paths = Array.from({ length: 200 }, (_, i) => `/${i}`).sort()
    const decided = paths.map((path) => decidedEntry(path, { kind: 'approved', ...by }))
    await first.fleet.publish(contribution(image, decided))
    await expect.poll(() => second.paths(image)).toEqual(paths)
    second.fleet.removed?.(image)
    await expect.poll(() => second.paths(image)).toEqual([])
    await expect.poll(() => first.paths(image)).toEqual([])
  })
})

it('a version that a node removes while it shares it, or right after, has no keys', async () => {
  const member = await join('n1')
  const images = Array.from({ length: 100 }, anyImage)
  for (const [i, each] of images.entries()) {
    const shared = member.fleet.publish(contribution(each, [nodeEntry('/a', 'n1')]))
    if (i % 2 === 0) await shared
    member.fleet.removed?.(each)
    await shared
  }
  const slices = images.map((each) => sliceKey('n1', each, 0))
  const left = async (): Promise<readonly string[]> =>
    (await keys()).filter((key) => slices.includes(key))
  await expect.poll(left).toEqual([])
  expect(member.errors).toEqual([])
  // The images run again.
  for (const each of images) {
    await member.fleet.publish(contribution(each, [nodeEntry('/a', 'n1')]))
  }
  expect((await left()).toSorted()).toEqual(slices.toSorted())
})

it('two agents with the same name are a fault on both, and none loses what it shared', async () => {
  const [first, twin, third] = [await join('n1'), await join('n1'), await join('n2')]
  const paths = ['/a', '/b', '/c', '/d']
  for (const [i, path] of paths.entries()) {
    const { fleet } = i % 2 === 0 ? first : twin
    const news = contribution(image, [nodeEntry(path, 'n1')])
    await expect.poll(async () => fleet.publish(news)).toBe(true)
  }
  await expect.poll(() => third.paths(image)).toEqual(paths)
  for (const { fleet } of [first, twin])
    await expect.poll(() => fleet.fault).toMatch(/`n1` too \(FLEET_NODE_TWICE\)/)
  expect(third.fleet.fault).toBeUndefined()
  // One that starts again finds slices of its former run.
  first.leave()
  twin.leave()
  const again = await join('n1')
  await again.fleet.publish(contribution(image, [nodeEntry('/e', 'n1')]))
  await expect.poll(() => third.paths(image)).toEqual([...paths, '/e'])
  expect(again.fleet.fault).toBeUndefined()
})

describe('a value that no agent writes', () => {
  const slice = (): Record<string, unknown> => ({
    schema: 'snug.slice/v1',
    image,
    node: 'n2',
    run: 'any',
    entries: [nodeEntry('/bad', 'n2')],
  })
  const decision = (entry = decidedEntry('/bad', { kind: 'approved', ...by })): object => ({
    schema: 'snug.decision/v1',
    image,
    node: 'n2',
    entry,
  })
  const onBad = (): string => decisionKey(image, nodeEntry('/bad', 'n2').id)
  const nextCentury = '2099-01-01T00:00:00.000Z'

  it.each<[string, () => [key: string, value: string]]>([
    ['is no JSON', () => [sliceKey('n2', image, 0), '{']],
    ['is empty', () => [sliceKey('n2', image, 0), '']],
    ['is deeper than a parser goes', () => [sliceKey('n2', image, 0), '['.repeat(500_000)]],
    [
      'is of another version',
      () => [sliceKey('n2', image, 0), JSON.stringify({ ...slice(), schema: 'snug.slice/v9' })],
    ],
    [
      'fits no schema',
      () => [sliceKey('n2', image, 0), JSON.stringify({ ...slice(), entries: [{ cells: 5 }] })],
    ],
    ['is of another node', () => [sliceKey('n5', image, 0), JSON.stringify(slice())]],
    ['has a foreign key', () => ['any\u001b.key', JSON.stringify(slice())]],
    [
      'is a decision on another image',
      () => [decisionKey(anyImage(), nodeEntry('/bad', 'n2').id), JSON.stringify(decision())],
    ],
    ['is a decision on no behaviour', () => [onBad(), JSON.stringify({ ...decision(), entry: 1 })]],
    [
      'is a decision of the next century',
      () => [
        onBad(),
        JSON.stringify(
          decision(decidedEntry('/bad', { kind: 'approved', by: 'cli:root', at: nextCentury })),
        ),
      ],
    ],
    [
      'is a mode of the next century',
      () => [
        decisionKey(image, 'mode'),
        JSON.stringify({
          ...decision(),
          entry: undefined,
          mode: { mode: 'learn', by: 'cli:root', at: nextCentury },
        }),
      ],
    ],
  ])('is ignored, counted and named, and others are read: it %s', async (_, bad) => {
    const [first, third] = [await join('n1'), await join('n3')]
    const [key, value] = bad()
    await put(key, value)
    await third.fleet.publish(contribution(image, [nodeEntry('/good', 'n3')]))
    await expect.poll(() => first.paths(image)).toEqual(['/good'])
    const { fault } = first.fleet
    expect(fault).toContain(key.replace('\u001b', '?'))
    expect(fault).toContain('(FLEET_VALUE_INVALID)')
    expect(first.fleet.modeDecisions(image)).toEqual([])
    // Those that join then read it too.
    expect((await join('n4')).paths(image)).toEqual(['/good'])
    await nats.remove(bucket, key)
    await expect.poll(() => first.fleet.fault).toBeUndefined()
  })

  it('is one of several, and each is counted', async () => {
    const first = await join('n1')
    const bad = ['a', 'b', 'c'].map((name) => `bad.${name}`)
    for (const key of bad) await put(key, '{}')
    await expect.poll(() => first.fleet.fault).toMatch(/`bad.a`.*and 2 more/)
    for (const key of bad) await nats.remove(bucket, key)
  })
})

describe('with a server that takes only small messages', () => {
  let small: Nats
  let folder: string
  beforeEach(async () => {
    folder = mkdtempSync('/tmp/snug-nats-small-')
    const file = inFolder(folder, 'nats.conf')
    writeFileSync(file, 'max_payload: 32KB')
    small = await Nats.start(['-c', file])
    await small.makeBucket(bucket)
  })
  afterEach(async () => {
    await small[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  it('a node shares all that fits into several values, and names a behaviour that does not', async () => {
    const [first, second] = [await join('n1', small.port), await join('n2', small.port)]
    const many = Array.from({ length: 300 }, (_, i) => nodeEntry(`/${i}`, 'n1'))
    const large = nodeEntry(`/${'x'.repeat(40_000)}`, 'n1')
    expect(await first.fleet.publish(contribution(image, [large, ...many]))).toBe(false)
    expect(first.fleet.fault).toMatch(/takes \d+ bytes.*FLEET_TOO_LARGE/)
    await expect.poll(() => second.paths(image)).toEqual(many.map((_, i) => `/${i}`).sort())
    expect((await small.values(bucket)).size).toBeGreaterThan(3)
  })

  it('a node shares all decisions that fit, and names one that does not', async () => {
    const [first, second] = [await join('n1', small.port), await join('n2', small.port)]
    const paths = [`/${'x'.repeat(40_000)}`, ...Array.from({ length: 100 }, (_, i) => `/${i}`)]
    const decided = paths.map((path) => decidedEntry(path, { kind: 'approved', ...by }))
    const news = contribution(image, [...decided, nodeEntry('/seen', 'n1')])
    expect(await first.fleet.publish(news)).toBe(false)
    expect(first.fleet.fault).toMatch(/decisions on.*takes \d+ bytes.*FLEET_TOO_LARGE/)
    const shared = [...paths.slice(1), '/seen'].sort()
    await expect.poll(() => second.paths(image)).toEqual(shared)
  })
})
