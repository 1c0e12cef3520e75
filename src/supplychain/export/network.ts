import type { Allowed } from './allowed.ts'
import { compareText } from './allowed.ts'

/** A peer of the network that the service talks to. */
export interface Egress {
  readonly protocol: 'TCP' | 'UDP'
  /** An address, a block of them, or a name; see `isAddress`. */
  readonly peer: string
  readonly port: number
}

export interface Ingress {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
}

const protocols: Readonly<Record<string, 'TCP' | 'UDP'>> = { tcp: 'TCP', udp: 'UDP' }

export function egressOf(allowed: readonly Allowed[]): readonly Egress[] {
  return unique(
    allowed.flatMap(({ object }) => {
      if (object.kind !== 'connect') return []
      const protocol = protocols[object.protocol]
      const { peer, port } = object
      return protocol === undefined || isLoopback(peer) ? [] : [{ protocol, peer, port }]
    }),
  )
}

export function ingressOf(allowed: readonly Allowed[]): readonly Ingress[] {
  return unique(
    allowed.flatMap(({ object }) => {
      if (object.kind !== 'listen') return []
      const protocol = protocols[object.protocol]
      const { address, port } = object
      return protocol === undefined || port === 0 || isLoopback(address) ? [] : [{ protocol, port }]
    }),
  )
}

export function isAddress(peer: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}(?:\/\d+)?$/.test(peer) || peer.includes(':')
}

export function blockOf(peer: string): string {
  if (peer.includes('/')) return peer
  return `${peer}/${peer.includes(':') ? 128 : 32}`
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

function unique<T>(list: readonly T[]): readonly T[] {
  const byText = new Map(list.map((each) => [JSON.stringify(each), each]))
  return [...byText].sort(([a], [b]) => compareText(a, b)).map(([, each]) => each)
}
