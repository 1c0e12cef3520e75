import { afterEach, describe, expect, it } from 'vitest'
import { behaviourId, behaviourKey, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { clientHello, extension, realHello, serverNameExtension } from '../fixtures/client-hello.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'
import { Outside } from './outside.ts'

const sensor = oneSensor()
const running: { stop(): Promise<void> }[] = []
let scope = 1_700

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop()
})

interface Placed {
  readonly acts: Acts
  readonly outside: Outside
}

async function placed(): Promise<Placed> {
  const acts = new Acts(sensor.image)
  running.push(acts)
  await acts.did([])
  const outside = await Outside.beside(acts)
  running.push({ stop: () => outside[Symbol.asyncDispose]() })
  return { acts, outside }
}

/** `pieces`: each in a packet of its own. */
const first = (pieces: readonly Buffer[], port = 443): string =>
  ['first', Outside.address, port, ...pieces.map(hex)].join(' ')

const hello = (name: string): Buffer =>
  clientHello([extension(43, Buffer.alloc(3)), serverNameExtension(name)])

/** The servers that the container named, with what was done about it. */
async function named({ acts }: Placed): Promise<readonly string[]> {
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id).flatMap((event) => {
    if (event.kind !== 'connect' || event.connect.serverName === undefined) return []
    const { serverName, address, port } = event.connect
    return [`${serverName} ${address}:${port} ${event.enforced ?? 'passed'}`]
  })
}

describe('the server that a client names in TLS', () => {
  it('is reported with the process that made the connection, for a real hello', async () => {
    const place = await placed()
    const real = await realHello({ servername: 'Api.Example' })
    expect(await place.acts.did([first([real])])).toEqual(['0'])
    await expect.poll(() => place.outside.received).toEqual([hex(real)])
    expect(await named(place)).toEqual(['api.example 198.51.100.1:443 passed'])
    const event = sensor.recorder
      .acts(place.acts.id)
      .find((each) => each.kind === 'connect' && each.connect.serverName !== undefined)
    expect(event?.process).toMatchObject({ exe: '/bin/acts', origin: 'entrypoint' })
    expect(event?.process.pid).toBe(Number(place.acts.pid))
  })

  it.each([
    ['a name that ends in a dot', hello('a.example.'), ['a.example']],
    ['a name of one label', hello('localhost'), ['localhost']],
    ['other bytes than those of names', hello('*.a.example'), ['\\042.a.example']],
    [
      'an extension behind 1.5 KiB of others',
      clientHello([extension(51, Buffer.alloc(1_500)), serverNameExtension('far.example')]),
      ['far.example'],
    ],
    [
      'a long session and many ciphers',
      clientHello([serverNameExtension('b.example')], { session: 0, ciphers: 120 }),
      ['b.example'],
    ],
    ['no name', clientHello([extension(43, Buffer.alloc(3))]), []],
    ['no extensions', clientHello(undefined), []],
    ['no hello', Buffer.from('GET / HTTP/1.1\r\n\r\n'), []],
    ['an empty name', clientHello([serverNameExtension('')]), ['?']],
    ['a name of 300 letters', clientHello([serverNameExtension('a'.repeat(300))]), ['?']],
    [
      'more extensions than are read',
      clientHello([
        ...Array.from({ length: 64 }, (_, i) => extension(1_000 + i, Buffer.alloc(1))),
        serverNameExtension('late.example'),
      ]),
      ['?'],
    ],
    [
      'a hello of more than 4 KiB',
      clientHello([extension(51, Buffer.alloc(5_000)), serverNameExtension('late.example')]),
      ['?'],
    ],
  ] as const)('with %s', async (_, bytes, expected) => {
    const place = await placed()
    expect(await place.acts.did([first([bytes])])).toEqual(['0'])
    await expect.poll(() => place.outside.received.length).toBe(1)
    expect(await named(place)).toEqual(expected.map((name) => `${name} 198.51.100.1:443 passed`))
  })

  it('is hidden by a hello that comes in pieces, wherever it is cut', async () => {
    const place = await placed()
    const whole = hello('a.example')
    const cuts = [1, 2, 5, 6, 43, 44, 60, whole.length - 1]
    await place.acts.did(cuts.map((at) => first([whole.subarray(0, at), whole.subarray(at)], 443)))
    await expect.poll(() => place.outside.received.length).toBe(cuts.length)
    // Equal ones are counted.
    expect(await named(place)).toEqual(['? 198.51.100.1:443 passed'])
  })

  it('is read at each port', async () => {
    const place = await placed()
    await place.acts.did([first([hello('a.example')], 8443)])
    expect(await named(place)).toEqual(['a.example 198.51.100.1:8443 passed'])
  })
})

