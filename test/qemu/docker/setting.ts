import type Docker from 'dockerode'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { LineageView } from '../../../src/api/version-views.ts'
import type { Agent } from '../../fixtures/agent.ts'
import { removeContainer } from '../../fixtures/containers.ts'

export interface Setting {
  readonly docker: Docker
  readonly agent: Agent
}

/** Docker's own account of how its files differ from the image's: kind (`C`, `A`, `D`) and path. */
export async function changesOf(container: Docker.Container): Promise<readonly string[]> {
  const changes = ((await container.changes()) ?? []) as { Path: string; Kind: 0 | 1 | 2 }[]
  return changes.map(({ Path, Kind }) => `${'CAD'[Kind]} ${Path}`).sort()
}

/** Resolves once the kernel has confirmed that the image's first version blocks. */
export async function block({ agent }: Setting, image: string): Promise<void> {
  await agent.json(['profile', 'mode', image, 'block'])
  await agent.until<LineageView>(['image', 'show', image], ({ versions }) =>
    versions.some(({ blocking }) => blocking?.armed === true),
  )
}

/** Of the container, without those that stand for others. */
export async function alertsOf({ agent }: Setting, id: string): Promise<readonly Alert[]> {
  const alerts = await agent.json<Alert[]>(['alert', 'list'])
  return alerts.filter(({ container, summary }) => container?.id === id && summary === undefined)
}

/** A container that may not run. */
export interface Tried {
  readonly id: string
  readonly exit: number
  readonly printed: string
}

/** Runs a container to its end. */
export async function tryContainer(
  docker: Docker,
  image: string,
  command: readonly string[],
): Promise<Tried> {
  const container = await docker.createContainer({ Image: image, Cmd: [...command] })
  try {
    // Docker may fail where its runtime is refused the program.
    const started = await container.start().then(
      () => true,
      () => false,
    )
    if (started) await container.wait()
    const { State } = await container.inspect()
    return { id: container.id, exit: State.ExitCode, printed: await logOf(container) }
  } finally {
    await removeContainer(container)
  }
}

/** The last lines of its output. */
export async function logOf(container: Docker.Container): Promise<string> {
  return (await container.logs({ stdout: true, stderr: true, tail: 20 })).toString()
}
