import { callNames } from './abi-names.ts'

/** Bit → namespace, for `clone`, `unshare` and `setns`. */
const namespaces: readonly (readonly [number, string])[] = [
  [0x00020000, 'mount'],
  [0x02000000, 'cgroup'],
  [0x04000000, 'uts'],
  [0x08000000, 'ipc'],
  [0x10000000, 'user'],
  [0x20000000, 'pid'],
  [0x40000000, 'net'],
  [0x00000080, 'time'],
]

const ptraceRequests: Readonly<Record<number, string>> = {
  0: 'traceme',
  4: 'poketext',
  5: 'pokedata',
  16: 'attach',
  0x4206: 'seize',
}

const uringOperations: Readonly<Record<number, string>> = {
  16: 'connect',
  18: 'openat',
  28: 'openat2',
  35: 'renameat',
  36: 'unlinkat',
  37: 'mkdirat',
  38: 'symlinkat',
  39: 'linkat',
  41: 'fsetxattr',
  42: 'setxattr',
  45: 'socket',
  56: 'bind',
  57: 'listen',
}

/** Sockets that events about peers do not cover: `vsock stream 0`, `inet dgram 1`. */
const families: Readonly<Record<number, string>> = {
  2: 'inet',
  10: 'inet6',
  17: 'packet',
  29: 'can',
  31: 'bluetooth',
  38: 'alg',
  40: 'vsock',
  44: 'xdp',
}

const socketTypes: Readonly<Record<number, string>> = {
  1: 'stream',
  2: 'dgram',
  3: 'raw',
  5: 'seqpacket',
}

export function callName(code: number): string {
  return callNames[code] ?? `call-${code}`
}

/** Text for the target of a sensitive call; undefined if the name of the call suffices. */
export function callTarget(name: string, argument: bigint, text: string): string | undefined {
  const number = Number(argument)
  switch (name) {
    case 'ptrace':
      return ptraceRequests[number] ?? String(number)
    case 'unshare':
    case 'setns':
    case 'clone':
      return namespaceNames(number)
    case 'bpf':
    case 'keyctl':
      return `command ${number}`
    case 'socket':
      return socketKind(argument)
    case 'io_uring': {
      const operation = uringOperations[number] ?? String(number)
      return text === '' ? operation : `${operation} ${text}`
    }
    default:
      return text === '' ? undefined : text
  }
}

/** The subject of a kernel rule for such a call: the number, and the text from the caller. */
export interface CallSubject {
  readonly argument: bigint
  readonly text: string
}

/** The inverse of {@link callTarget}. */
export function callSubject(name: string, target: string | undefined): CallSubject {
  const text = target ?? ''
  switch (name) {
    case 'ptrace':
      return { argument: numberOf(ptraceRequests, text), text: '' }
    case 'unshare':
    case 'setns':
    case 'clone':
      return { argument: namespaceBits(text), text: '' }
    case 'bpf':
    case 'keyctl':
      return { argument: BigInt(text.replace(/^command /, '') || 0), text: '' }
    case 'socket':
      return { argument: socketBits(text), text: '' }
    case 'io_uring': {
      const space = text.indexOf(' ')
      const operation = space < 0 ? text : text.slice(0, space)
      return {
        argument: numberOf(uringOperations, operation),
        text: space < 0 ? '' : text.slice(space + 1),
      }
    }
    default:
      return { argument: 0n, text }
  }
}

function socketKind(kind: bigint): string {
  const family = Number(kind >> 32n)
  const type = Number((kind >> 16n) & 0xffffn)
  return `${families[family] ?? family} ${socketTypes[type] ?? type} ${kind & 0xffffn}`
}

function socketBits(text: string): bigint {
  const [family = '', type = '', protocol = ''] = text.split(' ')
  return (
    (numberOf(families, family) << 32n) |
    (numberOf(socketTypes, type) << 16n) |
    numberOf({}, protocol)
  )
}

function numberOf(names: Readonly<Record<number, string>>, text: string): bigint {
  const known = Object.entries(names).find(([, name]) => name === text)?.[0]
  return BigInt(known ?? (/^\d+$/.test(text) ? text : 0))
}

function namespaceBits(text: string): bigint {
  const names = text.split(',')
  return namespaces.reduce(
    (bits, [bit, name]) => (names.includes(name) ? bits | BigInt(bit) : bits),
    0n,
  )
}

function namespaceNames(flags: number): string | undefined {
  const names = namespaces.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]))
  return names.length === 0 ? undefined : names.join(',')
}
