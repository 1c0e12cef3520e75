import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Bench } from './bench.ts'
import { plain } from './figures.ts'
import { usage } from './process-usage.ts'

const sensor =
  process.env['SNUG_TEST_SENSOR'] ??
  fileURLToPath(new URL('../../agent/snug-sensor', import.meta.url))
const startsInRun = 2

interface Start {
  /** From the start of the process to its first frame: its hooks are attached then. */
  readonly ms: number
  /** User and system time until then. The check of the programs by the kernel is most of it. */
  readonly cpuSeconds: number
}

async function start(): Promise<Start> {
  const began = performance.now()
  const child = spawn(sensor, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    await Promise.race([once(child.stdout, 'data'), ended])
    if (child.pid === undefined || child.exitCode !== null)
      throw new Error(`the sensor does not start: exit ${child.exitCode}`)
    return { ms: performance.now() - began, cpuSeconds: usage(child.pid).daemon.cpuSeconds }
  } finally {
    child.stdin.end()
    await ended
  }
}

/** The sensor by itself: it loads its programs, attaches them, and ends. */
export const sensorStartBench: Bench = {
  name: 'sensor-start',
  what: `the start of a sensor to its first frame, ${startsInRun} times a run`,
  async run({ runs }) {
    const starts: Start[] = []
    while (starts.length < runs * startsInRun) starts.push(await start())
    return [
      plain(
        'start of a sensor, CPU',
        's',
        starts.map(({ cpuSeconds }) => cpuSeconds),
      ),
      plain(
        'start of a sensor',
        'ms',
        starts.map(({ ms }) => ms),
      ),
    ]
  },
}
