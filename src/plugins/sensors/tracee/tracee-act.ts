import { asBag, asNumber, type Bag, need, numberAt, textAt } from '../json-fields.ts'
import { accessOfFlagNames, accessOfFlags } from '../open-flags.ts'

/** Decodes a Tracee event; undefined if it is not supported. */
export function traceeAct(name: string, data: Bag): Bag | undefined {
  switch (name) {
    case 'sched_process_exec': {
      const path = need(textAt(data, 'pathname'), '`pathname`')
      const drift = path.startsWith('memfd:')
        ? { drift: true, driftKind: 'memfd' }
        : { drift: false }
      return { kind: 'exec', exec: { path, ...drift } }
    }
    case 'security_file_open':
      return file(data, 'pathname', accessOfOpen(data['flags']))
    case 'security_inode_unlink':
      return file(data, 'pathname', ['delete'])
    case 'security_path_notify':
    case 'security_inode_mknod':
      return undefined
    case 'security_inode_rename': {
      const path = need(textAt(data, 'old_path'), '`old_path`')
      const to = need(textAt(data, 'new_path'), '`new_path`')
      return { kind: 'file', file: { path, access: ['rename'], to } }
    }
    case 'security_socket_connect':
      return socket('connect', data, 'remote_addr')
    case 'net_tcp_connect': {
      const address = need(textAt(data, 'dst'), '`dst`')
      return {
        kind: 'connect',
        connect: { protocol: 'tcp', address, port: numberAt(data, 'dst_port') ?? 0 },
      }
    }
    case 'security_socket_listen':
    case 'security_socket_bind':
      return socket('listen', data, 'local_addr')
    case 'cap_capable': {
      const capability = data['cap']
      if (typeof capability !== 'string') return undefined
      return { kind: 'capability', capability: { name: capability } }
    }
    case 'commit_creds':
      return identity(data)
    default:
      return undefined
  }
}

function file(data: Bag, key: string, access: readonly string[]): Bag {
  return { kind: 'file', file: { path: need(textAt(data, key), `\`${key}\``), access } }
}

function accessOfOpen(flags: unknown): readonly string[] {
  const number = asNumber(flags)
  if (number !== undefined) return accessOfFlags(number)
  return accessOfFlagNames(typeof flags === 'string' ? flags : '')
}

function socket(kind: 'connect' | 'listen', data: Bag, key: string): Bag | undefined {
  const address = asBag(data[key])
  if (address === undefined) throw need(undefined, `\`${key}\``)
  const path = textAt(address, 'sun_path')
  if (path !== undefined) return { kind, [kind]: { protocol: 'unix', address: path, port: 0 } }
  const ip = textAt(address, 'sin_addr') ?? textAt(address, 'sin6_addr')
  const port = numberAt(address, 'sin_port') ?? numberAt(address, 'sin6_port')
  // Netlink and packet sockets and socket pairs have no usable address.
  if (ip === undefined) return undefined
  return { kind, [kind]: { protocol: protocolOf(data['type']), address: ip, port: port ?? 0 } }
}

function protocolOf(type: unknown): string {
  if (type === 'SOCK_DGRAM' || asNumber(type) === 2) return 'udp'
  return type === 'SOCK_RAW' || asNumber(type) === 3 ? 'other' : 'tcp'
}

function identity(data: Bag): Bag | undefined {
  const [from, to] = [asBag(data['old_cred']), asBag(data['new_cred'])]
  if (from === undefined || to === undefined) return undefined
  const ids = (cred: Bag): Bag => ({
    uid: numberAt(cred, 'Euid') ?? numberAt(cred, 'euid') ?? 0,
    gid: numberAt(cred, 'Egid') ?? numberAt(cred, 'egid') ?? 0,
  })
  const [before, after] = [ids(from), ids(to)]
  // Tracee also reports changes of capabilities only.
  if (before['uid'] === after['uid'] && before['gid'] === after['gid']) return undefined
  return { kind: 'identity', identity: { from: before, to: after } }
}
