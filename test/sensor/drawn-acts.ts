import fc from 'fast-check'
import { type AnswerRecord, dnsAnswer } from '../fixtures/dns-messages.ts'
import { hex } from './acts.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz'
const hexDigits = '0123456789abcdef'
const mixed = `${letters}${letters.toUpperCase()}0123456789`

const of = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.nat(alphabet.length - 1), { minLength: length, maxLength: length })
    .map((at) => at.map((i) => alphabet[i]).join(''))

/** Names that vary by nature, of few kinds, so that profiles find patterns in them, and names that only look so. */
const token = fc.oneof(
  fc.uuid(),
  of(hexDigits, 8),
  of(hexDigits, 16),
  of(mixed, 6),
  of(mixed, 10),
  fc.nat(99_999).map(String),
  fc.constantFrom('20261124', '2026-11-24', '13:40:27', 'abcdef', '12345678', 'tmpab12_cd3'),
)

const plain = fc.constantFrom('log', 'state', 'cache.db', 'a b', 'x86_64', '<int>', '…', '.hidden')
const hard: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(
    Buffer.from('n'.repeat(255)),
    Buffer.from('new\nline'),
    Buffer.from([0x62, 0xff, 0xfe, 0x6e]),
    Buffer.from('back\\slash'),
    Buffer.from('\\xff'),
    Buffer.from('e\u0301-ü-日本'),
    Buffer.concat([Buffer.from('1234567-'), Buffer.from([0x80]), Buffer.from('-7654321')]),
  ),
  fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x5f : byte)))),
)
const name: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 5, arbitrary: token.map((text) => Buffer.from(text)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('job-', 'part.', '', 'v1.'), token, fc.constantFrom('', '.tmp', '.1'))
      .map((parts) => Buffer.from(parts.join(''))),
  },
  { weight: 2, arbitrary: plain.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: hard.filter((bytes) => !['.', '..'].includes(bytes.toString())) },
)

/** Several spellings of one file: the kernel resolves an opened path, and a path without a file is made canonical. */
const spelled = fc.constantFrom('', '/', './', '../data/', 'sub/../', './')
const path: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom('/data/', '/data/sub/', '/tmp/'), spelled, name)
  .map(([folder, detour, leaf]) => {
    const way = folder === '/data/' ? detour : detour.includes('..') ? '' : detour
    return Buffer.concat([Buffer.from(folder + way), leaf])
  })

const port = fc.integer({ min: 7_000, max: 7_012 })
const address = fc.oneof(
  fc.constantFrom('127.0.0.1', '127.0.0.2', '127.1.0.3', '::1', '::ffff:127.0.0.7'),
  fc.constantFrom('198.51.100.5', '198.51.100.6', '198.51.100.7', '2001:db8::5'),
  fc.constant('::ffff:198.51.100.6'),
)

const homes = ['anna', 'carl', 'dora'].map((user) => `/data/homes/${user}`)
const home = fc.oneof(
  fc.constantFrom(...homes),
  of(letters, 5).map((user) => `/data/homes/${user}`),
  of(letters, 3).map((user) => `/data/homes/.${user}`),
)

const code: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(':', 'true', ': a', 'exit 3').map((it) => Buffer.from(it)),
  },
  { weight: 4, arbitrary: token.map((text) => Buffer.from(`: ${text.replace('<', '')}`)) },
  { weight: 1, arbitrary: fc.constant(Buffer.from([0x3a, 0x20, 0xff, 0xfe])) },
  // Longer than the kernel transports: only the beginning counts.
  {
    weight: 1,
    arbitrary: fc.constantFrom('x', 'y').map((x) => Buffer.from(`: ${x.repeat(2_100)}`)),
  },
)

/** A program whose name and arguments decide its work; all of its names are one file. */
const runs: fc.Arbitrary<string> = fc
  .oneof(
    fc
      .tuple(
        fc.constantFrom('sh', '/bin/sh', '-sh'),
        fc.constantFrom('-c', '-ec', '-c --').map((it) => it.split(' ')),
        code,
        fc.nat(1),
      )
      .map(([called, flag, reported, more]) => [
        called,
        ...flag,
        reported,
        ...(more === 1 ? ['$0'] : []),
      ]),
    fc.tuple(fc.constantFrom('echo', 'true', '/bin/false'), code),
    fc.tuple(fc.constant('busybox'), fc.constantFrom('echo', 'false'), code),
  )
  .map((args) => `+ run ${hex('/bin/busybox')} ${args.map(hex).join(' ')}`)

