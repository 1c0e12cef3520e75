import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Dockerd, startDockerd } from '../fixtures/dockerd.ts'
import type { Bench } from './bench.ts'
import { deliveryBench } from './delivery.ts'
import { type Figure, figureTable, isMet } from './figures.ts'
import { fleetBench } from './fleet/fleet.ts'
import { liveBench } from './live-readers.ts'
import { mixBench } from './mix.ts'
import { overheadBench } from './overhead.ts'
import { replayBench } from './replay-rate.ts'
import { restBench } from './rest.ts'
import { scaleBench } from './scale.ts'
import { sensorStartBench } from './sensor-start.ts'
import { servicesBench } from './services.ts'
import { slowNamesBench } from './slow-names.ts'
import { startsBench } from './starts/starts.ts'
import { turnsBench } from './turns/turns.ts'
import { probesBench, waysBench } from './ways/ways.ts'

/**
 * `make bench`: the cost of Snug, as figures for people on standard output and as JSON in a file. Runs without and
 * with the agent alternate, so that other load on the machine affects both alike. The report gives the median of the
 * runs, the least and the most. It never fails: a shared machine is no place for a limit on time.
 *
 *   make bench BENCH='--only overhead,scale --runs 7 --json FILE'
 */
const benches: readonly Bench[] = [
  overheadBench,
  restBench,
  sensorStartBench,
  servicesBench,
  scaleBench,
  mixBench,
  replayBench,
  deliveryBench,
  liveBench,
  turnsBench,
  startsBench,
  slowNamesBench,
  waysBench,
  probesBench,
  fleetBench,
]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '5' },
    json: {
      type: 'string',
      default: fileURLToPath(new URL('../../.build/bench.json', import.meta.url)),
    },
  },
})

const print = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

async function main(): Promise<void> {
  const names = values.only?.split(',')
  const unknown = names?.find((name) => !benches.some((bench) => bench.name === name))
  if (unknown !== undefined) {
    print(`no bench \`${unknown}\`: there are ${benches.map(({ name }) => name).join(', ')}`)
    process.exitCode = 64
    return
  }
  const chosen = benches.filter(({ name }) => names?.includes(name) ?? true)
  const runs = Math.max(1, Number(values.runs))
  let engine: Promise<Dockerd> | undefined
  const done: { readonly bench: Bench; readonly figures: readonly Figure[] }[] = []
  try {
    for (const bench of chosen) {
      print(`${bench.name}: ${bench.what}`)
      const figures = await bench.run({ runs, print, engine: () => (engine ??= startDockerd()) })
      done.push({ bench, figures })
    }
  } finally {
    await (await engine)?.stop()
  }
  const [cpu] = cpus()
  const machine = {
    processors: cpus().length,
    model: cpu?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  }
  const { processors, model, memoryGiB, kernel } = machine
  console.log(
    `${processors} × ${model}, ${memoryGiB} GiB, Linux ${kernel}; medians of ${runs} runs`,
  )
  for (const { bench, figures } of done)
    console.log(`\n${bench.name}: ${bench.what}\n\n${figureTable(figures)}`)
  const results = done.map(({ bench, figures }) => ({
    bench: bench.name,
    figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
  }))
  mkdirSync(dirname(values.json), { recursive: true })
  writeFileSync(values.json, `${JSON.stringify({ machine, runs, results }, undefined, 2)}\n`)
  print(`\nthe same as JSON: ${values.json}`)
}

await main()
