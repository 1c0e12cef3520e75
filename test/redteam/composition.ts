import fc from 'fast-check'

/** The ways to make a call, in the order of `enum via` in `acts.h`. */
export const vias = [
  'at',
  'legacy',
  'by-descriptor',
  'compat',
  'ring',
  'ring-worker',
  'ring-late',
  'ring-poll',
] as const
export type Via = (typeof vias)[number]

/** What a name is made into; each works on the name before it. */
const names = [
  'relative',
  'folder-fd',
  'path-fd',
  'folder-proc-fd',
  'working-folder',
  'dots',
  'slashes',
  'own-root',
  'thread-root',
  'init-root',
  'symlink',
  'folder-symlink',
  'hard-link',
  'rename',
  'exchange',
  'mount-folder',
  'mount-file',
  'mount-tree',
  'change-root',
] as const

/** How the address of a peer is written. */
const addresses = ['v4', 'v6', 'mapped', 'any', 'no-family'] as const

/** Who runs the act; each hands the rest over. */
const runs = [
  'watched',
  'thread',
  'leaderless',
  'child',
  'orphan',
  'shared-table',
  'shared-folders',
  'shared-memory',
  'vfork',
  'exec',
  'handler',
  'storm',
  'user',
  'left-cgroup',
  'namespace',
] as const

const moments = ['later', 'first', 'flood', 'replaced', 'agent-dead'] as const
export type Moment = (typeof moments)[number]

/** What the object of an act is, which decides the ways to name it. */
export type ObjectKind = 'file' | 'peer' | 'path' | 'none'

export const acts = {
  read: 'file',
  write: 'file',
  'read-write': 'file',
  empty: 'file',
  create: 'path',
  unlink: 'file',
  rmdir: 'path',
  rename: 'file',
  link: 'file',
  symlink: 'path',
  mkdir: 'path',
  mknod: 'path',
  'setuid-bit': 'file',
  'set-time': 'file',
  chown: 'file',
  rights: 'file',
  'file-capabilities': 'file',
  truncate: 'file',
  exec: 'file',
  'exec-memory': 'none',
  'exec-script': 'file',
  'exec-dropped': 'file',
  map: 'none',
  'map-later': 'none',
  connect: 'peer',
  multipath: 'peer',
  'connect-datagrams': 'peer',
  send: 'peer',
  'fast-open': 'peer',
  listen: 'peer',
  bind: 'peer',
  'connect-unix': 'path',
  'connect-abstract': 'none',
  setuid: 'none',
  setresuid: 'none',
  seteuid: 'none',
  setgid: 'none',
  mount: 'path',
  'open-tree': 'path',
  chroot: 'path',
  'memory-file': 'none',
  unshare: 'none',
  enter: 'none',
  'be-traced': 'none',
  trace: 'none',
  signal: 'none',
  bpf: 'none',
  perf: 'none',
  'page-faults': 'none',
  key: 'none',
  'raw-socket': 'none',
  'packet-socket': 'none',
  'take-descriptor': 'none',
  'read-memory': 'none',
} as const satisfies Record<string, ObjectKind>
export type Act = keyof typeof acts

export interface Composition {
  readonly act: Act
  readonly names: readonly string[]
  readonly via: Via
  readonly runs: readonly string[]
  readonly moment: Moment
}

/** Acts that `io_uring` has. */
const inRing: readonly string[] = [
  'read',
  'write',
  'read-write',
  'empty',
  'create',
  'unlink',
  'rmdir',
  'rename',
  'link',
  'symlink',
  'mkdir',
  'rights',
  'file-capabilities',
  'connect',
  'multipath',
  'connect-datagrams',
  'send',
  'fast-open',
  'listen',
  'bind',
  'connect-unix',
  'connect-abstract',
  'raw-socket',
  'packet-socket',
]

function namesOf(act: Act): fc.Arbitrary<readonly string[]> {
  const kind: ObjectKind = acts[act]
  switch (kind) {
    case 'none':
      return fc.constant([])
    case 'peer':
      // To connect without a family is to end a connection.
      return fc
        .constantFrom(
          ...addresses.filter((form) => form !== 'no-family' || !/connect|multi/.test(act)),
        )
        .map((form) => [form])
    case 'path':
      return fc.array(
        fc.constantFrom(
          ...names.filter(
            (name) => !['hard-link', 'rename', 'exchange', 'mount-file'].includes(name),
          ),
        ),
        { maxLength: 2 },
      )
    case 'file':
      return fc.array(fc.constantFrom(...names), { maxLength: 3 })
  }
}

/** Any composition of this moment. Some are not possible: the program answers why. */
export function compositionOf(moment: Moment): fc.Arbitrary<Composition> {
  return fc.constantFrom(...(Object.keys(acts) as Act[])).chain((act) =>
    fc.record({
      act: fc.constant(act),
      names: namesOf(act),
      via: fc.constantFrom(
        ...vias.filter((via) => !via.startsWith('ring') || inRing.includes(act)),
      ),
      runs: fc.array(fc.constantFrom(...runs), { maxLength: 3 }),
      moment: fc.constant(moment),
    }),
  )
}

export function textOf({ act, names, via, runs, moment }: Composition): string {
  const list = (steps: readonly string[]): string => (steps.length === 0 ? '-' : steps.join(','))
  return `${act} ${via} names=${list(names)} runs=${list(runs)} ${moment}`
}

/** As `red.c` reads it. */
export function lineOf(slot: number, { act, names, via, runs }: Composition): string {
  const list = (steps: readonly string[]): string => (steps.length === 0 ? '-' : steps.join(','))
  return `${slot} ${act} ${vias.indexOf(via)} ${list(names)} ${list(runs)}`
}

/** Those with a step less, or by the plainest call. */
export function simplerThan(it: Composition): readonly Composition[] {
  const without = (steps: readonly string[], index: number): readonly string[] =>
    steps.filter((_, at) => at !== index)
  return [
    ...it.runs.map((_, index) => ({ ...it, runs: without(it.runs, index) })),
    ...it.names.map((_, index) => ({ ...it, names: without(it.names, index) })),
    ...(it.via === 'at' ? [] : [{ ...it, via: 'at' as const }]),
  ]
}
