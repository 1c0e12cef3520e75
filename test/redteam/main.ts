import { parseArgs } from 'node:util'
import { attack, outcomeText } from './campaign.ts'
import { withBpf, withoutBpf } from '../qemu/machine.ts'
import { seedOfRun } from '../fixtures/seed.ts'
import { Field } from './field.ts'
import { type Ground, machineGround, thisKernel } from './ground.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '5000' },
    minutes: { type: 'string', default: '60' },
    on: { type: 'string', default: 'this' },
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
const ground = grounds[values.on]
if (ground === undefined) throw new Error(`--on: ${Object.keys(grounds).join(', ')}`)
const field = await Field.open(await ground())
try {
  const outcome = await attack(field, {
    seed,
    count: Number(values.count),
    until: Date.now() + minutes * 60_000,
    log: (line) => process.stderr.write(`${line}\n`),
  })
  process.stdout.write(`${outcomeText(outcome)}\n`)
  process.exitCode = outcome.broken.length === 0 ? 0 : 1
} finally {
  await field.close()
}
