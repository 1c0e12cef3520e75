import { profilePredicate } from '../../../supplychain/attest/statement.ts'
import type { VerifiedProfile } from '../../../supplychain/attest/verify.ts'
import { SnugError } from '../../../errors.ts'
import { imageOf } from '../../../supplychain/registry/attestations.ts'
import { mustHaveRegistry } from '../../../supplychain/registry/image-address.ts'
import { fetchSigned, registryAt } from '../../../supplychain/registry/trusted-fetch.ts'
import { trustedKey } from '../../../supplychain/attest/keys.ts'

export interface TrustOptions {
  /** Files of public keys. */
  readonly key: readonly string[]
  readonly plainHttp?: true
}

/**
 * The profile that is attached to an image in its registry and signed by one of the keys.
 *
 * Errors: ATTESTATION_MISSING, those of `verifyStatement`, REGISTRY_FAILED, IMAGE_UNKNOWN, KEY_INVALID
 */
export async function verifiedProfile(
  image: string,
  { key, plainHttp }: TrustOptions,
): Promise<{ readonly subject: string; readonly verified: VerifiedProfile }> {
  const address = mustHaveRegistry(image)
  const { host, repository } = address
  const registry = registryAt(host, plainHttp === true)
  const keys = key.map(trustedKey)
  const { digest } = (await imageOf(registry, address)).subject
  const verified = await fetchSigned(profilePredicate, registry, { repository, digest }, keys)
  const name = `${host}/${repository}@${digest}`
  if (verified !== undefined) return { subject: name, verified }
  throw new SnugError('ATTESTATION_MISSING', `no profile is attached to \`${name}\``)
}
