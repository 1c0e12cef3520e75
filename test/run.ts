import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, homedir, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LaneResults } from './fixtures/lane-results.ts'
import { seedOfRun } from './fixtures/seed.ts'
import { type Lane, type LaneName, lanes } from './lanes.ts'

/**
 * `make test` (`run.ts gate`) and `make test-all` (`run.ts all`): installs and builds what the lanes need, and runs
 * them. Five chains share two processors, as a lane waits for half of its time. A failure keeps no other lane
 * from reporting its own. The last line is the sum.
 */
const isAll = process.argv[2] === 'all'
const root = fileURLToPath(new URL('../', import.meta.url))
const logs = join(root, '.build/lanes')
const kube = process.env['SNUG_KUBE_CACHE'] ?? join(homedir(), '.cache/snug-kube')

interface Step {
  readonly name: string
  readonly seconds: number
  /** Of the processors, in seconds. */
  readonly busy: number
}
const steps: Step[] = []
const failures: string[] = []
const children = new Set<number>()

rmSync(logs, { recursive: true, force: true })
mkdirSync(logs, { recursive: true })

const env = {
  ...process.env,
  SNUG_SEED: String(seedOfRun()),
  ...(isAll ? {} : { SNUG_TEST_GATE: '1' }),
}

/** Runs a command with its output in a file, which is printed when it ends. Resolves with whether it succeeded. */
async function step(name: string, command: string): Promise<boolean> {
  process.stdout.write(`-- ${name}\n`)
  const path = join(logs, `${name}.log`)
  const began = performance.now()
  const log = openSync(path, 'w')
  const timed = `TIMEFORMAT='processors %U %S'; time { ${command}\n}`
  const child = spawn('bash', ['-c', timed], {
    cwd: root,
    env: { ...env, SNUG_LANE_RESULTS: resultsPath(name) },
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  if (child.pid !== undefined) children.add(child.pid)
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(null))
  })
  if (child.pid !== undefined) children.delete(child.pid)
  const text = readFileSync(path, 'utf8')
  const [, user = '', system = ''] = /^processors (\S+) (\S+)$/m.exec(text) ?? []
  const isGood = code === 0
  const seconds = Math.round((performance.now() - began) / 1_000)
  steps.push({ name, seconds, busy: Math.round(Number(user) + Number(system)) })
  process.stdout.write(`\n== ${name}: ${seconds} s${isGood ? '' : ', failed'}\n${text}`)
  return isGood
}

/** What is no lane fails as a whole. */
async function preparation(name: string, command: string): Promise<boolean> {
  const isGood = await step(name, command)
  if (!isGood) failures.push(`${name}: it failed, see above`)
  return isGood
}

/** Without what it needs a lane fails. */
async function lane(name: LaneName, ...needed: readonly Promise<boolean>[]): Promise<void> {
  const { decides }: Lane = lanes[name]
  if (!decides && !isAll) return
  if ((await Promise.all(needed)).every(Boolean)) await runLane(name)
  else failures.push(`${name}: it did not run`)
}

async function runLane(name: LaneName): Promise<void> {
  const isGood = await step(name, `npx vitest run --project ${name}`)
  const found = results(name)
  const isNamed = found.some((each) => each.failures.length > 0)
  if (found.length === 0 || (!isGood && !isNamed)) failures.push(`${name}: it failed, see above`)
}

function resultsPath(name: string): string {
  return join(logs, `${name}.jsonl`)
}

function results(name: string): readonly LaneResults[] {
  const path = resultsPath(name)
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LaneResults)
}

function printSum(): void {
  const all = steps.flatMap(({ name }) => results(name))
  const failed = [...failures, ...all.flatMap((each) => each.failures)]
  const notRun = all.flatMap((each) => Object.entries(each.notRun))
  const failedCount = notRun.reduce((sum, [, count]) => sum + count, failed.length)
  const skipped = all.flatMap((each) => each.skipped)
  const passed = all.reduce((sum, each) => sum + each.passed, 0)
  const took = Math.round(process.uptime())
  const busy = steps.reduce((sum, each) => sum + each.busy, 0)
  const [load = 0] = loadavg()
  const line = (name: string, seconds: number, processors: number): string =>
    `${name.padEnd(10)} ${String(seconds).padStart(5)} s ${String(processors).padStart(6)} s of processors\n`
  process.stdout.write('\n')
  for (const each of steps) process.stdout.write(line(each.name, each.seconds, each.busy))
  process.stdout.write(line('all', took, busy))
  process.stdout.write(
    `${availableParallelism()} processors, load ${load.toFixed(1)}, SNUG_SEED=${seedOfRun()}\n`,
  )
  for (const each of skipped) process.stdout.write(`skipped: ${each}\n`)
  for (const [file, count] of notRun) {
    process.stdout.write(`failed: ${file}: ${count} tests did not run, as a hook failed\n`)
  }
  // Last, as CI keeps the end of the output: what explains the others.
  for (const each of failed) process.stdout.write(`failed: ${each}\n`)
  process.stdout.write(`${passed} passed, ${failedCount} failed, ${skipped.length} skipped\n`)
  process.exitCode = failedCount === 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const pid of children) process.kill(-pid, 'SIGTERM')
    failures.push(`ended by ${signal}`)
    printSum()
    process.exit(1)
  })
}

const packages = preparation('packages', 'make -s test-packages')
const daemon = preparation('daemon', 'make -s daemon')
/** The servers of the API, and images and kernels: made once. */
const servers = packages.then(
  (isGood) => isGood && preparation('servers', `nice -n 19 test/kube/cluster/build.sh '${kube}'`),
)
const sensor = packages.then((isGood) => isGood && preparation('sensor', 'make -s sensor'))
const images = sensor.then(
  (isGood) => isGood && preparation('images', 'npx tsx test/fixtures/prepare.ts'),
)

/**
 * Five chains, of about the same length. Of the lanes with sensors, which all acts on this machine's kernel reach, each
 * has engines of its own.
 */
const system = lane('system', daemon, images)

async function sensors(): Promise<void> {
  await lane('sensor', daemon, sensor)
  await lane('engines', daemon, images)
  await lane('product', daemon, images)
}

/** The longest lane. There is one node at a time, so `alone` comes after it. */
const node = lane('node', daemon, images, servers)

async function machines(): Promise<void> {
  await lane('random', daemon)
  await lane('qemu', images)
  await lane('host', daemon, images)
}
const machine = machines()

/** A new machine builds the servers meanwhile. */
async function withServers(): Promise<void> {
  await machine
  await lane('kube', daemon, servers)
  await lane('kernels', images)
}

async function checked(): Promise<void> {
  await daemon
  await preparation('check', 'npm run -s check')
}

async function computing(): Promise<void> {
  await lane('fast', daemon)
  if (isAll) await preparation('fuzz', 'npx tsx test/fuzz/run.ts --seconds 180')
  await lane('apart', daemon, images)
}

const besides = Promise.all([withServers(), computing(), checked()])
await Promise.all([system, sensors(), node, machine])
await lane('alone', daemon, images, servers)
await besides
if (isAll && (await images)) await preparation('runtimes', 'make -s test-runtimes')
// Some run the sensor: alone on this kernel.
if (isAll && (await images)) await preparation('mutations', 'npx tsx test/mutations/main.ts')
printSum()
