import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { addressOf } from '../fixtures/service-images.ts'
import type { LoadName, Place, Service } from './service.ts'
import type { World } from './world.ts'

export interface RunningService extends Place, AsyncDisposable {
  /** Killed, as for want of memory, and started again. */
  restart(): Promise<void>
}

/** Starts a container of the service; resolves once it answers. @throws where it ends instead */
export async function startService(
  world: World,
  service: Service,
  image: string,
): Promise<RunningService> {
  const { docker } = world.engine
  const folder = mkdtempSync('/tmp/snug-eval-')
  chmodSync(folder, 0o777)
  const container = await startContainer(docker, image, undefined, {
    HostConfig: {
      Binds: [`${folder}:/srv/host`],
      CapAdd: [...(service.capabilities ?? [])],
      // Files of a database in a container's layer are as a volume's.
      ShmSize: 64 << 20,
    },
  })
  const remove = async (): Promise<void> => {
    await container.stop({ t: 3 }).catch(() => undefined)
    await removeContainer(container)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const at = {
      docker,
      container,
      address: await addressOf(container),
      folder,
      origin: world.origin,
      restart: async () => {
        // It may have ended by itself or because of blocking.
        await container.kill().catch(() => undefined)
        await container.wait()
        await container.start()
        // The engine may give it another one.
        at.address = await addressOf(container)
        await isReady(service, at)
      },
      [Symbol.asyncDispose]: remove,
    }
    await isReady(service, at)
    return at
  } catch (error) {
    const { State } = await container.inspect()
    const log = await container.logs({ stdout: true, stderr: true, tail: 5 }).catch(() => '')
    await remove()
    const why = error instanceof Error ? error.message : String(error)
    const text = log.toString().replaceAll(/[^\x20-\x7e]+/g, ' ')
    const ended = State.Running ? '' : ` (exit ${State.ExitCode})`
    throw new Error(`${service.name} does not start${ended}: ${why}: ${text.slice(-500)}`, {
      cause: error,
    })
  }
}

async function isReady(service: Service, at: Place): Promise<void> {
  if (service.port !== undefined) await answers(at, service.port)
  await service.ready?.(at)
}

/** Tries until a connection is accepted. */
async function answers({ container, address }: Place, port: number): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await accepts(address, port))) {
    const { State } = await container.inspect()
    if (!State.Running) throw new Error('the container ended')
    if (Date.now() > deadline) throw new Error(`port ${port} does not answer`)
    await delay(50)
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 })
    const end = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

/** How long a helping may take. */
const patienceMs = 30_000

export interface Round {
  readonly containerHours: number
  /** Failed helpings by their first lines; a blocked call may show only here. */
  readonly failures: readonly string[]
}

/**
 * Runs one container from its start to its end under one load, with its operations in the middle. Under load B it is
 * then killed and started again. A service with jobs each minute runs once, for its period.
 */
export async function runRound(
  world: World,
  service: Service,
  image: string,
  load: LoadName,
  roundMs: number,
  atEnd?: (at: Place) => Promise<void>,
): Promise<Round> {
  const from = Date.now()
  const length = Math.max(roundMs, service.periodMs ?? 0)
  const failures: string[] = []
  const attempt = async (part: Promise<void> | undefined): Promise<void> => {
    const ended = new AbortController()
    const late = delay(patienceMs, 'late', { signal: ended.signal }).catch(() => 'ended')
    try {
      if ((await Promise.race([part, late])) === 'late') throw new Error('a helping hangs')
    } catch (error) {
      failures.push(firstLine(error))
      await delay(1_000)
    } finally {
      ended.abort()
    }
  }
  const loadUntil = async (endMs: number, at: Place): Promise<void> => {
    do {
      await attempt(service.load[load](at))
      await delay(500)
    } while (Date.now() < endMs && failures.length < 20)
  }
  await using at = await startService(world, service, image)
  await loadUntil(from + length / 2, at)
  await attempt(service.maintain?.(at, load))
  // The service handles the signal before the next helping.
  await delay(500)
  if (load === 'B' && service.periodMs === undefined) await at.restart()
  await loadUntil(from + length, at)
  await atEnd?.(at)
  return { containerHours: (Date.now() - from) / 3_600_000, failures }
}

export function firstLine(error: unknown): string {
  return (
    (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 300) ?? ''
  )
}
