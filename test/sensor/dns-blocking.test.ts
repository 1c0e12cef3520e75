import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { isLinkLocal } from '../../src/core/event/canonical.ts'
import { AnsweredNames } from '../../src/agent/pipeline/identity/answered-names.ts'
import type { FoundName } from '../../src/agent/pipeline/sources/source.ts'
import { readDnsAnswer } from '../../src/agent/pipeline/sources/ebpf/dns-message.ts'
import { behaviourId, behaviourKey, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { type AnswerRecord, dnsAnswer } from '../fixtures/dns-messages.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { seedOfRun } from '../fixtures/seed.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
/** What a connection that nothing refuses gets: the container has no network. */
const noRoute = '101'
const resolver = '127.0.0.1'
/** Not of the container's file: what it says must not count. */
const stranger = '127.0.0.9'
/** One that no process of the version is, as the resolver of an engine. */
const engines = '127.0.0.11'

const sensor = oneSensor()
const running: Acts[] = []
let scope = 700

afterEach(async () => {
  for (const acts of running.splice(0)) await acts.stop()
})

const named = (owner: string, a: string): AnswerRecord => ({ owner, a })
const answers = (name: string, records: readonly AnswerRecord[], from = resolver): string =>
  `resolver ${from} ${hex(dnsAnswer(name, records))}`
const answer = (name: string, address: string, from = resolver): string =>
  answers(name, [named(name, address)], from)

const first = '198.51.100.1'

/** A message over TCP. */
const framed = (message: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])
const given = (name: string, address: string): Buffer =>
  framed(dnsAnswer(name, [named(name, address)]))
const stream = (...pieces: readonly Uint8Array[]): string =>
  `stream ${resolver} ${pieces.map(hex).join(' ')}`

const connect = (address: string, port = 443): string => `udp ${address} ${port}`

const ordinary = [
  answer('Api.test', first),
  answer('api.test', first, stranger),
  connect(first),
  connect('198.51.100.77'),
  stream(given('api.test', first)),
  'listen 127.0.0.1 8080',
  'tcp 127.0.0.1 8080',
]

/** The version of a container that does the ordinary acts, by names as the daemon would add them. */
async function learned(mode: 'alert' | 'block' = 'block'): Promise<void> {
  scope += 1
  const acts = new Acts(sensor.image)
  running.push(acts)
  await acts.did(ordinary)
  await sensor.recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of sensor.recorder.acts(acts.id).map(withName)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  const { control } = sensor.recorder.source
  profile.merge(profile.entries().flatMap(wildcardBeside))
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode, budget: 1_000_000 })
  await sensor.recorder.source.obeyed()
}

/** Beside the name, and for the same actor: all names below another domain. */
function wildcardBeside({ actor, uid, object }: ProfileEntry): readonly ProfileEntry[] {
  if (object.kind !== 'connect' || object.peer !== 'api.test.') return []
  const wildcard = { ...object, peer: '*.buckets.test.' }
  return [
    {
      schema: 'snug.behaviour/v1',
      id: behaviourId(behaviourKey(actor, uid, wildcard)),
      actor,
      uid,
      object: wildcard,
      cells: [],
      inherited: { from: 'sha256:a', grants: [{ origin: 'entrypoint' }] },
    },
  ]
}

function withName(event: ActEvent): ActEvent {
  if (event.kind !== 'connect' || event.connect.address !== first) return event
  return { ...event, connect: { ...event.connect, name: 'api.test.' } }
}

/** A container of the version. `resolvers`: as the daemon reads them; undefined: not yet. */
async function started(
  resolvers?: readonly string[],
  found: readonly FoundName[] = [],
): Promise<Acts> {
  const acts = new Acts(sensor.image)
  running.push(acts)
  const { control } = sensor.recorder.source
  control.assign(acts.id, scope, { enforce: true })
  // Its cgroup exists by now, or the command would have no effect.
  await acts.did([])
  if (resolvers !== undefined) control.resolvers?.(acts.id, resolvers, found)
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
  return acts
}

async function reported(acts: Acts): Promise<readonly string[]> {
  await sensor.recorder.source.obeyed()
  return sensor.recorder
    .acts(acts.id)
    .flatMap((event) =>
      event.kind === 'connect' ? [`${event.connect.address} ${event.enforced ?? 'passed'}`] : [],
    )
}

