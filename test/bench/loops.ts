import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { uniqueName } from '../fixtures/agent.ts'
import { runContainer } from '../fixtures/containers.ts'
import { build } from '../fixtures/images.ts'
import { compile } from '../fixtures/workload-image.ts'
import type { Bench } from './bench.ts'
import { type Figure, paired } from './figures.ts'
import { measurePhases } from './phases.ts'

const slices = 60

/** Nanoseconds for one, as `loops.c` prints them. */
interface Loop {
  readonly cpu: number
  readonly wall: number
}
type Loops = Readonly<Record<'open' | 'exec' | 'connect', Loop>>

const asked = [
  ['open', 'open + close', 1.25],
  ['exec', 'fork + exec + wait', 1.03],
  ['connect', 'connect + accept', 1.08],
] as const

/** The cost of a learned event, in a loop that does nothing else: a fresh container for each run. */
export const loopsBench: Bench = {
  name: 'loops',
  what: `tight loops in a container, medians of ${slices} slices each; processor time, and by the clock`,
  async run(setting) {
    const { docker } = await setting.engine()
    const image = `${uniqueName('loops')}:1`
    await loopsImage(docker, image)
    const loops = async (count: number): Promise<Loops> => {
      const { stdout, stderr } = await runContainer(docker, image, ['/loops', String(count)], {
        HostConfig: { NetworkMode: 'none' },
      })
      if (!stdout.startsWith('{')) throw new Error(`loops said: ${stdout}${stderr}`)
      return JSON.parse(stdout) as Loops
    }
    const measured = await measurePhases(
      setting,
      [image],
      async () => void (await loops(2)),
      async () => loops(slices),
    )
    const figures: Figure[] = []
    for (const mode of ['alert', 'block'] as const) {
      for (const [loop, name, limit] of asked) {
        const of = (by: 'cpu' | 'wall', phase: 'bare' | typeof mode): number[] =>
          measured[phase].map((one) => one[loop][by])
        const held = { at: 'most', value: limit } as const
        figures.push(paired(`${name}, ${mode}`, 'ns', of('cpu', 'bare'), of('cpu', mode), held))
        figures.push(
          paired(`${name}, ${mode}, by the clock`, 'ns', of('wall', 'bare'), of('wall', mode)),
        )
      }
    }
    return figures
  },
}

async function loopsImage(docker: Docker, name: string): Promise<void> {
  const context = mkdtempSync('/tmp/snug-loops-')
  try {
    mkdirSync(join(context, 'data'))
    writeFileSync(join(context, 'data/file'), 'x\n')
    copyFileSync(compile('bench/loops.c'), join(context, 'loops'))
    const lines = ['FROM scratch', 'COPY loops /', 'COPY data/ /data/', `LABEL name="${name}"`]
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}
