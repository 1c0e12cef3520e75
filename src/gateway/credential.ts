import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { TrustDomains } from '../support/net/spiffe.ts'
import { tlsPeer } from '../support/net/tls-peer.ts'
import { type Claim, claimHeader, claimText, tokenHeader } from '../serve/access/claim.ts'
import type { GatewaySetup } from '../serve/gateway/gateway-protocol.ts'
import { tokenDigest } from '../serve/access/token-file.ts'

/** A client's credential, as the gateway passes it to the daemon: of a token only its hash. */
export type Credential =
  | { readonly kind: 'token'; readonly digest: string }
  | { readonly kind: 'claim'; readonly claim: Claim; readonly until?: number }

export const cookieName = 'snug_session'
/** Under TLS: browsers then take it over TLS only, and from this host only. */
export const secureCookieName = '__Host-snug_session'

/** What a sign-in at an issuer has begun with, until the browser comes back. */
export const begunCookieName = 'snug_sign_in'
export const secureBegunCookieName = '__Host-snug_sign_in'

export function headersOf(credential: Credential): Readonly<Record<string, string>> {
  return credential.kind === 'token'
    ? { [tokenHeader]: credential.digest }
    : { [claimHeader]: claimText(credential.claim) }
}

/** Names a credential among others, without giving it away. */
export function keyOf(credential: Credential): string {
  return credential.kind === 'token' ? credential.digest : claimText(credential.claim)
}

export function ofToken(token: string): Credential {
  return { kind: 'token', digest: tokenDigest(token) }
}

/** `Authorization: Bearer …`; undefined where there is none that reads. */
export function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer ([\w.~+/-]{1,8000}=*)$/i.exec(headers.authorization ?? '')?.[1]
}

export function sessionIdOf({ headers, socket }: IncomingMessage): string | undefined {
  const wanted = socket instanceof TLSSocket ? secureCookieName : cookieName
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2)
    if (name === wanted && value !== undefined && /^[\w-]{43}$/.test(value)) return value
  }
  return undefined
}

/** Whom the client's certificate names, where one of our authorities signed it and the name has a role. */
export function ofCertificate(
  incoming: IncomingMessage,
  clients: NonNullable<GatewaySetup['tls']>['clients'],
  domains: TrustDomains | undefined,
): Credential | undefined {
  const { names, until } = tlsPeer(incoming, domains)
  const client = clients.find(({ name }) => names.includes(name))
  if (client === undefined) return undefined
  const claim: Claim = { via: 'certificate', name: client.name, role: client.role }
  return { kind: 'claim', claim, until }
}
