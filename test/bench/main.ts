import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import type Docker from 'dockerode'
import type { LineageView } from '../../src/flow/engine.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { startDockerd } from '../fixtures/dockerd.ts'
import { workloadImage } from '../fixtures/workload-image.ts'
import { median, table } from './figures.ts'
import { processTree, type Usage, usage } from './process-usage.ts'
import { replayRate } from './replay-rate.ts'

/**
 * `make bench`: the figures of docs/status.md. Runs without and with the agent alternate, so that what else
 * the machine does hits both alike; every figure is the median of the runs. It prints and never fails: a
 * shared machine is no place for a limit on time.
 */
const runs = Number(process.env['SNUG_BENCH_RUNS'] ?? 5)
const rounds = Number(process.env['SNUG_BENCH_ROUNDS'] ?? 3_000)
const crowd = 50

interface Timed {
  readonly seconds: number
  readonly daemonCpu: number
  readonly sensorCpu: number
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

async function mix(docker: Docker, container: Docker.Container): Promise<number> {
  const { stdout, stderr, exitCode } = await execIn(docker, container, ['/mix', String(rounds)])
  if (exitCode !== 0) throw new Error(`mix: exit ${exitCode}: ${stderr}`)
  return Number(stdout.trim()) / 1e9
}

/** The mix as the container's own first program: what is timed is the service, not an operator's exec. */
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

async function main(): Promise<void> {
  const engine = await startDockerd()
  const { docker } = engine
  try {
    const image = `${uniqueName('bench')}:1`
    await workloadImage(docker, image)
    say(`warming up; then ${runs} × (bare, learning, bare, alerting) of ${rounds} rounds`)
    await timed(docker, image, undefined)

    const bare: number[] = []
    const learning: Timed[] = []
    const alerting: Timed[] = []
    for (let run = 0; run < runs; run++) {
      bare.push((await timed(docker, image, undefined)).seconds)
      {
        await using agent = await startAgent({ docker: engine.socket })
        learning.push(await timed(docker, image, agent))
      }
      bare.push((await timed(docker, image, undefined)).seconds)
      {
        await using agent = await startAgent({ docker: engine.socket })
        await timed(docker, image, agent)
        await agent.json(['profile', 'mode', image, 'alert'])
        alerting.push(await timed(docker, image, agent))
      }
      say(`run ${run + 1} of ${runs} done`)
    }
    const memory = await crowdMemory(docker, image, engine.socket)
    const rate = await replayRate()
    report(bare, learning, alerting, memory, rate)
  } finally {
    await engine.stop()
  }
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
      120_000,
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

function report(
  bare: readonly number[],
  learning: readonly Timed[],
  alerting: readonly Timed[],
  memory: Memory,
  rate: number,
): void {
  const base = median(bare)
  const seconds = (list: readonly Timed[]): number => median(list.map((one) => one.seconds))
  const ratio = (list: readonly Timed[]): string => `${(seconds(list) / base).toFixed(3)} ×`
  const cpu = (list: readonly Timed[], of: 'daemonCpu' | 'sensorCpu'): string =>
    `${median(list.map((one) => one[of])).toFixed(2)} s`
  const share = (list: readonly Timed[]): string =>
    `${(100 * median(list.map((one) => one.daemonCpu / one.seconds))).toFixed(1)} %`
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  )
  console.log(`mix of ${rounds} rounds: 60 opens with a read, 4 connects, 1 exec each; medians\n`)
  console.log(
    table([
      ['figure', 'measured', 'target'],
      ['mix, bare', `${base.toFixed(2)} s`, ''],
      ['mix, learning (from nothing)', ratio(learning), ''],
      ['mix, alerting (steady state)', ratio(alerting), '≤ 1.10 ×'],
      ['daemon CPU over the mix, learning', cpu(learning, 'daemonCpu'), ''],
      ['sensor CPU over the mix, learning', cpu(learning, 'sensorCpu'), ''],
      ['daemon CPU over the mix, alerting', cpu(alerting, 'daemonCpu'), ''],
      ['sensor CPU over the mix, alerting', cpu(alerting, 'sensorCpu'), ''],
      ['daemon share of a core, alerting', share(alerting), '≤ 1 %'],
      [
        `daemon share of a core, ${crowd} containers, nothing new`,
        percent(memory.idleCpu),
        '≤ 1 %',
      ],
      ['memory of both, at rest', `${memory.rest.toFixed(0)} MiB`, ''],
      [`memory of both, ${crowd} containers`, `${memory.after.toFixed(0)} MiB`, '≤ 120 MiB'],
      ['event replay, one core', `${Math.round(rate).toLocaleString('en')} events/s`, '≥ 200,000'],
    ]),
  )
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

await main()
