import { isLoopback } from '../../core/behaviour/address-block.ts'
import type { BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { isDrawn, rangeOf } from '../../core/behaviour/ports.ts'
import { canonicalAddress } from '../../core/event/canonical.ts'

/** A connection of a container over the network, or a port that it listens on. */
export interface Connection {
  readonly direction: 'out' | 'in'
  readonly protocol: string
  /** As profiles have it: an address, a block, a DNS name with its final dot, or another name. `in`: its own address. */
  readonly peer: string
  /** 0: not recorded. */
  readonly port: number
  /** Present where ports are drawn from a range: the last of them. */
  readonly lastPort?: number
}

/**
 * Undefined of other objects, and of those that stay within the container: unix sockets and loopback.
 *
 * @param literals witnesses of the behaviour: for drawn ports, their range
 */
export function connectionOf(
  object: BehaviourObject,
  literals: () => Iterable<string>,
): Connection | undefined {
  if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
  const { protocol } = object
  const peer = object.kind === 'connect' ? object.peer : object.address
  const direction = object.kind === 'connect' ? 'out' : 'in'
  if (staysInside(direction, protocol, peer)) return undefined
  const range = isDrawn(object) ? rangeOf(literals()) : undefined
  if (range === undefined) return { direction, protocol, peer, port: object.port }
  return { direction, protocol, peer, port: range.first, lastPort: range.last }
}

const kinds: Readonly<Record<string, 'out' | 'in'>> = { connect: 'out', listen: 'in' }

/**
 * The connection of a behaviour in an alert, of which `object` is the text: `tcp 203.0.113.7:443`. A node may send any text, so
 * the peer is text and no more.
 */
export function connectionIn({
  kind,
  object,
}: {
  readonly kind: string
  readonly object: string
}): Connection | undefined {
  const direction = kinds[kind]
  const text = object.replace(/ own address(?=:|$)/, ' own')
  const [, protocol, where] = /^(\S+) (.+)$/s.exec(text) ?? []
  if (direction === undefined || protocol === undefined || where === undefined) return undefined
  const [, before, digits] = /^(.+):(\d{1,5})$/s.exec(where) ?? []
  // The last group of an address looks like a port. Only protocols without ports have an address alone.
  const isAlone =
    before === undefined || (protocol === 'other' && canonicalAddress(where) !== undefined)
  const peer = isAlone ? where : before
  if (staysInside(direction, protocol, peer)) return undefined
  return { direction, protocol, peer, port: isAlone ? 0 : Number(digits) }
}

/** Equal for two connections to one peer, whichever programs make them. */
export function nameOfConnection(connection: Connection): string {
  const { direction, protocol, peer, port, lastPort = port } = connection
  return `${direction} ${protocol} ${port}-${lastPort} ${peer}`
}

/** A connection to no address at all is one to the container itself. */
function staysInside(direction: 'out' | 'in', protocol: string, peer: string): boolean {
  if (protocol === 'unix' || isLoopback(peer)) return true
  return direction === 'out' && (peer === '0.0.0.0' || peer === '::')
}
