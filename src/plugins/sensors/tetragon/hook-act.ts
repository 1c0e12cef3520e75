import type { Access } from '../../../core/event/event-words.ts'
import { asBag, asNumber, asText, bagAt, type Bag, given, listAt, textAt } from '../json-fields.ts'
import { accessOf, accessOfFlags } from '../open-flags.ts'

const MAY_WRITE = 2
const MAY_READ = 4
const MAY_APPEND = 8
const PROT_READ = 1
const PROT_WRITE = 2
const PROT_EXEC = 4

/**
 * The event behind a kernel function that a TracingPolicy hooks, for the functions in Tetragon's
 * policies. Undefined for another function, or if its arguments do not suffice.
 */
export function hookAct(name: string, hook: Bag): Bag | undefined {
  const args = listAt(hook, 'args').map((arg) => asBag(arg) ?? {})
  switch (name.replace(/^__(?:x64|arm64)_/, '')) {
    case 'tcp_connect':
    case 'security_socket_connect':
    case 'socket_connect':
    case 'udp_sendmsg':
      return addressAct('connect', args)
    case 'inet_csk_listen_start':
    case 'security_socket_bind':
    case 'socket_bind':
      return addressAct('listen', args)
    case 'cap_capable':
    case 'capable':
      return capabilityAct(args)
    default:
      return fileAct(name, hook, args)
  }
}

function fileAct(name: string, hook: Bag, args: readonly Bag[]): Bag | undefined {
  const access = fileAccess(name, args)
  const [path, to] = args.flatMap((arg) => pathIn(arg) ?? [])
  if (access === undefined || path === undefined) return undefined
  if (access.includes('rename') && to === undefined) return undefined
  const denied = textAt(hook, 'action') === 'KPROBE_ACTION_OVERRIDE' ? true : undefined
  return {
    kind: 'file',
    file: given({ path, access, to: access.includes('rename') ? to : undefined, denied }),
  }
}

function fileAccess(name: string, args: readonly Bag[]): readonly Access[] | undefined {
  const number = args
    .flatMap((arg) => asNumber(arg['int_arg'] ?? arg['uint_arg'] ?? arg['size_arg']) ?? [])
    .at(0)
  switch (name) {
    case 'security_file_permission':
    case 'file_permission':
    case 'security_inode_permission': {
      const mask = number ?? 0
      const writes = (mask & (MAY_WRITE | MAY_APPEND)) !== 0
      return accessOf({ reads: (mask & MAY_READ) !== 0 || !writes, writes })
    }
    case 'security_mmap_file':
    case 'mmap_file': {
      const prot = number ?? PROT_READ
      if ((prot & PROT_EXEC) !== 0) return ['exec']
      return accessOf({ reads: (prot & PROT_READ) !== 0, writes: (prot & PROT_WRITE) !== 0 })
    }
    case 'security_path_truncate':
    case 'path_truncate':
      return ['write']
    case 'security_file_open':
    case 'file_open':
    case 'fd_install':
      return accessOfFlags(openFlags(args) ?? 0)
    case 'sys_openat':
    case 'sys_open':
      return accessOfFlags(number ?? 0)
    case 'security_path_unlink':
    case 'path_unlink':
    case 'sys_unlink':
    case 'sys_unlinkat':
      return ['delete']
    case 'security_path_rename':
    case 'path_rename':
    case 'sys_rename':
    case 'sys_renameat2':
      return ['rename']
    default:
      return undefined
  }
}

function openFlags(args: readonly Bag[]): number | undefined {
  return args.flatMap((arg) => asNumber(bagAt(arg, 'file_arg')['flags']) ?? []).at(0)
}

function pathIn(arg: Bag): string | undefined {
  const file = asBag(arg['file_arg']) ?? asBag(arg['path_arg'])
  return file === undefined ? asText(arg['string_arg']) : textAt(file, 'path')
}

function addressAct(kind: 'connect' | 'listen', args: readonly Bag[]): Bag | undefined {
  const socket = firstOf(args, 'sock_arg')
  const address = firstOf(args, 'sockaddr_arg')
  const end = kind === 'connect' ? 'd' : 's'
  const ip = address === undefined ? socket?.[`${end}addr`] : address['addr']
  const port = address === undefined ? socket?.[`${end}port`] : address['port']
  if (asText(ip) === undefined) return undefined
  const named = asText(socket?.['protocol'])?.replace(/^IPPROTO_/, '')
  const protocol = named?.toLowerCase() ?? 'tcp'
  return { kind, [kind]: { protocol, address: ip, port: asNumber(port) ?? 0 } }
}

function capabilityAct(args: readonly Bag[]): Bag | undefined {
  const name = asText(firstOf(args, 'capability_arg')?.['name'])
  return name === undefined ? undefined : { kind: 'capability', capability: { name } }
}

function firstOf(args: readonly Bag[], key: string): Bag | undefined {
  const holder = args.find((arg) => asBag(arg[key]) !== undefined)
  return holder === undefined ? undefined : asBag(holder[key])
}
