import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startDockerd } from '../fixtures/dockerd.ts'
import { evaluate, partNames, type PartName } from './evaluate.ts'
import { resultsAsJson, resultsAsMarkdown } from './report.ts'
import { serviceNames, type ServiceName } from './services/all.ts'

/**
 * `make eval`: what learning and blocking are worth on real services. It prints and never fails by what it finds:
 * runs that fall short are printed as they are.
 *
 *   make eval EVAL='--only nginx,intruder --containers 4'
 *
 * `--only` takes services and the parts `services`, `intruder`, `upgrade`; a whole run writes `docs/eval.md` as well.
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
    const markdown = resultsAsMarkdown(results)
    console.log(markdown)
    mkdirSync(dirname(values.json), { recursive: true })
    writeFileSync(values.json, resultsAsJson(results))
    if (whole) writeFileSync(here('docs/eval.md'), markdown)
  } finally {
    await engine.stop()
  }
}

await main()
