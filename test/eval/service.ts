import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { addressOf } from '../fixtures/service-images.ts'

/** Whether the service is being learned, or judged by what was learned: other requests and other data of the same kind. */
export type Season = 'learn' | 'judge'

/** What a service is asked, and what its operators do to it. All of it goes through the service's own processes. */
export interface Routine {
  /** One helping of requests; names and content are random, so never the same twice. */
  load(at: Place, season: Season): Promise<void>
  reload?(at: Place): Promise<void>
  rotate?(at: Place): Promise<void>
  backup?(at: Place): Promise<void>
}

export interface Place {
  readonly docker: Docker
  readonly container: Docker.Container
  readonly address: string
  /** A folder of the host that the container sees as {@link EvalService.folder}. */
  readonly folder: string
}

export interface EvalService extends Routine {
  readonly name: string
  /** What it stands for. */
  readonly kind: string
  readonly image: string
  readonly port?: number
  /** Where the container sees its folder of the host; absent: nowhere. */
  readonly folder?: string
  readonly command?: readonly string[]
  /** Done when the port accepts; a service that takes longer to be ready says so here. */
  ready?(at: Place): Promise<void>
  /** It acts by itself, each minute: each half of its life has to be this long at least, in milliseconds. */
  readonly periodMs?: Readonly<Record<Season, number>>
}

export type RestartKind = 'told' | 'killed'

export interface EvalContainer extends Place {
  readonly startedMs: number
  /** Told to end, or killed as for want of memory, and started again. */
  restart(how: RestartKind): Promise<EvalContainer>
  stop(): Promise<void>
}

/** Starts a container of the service; resolves once it answers. */
export async function startService(
  docker: Docker,
  service: EvalService,
  options: Docker.HostConfig = {},
): Promise<EvalContainer> {
  const folder = mkdtempSync('/tmp/snug-eval-')
  chmodSync(folder, 0o777)
  const binds = service.folder === undefined ? [] : [`${folder}:${service.folder}`]
  const container = await startContainer(docker, service.image, service.command, {
    HostConfig: { ...options, Binds: [...binds, ...(options.Binds ?? [])] },
  })
  try {
    return await answering(docker, service, container, folder)
  } catch (error) {
    await removeContainer(container)
    throw error
  }
}

async function answering(
  docker: Docker,
  service: EvalService,
  container: Docker.Container,
  folder: string,
): Promise<EvalContainer> {
  const startedMs = Date.now()
  const address = await addressOf(container)
  const place: Place = { docker, container, address, folder }
  if (service.port !== undefined) await answers(place, service.port)
  await service.ready?.(place)
  return {
    ...place,
    startedMs,
    restart: async (how) => {
      if (how === 'killed') {
        await container.kill()
        await container.wait()
        await container.start()
      } else await container.restart({ t: 10 })
      return answering(docker, service, container, folder)
    },
    stop: async () => {
      await container.stop({ t: 10 }).catch(() => undefined)
      await removeContainer(container)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Tries until a connection is accepted. @throws once the container has ended */
export async function answers({ container, address }: Place, port: number): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await connects(address, port))) {
    const { State } = await container.inspect()
    if (!State.Running) throw new Error(`the container ended with ${State.ExitCode}`)
    if (Date.now() > deadline) throw new Error(`${address}:${port} does not answer`)
    await delay(50)
  }
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: 1_000 })
    const say = (good: boolean): void => {
      socket.destroy()
      resolve(good)
    }
    socket.once('connect', () => say(true))
    socket.once('timeout', () => say(false))
    socket.once('error', () => say(false))
  })
}

/** A whole life: requests, reload, rotation, backup, a restart, and requests again. Gives its length in milliseconds. */
export async function liveOnce(
  docker: Docker,
  service: EvalService,
  season: Season,
  restart: RestartKind,
): Promise<number> {
  const from = Date.now()
  let at = await startService(docker, service)
  try {
    await serve(service, at, season)
    at = await at.restart(restart)
    await serve(service, at, season)
  } finally {
    await at.stop()
  }
  return Date.now() - from
}

async function serve(service: EvalService, at: EvalContainer, season: Season): Promise<void> {
  const ends = [0.4, 0.7, 1].map((part) => at.startedMs + part * halfLifeMs[season])
  const [first = 0, second = 0, third = 0] = ends
  await loadUntil(first, service, at, season)
  await service.reload?.(at)
  await loadUntil(second, service, at, season)
  await service.rotate?.(at)
  await service.backup?.(at)
  await loadUntil(third, service, at, season)
  const left = (service.periodMs?.[season] ?? 0) - (Date.now() - at.startedMs)
  if (left > 0) await delay(left)
}

/** How long a container goes on between its starts, in milliseconds. */
const halfLifeMs: Readonly<Record<Season, number>> = { learn: 12_000, judge: 25_000 }

/** Once at least, and with pauses: clients are not all there is on this machine. */
async function loadUntil(
  endMs: number,
  service: EvalService,
  at: EvalContainer,
  season: Season,
): Promise<void> {
  do {
    await service.load(at, season)
    await delay(500)
  } while (Date.now() < endMs)
}

/** Of lives in a row every second one is cut short once. */
export function restartOf(life: number): RestartKind {
  return life % 2 === 0 ? 'told' : 'killed'
}

/** As `docker kill -s`: how operators tell a service to reload or to reopen its logs. */
export async function signal(at: Place, name: string): Promise<void> {
  await at.container.kill({ signal: name })
}
