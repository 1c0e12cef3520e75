import { readFileSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type Docker from 'dockerode'
import { attached, execIn, removeContainer } from '../../fixtures/containers.ts'
import type { Outside, Request } from './attacks.ts'

/** What a container sent to a peer. */
export interface Arrival {
  /** The container's address. */
  readonly from: string
  readonly text: string
}

/** A container of `service.c`. */
export class Service implements Outside, AsyncDisposable {
  readonly id: string
  readonly #docker: Docker
  readonly #container: Docker.Container
  readonly #arrivals: readonly Arrival[]
  #pid = 0
  #address = ''
  #input: NodeJS.ReadWriteStream | undefined
  #lines: AsyncIterator<string> | undefined

  private constructor(docker: Docker, container: Docker.Container, arrivals: readonly Arrival[]) {
    this.id = container.id
    this.#docker = docker
    this.#container = container
    this.#arrivals = arrivals
  }

  static async start(
    docker: Docker,
    options: Docker.ContainerCreateOptions,
    arrivals: readonly Arrival[],
  ): Promise<Service> {
    const container = await docker.createContainer({ ...options, OpenStdin: true })
    const service = new Service(docker, container, arrivals)
    try {
      await container.start()
      await service.#follow()
      return service
    } catch (error) {
      await removeContainer(container)
      throw error
    }
  }

  async restart(): Promise<void> {
    await this.#container.restart({ t: 0 })
    await this.#follow()
  }

  /** @returns for each request the results of the steps that ended */
  async do(requests: readonly Request[]): Promise<readonly string[]> {
    const answers: string[] = []
    for (const request of requests) {
      this.#input?.write(`${request.map((step) => step.map(encoded).join(' ')).join(';')}\n`)
      const line = await this.#lines?.next()
      if (line?.done !== false) throw new Error(`the service in ${this.id} ended`)
      answers.push(line.value)
    }
    return answers
  }

  async session(command: string): Promise<void> {
    await execIn(this.#docker, this.#container, ['/bin/sh', '-c', command])
  }

  /** As a process of the container sees it; empty where there is no file. */
  content(path: string): string {
    try {
      return readFileSync(this.#seen(path), 'latin1')
    } catch {
      return ''
    }
  }

  owner(path: string): number | undefined {
    return statSync(this.#seen(path), { throwIfNoEntry: false })?.uid
  }

  received(text: string): boolean {
    return this.#arrivals.some((arrival) => arrival.from === this.#address && arrival.text === text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeContainer(this.#container)
  }

  #seen(path: string): string {
    return `/proc/${this.#pid}/root${path}`
  }

  async #follow(): Promise<void> {
    const { input, output } = await attached(this.#container)
    this.#input = input
    this.#lines = createInterface({ input: output })[Symbol.asyncIterator]()
    const { State, NetworkSettings } = await this.#container.inspect()
    this.#pid = State.Pid
    this.#address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? ''
  }
}

/** Latin-1: a character is a byte. */
function encoded(word: string): string {
  return word.replace(
    /[^A-Za-z0-9/._:-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
