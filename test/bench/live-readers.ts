import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import type { Bench, Setting } from './bench.ts'
import { alertDelays, eventOf, lettersOf, openUpload, send } from './event-upload.ts'
import { type Figure, paired, spread } from './figures.ts'
import { usage } from './process-usage.ts'

const readers = 200
const slow = 20
const perSecond = 1_000
const seconds = 10
const stepMs = 10

/** A burst of alerts without readers and with 200 readers on TCP, a tenth of which reads nothing meanwhile. */
export const liveBench: Bench = {
  name: 'live',
  what: `${perSecond} alerts a second for ${seconds} s, sent to ${readers} live readers (${slow} slow) against none`,
  run: async (setting) => {
    await using agent = await startAgent({
      config: {
        listen: '127.0.0.1:0',
        sources: ['file:-'],
        engines: { docker: { socket: 'none' } },
        kernelState: 'none',
      },
    })
    await send(agent, [execOf('/bin/known')])
    await agent.json(['profile', 'end-learning', 'bench/web'])
    const { gateway } = await agent.json<StatusView>(['status'])
    const token = readFileSync(join(agent.data, 'admin.token'), 'utf8')
    setting.print('  one burst to warm up')
    await burst(agent)
    const bare: Burst[] = []
    const crowded: Burst[] = []
    const unsaid: number[] = []
    for (let run = 0; run < setting.runs; run += 1) {
      bare.push(await burst(agent))
      const crowd = await startCrowd(gateway?.url ?? '', token)
      crowded.push(await burst(agent))
      unsaid.push(await endCrowd(crowd, setting))
    }
    return figuresOf(bare, crowded, unsaid)
  },
}

interface Burst {
  readonly cpuSeconds: number
  /** From an event's being sent to its alert on the admin socket, the slowest of a hundred, in milliseconds. */
  readonly delayMs: number
}

function figuresOf(
  bare: readonly Burst[],
  crowded: readonly Burst[],
  unsaid: readonly number[],
): readonly Figure[] {
  const cpu = (bursts: readonly Burst[]) => bursts.map(({ cpuSeconds }) => cpuSeconds)
  const delays = (bursts: readonly Burst[]) => bursts.map(({ delayMs }) => delayMs)
  return [
    paired('daemon CPU over the burst', 's', cpu(bare), cpu(crowded), { at: 'most', value: 1.1 }),
    paired('event to alert, 99 of 100', 'ms', delays(bare), delays(crowded)),
    {
      name: 'messages that a slow reader neither got nor was notified of',
      unit: '',
      value: spread(unsaid),
      limit: { of: 'value', at: 'most', value: 0 },
    },
  ]
}

let made = 0

async function burst(agent: Agent): Promise<Burst> {
  const delays = await alertDelays(agent)
  const before = usage(agent.pid).daemon.cpuSeconds
  const upload = openUpload(agent)
  const start = performance.now()
  for (let step = 0; step < (seconds * 1_000) / stepMs; step += 1) {
    const lines: string[] = []
    for (let each = 0; each < (perSecond * stepMs) / 1_000; each += 1) {
      made += 1
      const path = `/opt/${lettersOf(made)}`
      delays.sent.set(path, performance.now())
      lines.push(execOf(path))
    }
    upload.write(lines)
    await delay(Math.max(0, start + (step + 1) * stepMs - performance.now()))
  }
  await upload.end()
  const found = await delays.all()
  const { cpuSeconds } = usage(agent.pid).daemon
  found.sort((a, b) => a - b)
  return {
    cpuSeconds: cpuSeconds - before,
    delayMs: found[Math.floor(found.length * 0.99)] ?? Number.NaN,
  }
}

/** By a program of its own, so that it has an alert of its own. */
function execOf(path: string): string {
  const exe = `/usr/sbin/${path.slice(path.lastIndexOf('/') + 1)}`
  return eventOf('bench/web', exe, { kind: 'exec', exec: { path, drift: false } })
}

interface Crowd {
  readonly child: ChildProcess
  readonly lines: AsyncIterator<string>
}

async function startCrowd(url: string, token: string): Promise<Crowd> {
  const script = fileURLToPath(new URL('live-crowd.ts', import.meta.url))
  const args = ['--import', 'tsx', script, url, token, String(readers), String(slow)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.value !== 'ready') throw new Error('the readers were not let in')
  return { child, lines }
}

/** How many messages all slow readers together cannot account for, by their numbers. */
async function endCrowd({ child, lines }: Crowd, { print }: Setting): Promise<number> {
  child.stdin?.end('end\n')
  const { items, missed, unsaid, bytes } = JSON.parse(String((await lines.next()).value)) as {
    readonly unsaid: number
    readonly items: number
    readonly missed: number
    readonly bytes: number
  }
  const gigabytes = (bytes / 1e9).toFixed(2)
  print(`  the others got ${gigabytes} GB; slow ones ${items} messages, ${missed} missed`)
  return unsaid
}
