import { isIP } from 'node:net'

/**
 * Whether a registry may have its tokens made there: at the same place, or by TLS on a host of the same domain. A
 * registry is as foreign as the image: it must not have the client ask any other address, or bring it the answer.
 */
export function isTokenService(realm: URL, registry: URL): boolean {
  if (realm.origin === registry.origin) return true
  if (realm.protocol !== 'https:') return false
  const [own, other] = [registry.hostname, realm.hostname]
  if (own === other) return true
  const domain = domainOf(own)
  return domain !== undefined && (other === domain || other.endsWith(`.${domain}`))
}

/** Whether a redirect is followed: by TLS, so that who answers has a name, or at the same place. */
export function isFollowed(target: URL, registry: URL): boolean {
  return target.protocol === 'https:' || target.origin === registry.origin
}

/** The domain above a host: of `registry.example.org` it is `example.org`. None of addresses and short names. */
function domainOf(host: string): string | undefined {
  if (host.startsWith('[') || isIP(host) !== 0) return undefined
  const above = host.slice(host.indexOf('.') + 1)
  return host.includes('.') && above.includes('.') ? above : undefined
}
