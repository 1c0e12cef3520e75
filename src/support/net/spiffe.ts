import { X509Certificate } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { describeError, SnugError } from '../../errors.ts'

/** The name of a workload: `spiffe://TRUST-DOMAIN/PATH`. */
export interface SpiffeId {
  readonly uri: string
  readonly trustDomain: string
}

const maxLength = 2_048
export const trustDomainPattern = /^[a-z0-9._-]{1,255}$/
const segmentPattern = /^[A-Za-z0-9._-]+$/

/** By the rules of SPIFFE, which allow one form of each; undefined for anything else. */
export function spiffeIdOf(uri: string): SpiffeId | undefined {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]*)((?:\/.*)?)$/s.exec(uri) ?? []
  const isPath = path
    .split('/')
    .slice(1)
    .every((part) => segmentPattern.test(part) && part !== '.' && part !== '..')
  if (!isPath || !trustDomainPattern.test(trustDomain) || uri.length > maxLength) return undefined
  return { uri, trustDomain }
}

export interface TrustDomain {
  readonly name: string
  /** PEM: who signs for it. */
  readonly bundle: string
}

/** Longer than any chain that a workload is given. */
const maxDepth = 6
const kept = { max: 1_000, ttl: 60_000 } as const
const pemPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Who signs for which trust domain: an authority of one cannot speak for another. */
export class TrustDomains {
  /** All of them, for the handshake, which does not distinguish them. */
  readonly ca: string
  readonly #anchors = new Map<string, readonly X509Certificate[]>()
  readonly #known = new LRUCache<string, boolean>(kept)

  /** Errors: CONFIG_INVALID for a bundle without a certificate. */
  constructor(domains: readonly TrustDomain[]) {
    this.ca = domains.map(({ bundle }) => bundle).join('\n')
    for (const { name, bundle } of domains) this.#anchors.set(name, certificatesIn(name, bundle))
  }

  /**
   * Whether the certificate was signed for the trust domain of that id, possibly through intermediates sent with it.
   */
  vouch({ trustDomain }: SpiffeId, leaf: X509Certificate): boolean {
    const known = this.#known.get(leaf.fingerprint256)
    if (known !== undefined) return known
    const leads = leadsTo(leaf, this.#anchors.get(trustDomain) ?? [], issuersOf(leaf), 0)
    this.#known.set(leaf.fingerprint256, leads)
    return leads
  }
}

function certificatesIn(name: string, bundle: string): readonly X509Certificate[] {
  try {
    const found = bundle.match(pemPattern)?.map((pem) => new X509Certificate(pem)) ?? []
    if (found.length > 0) return found
  } catch (cause) {
    const why = describeError(cause)
    throw new SnugError('CONFIG_INVALID', `the bundle of \`${name}\` cannot be read: ${why}`)
  }
  throw new SnugError('CONFIG_INVALID', `the bundle of \`${name}\` has no certificate`)
}

/** Certificates sent with it, or added by the handshake. */
function issuersOf(leaf: X509Certificate): readonly X509Certificate[] {
  const found: X509Certificate[] = []
  let next = leaf.issuerCertificate
  while (next !== undefined && found.length < maxDepth) {
    found.push(next)
    next = next.issuerCertificate
  }
  return found
}

function leadsTo(
  certificate: X509Certificate,
  anchors: readonly X509Certificate[],
  between: readonly X509Certificate[],
  depth: number,
): boolean {
  if (anchors.some((anchor) => isNow(anchor) && isIssuedBy(certificate, anchor))) return true
  if (depth >= maxDepth) return false
  return between.some(
    (issuer) =>
      issuer.ca &&
      isNow(issuer) &&
      isIssuedBy(certificate, issuer) &&
      leadsTo(issuer, anchors, between, depth + 1),
  )
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** Whether it is within its time. */
export function isNow({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now()
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
}
