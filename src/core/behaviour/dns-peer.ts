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
