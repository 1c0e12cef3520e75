import { PassThrough } from 'node:stream'
import { createInterface, type Interface } from 'node:readline'
import type Docker from 'dockerode'
import { attached } from '../../fixtures/containers.ts'

/** A container of `bypass-acts.c`, with every right that Docker can give: what is refused there, Snug refused. */
export class Service {
  readonly container: Docker.Container
  readonly #stream: NodeJS.ReadWriteStream
  readonly #lines: Interface

  private constructor(
    container: Docker.Container,
    stream: NodeJS.ReadWriteStream,
    lines: Interface,
  ) {
    this.container = container
    this.#stream = stream
    this.#lines = lines
  }

  static async start(docker: Docker, image: string): Promise<Service> {
    const container = await docker.createContainer({
      Image: image,
      Cmd: ['/bin/bypass', 'serve'],
      OpenStdin: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: {
        CapAdd: ['ALL'],
        SecurityOpt: ['seccomp=unconfined'],
        MaskedPaths: [],
        ReadonlyPaths: [],
      },
    })
    // A shell that is refused a file complains there.
    const complaints = new PassThrough()
    complaints.resume()
    const { input, output } = await attached(container, complaints)
    await container.start()
    return new Service(container, input, createInterface({ input: output }))
  }

  /** Tries one act after the other; gives how each ended, by its line. */
  async do(lines: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const printed = await new Promise<string[]>((resolve) => {
      const answers: string[] = []
      const take = (answer: string): void => {
        if (answer !== 'done') {
          answers.push(answer)
          return
        }
        this.#lines.off('line', take)
        resolve(answers)
      }
      this.#lines.on('line', take)
      this.#stream.write(`${[...lines, 'end'].join('\n')}\n`)
    })
    return Object.fromEntries(lines.map((line, index) => [line, printed[index] ?? 'no answer']))
  }

  async stop(): Promise<void> {
    this.#stream.end()
    await this.container.remove({ force: true, v: true })
  }
}
