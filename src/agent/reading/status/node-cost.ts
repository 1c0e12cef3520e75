import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, SnugError } from '../../../errors.ts'
import type { EventSource } from '../../pipeline/sources/source.ts'
import type { CostReport, KernelCost, ProcessCost } from '../../../api/status-views.ts'

/** The unit of times in /proc, on every machine. */
const ticksPerSecond = 100

/**
 * What Snug takes on this node within so many seconds: its processes, and its programs in the kernel. A process that
 * ends or starts meanwhile is left out.
 */
export async function nodeCost(
  sources: readonly EventSource[],
  seconds: number,
  gateway?: number,
): Promise<CostReport> {
  const source = sources.find((each) => each.measureCost !== undefined)
  const pids = { agent: process.pid, sensor: source?.sensorPid, gateway }
  const began = performance.now()
  const before = await usages(pids)
  const kernel = await kernelCost(source, seconds)
  const after = await usages(pids)
  const processes = after.flatMap(({ process, seconds: spent, residentBytes }) => {
    const start = before.find((each) => each.process === process)
    return start === undefined ? [] : [{ process, seconds: spent - start.seconds, residentBytes }]
  })
  return {
    seconds: (performance.now() - began) / 1000,
    processors: availableParallelism(),
    processes,
    ...kernel,
  }
}

async function kernelCost(
  source: EventSource | undefined,
  seconds: number,
): Promise<{ readonly kernel: KernelCost } | { readonly unmeasured: string }> {
  try {
    const kernel = await source?.measureCost?.(seconds)
    if (kernel !== undefined) return { kernel }
    await delay(seconds * 1000)
    return { unmeasured: 'no source has programs in the kernel' }
  } catch (error) {
    if (!(error instanceof SnugError)) throw error
    await delay(seconds * 1000)
    return { unmeasured: describeError(error) }
  }
}

type Pids = Readonly<Record<ProcessCost['process'], number | undefined>>

async function usages(pids: Pids): Promise<readonly ProcessCost[]> {
  const names = Object.keys(pids) as (keyof Pids)[]
  const found = await Promise.all(names.map((process) => usage(process, pids[process])))
  return found.filter((each) => each !== undefined)
}

async function usage(
  process: ProcessCost['process'],
  pid: number | undefined,
): Promise<ProcessCost | undefined> {
  if (pid === undefined) return undefined
  try {
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
    )
    // After the name, which may have any characters.
    const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? 0)
    return { process, seconds: ticks / ticksPerSecond, residentBytes: kilobytes * 1024 }
  } catch {
    return undefined
  }
}
