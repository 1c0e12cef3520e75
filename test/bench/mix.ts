import { readFileSync } from 'node:fs'
import type Docker from 'dockerode'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { workloadImage } from '../fixtures/workload-image.ts'
import type { Bench } from './bench.ts'
import { type Figure, paired, plain } from './figures.ts'
import { processTree, type Usage, usage } from './process-usage.ts'

const rounds = 3_000
const crowd = 50

interface Timed {
  readonly seconds: number
  readonly daemonCpu: number
  readonly sensorCpu: number
}

async function mix(docker: Docker, container: Docker.Container): Promise<number> {
  const { stdout, stderr, exitCode } = await execIn(docker, container, ['/mix', String(rounds)])
  if (exitCode !== 0) throw new Error(`mix: exit ${exitCode}: ${stderr}`)
  return Number(stdout.trim()) / 1e9
}

/** The mix runs as the container's own first program: the benchmark times the service, not an operator's exec. */
async function timed(docker: Docker, image: string, agent: Agent | undefined): Promise<Timed> {
  const before = agent === undefined ? undefined : usage(agent.pid)
  const container = await startContainer(docker, image, ['/mix', String(rounds)], {
    HostConfig: { NetworkMode: 'none' },
  })
  try {
    await container.wait()
    const log = await container.logs({ stdout: true, stderr: true })
    const nanoseconds = /(\d{6,})\s*$/.exec(log.toString('utf8'))?.[1]
    if (nanoseconds === undefined) throw new Error(`mix said: ${log.toString('utf8')}`)
    const after = agent === undefined ? undefined : usage(agent.pid)
    return {
      seconds: Number(nanoseconds) / 1e9,
      daemonCpu: cpuBetween(before?.daemon, after?.daemon),
      sensorCpu: cpuBetween(before?.sensor, after?.sensor),
    }
  } finally {
    await removeContainer(container)
  }
}

function cpuBetween(before: Usage | undefined, after: Usage | undefined): number {
  return (after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0)
}

/** The events of a small web service, from an empty profile and in the steady state; memory. */
export const mixBench: Bench = {
  name: 'mix',
  what: `${rounds} rounds of 60 opens with a read, 4 connects, 1 exec; memory with ${crowd} containers`,
  async run({ engine, runs, print }) {
    const { docker, socket } = await engine()
    const image = `${uniqueName('bench')}:1`
    await workloadImage(docker, image)
    await timed(docker, image, undefined)
    const bare: number[] = []
    const learning: Timed[] = []
    const alerting: Timed[] = []
    for (let run = 0; run < runs; run++) {
      bare.push((await timed(docker, image, undefined)).seconds)
      {
        await using agent = await startAgent({ docker: socket })
        learning.push(await timed(docker, image, agent))
        await agent.json(['profile', 'mode', image, 'alert'])
        alerting.push(await timed(docker, image, agent))
      }
      print(`  run ${run + 1} of ${runs} done`)
    }
    const memory = await crowdMemory(docker, image, socket)
    return figuresOf(bare, learning, alerting, memory)
  },
}

interface Memory {
  readonly rest: number
  readonly after: number
  readonly idleCpu: number
}

/** Both processes' resident memory before anything ran, and with 50 containers that did their work. */
async function crowdMemory(docker: Docker, image: string, socket: string): Promise<Memory> {
  await using agent = await startAgent({ docker: socket })
  const rest = bothMiB(agent)
  const containers: Docker.Container[] = []
  try {
    for (let i = 0; i < crowd; i++)
      containers.push(
        await startContainer(docker, image, ['/workload', 'loop', '150'], {
          HostConfig: { NetworkMode: 'none' },
        }),
      )
    await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.containers.running === crowd,
    )
    const [first] = containers
    if (first !== undefined) await mix(docker, first)
    // Each container goes its round in 3.5 s; after two of them nothing is new any more.
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    const before = usage(agent.pid)
    const from = Date.now()
    await new Promise((resolve) => setTimeout(resolve, 15_000))
    const spent = cpuBetween(before.daemon, usage(agent.pid).daemon)
    return { rest, after: bothMiB(agent), idleCpu: spent / ((Date.now() - from) / 1_000) }
  } finally {
    await Promise.all(containers.map(removeContainer))
  }
}

function bothMiB(agent: Agent): number {
  return processTree(agent.pid).reduce((sum, pid) => sum + usageOf(pid), 0)
}

function usageOf(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib ?? 0) / 1024
}

function figuresOf(
  bare: readonly number[],
  learning: readonly Timed[],
  alerting: readonly Timed[],
  memory: Memory,
): readonly Figure[] {
  const seconds = (list: readonly Timed[]): number[] => list.map((one) => one.seconds)
  const share = (list: readonly Timed[], of: 'daemonCpu' | 'sensorCpu'): number[] =>
    list.map((one) => (100 * one[of]) / one.seconds)
  const steady = { at: 'most', value: 1.1 } as const
  const quiet = { at: 'most', value: 1 } as const
  return [
    paired('mix, learning from nothing', 's', bare, seconds(learning)),
    paired('mix, alert', 's', bare, seconds(alerting), steady),
    plain('daemon over the mix, learning', '% of a core', share(learning, 'daemonCpu')),
    plain('sensor over the mix, learning', '% of a core', share(learning, 'sensorCpu')),
    plain('daemon over the mix, alert', '% of a core', share(alerting, 'daemonCpu'), quiet),
    plain('sensor over the mix, alert', '% of a core', share(alerting, 'sensorCpu')),
    plain(`daemon, ${crowd} quiet containers`, '% of a core', [100 * memory.idleCpu], quiet),
    plain('memory of both, at rest', 'MiB', [memory.rest]),
    plain(`memory of both, ${crowd} containers`, 'MiB', [memory.after], { at: 'most', value: 120 }),
  ]
}
