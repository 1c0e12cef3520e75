import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from '../fixtures/agent.ts'
import { EmptyCluster } from '../fixtures/kube-server.ts'
import type { Bench } from './bench.ts'
import { paired, plain } from './figures.ts'
import { residentMiB, usage } from './process-usage.ts'

/** By then Node has collected what loading the modules left. */
const settleMs = 20_000
/** Of the client library, with what Snug does with it. */
const mostMoreMiB = 20

interface Rest {
  readonly residentMiB: number
  /** From the start of the process to its socket. */
  readonly startMs: number
  /** Until it rests. */
  readonly cpuSeconds: number
}

async function rest(kubeconfig?: string): Promise<Rest> {
  const docker = { socket: 'none' }
  const engines =
    kubeconfig === undefined
      ? { docker }
      : { docker, kubernetes: { access: kubeconfig, share: true } }
  await using agent = new Agent({ config: { sources: ['file:-'], engines } })
  const began = performance.now()
  const child = agent.launch()
  while (!existsSync(agent.socket)) {
    if (child.exitCode !== null) throw new Error(`the agent ended:\n${agent.lastOutput()}`)
    await delay(2)
  }
  const startMs = performance.now() - began
  await delay(settleMs)
  return {
    residentMiB: residentMiB(agent.pid),
    startMs,
    cpuSeconds: usage(agent.pid).daemon.cpuSeconds,
  }
}

/** A daemon that watches nothing: alone, and in a cluster with nothing in it. */
export const restBench: Bench = {
  name: 'rest',
  what: 'a daemon that watches nothing, alone (bare) and in a cluster, with the Kubernetes client library',
  async run({ runs, print }) {
    const alone: Rest[] = []
    const inCluster: Rest[] = []
    for (let run = 0; run < runs; run++) {
      alone.push(await rest())
      await using cluster = await EmptyCluster.start()
      inCluster.push(await rest(cluster.kubeconfig))
      print(
        `  ${alone.at(-1)?.residentMiB.toFixed(1)} and ${inCluster.at(-1)?.residentMiB.toFixed(1)} MiB`,
      )
    }
    const both = (of: (rest: Rest) => number): [number[], number[]] => [
      alone.map(of),
      inCluster.map(of),
    ]
    const [bare, values] = both((one) => one.residentMiB)
    const more = values.map((value, run) => value - (bare[run] ?? Number.NaN))
    return [
      paired('resident', 'MiB', bare, values),
      plain('more in a cluster', 'MiB', more, { at: 'most', value: mostMoreMiB }),
      paired('start, to its socket', 'ms', ...both((one) => one.startMs)),
      paired('start, CPU', 's', ...both((one) => one.cpuSeconds)),
    ]
  },
}