describe('in block mode a connection of a version with a peer by DNS name', () => {
  it('passes to each address that a resolver gives to the name, and is counted', async () => {
    await learned()
    const acts = await started([resolver])
    for (const last of [2, 3, 4]) {
      const address = `198.51.100.${last}`
      expect(await acts.did([answer('API.TEST', address), connect(address)])).toEqual([
        '0',
        noRoute,
      ])
    }
    expect(await reported(acts)).toEqual([])
  })

  it('passes by the addresses of an alias, however many records the answer has', async () => {
    await learned()
    const acts = await started([resolver])
    const many = Array.from({ length: 40 }, (_, i) => named('edge.test', `203.0.113.${i + 1}`))
    const records = [{ owner: 'api.test', alias: 'edge.test' }, ...many]
    await acts.did([answers('api.test', records)])
    const results = await acts.did(many.map(({ a = '' }) => connect(a)))
    expect(new Set(results)).toEqual(new Set([noRoute]))
    expect(await reported(acts)).toEqual([])
  })

  it('is refused to a foreign name, to another port, and to an address without a name', async () => {
    await learned()
    const acts = await started([resolver])
    const lines = [
      answer('foreign.test', '198.51.100.9'),
      connect('198.51.100.9'),
      answer('api.test', '198.51.100.8'),
      connect('198.51.100.8', 444),
      connect('198.51.100.66'),
    ]
    expect(await acts.did(lines)).toEqual(['0', EPERM, '0', EPERM, EPERM])
    expect(await reported(acts)).toEqual([
      '198.51.100.9 blocked',
      '198.51.100.8 blocked',
      '198.51.100.66 blocked',
    ])
  })

  it('passes to an address that was learned as such, with and without a name', async () => {
    await learned()
    const acts = await started([resolver])
    const lines = [
      connect('198.51.100.77'),
      answer('foreign.test', '198.51.100.77'),
      connect('198.51.100.77'),
    ]
    expect(await acts.did(lines)).toEqual([noRoute, '0', noRoute])
    expect(await reported(acts)).toEqual([])
  })

  it('passes to each name with one label before the domain of a wildcard, and to no other', async () => {
    await learned()
    const found = { address: '198.51.100.29', name: 'b9.buckets.test.' }
    const acts = await started(
      [resolver],
      [found, { ...found, address: '198.51.100.30', name: 'test.' }],
    )
    const names = {
      'b1.buckets.test': noRoute,
      'B2.Buckets.test': noRoute,
      'a b.buckets.test': noRoute,
      'buckets.test': EPERM,
      'b1.b2.buckets.test': EPERM,
      'b1.pockets.test': EPERM,
      'b1.buckets.test.evil.test': EPERM,
      buckets: EPERM,
    }
    const lines = Object.keys(names).flatMap((name, n) => [
      answer(name, `198.51.100.${n + 20}`),
      connect(`198.51.100.${n + 20}`),
    ])
    const results = await acts.did(lines)
    expect(results.filter((_, i) => i % 2 === 1)).toEqual(Object.values(names))
    const others = [
      connect('198.51.100.20', 444),
      connect('198.51.100.29'),
      connect('198.51.100.30'),
    ]
    expect(await acts.did(others)).toEqual([EPERM, noRoute, EPERM])
    expect(await reported(acts)).toEqual(
      [23, 24, 25, 26, 27, 20, 30].map((last) => `198.51.100.${last} blocked`),
    )
  })

  it('follows the last answer for its address', async () => {
    await learned()
    const acts = await started([resolver])
    const address = '198.51.100.5'
    const to = (name: string): string[] => [answer(name, address), connect(address)]
    const lines = ['api.test', 'foreign.test', 'api.test'].flatMap(to)
    expect(await acts.did(lines)).toEqual(['0', noRoute, '0', EPERM, '0', noRoute])
  })

  it('is refused where somebody else than its resolvers gave the name', async () => {
    await learned()
    const acts = await started([resolver])
    const lines = [answer('api.test', '198.51.100.9', stranger), connect('198.51.100.9')]
    expect(await acts.did(lines)).toEqual(['0', EPERM])
    // Nor does it take a name that a resolver gave.
    await acts.did([
      answer('api.test', '198.51.100.10'),
      answer('foreign.test', '198.51.100.10', stranger),
    ])
    expect(await acts.did([connect('198.51.100.10')])).toEqual([noRoute])
  })

  it('by a name of the profile is only reported while its resolvers are not known; then it is decided', async () => {
    await learned()
    const acts = await started()
    const [good, bad] = ['198.51.100.11', '198.51.100.12']
    const asks = [
      answer('api.test', good),
      answer('api.test', bad, stranger),
      answer('foreign.test', '198.51.100.13'),
    ]
    await acts.did(asks)
    const tries = [connect(good), connect(bad), connect('198.51.100.13'), connect('198.51.100.66')]
    expect(await acts.did(tries)).toEqual([noRoute, noRoute, EPERM, EPERM])
    expect(await reported(acts)).toEqual([
      `${good} passed`,
      `${bad} passed`,
      '198.51.100.13 blocked',
      '198.51.100.66 blocked',
    ])
    sensor.recorder.source.control.resolvers?.(acts.id, [resolver], [])
    await sensor.recorder.source.obeyed()
    expect(await acts.did(tries)).toEqual([noRoute, EPERM, EPERM, EPERM])
  })

  it('is not decided by answers that other containers of the version got', async () => {
    await learned()
    const [asking, other] = [await started([resolver]), await started([resolver])]
    const address = '198.51.100.14'
    expect(await asking.did([answer('api.test', address), connect(address)])).toEqual([
      '0',
      noRoute,
    ])
    expect(await other.did([connect(address)])).toEqual([EPERM])
  })

  it('passes to an address that the container found before the sensor; a later answer takes precedence', async () => {
    await learned()
    const [good, late] = ['198.51.100.17', '198.51.100.18']
    const found = [
      { address: good, name: 'api.test.' },
      { address: late, name: 'api.test.' },
    ]
    const acts = await started([resolver], found)
    const lines = [connect(good), answer('foreign.test', late), connect(late)]
    expect(await acts.did(lines)).toEqual([noRoute, '0', EPERM])
    // What it saw itself stays.
    sensor.recorder.source.control.resolvers?.(acts.id, [resolver], found)
    await sensor.recorder.source.obeyed()
    expect(await acts.did([connect(late)])).toEqual([EPERM])
  })

  it('still passes after the container found more addresses than it has places for, if it is in use', async () => {
    await learned()
    const acts = await started([resolver])
    const address = '198.51.100.15'
    await acts.did([answer('api.test', address), connect(address)])
    // Few enough at a time that the connection comes before the second turn of its set, four times what there is room for.
    for (let turn = 0; turn < 32; turn++) {
      const others = Array.from({ length: 40 }, (_, i) =>
        named('foreign.test', `10.0.${turn}.${i + 1}`),
      )
      await acts.did([answers('foreign.test', others)])
      expect(await acts.did([connect(address)])).toEqual([noRoute])
    }
    // The last answer has its place too.
    await acts.did([answer('api.test', '198.51.100.16')])
    expect(await acts.did([connect('198.51.100.16')])).toEqual([noRoute])
  })
})

