import fc from 'fast-check'
import { canonicalPath } from '../../src/core/event/canonical.ts'
import type { ActEvent } from '../../src/core/event/event.ts'
import { type Origin, origins } from '../../src/core/event/event-words.ts'
import {
  behaviourId,
  behaviourKey,
  type BehaviourObject,
} from '../../src/core/behaviour/behaviour.ts'
import type { Grant, ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { User } from '../../src/core/behaviour/user.ts'
import { nameOfBytes } from '../../src/agent/pipeline/sources/ebpf/kernel-name.ts'
import { act, learned, shaper, type Where } from '../fixtures/event-fixture.ts'

const from = (values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values)
const of = (characters: string, length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...characters.split('')), { minLength: length, maxLength: length })
    .map((all) => all.join(''))

const letters = 'abcdefghijklmnopqrstuvwxyz'
const ids = [1, 2, 3, 4, 5].map((n) => `3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`)
const days = ['2026-11-24', '20261125', '2026_11_26', '2026-11-27T13:40:27.5Z', '20261128134027']

/** Values of each type, from few, so that places are opened and are not. */
const types: Readonly<Record<string, fc.Arbitrary<string>>> = {
  int: fc.oneof(from(['1', '2', '3', '4', '77', '20261124']), of('0123456789', 9)),
  uuid: from(ids),
  hex: fc.oneof(of('0123456789abcdef', 8), from(['deadbee1', 'DEADBEE2', 'abcdefab', '12345678'])),
  wal: of('0123456789ABCDEF', 24),
  temp: fc.oneof(of(letters + letters.toUpperCase() + '0123456789', 6), from(['abcdef', 'Ab3dEf'])),
  tmp: of(`${letters}_0123456789`, 8).map((tail) => `tmp${tail}`),
  long: of(letters + letters.toUpperCase() + '0123456789', 24),
  date: from(days),
  time: from(['13:40:27', '13:40:28', '00:00:00', '23:59:59']),
  volume: from(['..2026_11_24_13_40_27.1234', '..2026_11_24_13_40_28.5']),
  name: of(letters, 3),
  eight: fc.oneof(of('01234', 8), of('12ab', 8), from(['20261124', '20261125', '20261126'])),
  python: of(`${letters}_0123456789`, 8),
  serial: of('0123456789', 19),
  six: fc.oneof(of('0123', 6), of('1aB', 6), of('ab', 6)),
  word: from(['config', 'x', 'part', 'a.b', 'README', 'evil']),
}

/** Names that are hard to parse or display. */
const odd = fc.oneof(
  from([
    '<int>',
    '<lt>',
    '<',
    'a<b',
    '<uuid>.part',
    '...',
    '..1',
    '.1',
    '1\n',
    'a\n1',
    '*',
    ' 1',
    '١٢٣',
  ]),
  from([
    '1'.repeat(255),
    `${'x'.repeat(253)}.1`,
    'ä'.repeat(127),
    'f'.repeat(255),
    `${'ab1'.repeat(85)}`,
  ]),
  // Any bytes: most are no UTF-8, and some are a backslash.
  fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map((bytes) => nameOfBytes(Buffer.from(bytes.map((b) => (b === 0 || b === 0x2f ? 0x5c : b))))),
  from(['\\', '1\\-2', 'x\xff-1'].map((name) => nameOfBytes(Buffer.from(name, 'latin1')))),
)

const templates = [
  '/data/{int}/config',
  '/data/{word}',
  '/tmp/{uuid}.part',
  '/tmp/f.{temp}',
  '/tmp/{tmp}',
  '/tmp/upload-{python}.png',
  '/cache/{python}',
  '/tmp/upload{serial}.tmp',
  '/tmp/{word}-{int}',
  '/cache/{hex}/blob',
  '/pg_wal/{wal}',
  '/log/app-{date}.log',
  '/log/app_{time}.log',
  '/long/{long}',
  '/a<b/{int}-{word}',
  '/many/{int}/{int}/{uuid}-{int}/{hex}',
  '/srv/{word}/{int}.json',
  '/proc/{int}/status',
  '/proc/{int}/task/{int}/fd/{int}',
  '/proc/{int}/fd/{int}/{int}',
  '/dev/pts/{int}',
  '/sys/devices/system/cpu/cpu{int}/cache/index{int}',
  '/secrets/{volume}/token',
  '/odd/{odd}',
  '/odd/{odd}/{int}',
  `${'/deep'.repeat(300)}/{int}`,
  '/plain/{word}/{word}',
]