/** One action: a line for `acts` that leaves everything as it was. */
export const act: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('write', 'both', 'read', 'make', 'openat2'), path)
      .map(([op, at]) => `${op} ${hex(at)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('unlink', 'mkdir', 'rmdir', 'truncate', 'chmod', 'chown'), path)
      .map(([op, at]) => `${op} ${hex(at)}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(path, fc.constantFrom('user.note', 'trusted.note', 'security.note'))
      .map(([at, name]) => `attribute ${hex(at)} ${hex(name)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          'rename',
          'rename',
          'exchange',
          'link',
          'link-empty',
          'link-descriptor',
          'symlink',
        ),
        path,
        path,
      )
      .map(([op, from, to]) => `${op} ${hex(from)} ${hex(to)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('tcp', 'udp', 'send'), address, port)
      .map((parts) => parts.join(' ')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('listen', 'bind'),
        fc.constantFrom('127.0.0.1', '0.0.0.0', '::1'),
        port,
      )
      .map((parts) => parts.join(' ')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 999, 1_000, 1_001, 60_000, 60_001),
        fc.constantFrom('/bin/acts', '/bin/workload', '/etc/script.sh'),
      )
      .map(([user, at]) => `+${user} exec ${hex(at)}`),
  },
  { weight: 3, arbitrary: runs },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '+ setuid 3',
      '+ setuid 4',
      '+ setuid 1001',
      '+ setuid 1002',
      '+ setgid 3',
      '+ setgid 1003',
      '+ setgid 60001',
      '+ unshare 0x4000000',
      '+ unshare 0x20000',
      `+ chown ${hex('/data/log')}`,
      `+ memory ${hex('/bin/acts')}`,
      `+ execveat ${hex('/bin/acts')}`,
      `+2 read ${hex('/etc/private')}`,
      `+2 write ${hex('/data/log')}`,
      `+1001 read ${hex('/data/log')}`,
      `+1002 read ${hex('/data/log')}`,
      `+60001 read ${hex('/data/log')}`,
      'deep 10',
      'deep 25',
      `unix ${hex('/data/socket')}`,
      `unix ${hex('@abstract')}`,
      'unix ' + hex('@abstract-b'),
    ),
  },
  // Of a few there is a socket, or a folder; of most there is none.
  {
    weight: 2,
    arbitrary: fc
      .tuple(home, fc.constantFrom('/log', '/log', '/log', '/other', ''))
      .map(([folder, below]) =>
        below === ''
          ? `+ chroot-exec ${hex(folder)} ${hex('/none')}`
          : `unix ${hex(folder + below)}`,
      ),
  },
)

/** Files that replace another, and some that turned out not to be needed. */
const replacing = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) => {
  const fresh = hex(`/opt/init.${n}`)
  return [
    `write ${fresh}`,
    `rename ${fresh} ${hex('/opt/init')}`,
    `write ${fresh}`,
    `unlink ${fresh}`,
  ]
})

const asks = (name: string, record: Omit<AnswerRecord, 'owner'>): string =>
  `resolver 127.0.0.1 ${hex(dnsAnswer(name, [{ owner: 'edge.test', ...record }], { type: record.a === undefined ? 28 : 1 }))}`

/** Lines for `acts` that come first in each container: names from DNS, folders, sockets, replaced files. */
export const before = [
  asks('Api.test', { a: '198.51.100.5' }),
  asks('api.test', { aaaa: [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 5] }),
  asks('a b.test', { a: '198.51.100.6' }),
  asks('b.api.test', { a: '198.51.100.7' }),
  `mkdir ${hex('/data/sub')}`,
  // No folder below it is a place, so that deleting there is decided by renames.
  `mkdir ${hex('/opt')}`,
  `write ${hex('/data/log')}`,
  `serve ${hex('/data/socket')}`,
  `serve ${hex('@abstract')}`,
  `mkdir ${hex('/data/homes')}`,
  ...homes.flatMap((folder) => [`mkdir ${hex(folder)}`, `serve ${hex(`${folder}/log`)}`]),
  ...replacing,
]
