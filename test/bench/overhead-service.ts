import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { createInterface } from 'node:readline'
import type Docker from 'dockerode'
import { removeContainer } from '../fixtures/containers.ts'
import { build } from '../fixtures/images.ts'
import { compile } from '../fixtures/workload-image.ts'

/** `drawn`: opens of files whose names a pattern allows; it is learned from others, which are those of `learned`. */
export const loops = ['open', 'drawn', 'exec', 'connect'] as const
export type Loop = (typeof loops)[number]

/** Nanoseconds for one. */
export interface Timed {
  readonly cpu: number
  readonly wall: number
}

/** The loops of `overhead.c`, as the service of a container. */
export interface OverheadService {
  readonly id: string
  /** Repeats it for so many milliseconds of processor time. */
  run(loop: Loop | 'learned', ms: number): Promise<Timed>
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
  const stream = await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  })
  const output = new PassThrough()
  docker.modem.demuxStream(stream, output, process.stderr)
  const lines = createInterface({ input: output })[Symbol.asyncIterator]()
  await container.start()
  return {
    id: container.id,
    async run(loop, ms) {
      stream.write(`${loop} ${ms}\n`)
      const { value = '' } = (await lines.next()) as { value?: string }
      const [count = 0, cpu = 0, wall = 0] = value.split(' ').map(Number)
      if (!(count > 0)) throw new Error(`the loop ${loop} ended: ${value}`)
      return { cpu: cpu / count, wall: wall / count }
    },
    stop: () => removeContainer(container),
  }
}

async function makeImage(docker: Docker, name: string): Promise<void> {
  const context = mkdtempSync('/tmp/snug-overhead-')
  try {
    mkdirSync(join(context, 'data'))
    mkdirSync(join(context, 'spool'))
    for (let n = 0; n < 100; n++)
      writeFileSync(join(context, `data/f${String(n).padStart(3, '0')}`), 'x\n')
    for (let n = 1; n <= 200; n++) {
      const name = (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
      writeFileSync(join(context, 'spool', name), 'x\n')
    }
    copyFileSync(compile('bench/overhead.c'), join(context, 'overhead'))
    const lines = [
      'FROM scratch',
      'COPY overhead /',
      'COPY data/ /data/',
      'COPY spool/ /spool/',
      `LABEL name="${name}"`,
      'CMD ["/overhead", "serve"]',
    ]
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}