/** Few folders with many names, as candidates for widening. */
const crowdedTemplates = [
  '/data/{name}',
  '/data/{name}',
  '/data/sub/{name}',
  '/tmp/{uuid}.part',
  '/tmp/f.{temp}',
  '/tmp/{word}-{int}',
  '/base/{int}/{int}_{word}',
  '/log/app-{date}.log',
  '/odd/{odd}',
]

/** Names that are too long for the automaton where several of them are patterns. */
const longTemplates = [
  `${'/deep'.repeat(60)}/{int}`,
  `${'/deep'.repeat(60)}/{int}/x`,
  `/a${'/deep'.repeat(60)}/{name}`,
  `/data/{int}${'/deep'.repeat(40)}`,
  '/data/{int}/config',
  '/tmp/{uuid}.part',
  '/plain/{word}',
]

/** Types that have names in common: `12345678` is an integer, hexadecimal and a temporary name's tail. */
const overlappingTemplates = [
  '/mix/{eight}',
  '/mix/{eight}',
  '/mix/f.{six}',
  '/mix/f.{six}',
  '/mix/{date}',
  '/mix/f-{six}-{eight}',
]

/** Files that are written beside those which they replace. */
const replacedTemplates = [
  '/opt/base/init.1',
  '/opt/base/init.2',
  '/opt/base/init.3',
  '/opt/base/init.{int}',
  '/opt/base/init',
  '/opt/base/{odd}',
]

