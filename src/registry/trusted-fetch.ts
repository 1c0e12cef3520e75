import { newestGood, type TrustedKey, type Verified } from '../attest/verify.ts'
import { attached } from './attestations.ts'
import { dockerCredentials } from './credentials.ts'
import { imageAddress } from './image-address.ts'
import { RegistryClient } from './registry-client.ts'

export interface TrustedFetchOptions {
  readonly keys: readonly TrustedKey[]
  /** Hosts of registries without TLS. */
  readonly plainHttp: readonly string[]
}

/**
 * The newest profile attached to an image that a trusted key has signed; undefined where none is attached, and for
 * images whose name does not say in which registry they are.
 *
 * Errors: those of `newestGood`, REGISTRY_FAILED
 */
export async function fetchTrusted(
  { keys, plainHttp }: TrustedFetchOptions,
  image: string,
  digest: string,
): Promise<Verified | undefined> {
  const address = imageAddress(`${image}@${digest}`)
  if (address === undefined) return undefined
  const { host, repository } = address
  const credentials = dockerCredentials(host)
  const registry = new RegistryClient({
    host,
    plainHttp: plainHttp.includes(host),
    ...(credentials === undefined ? {} : { credentials }),
  })
  const envelopes = await attached(registry, repository, digest)
  return newestGood(envelopes, { keys, digest, nowMs: Date.now() })
}
