import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type Docker from 'dockerode'
import { attached, removeContainer } from '../fixtures/containers.ts'
import { build } from '../fixtures/images.ts'
import { clientHello, serverNameExtension } from '../fixtures/client-hello.ts'
import { compile } from '../fixtures/compiled-program.ts'
import { NetworkBeside } from '../fixtures/network-beside.ts'

/**
 * `drawn`: opens of files whose names a pattern allows; it is learned from others, which are those of `learned`.
 * `hello`: connects to another machine and names a server of it in TLS.
 */
export const loops = ['open', 'drawn', 'exec', 'connect', 'hello'] as const
export type Loop = (typeof loops)[number]
/** `learned`: see {@link loops}. `call`: a system call that no hook is about. */
export type AnyLoop = Loop | 'learned' | 'call'

/** Nanoseconds for one. */
export interface Timed {
  readonly cpu: number
  readonly wall: number
}

/** The loops of `overhead.c`, as the service of a container. */
export interface OverheadService {
  readonly id: string
  /** Repeats it for so many milliseconds of processor time. */
  run(loop: AnyLoop, ms: number): Promise<Timed>
  stop(): Promise<void>
}

export async function startOverheadService(
  docker: Docker,
  image: string,
): Promise<OverheadService> {
  await makeImage(docker, image)
  const container = await docker.createContainer({
    Image: image,
    OpenStdin: true,
    HostConfig: { NetworkMode: 'none' },
  })
  const { input, output } = await attached(container, process.stderr)
  const lines = createInterface({ input: output })[Symbol.asyncIterator]()
  await container.start()
  const { State } = await container.inspect()
  const network = new NetworkBeside(State.Pid)
  await once(
    network.spawn(compile('bench/overhead.c'), 'take', NetworkBeside.address).stdout,
    'data',
  )
  return {
    id: container.id,
    async run(loop, ms) {
      input.write(`${loop} ${ms}\n`)
      const { value = '' } = (await lines.next()) as { value?: string }
      return timed(value)
    },
    async stop() {
      await removeContainer(container)
      await network[Symbol.asyncDispose]()
    },
  }
}

/** What the program answers. */
export function timed(line: string): Timed {
  const [count = 0, cpu = 0, wall = 0] = line.split(' ').map(Number)
  if (!(count > 0)) throw new Error(`a loop ended: ${line}`)
  return { cpu: cpu / count, wall: wall / count }
}

/** The program and its files, into the root of an image. */
export function addLoops(root: string): void {
  mkdirSync(join(root, 'data'))
  mkdirSync(join(root, 'spool'))
  for (let n = 0; n < 100; n++)
    writeFileSync(join(root, `data/f${String(n).padStart(3, '0')}`), 'x\n')
  for (let n = 1; n <= 200; n++) {
    const name = (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
    writeFileSync(join(root, 'spool', name), 'x\n')
  }
  writeFileSync(join(root, 'hello'), clientHello([serverNameExtension('api.test')]))
  copyFileSync(compile('bench/overhead.c'), join(root, 'overhead'))
}

async function makeImage(docker: Docker, name: string): Promise<void> {
  const context = mkdtempSync('/tmp/snug-overhead-')
  try {
    addLoops(context)
    const lines = [
      'FROM scratch',
      'COPY overhead hello /',
      'COPY data/ /data/',
      'COPY spool/ /spool/',
      `LABEL name="${name}"`,
      `CMD ["/overhead", "serve", "${NetworkBeside.address}"]`,
    ]
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}