describe.each(['alert', 'block'] as const)('in %s mode an address has no name', (mode) => {
  const isBlocking = mode === 'block'
  const forged = '203.0.113.66'
  const answering = dnsAnswer('api.test', [named('api.test', forged)])

  /** The connection to the address is a deviation, and refused in block mode; one to the name itself is not. */
  async function expectNoName(acts: Acts): Promise<void> {
    expect(await acts.did([connect(forged)])).toEqual([isBlocking ? EPERM : noRoute])
    expect(await reported(acts)).toContain(`${forged} ${isBlocking ? 'blocked' : 'passed'}`)
  }

  it('by a message that a client of the container sends from the port of resolvers', async () => {
    await learned(mode)
    const acts = await started([engines])
    const [result] = await acts.did([`forger ${engines} ${hex(framed(answering))}`])
    expect(result).toBe(isBlocking ? EPERM : '0')
    await expectNoName(acts)
    const binds = sensor.recorder.acts(acts.id).filter(({ kind }) => kind === 'listen')
    expect(binds).toMatchObject([
      {
        listen: { protocol: 'tcp', address: engines, port: 53 },
        ...(isBlocking && { enforced: 'blocked' }),
      },
    ])
  })

  it('by what a resolver of the container says after a process took its port against the profile', async () => {
    await learned(mode)
    const acts = await started([resolver])
    await acts.did([answer('api.test', '198.51.100.2'), 'bind 127.0.0.1 53', 'bind 127.0.0.7 53'])
    await acts.did([answers('api.test', [named('api.test', forged)])])
    if (!isBlocking) await expectNoName(acts)
    else expect(await acts.did([connect(forged)])).toEqual([noRoute])
  })

  it('by a message from a raw socket with the address of a resolver', async () => {
    await learned(mode)
    const acts = await started([resolver])
    // A child does it: in block mode the socket is its end.
    expect(await acts.did([`+ raw ${resolver} ${hex(answering)}`])).toEqual([
      isBlocking ? 'killed 9' : '0',
    ])
    await expectNoName(acts)
  })

  it('by bytes within a message over TCP at which a packet begins', async () => {
    await learned(mode)
    const acts = await started([resolver])
    // The forged message is the text of a record, as the owner of a domain may give it.
    const text = framed(answering)
    const whole = framed(Buffer.concat([dnsAnswer('text.test', []), text]))
    const at = whole.length - text.length
    expect(await acts.did([stream(whole.subarray(0, at), whole.subarray(at))])).toEqual(['0'])
    await expectNoName(acts)
  })

  it('by a datagram that its socket has not asked for, of another question or with another id', async () => {
    await learned(mode)
    const acts = await started([resolver])
    const others = [dnsAnswer('foreign.test', []), dnsAnswer('api.test', [], { id: 2 })]
    const unasked = `unasked ${resolver} ${hex(answering)}`
    const lines = [unasked, ...others.map((other) => `${unasked} ${hex(other)}`)]
    expect(await acts.did(lines)).toEqual(['0', '0', '0'])
    await expectNoName(acts)
  })
})

