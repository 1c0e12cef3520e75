import { z } from 'zod'
import { SnugError } from '../../errors.ts'

/** The content of an archive: the config, and the names of its layers, the bottom one first. */
export interface ArchivedImage {
  readonly config: unknown
  readonly layers: readonly string[]
  /** With a tag, or only the digest of its manifest: `@sha256:…`. */
  readonly names: readonly string[]
  readonly imageId?: string
}

/** `manifest.json` of `docker save`. */
const saved = z
  .array(
    z.looseObject({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()),
    }),
  )
  .min(1)

const descriptor = z.looseObject({ mediaType: z.string().optional(), digest: z.string() })
const ociIndex = z.looseObject({ manifests: z.array(descriptor).min(1) })
const ociManifest = z.looseObject({ config: descriptor, layers: z.array(descriptor) })

/**
 * Finds the one image among the JSON files of an archive.
 *
 * Errors: IMAGE_INVALID, also where there are several images
 */
export function layersOf(jsons: ReadonlyMap<string, unknown>): ArchivedImage {
  const docker = saved.safeParse(jsons.get('manifest.json'))
  if (docker.success) {
    const [image, ...others] = docker.data
    if (image === undefined || others.length > 0) throw several()
    const { Config, Layers, RepoTags } = image
    const id = /[0-9a-f]{64}/.exec(Config)?.[0]
    return {
      config: jsons.get(Config),
      layers: Layers,
      names: RepoTags ?? [],
      ...(id === undefined ? {} : { imageId: `sha256:${id}` }),
    }
  }
  return ociImage(jsons, jsons.get('index.json'), [])
}

const maxIndexes = 4

/** An index may lead to another one. Attestations beside the image are none. */
function ociImage(
  jsons: ReadonlyMap<string, unknown>,
  value: unknown,
  names: readonly string[],
  depth = 0,
): ArchivedImage {
  const manifest = ociManifest.safeParse(value)
  if (manifest.success) {
    const { config, layers } = manifest.data
    return {
      config: jsons.get(blobName(config.digest)),
      layers: layers.map(({ digest }) => blobName(digest)),
      names,
      imageId: config.digest,
    }
  }
  const index = ociIndex.safeParse(value)
  if (!index.success || depth >= maxIndexes) {
    throw new SnugError(
      'IMAGE_INVALID',
      'it has neither a `manifest.json` nor an `index.json` of an image',
    )
  }
  const images = index.data.manifests.filter(({ platform }) => !isUnknown(platform))
  const [image, ...others] = images
  if (image === undefined || others.length > 0) throw several()
  const known = [...names, `@${image.digest}`]
  return ociImage(jsons, jsons.get(blobName(image.digest)), known, depth + 1)
}

function isUnknown(platform: unknown): boolean {
  return (
    typeof platform === 'object' && platform !== null && Reflect.get(platform, 'os') === 'unknown'
  )
}

function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}

function several(): SnugError {
  return new SnugError(
    'IMAGE_INVALID',
    'it does not hold exactly one image: save one, of one platform',
  )
}
