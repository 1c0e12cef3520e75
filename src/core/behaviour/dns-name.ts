/**
 * A peer by its DNS name, as behaviours have it: with the final dot. Names of containers and workloads have none, so
 * no DNS answer can give an address the name of one.
 */
export function dnsPeer(name: string): string {
  return `${name}.`
}

/** What a client names in TLS that hides its server. No answer gives such a name: the byte is `\063` there. */
export const hiddenServer = '?'
export const hiddenPeer = dnsPeer(hiddenServer)

/** The peer that a client named in TLS. One that reads as a wildcard is no name of a server. */
export function serverPeer(serverName: string): string {
  const peer = dnsPeer(serverName)
  return isWildcardPeer(peer) ? hiddenPeer : peer
}

/** Whether DNS answers of the container led to this peer, or a client named it in TLS. */
export function isDnsPeer(peer: string): boolean {
  return peer.endsWith('.')
}

/** What a wildcard has for the first label. No answer gives such a name: the byte is `\042` there. */
const ANY_LABEL = '*'

/** `*.s3.example.` */
export function isWildcardPeer(peer: string): boolean {
  return peer.startsWith(`${ANY_LABEL}.`) && isDnsPeer(peer)
}

/** The wildcard that a DNS name is of, or is itself; undefined of a name with one label. */
export function wildcardPeer(peer: string): string | undefined {
  const domain = domainOf(peer)
  return domain === '' ? undefined : `${ANY_LABEL}.${domain}`
}

/** All labels of a DNS name but the first: `s3.example.` of `bucket.s3.example.`. */
export function domainOf(peer: string): string {
  return peer.slice(peer.indexOf('.') + 1)
}

export function firstLabel(peer: string): string {
  return peer.slice(0, peer.indexOf('.'))
}
