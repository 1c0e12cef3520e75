import { type Predicate, profilePredicate } from '../attest/statement.ts'
import {
  newestGood,
  type TrustedSigners,
  type Verified,
  type VerifiedProfile,
} from '../attest/verify.ts'
import { attached } from './attestations.ts'
import { dockerCredentials } from './credentials.ts'
import { imageAddress } from './image-address.ts'
import { RegistryClient } from './registry-client.ts'

export interface TrustedFetchOptions {
  readonly signers: TrustedSigners
  /** Hosts of registries without TLS. */
  readonly plainHttp: readonly string[]
}

/** A registry, with the credentials of `docker login`. */
export function registryAt(host: string, plainHttp: boolean): RegistryClient {
  const credentials = dockerCredentials(host)
  return new RegistryClient({
    host,
    plainHttp,
    ...(credentials === undefined ? {} : { credentials }),
  })
}

/**
 * The newest attachment of an image with a trusted signature; undefined where nothing is attached.
 *
 * Errors: those of `newestGood`, REGISTRY_FAILED
 */
export async function fetchSigned<Content>(
  predicate: Predicate<Content>,
  registry: RegistryClient,
  { repository, digest }: { readonly repository: string; readonly digest: string },
  signers: TrustedSigners,
): Promise<Verified<Content> | undefined> {
  const attachments = attached(registry, repository, digest, predicate)
  return newestGood(predicate, attachments, { ...signers, digest, nowMs: Date.now() })
}

/**
 * The trusted profile of an image; undefined where none is attached, and for images whose name has no registry.
 *
 * Errors: those of {@link fetchSigned}
 */
export async function fetchTrusted(
  { signers, plainHttp }: TrustedFetchOptions,
  image: string,
  digest: string,
): Promise<VerifiedProfile | undefined> {
  const address = imageAddress(`${image}@${digest}`)
  if (address === undefined) return undefined
  const { host, repository } = address
  const registry = registryAt(host, plainHttp.includes(host))
  return fetchSigned(profilePredicate, registry, { repository, digest }, signers)
}