/** The version of a container that named these servers at its address. */
async function learned(
  names: readonly string[],
  {
    mode = 'block',
    wildcard,
    spares = false,
  }: {
    readonly mode?: 'alert' | 'block'
    readonly wildcard?: string
    readonly spares?: boolean
  } = {},
): Promise<void> {
  scope += 1
  const place = await placed()
  await place.acts.did(names.map((name) => first([hello(name)])))
  await sensor.recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of sensor.recorder.acts(place.acts.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  if (wildcard !== undefined) profile.merge(profile.entries().flatMap(withPeer(wildcard)))
  const { control } = sensor.recorder.source
  control.profile?.(scope, compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile)
  control.enforce?.(scope, {
    mode,
    budget: 1_000_000,
    ...(spares && { spares: ['server-name'] as const }),
  })
  await sensor.recorder.source.obeyed()
}

/** For the same actor, another peer. */
function withPeer(peer: string): (entry: ProfileEntry) => readonly ProfileEntry[] {
  return ({ actor, uid, object }) => {
    if (object.kind !== 'connect' || !object.peer.endsWith('.')) return []
    const other = { ...object, peer }
    return [
      {
        schema: 'snug.behaviour/v1',
        id: behaviourId(behaviourKey(actor, uid, other)),
        actor,
        uid,
        object: other,
        cells: [],
        inherited: { from: 'sha256:a', grants: [{ origin: 'entrypoint' }] },
      },
    ]
  }
}

async function started(): Promise<Placed> {
  const place = await placed()
  sensor.recorder.source.control.assign(place.acts.id, scope, { enforce: true })
  await place.acts.did([])
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
  return place
}

describe('in block mode, at an address that is expected', () => {
  it('an expected name passes, and no byte leaves to another one', async () => {
    await learned(['api.example'])
    const place = await started()
    const acts = ['evil.example', 'api.example', 'API.EXAMPLE'].map((name) => first([hello(name)]))
    expect(await place.acts.did(acts)).toEqual(['0', '0', '0'])
    await expect.poll(() => place.outside.received.length).toBe(2)
    expect(await named(place)).toEqual(['evil.example 198.51.100.1:443 blocked'])
    // The kernel sends again what nobody confirmed, after 200 ms, 600 ms and 1.4 s.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(place.outside.received).toEqual([hex(hello('api.example')), hex(hello('API.EXAMPLE'))])
  })

  it('a hello that hides its name does not leave, neither in pieces nor with the packet that connects', async () => {
    await learned(['api.example'])
    const place = await started()
    const whole = hello('api.example')
    const other = hello('evil.example')
    await place.acts.did([
      first([other.subarray(0, 60), other.subarray(60)]),
      first([other.subarray(0, 1), other.subarray(1)]),
      ['fast-open', Outside.address, 443, hex(hello('evil.example'))].join(' '),
      first([whole]),
    ])
    await expect.poll(() => place.outside.received.length).toBe(1)
    expect(await named(place)).toEqual([
      '? 198.51.100.1:443 blocked',
      'evil.example 198.51.100.1:443 blocked',
    ])
    expect(place.outside.received).toEqual([hex(whole)])
  })

  it('a name of an expected wildcard passes', async () => {
    await learned(['api.example'], { wildcard: '*.buckets.example.' })
    const place = await started()
    await place.acts.did(
      ['a.buckets.example', 'a.b.buckets.example', 'buckets.example'].map((name) =>
        first([hello(name)]),
      ),
    )
    expect(await named(place)).toEqual([
      'a.b.buckets.example 198.51.100.1:443 blocked',
      'buckets.example 198.51.100.1:443 blocked',
    ])
    await expect.poll(() => place.outside.received).toEqual([hex(hello('a.buckets.example'))])
  })

  it('an expected name makes no other address expected', async () => {
    await learned(['api.example'])
    const place = await started()
    expect(await place.acts.did([`first 198.51.100.9 443 ${hex(hello('api.example'))}`])).toEqual([
      '1',
    ])
    expect(await named(place)).toEqual([])
  })

  it('of a version whose window showed no names is reported and not stopped', async () => {
    await learned(['api.example'], { spares: true })
    const place = await started()
    await place.acts.did([first([hello('other.example')])])
    await expect.poll(() => place.outside.received.length).toBe(1)
    expect(await named(place)).toEqual(['other.example 198.51.100.1:443 passed'])
  })
})
