import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { bundledProgram } from '../../fixtures/bundled-program.ts'

/** For that long in CPU: another process may have the processor meanwhile. */
const holding = `
function holdsTheLoop(milliseconds) {
  const began = process.cpuUsage()
  for (;;) {
    const { user, system } = process.cpuUsage(began)
    if (user + system > milliseconds * 1_000) return
  }
}
`

/** Holds the loop until it was sampled, or for a minute. The sample itself arrives afterwards. */
const program = `
import { StackWatch } from './src/support/telemetry/stack-watch.ts'
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const samples = []
const watch = new StackWatch((sample) => samples.push(sample))
const looking = setInterval(() => watch.looked(), 50)

${holding}

async function sampled() {
  for (let tries = 0; tries < 120 && samples.length === 0; tries++) {
    holdsTheLoop(500)
    await delay(200)
  }
}

const threads = () => readdirSync('/proc/self/task').length
holdsTheLoop(500)
await delay(200)
const before = { samples: samples.length, threads: threads() }
watch.arm()
watch.arm()
await sampled()
const armed = { isArmed: watch.isArmed, threads: threads() }
watch.close()
clearInterval(looking)
while (threads() >= armed.threads) await delay(50)
process.stdout.write(JSON.stringify({ before, armed, samples, isArmed: watch.isArmed }))
`

interface Entry {
  readonly what?: string
  readonly stack?: readonly string[]
}

interface Found {
  readonly before: { readonly samples: number; readonly threads: number }
  readonly armed: { readonly isArmed: boolean; readonly threads: number }
  readonly isArmed: boolean
  readonly samples: readonly { readonly stack: readonly string[]; readonly milliseconds: number }[]
}

/** The log of a daemon whose loop is held again and again. */
const daemonLog = `
import { createLog } from './src/support/telemetry/log.ts'
import { LoopWatch } from './src/support/telemetry/loop-watch.ts'
import { setTimeout as delay } from 'node:timers/promises'

const log = createLog('info')
const watch = new LoopWatch(log)
let isSampled = false
const warn = log.warn.bind(log)
log.warn = (fields, text) => {
  isSampled ||= fields.stack !== undefined
  warn(fields, text)
}

${holding}

watch.start()
for (let tries = 0; tries < 120 && !isSampled; tries++) {
  watch.during('a view', () => holdsTheLoop(500))
  await delay(300)
}
watch.close()
`

describe('work that holds the event loop', () => {
  test('is sampled once the watch is armed, by a thread that ends with it', async () => {
    const path = await bundledProgram('stack-watch', program)
    const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(0)
    const { before, armed, samples, isArmed } = JSON.parse(output) as Found
    expect(before.samples).toBe(0)
    expect(armed.isArmed).toBe(true)
    expect(armed.threads).toBeGreaterThan(before.threads)
    expect(isArmed).toBe(false)
    const [sample] = samples
    // What it calls may be innermost.
    const own = sample?.stack.filter((frame) => frame.includes(' stack-watch.mjs:'))
    expect(own?.[0]).toMatch(/^holdsTheLoop stack-watch\.mjs:\d+$/)
    expect(sample?.milliseconds).toBeGreaterThanOrEqual(200)
  })

  test('has its name in the log, and its stack from the second time on', async () => {
    const path = await bundledProgram('stack-log', daemonLog)
    const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    }
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(0)
    const lines = output.split('\n').filter((line) => line.startsWith('{'))
    const entries = lines.map((line) => JSON.parse(line) as Entry)
    expect(entries[0]).toMatchObject({ what: 'a view', level: 'warn' })
    expect(entries[0]?.stack).toBeUndefined()
    const found = entries.find(({ stack }) => stack !== undefined)
    const names = found?.stack?.map((frame) => frame.split(' ')[0])
    expect(names).toContain('holdsTheLoop')
    expect(names).toContain('during')
  })
})
