import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { starterEntries } from '../../src/core/lifecycle/starter.ts'
import type { ProfileDocument } from '../../src/supplychain/export/profile-document.ts'
import { loadStarters } from '../../src/supplychain/prior/starter-library.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { packagesOf } from './packages.ts'
import { recordedBatches, type RecordedImage, recordedImages } from './recording.ts'
import { allServices } from './services/all.ts'
import { alertsOf, isFalse, learnedProfile, reviewCards } from './snug.ts'

/**
 * Judges recordings of the evaluation again (`main.ts --record`), by the code as it is now, and counts false alerts. So a
 * rule of severity is compared with another one in seconds, on the same events. Nothing of the kernel or of the engine is
 * there, and so the figures compare rules with each other, not with `docs/eval.md`.
 *
 *   npx tsx test/eval/replay.ts .build/eval-recordings
 *
 * `--show` lists the alerts of development services. With `--starters` each profile also has what the starter profiles of
 * this checkout give it.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    show: { type: 'boolean', default: false },
    starters: { type: 'boolean', default: false },
  },
})

const starters = values.starters ? loadStarters() : []

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function judgedAgain(batch: string): Promise<readonly string[]> {
  const folder = mkdtempSync('/tmp/snug-replay-')
  cpSync(join(batch, 'data'), join(folder, 'data'), { recursive: true })
  const images = recordedImages(batch)
  const agent = await startAgent({
    folder,
    config: {
      learn: { floor: '1s', ceiling: '7d', unseen: 1 },
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
    },
  })
  try {
    // Guardrails raised alerts while it learned, and a person approves what tripped them.
    const before = new Set<string>()
    for (const { image } of images) {
      await learnedProfile(agent, image)
      if (values.starters) await addStarters(agent, folder, image)
      for (const { id } of await alertsOf(agent, image)) before.add(id)
    }
    const { code, stderr } = await agent.cli(['event', 'replay', join(batch, 'events.ndjson')])
    if (code !== 0 && code !== 2) throw new Error(stderr)
    const counted: string[] = []
    for (const one of images) {
      counted.push(...(await countsOf(agent, one, before)))
      const cards = await reviewCards(agent, one.image)
      counted.push(...Array<string>(cards).fill(`${one.column} ${one.protocol} cards`))
    }
    return counted
  } finally {
    await agent[Symbol.asyncDispose]()
  }
}

/** As the agent does at the end of a window: a recording has no image, whose packages it asks. */
async function addStarters(agent: Agent, folder: string, image: string): Promise<void> {
  const service = allServices.find(({ name }) => image.startsWith(`eval-${name}-`))
  if (service === undefined) throw new Error(image)
  const exported = await agent.cli(['profile', 'export', image])
  const document = JSON.parse(exported.stdout) as ProfileDocument
  const shown = document.behaviours.filter(({ cells }) =>
    cells.some(({ phase, origin }) => phase === 'learned' && origin !== 'exec-in'),
  )
  const { ownerOf } = await packagesOf(service)
  const behaviours = starters.flatMap((one) =>
    starterEntries(one, shown, (path) => ownerOf(path)?.name),
  )
  const file = join(folder, 'starters.json')
  writeFileSync(file, JSON.stringify({ ...document, behaviours, prior: { name: 'starters' } }))
  await agent.json(['profile', 'mode', image, 'learn'])
  await agent.json(['profile', 'import', file])
  await agent.json(['profile', 'mode', image, 'alert'])
}

/** `held-out one alerts` for each alert, and `held-out one grave` for those of `medium` and above. */
async function countsOf(
  agent: Agent,
  { image, protocol, column }: RecordedImage,
  before: ReadonlySet<string>,
): Promise<readonly string[]> {
  const alerts = (await alertsOf(agent, image)).filter(
    (alert) => isFalse(alert) && !before.has(alert.id),
  )
  if (values.show && column === 'development') {
    for (const { severity, process, behaviour, cause } of alerts)
      print(`${image} ${protocol} ${severity} ${process?.exe} ${behaviour?.text} (${cause?.names})`)
  }
  const kind = `${column} ${protocol}`
  return alerts.flatMap(({ severity }) =>
    severity === 'low' ? [`${kind} alerts`] : [`${kind} alerts`, `${kind} grave`],
  )
}

const counts = new Map<string, number>()
for (const batch of recordedBatches(positionals[0] ?? '.build/eval-recordings')) {
  for (const what of await judgedAgain(batch)) counts.set(what, (counts.get(what) ?? 0) + 1)
}
for (const [what, count] of counts) print(`${what}: ${count}`)
process.exit()