describe('an address has a name', () => {
  it('by each message over TCP, also behind one that takes two packets', async () => {
    await learned()
    const acts = await started([resolver])
    const [one, two, three] = ['198.51.100.41', '198.51.100.42', '198.51.100.43']
    const bytes = Buffer.concat([one, two, three].map((each) => given('api.test', each)))
    const length = bytes.length / 3
    const pieces = [bytes.subarray(0, 2 * length), bytes.subarray(2 * length)]
    expect(await acts.did([stream(...pieces)])).toEqual(['0'])
    expect(await acts.did([one, two, three].map((each) => connect(each)))).toEqual(
      Array(3).fill(noRoute),
    )
    const padded = framed(Buffer.concat([dnsAnswer('text.test', []), Buffer.alloc(600)]))
    const behind = [
      padded.subarray(0, 300),
      Buffer.concat([padded.subarray(300), given('api.test', '198.51.100.44')]),
    ]
    expect(await acts.did([stream(...behind), connect('198.51.100.44')])).toEqual(['0', noRoute])
    expect(await reported(acts)).toEqual([])
  })
})

const seed = seedOfRun()
const messages = 20

/** Answers, most of them with some bytes changed. */
const message = fc
  .record({
    name: fc.constantFrom(
      'api.test',
      'API.test',
      'foreign.test',
      'x.api.test',
      'b1.buckets.test',
      'b1.b2.buckets.test',
      'buckets.test',
    ),
    alias: fc.boolean(),
    compressed: fc.boolean(),
    flips: fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 2 }),
    cut: fc.option(fc.nat(60), { freq: 4 }),
  })
  .map(({ name, alias, compressed, flips, cut }) => (addresses: readonly string[]): Buffer => {
    const owner = alias ? 'edge.test' : name
    const aliases = alias ? [{ owner: name, alias: owner }] : []
    const records = [...aliases, ...addresses.map((each) => named(owner, each))]
    const bytes = Buffer.from(dnsAnswer(name, records, { compressed }))
    for (const [at, byte] of flips) bytes[at % bytes.length] = byte
    return cut === null ? bytes : bytes.subarray(0, Math.max(20, bytes.length - cut))
  })

describe(`of any answer kernel and daemon read the same names (SNUG_SEED=${seed})`, () => {
  it(`of ${messages} answers in each of 10 containers`, async () => {
    await learned()
    let passed = 0
    let refused = 0
    for (let round = 0; round < 10; round++) {
      const acts = await started([resolver])
      const names = new AnsweredNames()
      const drawn = fc.sample(message, { seed: seed + round, numRuns: messages })
      for (const [n, make] of drawn.entries()) {
        const addresses = [1, 2, 3].map((last) => `10.${round}.${n}.${last}`)
        const bytes = make(addresses)
        const read = readDnsAnswer(bytes)
        if (read !== undefined) {
          const { name } = read
          const found = {
            containerId: acts.id,
            time: '',
            resolver,
            name,
            addresses: read.addresses,
          }
          names.take(found, () => [resolver])
        }
        const others = read?.addresses.map(({ address }) => address) ?? []
        const tried = [...new Set([...addresses, ...others])].filter((each) =>
          /^\d+\.\d/.test(each),
        )
        const results = await acts.did([
          `resolver ${resolver} ${hex(bytes)}`,
          ...tried.map((each) => connect(each)),
        ])
        const isKnown = (each: string): boolean =>
          /^(?:api|[^.]+\.buckets)\.test$/.test(names.nameOf(acts.id, each) ?? '') &&
          !isLinkLocal(each)
        const verdicts = tried.map((each) => (isKnown(each) ? 'passed' : 'refused'))
        const kernel = results.slice(1).map((each) => (each === EPERM ? 'refused' : 'passed'))
        expect({ bytes: bytes.toString('hex'), tried, kernel }).toEqual({
          bytes: bytes.toString('hex'),
          tried,
          kernel: verdicts,
        })
        passed += verdicts.filter((each) => each === 'passed').length
        refused += verdicts.filter((each) => each === 'refused').length
      }
      await acts.stop()
      running.pop()
    }
    expect(passed).toBeGreaterThan(50)
    expect(refused).toBeGreaterThan(50)
  })
})