const filledOf = (all: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom(...all).chain((template) => {
    const parts = template.split(/(\{[a-z]+\})/)
    const values = parts.map((part) =>
      part.startsWith('{')
        ? part === '{odd}'
          ? odd
          : (types[part.slice(1, -1)] ?? fc.constant(''))
        : fc.constant(part),
    )
    return fc.tuple(...values).map((all) => canonicalPath(all.join('')))
  })

/** A path, sometimes with one character changed, added or removed. */
const pathOf = (all: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      filledOf(all),
      fc.nat(),
      from(['', 'x', '7', 'A', '-', '/', '.', '_', '\n', '<']),
      fc.nat({ max: 9 }),
    )
    .map(([whole, at, by, how]) => {
      if (how > 2) return whole
      const i = 1 + (at % whole.length)
      const changed = whole.slice(0, i) + by + whole.slice(how === 0 ? i : i + 1)
      return canonicalPath(changed.includes('\\') ? whole : changed)
    })

const codes = fc.oneof(
  from(['id', 'echo 1', 'echo 2', 'echo 3', 'kill 4', 'cat < /etc/motd', 'a\nb', '', ' ', '-c']),
  from(ids).map((id) => `rm /tmp/${id}.part`),
  from(days).map((day) => `gzip /log/app-${day}.log`),
  // Long enough to be known by its beginning where the kernel has no room.
  from(days).map((day) => `tar cf /backup/${'part/'.repeat(30)}${day}.tar`),
  fc
    .tuple(from(['7', '8', '9']), from(['7', '8', '9']))
    .map((two) => `copy ${two.join(' ')} 1 2 3`),
  odd,
)
const rests = from(['', 'x', '-c', 'id', '1']).map((one) => (one === '' ? [] : [one]))

/** Calls of programs that are identified by their arguments, and of one that is not. */
const runs: fc.Arbitrary<readonly [string, readonly string[]]> = fc.oneof(
  fc
    .tuple(from(['sh', '/bin/sh', '-sh', '']), from(['-c', '-ec', '-x', '--']), codes, rests)
    .map(([name, flag, code, rest]) => ['/bin/sh', [name, flag, code, ...rest]] as const),
  fc
    .tuple(from(['python3', 'python']), from(['app.py', '-c', '-m', '-W']), codes, rests)
    .map(
      ([name, flag, code, rest]) => ['/usr/bin/python3.13', [name, flag, code, ...rest]] as const,
    ),
  fc
    .tuple(from(['ls', '/bin/wget', 'busybox', '-sh', 'sh']), from(['ls', '-c', 'sh']), codes)
    .map(([name, first, code]) => ['/bin/busybox', [name, first, code]] as const),
  codes.map((code) => ['/bin/sort', ['sort', code]] as const),
  from(['sh', '']).map((name) => ['/bin/sh', name === '' ? [] : [name]] as const),
)

const accesses = ['read', 'write', 'create', 'delete', 'setattr'] as const
const addresses = ['10.0.0.7', '10.0.1.8', '10.1.0.1', '192.168.1.1', '2001:db8::1', '2001:db9::1']
const blocks = [
  '10.0.0.0/8',
  '10.0.0.0/16',
  '10.0.0.0/24',
  '0.0.0.0/0',
  '2001:db8::/32',
  '10.1.2.3/16',
]

/** Root is root even as the declared user; the declared user and the accounts are one user each, whatever the uid. */
const users = fc.constantFrom(
  { uid: 101 },
  { uid: 101 },
  { uid: 0 },
  { uid: 0, declaredUser: true },
  { uid: 101, declaredUser: true },
  { uid: 4_711, declaredUser: true },
  { uid: 1_000 },
  { uid: 4_711 },
)

const anyoneBut = fc.record({
  exe: from(['/usr/sbin/nginx', '/usr/sbin/nginx', '/bin/sh']),
  container: from(['c1', 'c2']),
  origin: fc.constantFrom<Origin>(
    'entrypoint',
    'entrypoint',
    'entrypoint',
    'probe',
    'init',
    'exec-in',
  ),
})
const anyone = fc.tuple(anyoneBut, users).map(([who, user]) => ({ ...who, ...user }))

/** A write and a rename of a file, after which the delete in the exam is expected. */
const replacing = (
  path: fc.Arbitrary<string>,
  does: readonly ('write' | 'create' | 'rename' | 'delete')[],
): fc.Arbitrary<ActEvent> =>
  fc
    .tuple(
      fc.constantFrom({}, {}, {}, { origin: 'probe' as const }),
      path,
      from(['/opt/base/init', '/base/init', '/base/init.7']),
    )
    .chain(([who, a, b]) =>
      fc
        .constantFrom(...does)
        .map((access) => act.file(a, [access], who, access === 'rename' ? { to: b } : {})),
    )

/** Also at the ends of the ranges of {@link drawn}, and beside them. */
const ports = fc.oneof(
  fc.constantFrom(53, 5432),
  fc.constantFrom(1023, 1024, 40_000, 40_001, 41_999, 42_000, 65_535),
  fc.integer({ min: 1_000, max: 65_535 }),
)

const actsBy = (by: fc.Arbitrary<Where>, path: fc.Arbitrary<string>): fc.Arbitrary<ActEvent> =>
  by.chain((who) =>
    fc.oneof(
      { weight: 12, arbitrary: path.map((name) => act.file(name, ['read'], who)) },
      {
        weight: 8,
        arbitrary: fc
          .tuple(path, fc.uniqueArray(fc.constantFrom(...accesses), { minLength: 1, maxLength: 2 }))
          .map(([name, access]) => act.file(name, access, who)),
      },
      {
        weight: 3,
        arbitrary: fc.tuple(path, path).map(([a, b]) => act.file(a, ['rename'], who, { to: b })),
      },
      {
        weight: 1,
        arbitrary: path.map((name) => act.file(`…${name}`, ['read'], who, { cut: true })),
      },
      { weight: 2, arbitrary: path.map((name) => act.syscall('mount', who, name)) },
      {
        weight: 6,
        arbitrary: fc
          .tuple(from(addresses), ports, fc.constantFrom(undefined, undefined, 'db'))
          .map(([address, port, name]) => {
            const event = act.connect(address, port, who)
            if (event.kind !== 'connect' || name === undefined) return event
            return { ...event, connect: { ...event.connect, name } }
          }),
      },
      {
        weight: 4,
        arbitrary: fc
          .tuple(from(['0.0.0.0', '127.0.0.1']), ports)
          .map(([address, port]) => act.listen(address, port, who)),
      },
      { weight: 1, arbitrary: path.map((name) => act.exec(name, who)) },
      {
        weight: 5,
        arbitrary: fc
          .tuple(runs, fc.nat({ max: 15 }))
          .map(([[program, args], n]) => act.run(program, args, who, n === 0)),
      },
      {
        weight: 1,
        arbitrary: from(['CAP_NET_RAW', 'CAP_CHOWN']).map((name) => act.capability(name, who)),
      },
    ),
  )

/** Connections and listeners at ports that are drawn. */
const drawing = fc
  .tuple(
    fc.constantFrom(
      {},
      {},
      {},
      { origin: 'probe' as const },
      { exe: '/bin/sh' },
      { declaredUser: true },
    ),
    fc.constantFrom('10.0.0.7', '10.0.1.8', 'db', '0.0.0.0', '0.0.0.0', '127.0.0.1'),
    ports,
  )
  .map(([who, peer, port]) => {
    if (peer === '0.0.0.0' || peer === '127.0.0.1') return act.listen(peer, port, who)
    const event = act.connect(peer === 'db' ? '10.0.0.9' : peer, port, who)
    if (event.kind !== 'connect' || peer !== 'db') return event
    return { ...event, connect: { ...event.connect, name: peer } }
  })

/** Connections to peers by DNS name, below a few domains and beside them. */
const naming = fc
  .tuple(
    fc.constantFrom({}, {}, {}, { origin: 'probe' as const }, { declaredUser: true }),
    fc.oneof(of(letters, 3), from(['*', 'b1', 'b2', 'b3', 'b1.b2', '\\042'])),
    from(['.x.test.', '.x.test.', '.x.test.', '.b.x.test.', '.y.test.', '.test.', '.x.test', '.']),
    from(['10.0.0.7', '10.0.1.8', '2001:db8::1']),
    fc.constantFrom(5432, 5432, 5432, 53, 40_001),
  )
  .map(([who, label, domain, address, port]) => {
    const event = act.connect(address, port, who)
    if (event.kind !== 'connect' || label === '*') return event
    return { ...event, connect: { ...event.connect, name: label + domain } }
  })

/** Sockets and calls in folders of people, and beside them; one socket has a name that looks like a pattern. */
const boxes = fc
  .tuple(
    fc.constantFrom({}, {}, {}, { origin: 'probe' as const }, { declaredUser: true }),
    fc.oneof(
      { weight: 9, arbitrary: of(letters, 4) },
      { weight: 1, arbitrary: from(['.olga', 'a<b', '<name>', '<alnum:255>', 'x.y', 'ü7']) },
    ),
    from(['', '', '/dev/log', '/dev/log', '/dev/log', '/dev/docker.sock', '/data.txt']),
    from(['chroot', 'chroot', 'mount', 'kill', 'connect', 'connect', 'connect', 'write']),
  )
  .map(([who, name, below, what]) => {
    const path = canonicalPath(`/srv/boxes/${name}${below}`)
    if (what === 'connect') return act.connect(path, 0, who, 'unix')
    if (what === 'write') return act.file(path, ['write'], who)
    return act.syscall(what, who, path)
  })

/** Decisions and inheritance from previous versions, by the number of the entry. */
const edits = fc.array(
  fc.record({
    entry: fc.nat(),
    what: from(['approved', 'approved', 'rejected', 'rejected', 'inherited']),
    until: fc.constantFrom(undefined, '2026-11-24T13:00:00.000000Z', '2026-11-25T00:00:00.000000Z'),
    onlyUid: fc.constantFrom(undefined, undefined, 101),
  }),
  { maxLength: 12 },
)
const peers = fc.array(
  fc.record({
    cidr: from(blocks),
    port: fc.constantFrom(53, 5432),
    kind: fc.constantFrom('approved' as const, 'approved' as const, 'rejected' as const),
    origin: fc.constantFrom(...origins),
  }),
  { maxLength: 4 },
)

/** From a previous version, or decided on. */
const grounds = {
  what: fc.constantFrom<'inherited' | 'approved' | 'rejected'>(
    'inherited',
    'inherited',
    'approved',
    'rejected',
  ),
  origin: fc.constantFrom<Origin>('entrypoint', 'entrypoint', 'entrypoint', 'probe'),
}

/** Ranges of ports. */
const drawn = fc.array(
  fc.record({
    peer: from(['10.0.0.7', 'db', '0.0.0.0', '0.0.0.0', '127.0.0.1']),
    uid: fc.constantFrom<User>(101, 'declared'),
    ranges: fc.subarray(['1024-1024', '5432-40000', '40001-41999', '1024-65535'], { minLength: 1 }),
    ...grounds,
  }),
  { maxLength: 12 },
)

/** Wildcards of DNS names. */
const wildcards = fc.array(
  fc.record({
    domain: from(['x.test.', 'x.test.', 'b.x.test.', 'y.test.', 'test.']),
    uid: fc.constantFrom<User>(101, 'declared'),
    ...grounds,
  }),
  { maxLength: 6 },
)

export interface World {
  readonly profile: Profile
  readonly exam: readonly ActEvent[]
  /** Files that the image ships. */
  readonly shipped: ReadonlySet<string>
}

const worldsOf = (
  acts: fc.Arbitrary<ActEvent>,
  lessons: number,
  { asks = acts, fewEdits = false } = {},
): fc.Arbitrary<World> =>
  fc
    .record({
      lesson: fc.array(acts, { minLength: lessons / 4, maxLength: lessons }),
      exam: fc.array(asks, { maxLength: 25 }),
      ships: fc.array(fc.nat(), { maxLength: 8 }),
      edits: fewEdits ? edits.map((all) => all.slice(0, 2)) : edits,
      peers,
      drawn,
      wildcards,
    })
    .map(
      ({ lesson, exam, ships, edits: changes, peers: known, drawn: ranges, wildcards: wide }) => {
        const all = [...lesson, ...exam]
        const files = all.flatMap((event) =>
          event.kind === 'file' && event.file.cut !== true ? [event.file.path] : [],
        )
        const shipped = new Set(ships.flatMap((n) => files[n % files.length] ?? []))
        const seen = (event: ActEvent): ActEvent =>
          event.kind === 'file' && shipped.has(event.file.path)
            ? { ...event, file: { ...event.file, shipped: true } }
            : event
        // A file that the previous version did not ship was learned there like any other, and inherited.
        const profile = learned(...lesson.map((event, i) => (i % 3 === 0 ? event : seen(event))))
        const entries = [...profile.entries()]
        for (const change of changes) {
          const i = change.entry % Math.max(1, entries.length)
          const entry = entries[i]
          if (entry !== undefined) entries[i] = edited(entry, change)
        }
        for (const peer of known) entries.push(peerEntry(peer))
        for (const range of ranges) entries.push(drawnEntry(range))
        for (const wildcard of wide) entries.push(wildcardEntry(wildcard))
        return {
          profile: Profile.load(entries, shaper),
          exam: [...lesson, ...exam].map(seen),
          shipped,
        }
      },
    )

type Edit = typeof edits extends fc.Arbitrary<readonly (infer E)[]> ? E : never

function edited(entry: ProfileEntry, edit: Edit): ProfileEntry {
  const grants = entry.cells.map(({ origin, witnesses }) =>
    witnesses === undefined ? { origin } : { origin, witnesses },
  )
  if (edit.what === 'inherited')
    return { ...entry, cells: [], inherited: { from: 'sha256:a', grants } }
  const kind = edit.what === 'rejected' ? 'rejected' : 'approved'
  return {
    ...entry,
    // Approved and never learned: only the decision makes it expected.
    cells: edit.until === undefined ? entry.cells : [],
    decision: {
      kind,
      by: 'cli:root',
      at: '2026-11-24T12:00:00.000000Z',
      grants,
      ...(edit.until === undefined || kind === 'rejected' ? {} : { until: edit.until }),
      ...(edit.onlyUid === undefined ? {} : { onlyUid: edit.onlyUid }),
    },
  }
}

type Peer = typeof peers extends fc.Arbitrary<readonly (infer P)[]> ? P : never

function peerEntry(peer: Peer): ProfileEntry {
  const actor = { exe: '/usr/sbin/nginx' }
  const object: BehaviourObject = {
    kind: 'connect',
    protocol: 'tcp',
    peer: peer.cidr,
    port: peer.port,
  }
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey(actor, 101, object)),
    actor,
    uid: 101,
    object,
    cells: [],
    decision: {
      kind: peer.kind,
      by: 'cli:root',
      at: '2026-11-24T12:00:00.000000Z',
      grants: [{ origin: peer.origin }],
    },
  }
}

