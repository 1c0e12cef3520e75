import { realpathSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type Docker from 'dockerode'
import { z } from 'zod'
import { answerMs } from './docker-events.ts'
import type { DockerContainer } from './docker-identity.ts'

/** Names the runtime of a container: see `ContainerIdentity.runtime`. */
export type RuntimeNames = (
  docker: Docker,
  container: DockerContainer,
) => Promise<readonly string[] | undefined>

/** Docker refuses to give these names to another program. */
const stock: readonly unknown[] = ['runc', 'io.containerd.runc.v2']

/** The oldest that Podman 5 answers. Without one it has no such path. */
const libpodVersion = 'v4.0.0'

const infoSchema = z.object({
  DefaultRuntime: z.string().default(''),
  Runtimes: z
    .record(
      z.string(),
      z.object({ path: z.string().optional(), runtimeType: z.string().optional() }),
    )
    .nullish(),
})
const libpodSchema = z.object({ OCIRuntime: z.string().optional() })

/** Of Docker: by the name that the container has, and the table of runtimes in the engine's configuration. */
export const dockerRuntime: RuntimeNames = async (docker, { HostConfig }) => {
  const name = HostConfig?.Runtime
  if (name === undefined || stock.includes(name)) return name === undefined ? undefined : [name]
  // The configuration may have changed since the last container.
  const info = infoSchema.parse(await asked(docker, '/info'))
  return namesOf(name === '' ? info.DefaultRuntime : name, info)
}

/** Of Podman, whose Docker-compatible answer has the same word for every runtime. */
export const podmanRuntime: RuntimeNames = async (docker, { Id }) => {
  const { OCIRuntime = '' } = libpodSchema.parse(
    await asked(docker, `/${libpodVersion}/libpod/containers/${Id}/json`),
  )
  if (OCIRuntime === '') return undefined
  return namesOf(OCIRuntime, infoSchema.parse(await asked(docker, '/info')))
}

function namesOf(name: string, { Runtimes }: z.output<typeof infoSchema>): readonly string[] {
  const { path = '', runtimeType = '' } = Runtimes?.[name] ?? {}
  return [name, runtimeType, path, linked(path)].filter((each) => each !== '')
}

/** Empty where this host, or the agent's container, has no such file. */
function linked(path: string): string {
  try {
    return isAbsolute(path) ? realpathSync(path) : ''
  } catch {
    return ''
  }
}

function asked(docker: Docker, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path,
        method: 'GET',
        abortSignal: AbortSignal.timeout(answerMs),
        statusCodes: { 200: true, 404: 'no such object', 500: 'server error' },
      },
      (error: unknown, answer: unknown) => {
        if (error === null || error === undefined) resolve(answer)
        else reject(error as Error)
      },
    )
  })
}
