import { newestGood, type Verified } from '../attest/verify.ts'
import { SnugError } from '../errors.ts'
import { attached, imageOf } from '../registry/attestations.ts'
import { dockerCredentials } from '../registry/credentials.ts'
import { mustHaveRegistry } from '../registry/image-address.ts'
import { RegistryClient } from '../registry/registry-client.ts'
import { trustedKey } from '../signing/keys.ts'

export interface TrustOptions {
  /** Files of public keys. */
  readonly key: readonly string[]
  readonly plainHttp?: true
}

/**
 * The profile that is attached to an image in its registry and signed by one of the keys.
 *
 * Errors: ATTESTATION_MISSING, those of `verifyProfile`, REGISTRY_FAILED, IMAGE_UNKNOWN, KEY_INVALID
 */
export async function verifiedProfile(
  image: string,
  { key, plainHttp: plain }: TrustOptions,
): Promise<{ readonly subject: string; readonly verified: Verified }> {
  const address = mustHaveRegistry(image)
  const registry = clientOf(address.host, plain)
  const keys = key.map(trustedKey)
  const { subject } = await imageOf(registry, address)
  const { digest } = subject
  const envelopes = await attached(registry, address.repository, digest)
  const verified = newestGood(envelopes, { keys, digest, nowMs: Date.now() })
  const name = `${address.host}/${address.repository}@${digest}`
  if (verified !== undefined) return { subject: name, verified }
  throw new SnugError('ATTESTATION_MISSING', `no profile is attached to \`${name}\``)
}

export function clientOf(host: string, plain: true | undefined): RegistryClient {
  const credentials = dockerCredentials(host)
  return new RegistryClient({
    host,
    plainHttp: plain === true,
    ...(credentials === undefined ? {} : { credentials }),
  })
}
