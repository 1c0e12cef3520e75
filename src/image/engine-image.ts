import { SnugError } from '../errors.ts'
import { type ImageFacts, imageFactsOf } from './image-facts.ts'

/**
 * What a Docker engine knows of an image.
 *
 * Errors: IMAGE_UNKNOWN; ENGINE_UNAVAILABLE where nothing answers on the socket
 */
export async function engineImageFacts(socket: string, image: string): Promise<ImageFacts> {
  const { default: Docker } = await import('dockerode')
  const docker = new Docker({ socketPath: socket })
  try {
    return imageFactsOf(await docker.getImage(image).inspect())
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined
    if (status === 404) {
      throw new SnugError('IMAGE_UNKNOWN', `the engine has no image \`${image}\``, { cause })
    }
    throw new SnugError('ENGINE_UNAVAILABLE', `cannot ask the engine at \`${socket}\``, { cause })
  }
}
