import { describe, expect, it } from 'vitest'
import { behaviourId, type BehaviourObject } from '../../../src/core/behaviour/behaviour.ts'
import { objectText } from '../../../src/core/behaviour/describe.ts'
import type { Decision, ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import type { SpecEntry } from '../../../src/core/lifecycle/decided-spec.ts'
import { AlertWindow } from '../../../src/console/reading/alert-window.ts'
import {
  allowedConnections,
  publishedConnections,
} from '../../../src/console/reading/allowed-connections.ts'
import { FleetMaps, type VersionOnMap } from '../../../src/console/reading/fleet-map.ts'
import { connectionsKept } from '../../../src/console/reading/workload-part.ts'
import type { OpenItem } from '../../../src/console/reading/review-groups.ts'
import { mapPage, type MapQuery } from '../../../src/console/reading/map-page.ts'
import { Interned } from '../../../src/console/reading/interned.ts'
import { alertIn } from '../../../src/console/reading/stream-record.ts'
import type { FleetImage } from '../../../src/fleet/fleet-image.ts'
import { entryOf } from '../../fixtures/node-entries.ts'
import { sampleAlert } from '../../fixtures/server-fixtures.ts'

const keep = new Interned()
const fleetMap = (versions: readonly VersionOnMap[], open: readonly OpenItem[]) =>
  new FleetMaps().make(versions, open)
const at = (hour: number): string => `2026-11-24T${String(hour).padStart(2, '0')}:00:00.000Z`
const image = (name: string, scope?: string): FleetImage => ({
  repository: `registry.example/${name}`,
  digest: `sha256:${name}`,
  ...(scope === undefined ? {} : { scope }),
})
const to = (peer: string, port: number, protocol = 'tcp'): BehaviourObject => ({
  kind: 'connect',
  protocol,
  peer,
  port,
})
const on = (port: number, address = '0.0.0.0'): BehaviourObject => ({
  kind: 'listen',
  protocol: 'tcp',
  address,
  port,
})

function entry(object: BehaviourObject, more: Partial<ProfileEntry> = {}): ProfileEntry {
  return { ...entryOf(object, 'n1'), ...more }
}

interface Slice {
  readonly entries: readonly ProfileEntry[]
  readonly node?: string
}

function version(
  of: FleetImage,
  slices: readonly Slice[] | readonly BehaviourObject[],
  decisions: readonly SpecEntry[] = [],
  createdAt = at(1),
): VersionOnMap {
  const published = slices.map((each) => {
    const { node = 'n1', entries } = 'entries' in each ? each : { entries: [entry(each)] }
    return { node, connections: publishedConnections(entries, keep) }
  })
  const connections = () => allowedConnections(published, { decisions, isGit: false })
  return { name: `${of.repository}-profile`, image: of, createdAt, revision: 1, connections }
}

function alerts(...changes: readonly NonNullable<Parameters<typeof sampleAlert>[1]>[]) {
  const window = new AlertWindow(100)
  for (const [seq, change] of changes.entries()) {
    const value: unknown = JSON.parse(
      JSON.stringify(sampleAlert(`a${seq}`, { guardrails: [], ...change })),
    )
    const alert = alertIn({ seq, time: at(2), value }, keep)
    if (alert === undefined) throw new Error('no alert')
    window.put(alert)
  }
  return window.groups.open(() => undefined)
}

function behaviour(object: BehaviourObject) {
  const { id } = entry(object)
  return { id, kind: object.kind, object: objectText(object), text: objectText(object) }
}

const all: MapQuery = { offset: 0, limit: 1_000 }
const lines = (
  map: ReturnType<typeof fleetMap>,
  query: Partial<MapQuery> = {},
): readonly string[] =>
  mapPage(map, { ...all, ...query }).rows.map(
    ({ from, to: peer, protocol, port, lastPort, state }) =>
      `${from} > ${peer} ${protocol} ${port}${lastPort === undefined ? '' : `-${lastPort}`} ${state}`,
  )
const web = image('shop/web', 'shop')

describe('the peers of a connection', () => {
  it.each([
    ['a service of the cluster', 'db.data', 'service:db.data'],
    ['a DNS name', 'api.example.', 'name:api.example.'],
    ['a DNS name with two labels, which is no service', 'db.data.', 'name:db.data.'],
    ['a DNS name that begins like loopback', '127.0.0.example.', 'name:127.0.0.example.'],
    ['names below a domain', '*.s3.example.', 'name:*.s3.example.'],
    ['a container by its name', 'redis', 'name:redis'],
    ['an IPv4 address', '203.0.113.7', 'address:203.0.113.0/24'],
    ['an IPv6 address', '2001:db8:1:2::7', 'address:2001:db8:1:2::/64'],
    ['a block', '10.0.0.0/8', 'address:10.0.0.0/8'],
    ['the address of a metadata service', '169.254.169.254', 'address:169.254.169.0/24'],
  ])('are one party each: %s', (_, peer, id) => {
    const learned = fleetMap([version(web, [to(peer, 443)])], [])
    expect(learned.connections.map((each) => each.to)).toEqual([id])
    const open = fleetMap([], alerts({ image: web, behaviour: behaviour(to(peer, 443)) }))
    expect(open.connections.map((each) => [each.to, each.port])).toEqual([[id, 443]])
  })

  it.each([
    ['loopback', to('127.0.0.53', 53, 'udp')],
    ['loopback of IPv6', to('::1', 80)],
    ['no address', to('0.0.0.0', 80)],
    ['a unix socket', to('/run/db.sock', 0, 'unix')],
  ])('are not there where they are within the container: %s', (_, object) => {
    expect(fleetMap([version(web, [object])], []).connections).toEqual([])
    expect(fleetMap([], alerts({ image: web, behaviour: behaviour(object) })).connections).toEqual(
      [],
    )
  })

  it('have the port that an alert has, whatever an address looks like', () => {
    const objects = [
      to('2001:db8::5', 6),
      to('2001:db8::5:6', 0, 'other'),
      to('10.1.2.3', 0, 'other'),
      to('2001:db8:1:2:3:4:5:6', 443),
    ]
    const rows = objects.flatMap((each) => {
      const open = alerts({ image: web, behaviour: behaviour(each) })
      return fleetMap([], open).connections.map(({ peers, port }) => [peers[0], port])
    })
    expect(rows).toEqual(objects.map((each) => 'peer' in each && [each.peer, each.port]))
  })

  it('are called by the address where a block has one, and by the block where it has more', () => {
    const names = (...peers: readonly string[]) => {
      const map = fleetMap(
        [
          version(
            web,
            peers.map((peer) => to(peer, 443)),
          ),
        ],
        [],
      )
      const { rows, parties } = mapPage(map, all)
      return [rows.length, rows[0]?.peerCount, parties.find(({ kind }) => kind === 'address')?.name]
    }
    expect(names('203.0.113.7')).toEqual([1, 1, '203.0.113.7'])
    expect(names('203.0.113.7', '203.0.113.9')).toEqual([1, 2, '203.0.113.0/24'])
  })
})

describe('a service', () => {
  const cart = (name = 'shop/cart', scope = 'shop') => version(image(name, scope), [on(8080)])

  it('is the workload of its name in its namespace, where only one listens', () => {
    const caller = version(web, [to('cart.shop', 80)])
    const called = (...others: readonly VersionOnMap[]) =>
      fleetMap([caller, ...others], []).connections.find(({ port }) => port === 80)?.to
    expect(called(cart())).toBe('image:registry.example/shop/cart#shop')
    expect(called(cart('cart', 'shop/Deployment/cart'))).toBe('workload:shop/Deployment/cart')
    expect(called(cart('shop/cart', 'other'))).toBe('service:cart.shop')
    expect(called(cart(), cart('fork/cart'))).toBe('service:cart.shop')
    expect(called(version(image('shop/cart', 'shop'), [to('x.example.', 1)]))).toBe(
      'service:cart.shop',
    )
    expect(called(version(image('shop/cart', 'shop'), [on(8080, '127.0.0.1')]))).toBe(
      'service:cart.shop',
    )
  })

  it('is no workload by a name of DNS, which anyone can choose', () => {
    const caller = version(web, [to('cart.shop.', 80)])
    expect(fleetMap([caller, cart()], []).connections[0]?.to).toBe('name:cart.shop.')
  })
})

describe('what the nodes published', () => {
  const object = to('db.data', 5432)
  const { id } = entry(object)
  const decided = (kind: Decision['kind'], hour: number): Partial<ProfileEntry> => ({
    decision: { kind, by: 'x', at: at(hour), grants: [] },
  })
  const spec = (action: SpecEntry['action'], hour: number): readonly SpecEntry[] => [
    { behaviour: id, action, by: 'y', at: at(hour) },
  ]
  const isThere = (slices: readonly Slice[], decisions: readonly SpecEntry[] = []) =>
    fleetMap([version(web, slices, decisions)], []).connections.length === 1

  it('is one connection, with the nodes and programs that have it', () => {
    const other = { exe: '/usr/bin/curl' }
    const map = fleetMap(
      [
        version(web, [
          { node: 'n1', entries: [entry(object)] },
          { node: 'n2', entries: [entry(object)] },
          { node: 'n3', entries: [entry(object, { actor: other, id: behaviourId('other') })] },
        ]),
      ],
      [],
    )
    expect(map.connections).toHaveLength(1)
    expect(map.connections[0]).toMatchObject({
      nodes: 3,
      programs: ['/usr/sbin/web', '/usr/bin/curl'],
      profile: 'registry.example/shop/web-profile',
    })
  })

  it('counts by the latest decision, in a slice or in the object', () => {
    const learned = { entries: [entry(object)] }
    const rejected = { entries: [entry(object, decided('rejected', 3))] }
    const approved = {
      node: 'n2',
      entries: [entry(object, { cells: [], ...decided('approved', 4) })],
    }
    const withdrawn = {
      node: 'n3',
      entries: [entry(object, { cells: [], ...decided('withdrawn', 5) })],
    }
    expect(isThere([learned])).toBe(true)
    expect(isThere([rejected])).toBe(false)
    expect(isThere([rejected, approved])).toBe(true)
    expect(isThere([approved, withdrawn])).toBe(false)
    expect(isThere([learned], spec('reject', 2))).toBe(false)
    expect(isThere([approved], spec('reject', 2))).toBe(true)
    expect(isThere([rejected], spec('release', 6))).toBe(true)
  })

  it('has a range where ports are drawn', () => {
    const drawn = {
      kind: 'connect',
      protocol: 'udp',
      peer: 'dns.infra',
      port: 0,
      drawn: true,
    } as const
    const [cell] = entry(drawn).cells
    const cells =
      cell === undefined ? [] : [{ ...cell, witnesses: { literals: ['32768-60999'], places: [] } }]
    const map = fleetMap([version(web, [{ entries: [entry(drawn, { cells })] }])], [])
    expect(lines(map)).toEqual([
      'image:registry.example/shop/web#shop > service:dns.infra udp 32768-60999 learned',
    ])
  })

  it('is over all versions of an image, and names the latest', () => {
    const next = { ...web, digest: 'sha256:next' }
    const map = fleetMap(
      [
        { ...version(next, [to('a.x', 1)], [], at(9)), name: 'next' },
        { ...version(web, [to('a.x', 1), to('b.x', 1)], [], at(3)), name: 'first' },
      ],
      [],
    )
    expect(map.connections.map((each) => [each.to, each.profile])).toEqual([
      ['service:a.x', 'next'],
      ['service:b.x', 'first'],
    ])
    expect(map.parties.get('image:registry.example/shop/web#shop')?.profile).toBe('next')
  })
})

describe('open alerts', () => {
  it('are connections of their own, beside those that are learned, the most severe first', () => {
    const map = fleetMap(
      [version(web, [to('203.0.113.7', 443)])],
      alerts(
        {
          image: web,
          node: 'n1',
          severity: 'medium',
          behaviour: behaviour(to('203.0.113.9', 443)),
        },
        {
          image: web,
          node: 'n2',
          severity: 'medium',
          behaviour: behaviour(to('203.0.113.9', 443)),
        },
        { image: web, severity: 'critical', behaviour: behaviour(to('evil.example.', 4444)) },
        {
          image: web,
          severity: 'low',
          novelty: true,
          behaviour: behaviour(to('new.example.', 80)),
        },
      ),
    )
    const own = 'image:registry.example/shop/web#shop'
    expect(lines(map)).toEqual([
      `${own} > name:evil.example. tcp 4444 alert`,
      `${own} > address:203.0.113.0/24 tcp 443 alert`,
      `${own} > name:new.example. tcp 80 review`,
      `${own} > address:203.0.113.0/24 tcp 443 learned`,
    ])
    const [, second] = map.connections
    expect(second).toMatchObject({ severity: 'medium', nodes: 2, peers: ['203.0.113.9'] })
    expect(second?.item).toMatch(/^shop-web|^registry-example-shop-web/)
  })

  it('leave the map with a decision', () => {
    const decision = { kind: 'allowed', by: 'x', at: at(3) } as const
    const open = alerts({ image: web, behaviour: behaviour(to('evil.example.', 4444)), decision })
    expect(fleetMap([], open).connections).toEqual([])
  })

  it('about a port are on the workload that listens', () => {
    const map = fleetMap(
      [version(web, [on(80)])],
      alerts({ image: web, behaviour: behaviour(on(31337, 'own')) }),
    )
    expect(map.parties.get('image:registry.example/shop/web#shop')?.listens).toMatchObject([
      { port: 31337, state: 'alert', severity: 'high' },
      { port: 80, state: 'learned' },
    ])
  })

  it('of a cause have all peers that it names', () => {
    const samples = [to('10.0.1.1', 22), to('10.0.2.1', 22)].map(behaviour)
    const cause = { id: 'c', access: 'connect', place: 'x', placeClass: 'data', names: 9 } as const
    const map = fleetMap(
      [],
      alerts({ image: web, samples, cause, behaviour: behaviour(to('10.0.3.1', 22)) }),
    )
    expect(map.connections.map((each) => each.to)).toEqual([
      'address:10.0.1.0/24',
      'address:10.0.2.0/24',
      'address:10.0.3.0/24',
    ])
  })
})

describe('a workload with many peers', () => {
  const many = (n: number, make: (i: number) => BehaviourObject) =>
    fleetMap(
      [
        version(
          web,
          Array.from({ length: n }, (_, i) => make(i)),
        ),
      ],
      [],
    )
  const own = 'image:registry.example/shop/web#shop'

  it('has ports of one peer together', () => {
    expect(lines(many(9, (i) => to('db.data', 5000 + i)))).toEqual([
      `${own} > service:db.data tcp 5000-5008 learned`,
    ])
    expect(lines(many(8, (i) => to('db.data', 5000 + i)))).toHaveLength(8)
  })

  it('has names of one domain together', () => {
    expect(lines(many(9, (i) => to(`bucket-${i}.s3.example.`, 443)))).toEqual([
      `${own} > name:*.s3.example. tcp 443 learned`,
    ])
  })

  it('has a bounded number of connections, and the rest as a number', () => {
    const map = many(connectionsKept + 7, (i) => to(`10.${i >> 8}.${i & 255}.1`, 443))
    expect(map.connections).toHaveLength(connectionsKept)
    expect(map.parties.get(own)?.left).toBe(7)
  })
})

describe('a map that is made again', () => {
  it('is as if it was made for the first time, whatever changed', () => {
    const maps = new FleetMaps()
    const caller = version(web, [to('cart.shop', 80), to('203.0.113.7', 443)])
    const cart = version(image('shop/cart', 'shop'), [on(8080), to('db.data', 5432)])
    const deaf = { ...version(image('shop/cart', 'shop'), []), revision: 2 }
    const more = { ...version(web, [to('203.0.113.9', 443)]), revision: 2 }
    const open = alerts({ image: web, behaviour: behaviour(to('evil.example.', 4444)) })
    const steps: readonly (readonly [readonly VersionOnMap[], readonly OpenItem[]])[] = [
      [[caller], []],
      [[caller, cart], []],
      [[caller, cart], open],
      [[caller, deaf], open],
      [[more, cart], open],
      [[more, cart, { ...caller, name: 'before' }], []],
      [[cart], []],
      [[], open],
    ]
    for (const [versions, items] of steps)
      expect(maps.make(versions, items)).toEqual(fleetMap(versions, items))
  })

  it('asks for the connections of a version only after a change', () => {
    const maps = new FleetMaps()
    let asked = 0
    const counted = (revision: number): VersionOnMap => {
      const made = version(web, [to('db.data', 5432)])
      return { ...made, revision, connections: () => ((asked += 1), made.connections()) }
    }
    for (const revision of [1, 1, 1, 2, 2]) maps.make([counted(revision)], [])
    expect(asked).toBe(2)
  })
})

describe('a page of the map', () => {
  const map = fleetMap(
    [
      version(web, [to('cart.shop', 80), to('api.example.', 443)]),
      version(image('shop/cart', 'shop'), [on(8080), to('db.data', 5432)]),
      version(image('pay/ledger', 'pay'), [to('db.data', 5432)]),
      version(image('infra/exporter'), [to('10.0.0.0/8', 9100)]),
    ],
    alerts({ image: image('pay/ledger', 'pay'), behaviour: behaviour(to('evil.example.', 4444)) }),
  )

  it('is of a namespace, of a party, of a state or of a text', () => {
    const tos = (query: Partial<MapQuery>) =>
      mapPage(map, { ...all, ...query }).rows.map((each) => each.to)
    expect(tos({})).toHaveLength(6)
    expect(tos({ namespace: 'pay' })).toEqual(['name:evil.example.', 'service:db.data'])
    expect(tos({ namespace: 'data' })).toEqual(['service:db.data', 'service:db.data'])
    expect(tos({ party: 'image:registry.example/shop/cart#shop' })).toEqual([
      'service:db.data',
      'image:registry.example/shop/cart#shop',
    ])
    expect(tos({ state: 'alert' })).toEqual(['name:evil.example.'])
    expect(tos({ q: 'TCP:5432' })).toHaveLength(2)
    expect(tos({ q: 'exporter' })).toEqual(['address:10.0.0.0/8'])
  })

  it('has the parties of its rows, and counts of what matches', () => {
    const page = mapPage(map, { offset: 1, limit: 1, namespace: 'pay' })
    expect(page).toMatchObject({ total: 2, offset: 1, states: { alert: 1, review: 0, learned: 1 } })
    expect(page.parties.map(({ id }) => id)).toEqual([
      'image:registry.example/pay/ledger#pay',
      'service:db.data',
    ])
    expect(mapPage(map, all).namespaces).toEqual({ shop: 3, data: 2, pay: 2 })
  })

  it('has the party that was asked for, also without a connection', () => {
    const idle = fleetMap([version(web, [on(80)])], [])
    const party = 'image:registry.example/shop/web#shop'
    expect(mapPage(idle, { ...all, party }).parties.map(({ id }) => id)).toEqual([party])
    expect(mapPage(idle, { ...all, party: 'no such' }).parties).toEqual([])
  })
})
