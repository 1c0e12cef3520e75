/**
 * How a system call maps to an event. `at` is the argument with the flags; `from` and `to` are its
 * paths.
 */
export type AuditCall =
  | { readonly does: 'exec' }
  | { readonly does: 'open'; readonly flags: 'a1' | 'a2' | 'none' }
  | { readonly does: 'delete' }
  | { readonly does: 'rename' }
  | { readonly does: 'connect' }
  | { readonly does: 'sensitive' }

const byName: Readonly<Record<string, AuditCall>> = {
  execve: { does: 'exec' },
  execveat: { does: 'exec' },
  open: { does: 'open', flags: 'a1' },
  openat: { does: 'open', flags: 'a2' },
  // The flags are in memory, which the record does not include.
  openat2: { does: 'open', flags: 'none' },
  unlink: { does: 'delete' },
  unlinkat: { does: 'delete' },
  rmdir: { does: 'delete' },
  rename: { does: 'rename' },
  renameat: { does: 'rename' },
  renameat2: { does: 'rename' },
  connect: { does: 'connect' },
  ptrace: { does: 'sensitive' },
  mount: { does: 'sensitive' },
  umount2: { does: 'sensitive' },
  unshare: { does: 'sensitive' },
  setns: { does: 'sensitive' },
  init_module: { does: 'sensitive' },
  finit_module: { does: 'sensitive' },
  bpf: { does: 'sensitive' },
}

/** Numbers of the calls above, by the `arch` of the record: x86-64 and arm64. */
const numbers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  c000003e: {
    '2': 'open',
    '42': 'connect',
    '59': 'execve',
    '82': 'rename',
    '84': 'rmdir',
    '87': 'unlink',
    '101': 'ptrace',
    '165': 'mount',
    '166': 'umount2',
    '175': 'init_module',
    '257': 'openat',
    '263': 'unlinkat',
    '264': 'renameat',
    '272': 'unshare',
    '308': 'setns',
    '313': 'finit_module',
    '316': 'renameat2',
    '321': 'bpf',
    '322': 'execveat',
    '437': 'openat2',
  },
  c00000b7: {
    '35': 'unlinkat',
    '38': 'renameat',
    '39': 'umount2',
    '40': 'mount',
    '56': 'openat',
    '97': 'unshare',
    '105': 'init_module',
    '117': 'ptrace',
    '203': 'connect',
    '221': 'execve',
    '268': 'setns',
    '273': 'finit_module',
    '276': 'renameat2',
    '280': 'bpf',
    '281': 'execveat',
    '437': 'openat2',
  },
}

/** The name of a system call: from an enriched log, else by its number. */
export function callName(fields: ReadonlyMap<string, string>): string {
  const named = fields.get('SYSCALL')
  if (named !== undefined && /^[a-z0-9_]+$/.test(named)) return named
  const number = fields.get('syscall') ?? ''
  return numbers[fields.get('arch') ?? '']?.[number] ?? `number ${number}`
}

export function auditCall(name: string): AuditCall | undefined {
  return Object.hasOwn(byName, name) ? byName[name] : undefined
}
