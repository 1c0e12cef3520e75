import type Docker from 'dockerode'
import { removeContainer } from '../../fixtures/containers.ts'
import type { Service } from '../../eval/service.ts'

/** No container of the service runs it while the image is learned. */
export const forbidden = '/usr/local/bin/other'
const asked = 'SNUG_TRY'

export interface Tried {
  readonly container: string
  readonly first: boolean
  readonly second: boolean
  readonly ended: boolean
}

/**
 * The service with a start script that runs a forbidden program first and after a second, where a container asks for
 * it. Its pause is in every start, so that it is learned.
 */
export function withTries(service: Service): Service {
  const attempt = (which: string): string => `[ -z "$${asked}" ] || ${forbidden} ${which} || true`
  const end = `[ -z "$${asked}" ] || { echo end; exit; }`
  return {
    ...service,
    files: { ...service.files, [forbidden]: '#!/bin/sh\necho "it ran $1"\n' },
    start: [attempt('first'), 'sleep 1', attempt('second'), end, service.start].join('\n'),
  }
}

/** A new container whose start script tries; to its end. */
export async function tryIn(docker: Docker, image: string): Promise<Tried> {
  const container = await docker.createContainer({
    Image: image,
    Env: [`${asked}=1`],
    HostConfig: { NetworkMode: 'none' },
  })
  try {
    await container.start()
    await container.wait()
    const log = (await container.logs({ stdout: true, stderr: true })).toString()
    const { id } = container
    const [first, second] = ['first', 'second'].map((which) => log.includes(`it ran ${which}`))
    return {
      container: id,
      first: first === true,
      second: second === true,
      ended: log.includes('end\n'),
    }
  } finally {
    await removeContainer(container)
  }
}
