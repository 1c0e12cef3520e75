import { type AddressBlock, parseBlock } from './address-block.ts'
import type { BehaviourObject } from './behaviour.ts'
import { isDnsPeer, isWildcardPeer, wildcardPeer } from './dns-name.ts'

type ConnectObject = Extract<BehaviourObject, { kind: 'connect' }>

/** Whether it stands for all names that have one label before a domain: `*.s3.example.`. */
export function isWildcard(object: BehaviourObject): object is ConnectObject {
  return object.kind === 'connect' && object.protocol !== 'unix' && isWildcardPeer(object.peer)
}

/** The wildcard that a peer by DNS name may be of, or is itself; undefined of other objects. */
export function wildcardOf(object: BehaviourObject): ConnectObject | undefined {
  if (object.kind !== 'connect' || object.protocol === 'unix' || object.drawn === true)
    return undefined
  const peer = isDnsPeer(object.peer) ? wildcardPeer(object.peer) : undefined
  return peer === undefined ? undefined : { ...object, peer }
}

/** The block of addresses that is its peer; undefined of other objects: a unix socket may be called like one. */
export function blockOf(object: BehaviourObject): AddressBlock | undefined {
  const isOfNet = object.kind === 'connect' && object.protocol !== 'unix'
  return isOfNet ? parseBlock(object.peer) : undefined
}

/** Whether it stands for unix sockets of a place; its peer is in the language of shapes, and that of a single one is not. */
export function isSockets(
  object: BehaviourObject,
): object is ConnectObject & { readonly drawn: true } {
  return object.kind === 'connect' && object.protocol === 'unix' && object.drawn === true
}

/** The path of the unix socket that it is about; undefined of abstract names, and of other objects. */
export function socketOf(object: BehaviourObject): string | undefined {
  if (object.kind !== 'connect' || object.protocol !== 'unix' || object.drawn === true)
    return undefined
  return object.peer.startsWith('/') ? object.peer : undefined
}
