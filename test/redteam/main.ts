import { parseArgs } from 'node:util'
import { startDockerd } from '../fixtures/dockerd.ts'
import { attack, outcomeText } from './campaign.ts'
import { withBpf, withoutBpf } from '../qemu/machine.ts'
import { seedOfRun } from '../fixtures/seed.ts'
import { Field } from './field.ts'
import { type Ground, machineGround, thisKernel } from './ground.ts'
import { attackService, isBroken, modes, resultsText } from './service/campaign.ts'
import { Site } from './service/site.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '5000' },
    minutes: { type: 'string', default: '60' },
    on: { type: 'string', default: 'this' },
    campaign: { type: 'string', default: 'both' },
  },
})
const seed = Number(values.seed ?? seedOfRun())
process.stderr.write(`seed ${seed}\n`)

const minutes = Number(values.minutes)
/** To boot, and to end the batch that runs when the time is over. */
const lifetimeSeconds = (minutes + 20) * 60

/** The kernels, by the value of `--on`. */
const grounds: Readonly<Record<string, () => Promise<Ground>>> = {
  this: () => Promise.resolve(thisKernel()),
  lsm: () => machineGround({ append: withBpf, lifetimeSeconds }),
  fmod_ret: () => machineGround({ append: withoutBpf, lifetimeSeconds }),
  tracepoints: () => machineGround({ append: withoutBpf, lifetimeSeconds }, 'tracepoints'),
}
const log = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Judged by what the sensor reports. @returns whether it kept its promises */
async function attackSensor(makeGround: () => Promise<Ground>): Promise<boolean> {
  const field = await Field.open(await makeGround())
  try {
    const until = Date.now() + minutes * 60_000
    const outcome = await attack(field, { seed, count: Number(values.count), until, log })
    process.stdout.write(`${outcomeText(outcome)}\n`)
    if (outcome.tried < Number(values.count))
      log(`tried ${outcome.tried} of ${values.count}: the time was over`)
    return outcome.broken.length === 0 && outcome.tried >= Number(values.count)
  } finally {
    await field.close()
  }
}

/** Judged by what a sink receives. @returns whether it kept its promises */
async function attackAgent(): Promise<boolean> {
  const engine = await startDockerd()
  try {
    return await Site.with(engine, async (site) => {
      const until = Date.now() + minutes * 60_000
      const count = Number(values.count) / modes.length
      const results = await attackService(site, { seed, count, until, log })
      process.stdout.write(`${resultsText(results)}\n`)
      return !results.some(isBroken)
    })
  } finally {
    await engine.stop()
  }
}

const ground = grounds[values.on]
if (ground === undefined) throw new Error(`--on: ${Object.keys(grounds).join(', ')}`)
// Containers of an engine are on this kernel alone.
const both = values.on === 'this' ? ['sensor', 'service'] : ['sensor']
const campaigns = values.campaign === 'both' ? both : [values.campaign]
for (const campaign of campaigns) {
  const kept = campaign === 'service' ? await attackAgent() : await attackSensor(ground)
  if (!kept) process.exitCode = 1
}
