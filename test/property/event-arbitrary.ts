import fc from 'fast-check'
import type { ActEvent } from '../../src/core/event/event.ts'
import { accesses, origins } from '../../src/core/event/event-words.ts'

const segment = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'b', 'etc', 'tmp', 'var', 'data', 'x.conf', '<int>'),
  },
  { weight: 3, arbitrary: fc.nat({ max: 12 }).map(String) },
  { weight: 1, arbitrary: fc.uuid() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '2026-11-24',
      '20261125',
      'deadbee1',
      'f.Ab3dEf',
      'f.Zz9dEf',
      'f.Qq1rSt',
      'f.abcdef',
      '12345678',
      'deadbee2',
      'deadbee3',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .string({ minLength: 1, maxLength: 6 })
      .map((s) => `s${s.replaceAll('/', '_').replaceAll('\u0000', '_')}`),
  },
)

/** Paths that are canonical and often alike, so that shapes, thresholds and near misses come up. */
export const path = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`)

const exe = fc.constantFrom('/usr/sbin/nginx', '/bin/sh', '/app/server')
const uid = fc.constantFrom(0, 101, 1_000, 1_001)

export const acts: fc.Arbitrary<ActEvent> = fc
  .record({
    exe,
    uid,
    container: fc.constantFrom('c1', 'c2', 'c3', 'c4'),
    origin: fc.constantFrom(...origins),
    node: fc.constantFrom('n1', 'n2'),
    second: fc.integer({ min: 10, max: 59 }),
    minute: fc.oneof(fc.constant(40), fc.integer({ min: 10, max: 59 })),
    what: fc.oneof(
      {
        weight: 1,
        arbitrary: path.map((p) => ({ kind: 'exec' as const, exec: { path: p, drift: false } })),
      },
      {
        weight: 5,
        arbitrary: fc
          .record({
            path,
            access: fc.uniqueArray(fc.constantFrom(...accesses), { minLength: 1, maxLength: 3 }),
            to: path,
            shipped: fc.constantFrom(true, false, false, false),
          })
          .map(({ to, ...file }) => ({
            kind: 'file' as const,
            file: file.access.includes('rename') ? { ...file, to } : file,
          })),
      },
      {
        weight: 1,
        arbitrary: fc
          .record({
            protocol: fc.constantFrom('tcp', 'udp'),
            address: fc.constantFrom('10.0.0.7', '10.0.0.8', '2001:db8::1'),
            port: fc.constantFrom(53, 5432),
          })
          .map((connect) => ({ kind: 'connect' as const, connect })),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(
            fc.constantFrom(0, 1_000, 1_002),
            fc.constantFrom(0, 101, 1_000, 1_001, 1_002, 1_003),
          )
          .map(([from, to]) => ({
            kind: 'identity' as const,
            identity: { from: { uid: 0, gid: from }, to: { uid: to, gid: to } },
          })),
      },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('mount', 'ptrace', 'io_uring_setup')
          .map((name) => ({ kind: 'syscall' as const, syscall: { name } })),
      },
    ),
  })
  .map(
    ({ exe, uid, container, origin, node, second, minute, what }) =>
      ({
        v: 1,
        time: `2026-11-24T13:${minute}:${second}.123456Z`,
        node,
        source: 'file',
        container: { id: container },
        image: { repository: 'shop/web', digest: 'sha256:aa' },
        process: {
          pid: 7,
          exe,
          uid,
          origin,
          ...(origin === 'exec-in' ? { session: 's1' } : {}),
        },
        ...what,
      }) as ActEvent,
  )
