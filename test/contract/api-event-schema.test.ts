import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SnugError } from '../../src/errors.ts'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { parseEventLine } from '../../src/core/event/parse-event.ts'
import { event as eventSchema } from '../../src/core/event/event-schema.ts'
import { alert } from '../../src/core/event/alert-schema.ts'
import { sampleAlert } from '../fixtures/server-fixtures.ts'

/**
 * The parser of `event` judges input, and the schema is published. Both get the same events, whole and with each
 * member broken, and must agree.
 */
const time = '2026-11-24T13:40:27.123456Z'
const base = { v: 1, time, node: 'n1', source: 'ebpf' } as const
const container = { id: 'c'.repeat(64), name: 'web-1', before: true, role: 'sidecar' } as const
const image = { repository: 'r/web', tag: '1.4', digest: `sha256:${'a'.repeat(64)}`, scope: 'shop' }
const act = {
  ...base,
  container,
  image,
  workload: { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-7c9' },
  process: {
    pid: 812,
    ppid: 790,
    vpid: 12,
    exe: '/usr/sbin/nginx',
    script: '/run.sh',
    args: ['nginx'],
    argsCut: false,
    uid: 101,
    gid: 101,
    parent: '/init',
    ancestors: ['/init'],
    origin: 'exec-in',
    declaredUser: true,
    session: 's1',
    tty: false,
    socketStdio: false,
    drift: false,
  },
  count: 2,
  enforced: 'missed',
  survives: 'effect-remains',
  held: false,
} as const
const peer = { protocol: 'tcp', address: '10.0.0.7', port: 5432 }

const samples: readonly SnugEvent[] = [
  {
    ...act,
    kind: 'exec',
    exec: {
      path: '/a',
      drift: true,
      script: '/s',
      driftKind: 'upper',
      scriptDrift: false,
      file: {
        device: 1,
        inode: '2',
        changed: '3',
        bytes: 4,
        executed: '5',
        script: true,
        inMemory: false,
      },
      sha256: 'a'.repeat(64),
    },
  },
  { ...act, kind: 'exec', exec: { path: '/a', drift: true, unhashed: 'size' } },
  {
    ...act,
    kind: 'file',
    file: {
      path: '/a',
      access: ['read', 'create'],
      to: '/b',
      cut: false,
      denied: true,
      unresolved: false,
      shipped: true,
      toShipped: false,
      received: false,
      layer: 'image',
      device: 'block',
      usualMount: '/proc',
    },
  },
  {
    ...act,
    kind: 'connect',
    connect: { ...peer, name: 'db', peer: { image: 'i', workload: 'w' }, serverName: 'a.example' },
  },
  { ...act, kind: 'listen', listen: peer },
  {
    ...act,
    kind: 'identity',
    identity: { from: { uid: 1, gid: 1 }, to: { uid: 0, gid: 0 }, through: 'held-id' },
  },
  { ...act, kind: 'capability', capability: { name: 'CAP_NET_RAW' } },
  {
    ...act,
    kind: 'syscall',
    syscall: { name: 'mount', target: '/mnt', denied: false, asShipped: true },
  },
  {
    ...base,
    kind: 'loss',
    container,
    image,
    loss: { reason: 'ring', count: 3, from: time, to: time },
  },
]

/** The parser does not read these members, since no verdict depends on them; the schema gives their types. */
const unread = ['exec.driftKind', 'connect.peer', 'connect.peer.image', 'connect.peer.workload']

function parses(value: unknown): boolean {
  try {
    parseEventLine(JSON.stringify(value))
    return true
  } catch (error) {
    if (error instanceof SnugError) return false
    throw error
  }
}

function schemaTakes(value: unknown): boolean {
  return eventSchema.safeParse(value).success
}

/** Paths of every member, at any depth. */
function members(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    [...at, name],
    ...members(inner, [...at, name]),
  ])
}

function changed(
  value: unknown,
  path: readonly string[],
  change: (owner: Record<string, unknown>, last: string) => void,
): unknown {
  const copy = structuredClone(value) as Record<string, unknown>
  const owner = path
    .slice(0, -1)
    .reduce((node, step) => node[step] as Record<string, unknown>, copy)
  change(owner, path.at(-1) ?? '')
  return copy
}

describe.each(samples)('an event of kind $kind', (sample) => {
  const paths = members(sample).filter((path) => !unread.includes(path.join('.')))

  it('is taken whole by parser and schema', () => {
    expect(parses(sample)).toBe(true)
    expect(eventSchema.safeParse(sample).error).toBeUndefined()
  })

  it('is refused by both or by neither, whichever member is missing', () => {
    const differ = paths.filter((path) => {
      const broken = changed(sample, path, (owner, last) => delete owner[last])
      return parses(broken) !== schemaTakes(broken)
    })
    expect(differ).toEqual([])
  })

  it.each([[{}], [[]], [null], [-1], [true], ['\u0000'], [''], [1.5], [2 ** 40]])(
    'is refused by the schema only where the parser refuses it, whichever member is %j',
    (wrong) => {
      const differ = paths.filter((path) => {
        const broken = changed(sample, path, (owner, last) => (owner[last] = wrong))
        return parses(broken) && !schemaTakes(broken)
      })
      expect(differ).toEqual([])
    },
  )

  it('is refused by both where a member is of another type', () => {
    const differ = paths.filter((path) => {
      const broken = changed(sample, path, (owner, last) => {
        owner[last] = typeof owner[last] === 'object' ? 'text' : {}
      })
      return parses(broken) || schemaTakes(broken)
    })
    expect(differ).toEqual([])
  })

  it('may have unknown members', () => {
    const more = { ...sample, extra: { deep: [1] } }
    expect([parses(more), schemaTakes(more)]).toEqual([true, true])
  })
})

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>
  readonly oneOf?: readonly Shape[]
}

/** Paths of every member that the schema describes. */
function described({ properties = {}, oneOf = [] }: Shape, at: readonly string[] = []): string[] {
  return [
    ...oneOf.flatMap((one) => described(one, at)),
    ...Object.entries(properties).flatMap(([name, shape]) => [
      [...at, name].join('.'),
      ...described(shape, [...at, name]),
    ]),
  ]
}

it('compares every member that the schema describes', () => {
  const compared = samples.flatMap((sample) => members(sample).map((path) => path.join('.')))
  const schema = z.toJSONSchema(eventSchema, { io: 'input' }) as Shape
  expect([...new Set(described(schema))].sort()).toEqual([...new Set(compared)].sort())
})

describe('an alert', () => {
  it('is taken whole by its schema', () => {
    const full = sampleAlert('01-a', {
      nearest: { id: 'b', kind: 'exec', object: '/x', text: 'run /x' },
      decision: { kind: 'allowed', by: 'cli:root', at: time, until: time, onlyUid: 1, reason: 'r' },
    })
    expect(alert.safeParse(full).error).toBeUndefined()
  })
})
