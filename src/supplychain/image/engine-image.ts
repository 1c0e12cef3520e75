import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { SnugError } from '../../errors.ts'
import { type ImageContents, readImageStream } from './image-archive.ts'
import { type ImageFacts, imageFactsOf } from './image-facts.ts'

/**
 * An image as a Docker engine describes it.
 *
 * Errors: IMAGE_UNKNOWN; ENGINE_UNAVAILABLE where nothing answers on the socket
 */
export async function engineImageFacts(socket: string, image: string): Promise<ImageFacts> {
  return await asked(socket, image, async (found) => imageFactsOf(await found.inspect()))
}

/** The facts of an image with its files, for which the engine saves it. */
export async function engineImageContents(socket: string, image: string): Promise<ImageContents> {
  return await asked(socket, image, async (found) => {
    const facts = imageFactsOf(await found.inspect())
    const { tree } = await readImageStream((await found.get()) as Readable)
    return { facts, tree }
  })
}

async function asked<T>(
  socket: string,
  image: string,
  ask: (image: Docker.Image) => Promise<T>,
): Promise<T> {
  const { default: Client } = await import('dockerode')
  try {
    return await ask(new Client({ socketPath: socket }).getImage(image))
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined
    if (status === 404) {
      throw new SnugError('IMAGE_UNKNOWN', `the engine has no image \`${image}\``, { cause })
    }
    throw new SnugError('ENGINE_UNAVAILABLE', `cannot ask the engine at \`${socket}\``, { cause })
  }
}
