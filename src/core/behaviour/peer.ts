import type { BehaviourObject } from './behaviour.ts'

/**
 * A peer by its DNS name, as behaviours have it: with the final dot. Names of containers and workloads have none, so
 * no DNS answer can give an address the name of one.
 */
export function dnsPeer(name: string): string {
  return `${name}.`
}

/** Whether DNS answers of the container led to this peer. */
export function isDnsPeer(peer: string): boolean {
  return peer.endsWith('.')
}

type ConnectObject = Extract<BehaviourObject, { kind: 'connect' }>

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
