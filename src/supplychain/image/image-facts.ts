import { z } from 'zod'
import { SnugError } from '../../errors.ts'

/** The metadata of an image, without its files. */
export interface ImageFacts {
  /** `sha256:…` of its config: the id of the image in engines. */
  readonly imageId?: string
  /** Names with a tag, and with a digest, by which it is known. */
  readonly names: readonly string[]
  /** RFC 3339; absent where it was built without a time. */
  readonly created?: string
  /** As in the image config: `nginx`, `101:101`, or empty for root. */
  readonly user: string
  /** Of its layers without compression, the bottom one first. */
  readonly diffIds: readonly string[]
}

const texts = z.array(z.string()).nullish()

/** The output of `docker image inspect`. */
const inspected = z.looseObject({
  Id: z.string(),
  RepoTags: texts,
  RepoDigests: texts,
  Created: z.string().nullish(),
  Config: z.looseObject({ User: z.string().nullish() }).nullish(),
  RootFS: z.looseObject({ Layers: texts }),
})

/** The config of an image by the OCI specification, which Docker writes too. */
const ociConfig = z.looseObject({
  created: z.string().nullish(),
  config: z.looseObject({ User: z.string().nullish() }).nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
})

/**
 * From the JSON of `docker image inspect`, or of an image's config by OCI.
 *
 * Errors: IMAGE_INVALID
 */
export function imageFactsOf(value: unknown): ImageFacts {
  const one: unknown = Array.isArray(value) ? value[0] : value
  const docker = inspected.safeParse(one)
  if (docker.success) {
    const { Id, RepoTags, RepoDigests, Created, Config, RootFS } = docker.data
    return {
      imageId: Id,
      names: [...(RepoTags ?? []), ...(RepoDigests ?? [])],
      ...createdAt(Created),
      user: Config?.User ?? '',
      diffIds: RootFS.Layers ?? [],
    }
  }
  return configFactsOf(one)
}

/** Errors: IMAGE_INVALID */
export function configFactsOf(value: unknown): ImageFacts {
  const oci = ociConfig.safeParse(value)
  if (!oci.success) {
    throw new SnugError(
      'IMAGE_INVALID',
      'it is neither output of `docker image inspect` nor the config of an image',
    )
  }
  const { created, config, rootfs } = oci.data
  return {
    names: [],
    ...createdAt(created),
    user: config?.User ?? '',
    diffIds: rootfs.diff_ids,
  }
}

/** A time long before containers counts as absent: reproducible builds set it. */
const firstYear = 1990

function createdAt(text: string | null | undefined): { created?: string } {
  const time = new Date(text ?? '')
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < firstYear) return {}
  return { created: time.toISOString() }
}

/** Whether the image's programs start as root: without a user, as `root`, or as number 0. */
export function startsAsRoot({ user }: ImageFacts): boolean {
  const [name = ''] = user.split(':')
  return name === '' || name === 'root' || /^0+$/.test(name)
}

/** Whether the image is known by that digest: its id, or that of a name. */
export function hasDigest({ imageId, names }: ImageFacts, digest: string): boolean {
  return imageId === digest || names.some((name) => name.endsWith(`@${digest}`))
}
