import { jsonOf } from '../../supplychain/registry/attestations.ts'
import { z } from 'zod'
import {
  gatePredicate,
  type Predicate,
  profilePredicate,
} from '../../supplychain/attest/statement.ts'
import type { TrustedSigners } from '../../supplychain/attest/verify.ts'
import { describeError, SnugError } from '../../errors.ts'
import { configFactsOf } from '../../supplychain/image/image-facts.ts'
import type { ImageAddress } from '../../supplychain/registry/image-address.ts'
import type { RegistryClient } from '../../supplychain/registry/registry-client.ts'
import { fetchSigned, registryAt } from '../../supplychain/registry/trusted-fetch.ts'
import type { Attested, ImageEvidence } from './judge-image.ts'
import type { ImageRequirements } from './policy.ts'

export interface ImageRegistryOptions {
  readonly signers: TrustedSigners
  /** Hosts of registries without TLS. */
  readonly plainHttp: readonly string[]
  readonly images: ImageRequirements
}

/** An image in its registry. */
export type ImageAt = Omit<ImageAddress, 'reference'> & { readonly digest: string }

/** More platforms than any image is for. */
const mostPlatforms = 64
const descriptor = z.looseObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) })
const index = z.looseObject({
  manifests: z
    .array(descriptor.extend({ platform: z.looseObject({ os: z.string() }).optional() }))
    .max(mostPlatforms),
})
const manifest = z.looseObject({ config: descriptor })

/** The registries' data on images, trusted by the same rules as in agents. */
export class ImageRegistry {
  readonly #options: ImageRegistryOptions

  constructor(options: ImageRegistryOptions) {
    this.#options = options
  }

  /** The digest of a tag; undefined where there is no such image. Errors: REGISTRY_FAILED */
  async digestOf({ host, repository, reference }: ImageAddress): Promise<string | undefined> {
    return (await this.#at(host).manifest(repository, reference))?.descriptor.digest
  }

  /**
   * Only the data that the policy needs; undefined where there is no such image. Errors: REGISTRY_FAILED, IMAGE_INVALID
   */
  async evidence(at: ImageAt): Promise<ImageEvidence | undefined> {
    const { profile, gate, approvedBases, forbiddenBases } = this.#options.images
    const registry = this.#at(at.host)
    const found = await registry.manifest(at.repository, at.digest)
    if (found === undefined) return undefined
    const asksBases = approvedBases !== undefined || forbiddenBases.length > 0
    const [ofProfile, ofGate, platforms] = await Promise.all([
      profile ? this.#attested(profilePredicate, registry, at) : undefined,
      gate ? this.#attested(gatePredicate, registry, at) : undefined,
      asksBases ? platformsOf(registry, at.repository, found.bytes) : undefined,
    ])
    return {
      ...(ofProfile === undefined ? {} : { profile: ofProfile }),
      ...(ofGate === undefined ? {} : { gate: ofGate }),
      ...(platforms === undefined ? {} : { platforms }),
    }
  }

  /** One each time: so that credentials that were renewed are read again. */
  #at(host: string): RegistryClient {
    return registryAt(host, this.#options.plainHttp.includes(host))
  }

  async #attested<Content>(
    predicate: Predicate<Content>,
    registry: RegistryClient,
    at: ImageAt,
  ): Promise<Attested<Content>> {
    try {
      const verified = await fetchSigned(predicate, registry, at, this.#options.signers)
      return verified === undefined ? { kind: 'missing' } : { kind: 'good', verified }
    } catch (error) {
      // A failure of the registry is no evidence about the image.
      if (!(error instanceof SnugError) || error.code === 'REGISTRY_FAILED') throw error
      return { kind: 'refused', code: error.code, because: describeError(error) }
    }
  }
}

async function platformsOf(
  registry: RegistryClient,
  repository: string,
  bytes: Uint8Array,
): Promise<readonly (readonly string[])[]> {
  const value = jsonOf(bytes)
  const isIndex = typeof value === 'object' && value !== null && 'manifests' in value
  if (!isIndex) return [await layersOf(registry, repository, value)]
  const many = index.safeParse(value)
  if (!many.success) throw new SnugError('IMAGE_INVALID', 'its index cannot be read')
  // An attachment of a builder beside the images is not an image.
  const images = many.data.manifests.filter(({ platform }) => platform?.os !== 'unknown')
  return Promise.all(
    images.map(async ({ digest }) => {
      const found = await registry.manifest(repository, digest)
      return layersOf(registry, repository, found === undefined ? undefined : jsonOf(found.bytes))
    }),
  )
}

async function layersOf(
  registry: RegistryClient,
  repository: string,
  value: unknown,
): Promise<readonly string[]> {
  const one = manifest.safeParse(value)
  if (!one.success) throw new SnugError('IMAGE_INVALID', 'its manifest names no config')
  const config = await registry.blob(repository, one.data.config.digest)
  return configFactsOf(config === undefined ? undefined : jsonOf(config)).diffIds
}
