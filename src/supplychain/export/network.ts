import { isLoopback } from '../../core/behaviour/address-block.ts'
import { hiddenPeer } from '../../core/behaviour/dns-name.ts'
import type { BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { isDrawn, rangeOf } from '../../core/behaviour/ports.ts'
import type { Allowed } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'

/** A peer of the network that the service talks to. */
export interface Egress {
  readonly protocol: 'TCP' | 'UDP'
  /** An address, a block of them, or a name; see `isAddress`. */
  readonly peer: string
  readonly port: number
  /** Present where ports are drawn: the last of them. */
  readonly endPort?: number
}

export interface Ingress {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly endPort?: number
}

const protocols: Readonly<Record<string, 'TCP' | 'UDP'>> = { tcp: 'TCP', udp: 'UDP' }

export function egressOf(allowed: readonly Allowed[]): readonly Egress[] {
  return unique(
    allowed.flatMap(({ object, literals }) => {
      if (object.kind !== 'connect') return []
      const protocol = protocols[object.protocol]
      const { peer } = object
      if (protocol === undefined || isLoopback(peer) || peer === hiddenPeer) return []
      return [{ protocol, peer, ...portsOf(object, literals) }]
    }),
  )
}

export function ingressOf(allowed: readonly Allowed[]): readonly Ingress[] {
  return unique(
    allowed.flatMap(({ object, literals }) => {
      if (object.kind !== 'listen') return []
      const protocol = protocols[object.protocol]
      const ports = portsOf(object, literals)
      if (protocol === undefined || ports.port === 0 || isLoopback(object.address)) return []
      return [{ protocol, ...ports }]
    }),
  )
}

function portsOf(
  object: BehaviourObject & { readonly port: number },
  literals: readonly string[] | undefined,
): { readonly port: number; readonly endPort?: number } {
  const range = isDrawn(object) ? rangeOf(literals ?? []) : undefined
  return range === undefined ? { port: object.port } : { port: range.first, endPort: range.last }
}

export function isAddress(peer: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}(?:\/\d+)?$/.test(peer) || peer.includes(':')
}

export function blockOf(peer: string): string {
  if (peer.includes('/')) return peer
  return `${peer}/${peer.includes(':') ? 128 : 32}`
}

/** Each once, in an order that depends on nothing else. */
export function unique<T>(list: readonly T[]): readonly T[] {
  const byText = new Map(list.map((each) => [JSON.stringify(each), each]))
  return [...byText].sort(([a], [b]) => compareText(a, b)).map(([, each]) => each)
}
