import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { isNow, spiffeIdOf, type TrustDomains } from './spiffe.ts'

/** Who a client is by its certificate. */
export interface TlsPeer {
  /** `DNS:…`, `URI:spiffe://…`; none where it has no certificate that counts. */
  readonly names: readonly string[]
  /** Milliseconds since 1970: then its certificate ends, and a connection may go on for longer. */
  readonly until: number
}

const nobody: TlsPeer = { names: [], until: 0 }

/**
 * The names in the client's certificate. One with a SPIFFE id has only this name. One without alternative names is an
 * old one, and its common name counts. Where trust domains are given, only their workloads count.
 */
export function tlsPeer({ socket }: IncomingMessage, domains?: TrustDomains): TlsPeer {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return nobody
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined || !isNow(leaf)) return nobody
  return { names: namesOf(leaf, domains), until: Date.parse(leaf.validTo) }
}

function namesOf(leaf: X509Certificate, domains: TrustDomains | undefined): readonly string[] {
  const names = leaf.subjectAltName?.split(', ') ?? []
  const uris = names.filter((name) => name.startsWith('URI:'))
  const isWorkload = uris.some((name) => /^URI:"?spiffe:/i.test(name))
  if (isWorkload) return workloadOf(leaf, uris, domains)
  if (domains !== undefined) return []
  if (leaf.subjectAltName !== undefined) return names
  const { CN: name } = leaf.toLegacyObject().subject
  return typeof name === 'string' ? [name] : []
}

/** By the rules for SVIDs: one URI and no other, not an authority itself, and signed for its own trust domain. */
function workloadOf(
  leaf: X509Certificate,
  [uri = '', ...more]: readonly string[],
  domains: TrustDomains | undefined,
): readonly string[] {
  const id = spiffeIdOf(uri.slice('URI:'.length))
  if (id === undefined || more.length > 0 || leaf.ca) return []
  return domains === undefined || domains.vouch(id, leaf) ? [uri] : []
}
