import { loadConfig } from '../../support/config/load-config.ts'
import { describeError, SnugError } from '../../errors.ts'
import { socketsOf } from '../../support/socket-paths.ts'
import { engineImageContents, engineImageFacts } from '../../supplychain/image/engine-image.ts'
import { readImageArchive } from '../../supplychain/image/image-archive.ts'
import { type ImageFacts, imageFactsOf } from '../../supplychain/image/image-facts.ts'
import type { ImageTree } from '../../supplychain/image/image-tree.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { readJsonFile } from './json-file.ts'
import { safeText } from '../../support/safe-text.ts'

/** The available data of the image that a command is about. */
export interface ImageInput {
  readonly facts?: ImageFacts
  readonly tree?: ImageTree
}

export interface ImageOptions {
  /** `docker save`, or an OCI layout in a tar. */
  readonly archive?: string
  /** Output of `docker image inspect`, or an OCI config. */
  readonly imageConfig?: string
}

export interface ImageNeeds {
  readonly files: boolean
  /** Whether the image is required: without it the engine's error is thrown, otherwise it is printed. */
  readonly must: boolean
}

/** From the files that were given, else from the engine. Errors: those of each. */
export async function imageInput(
  { io }: CliContext,
  image: string,
  { archive, imageConfig }: ImageOptions,
  { files, must }: ImageNeeds,
): Promise<ImageInput> {
  const config =
    imageConfig === undefined ? undefined : imageFactsOf(readJsonFile(imageConfig, 'IMAGE_INVALID'))
  if (archive !== undefined) {
    const { facts, tree } = await readImageArchive(archive)
    return { facts: config ?? facts, tree }
  }
  if (config !== undefined) return { facts: config }
  try {
    return await fromEngine(socketsFor(io.env), image, files)
  } catch (error) {
    if (!(error instanceof SnugError) || must) throw error
    printLine(io, `snug: the image itself was not inspected: ${safeText(describeError(error))}`)
    return {}
  }
}

/** The sockets of the configured engines: those that exist, or else Docker's. */
function socketsFor(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const { docker, podman } = loadConfig({ env }).config.engines
  const sockets = [docker.socket, ...podman.sockets].flatMap((path) => socketsOf(path))
  return sockets.length === 0 ? [docker.socket] : sockets.map(({ path }) => path)
}

/** From the first engine that has it. Errors: those of the last one. */
async function fromEngine(
  [socket = 'none', ...others]: readonly string[],
  image: string,
  files: boolean,
): Promise<ImageInput> {
  try {
    return files
      ? await engineImageContents(socket, image)
      : { facts: await engineImageFacts(socket, image) }
  } catch (error) {
    if (others.length === 0) throw error
    return fromEngine(others, image, files)
  }
}