type Drawn = typeof drawn extends fc.Arbitrary<readonly (infer D)[]> ? D : never

function drawnEntry({ peer, uid, what, ranges, origin }: Drawn): ProfileEntry {
  const about = { protocol: 'tcp', port: 0, drawn: true } as const
  const object: BehaviourObject =
    peer === '0.0.0.0' || peer === '127.0.0.1'
      ? { kind: 'listen', address: peer, ...about }
      : { kind: 'connect', peer, ...about }
  return entryOf(object, uid, what, [{ origin, witnesses: { literals: ranges, places: [] } }])
}

type Wildcard = typeof wildcards extends fc.Arbitrary<readonly (infer W)[]> ? W : never

function wildcardEntry({ domain, uid, what, origin }: Wildcard): ProfileEntry {
  const object = { kind: 'connect', protocol: 'tcp', peer: `*.${domain}`, port: 5432 } as const
  return entryOf(object, uid, what, [{ origin }])
}

function entryOf(
  object: BehaviourObject,
  uid: User,
  what: 'inherited' | 'approved' | 'rejected',
  grants: readonly Grant[],
): ProfileEntry {
  const actor = { exe: '/usr/sbin/nginx' }
  const by = { by: 'cli:root', at: '2026-11-24T12:00:00.000000Z', grants }
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey(actor, uid, object)),
    actor,
    uid,
    object,
    cells: [],
    ...(what === 'inherited'
      ? { inherited: { from: 'sha256:a', grants } }
      : { decision: { kind: what, ...by } }),
  }
}

