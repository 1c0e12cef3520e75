import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startDockerd } from '../fixtures/dockerd.ts'
import { evaluate, partNames, type PartName } from './evaluate.ts'
import { earlierResults, isWhole, merged } from './merged.ts'
import { resultsAsJson, resultsAsMarkdown } from './report.ts'
import { serviceNames, type ServiceName } from './services/all.ts'

/**
 * `make eval`: what learning and blocking are worth on real services. It prints and never fails by what it finds:
 * runs that fall short are printed as they are.
 *
 *   make eval EVAL='--only nginx,intruder --containers 4'
 *
 * `--only` takes services and the parts `services`, `intruder`, `upgrade`: they take the place of what `.build/eval.json` has of
 * them. `docs/eval.md` is written once there is something of each.
 */
const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    containers: { type: 'string', default: '4' },
    json: { type: 'string', default: here('.build/eval.json') },
  },
})

const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

async function main(): Promise<void> {
  const asked = values.only?.split(',') ?? []
  const services = serviceNames.filter((name) => asked.includes(name))
  const parts = partNames.filter((name) => asked.includes(name))
  const known: readonly string[] = [...serviceNames, ...partNames]
  const unknown = asked.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    say(`nothing is called \`${unknown}\`: there are ${known.join(', ')}`)
    process.exitCode = 64
    return
  }
  const whole = asked.length === 0
  const chosen: readonly PartName[] =
    parts.length > 0 ? parts : services.length > 0 ? ['services'] : partNames
  const from: readonly ServiceName[] = services.length > 0 ? services : serviceNames
  const engine = await startDockerd()
  // With the engine gone everything that waits for it fails, and is put away.
  let isInterrupted = false
  const end = (): void => {
    isInterrupted = true
    void engine.stop()
  }
  process.once('SIGINT', end).once('SIGTERM', end)
  try {
    const results = await evaluate({
      engine,
      services: from,
      parts: chosen,
      containers: Math.max(1, Number(values.containers)),
      say,
    })
    // A load program may wait for a container that is no more.
    if (isInterrupted) process.exit(130)
    console.log(resultsAsMarkdown(results))
    const all = whole ? results : merged(earlierResults(values.json), results)
    mkdirSync(dirname(values.json), { recursive: true })
    writeFileSync(values.json, resultsAsJson(all))
    if (isWhole(all, serviceNames.length)) {
      writeFileSync(here('docs/eval.md'), resultsAsMarkdown(all))
    }
  } finally {
    await engine.stop()
  }
}

await main()
// What a part that broke off left open must not hold the rest up.
process.exit()