/** Profiles with learned, inherited and decided entries, and events near those entries. */
export const worlds = worldsOf(actsBy(anyone, pathOf(templates)), 60)

/** One actor with many behaviours, as a candidate for widening. */
export const crowded = worldsOf(
  actsBy(fc.constantFrom({}, {}, {}, { origin: 'probe' as const }), pathOf(crowdedTemplates)),
  120,
)

/** Long names, which are renamed to each other. */
export const lengthy = worldsOf(
  fc.oneof(
    replacing(pathOf(longTemplates), ['create', 'rename']),
    fc
      .tuple(pathOf(longTemplates), pathOf(longTemplates))
      .map(([a, b]) => act.file(a, ['rename'], {}, { to: b })),
    pathOf(longTemplates).map((path) => act.syscall('mount', {}, path)),
  ),
  60,
  { asks: replacing(pathOf(longTemplates), ['create', 'rename', 'delete']), fewEdits: true },
)

/** Renames that free a name, whose delete is then expected. */
export const replaced = worldsOf(
  replacing(pathOf(replacedTemplates), ['write', 'create', 'rename', 'rename']),
  80,
  {
    asks: replacing(pathOf(replacedTemplates), ['delete', 'delete', 'delete', 'create', 'rename']),
    fewEdits: true,
  },
)

/** Places of sockets and of calls. */
export const sockets = worldsOf(boxes, 40)

/** Ports of ranges, and beside them. */
export const ranges = worldsOf(drawing, 8)

/** Wildcards, the names of them, and others. */
export const named = worldsOf(naming, 24)

/** Patterns that match each other's names, many of them rejected. */
export const overlapping = worldsOf(
  actsBy(fc.constantFrom({}, {}, {}, { origin: 'probe' as const }), pathOf(overlappingTemplates)),
  80,
)
