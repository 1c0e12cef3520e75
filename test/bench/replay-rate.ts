import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import type { Bench } from './bench.ts'
import { plain } from './figures.ts'
import { usage } from './process-usage.ts'

/** MiB of events in each replay; the recorded figures use `SNUG_REPLAY_MIB=1024`. */
const mebibytes = Math.max(1, Number(process.env['SNUG_REPLAY_MIB'] ?? 96))
const distinct = 500
const blockOfEvents = 10_000
const sampleMs = 500

/**
 * NDJSON events that the daemon judges per second of its CPU, by `snug event replay` of a service's ordinary
 * life: 500 distinct events repeated after they were learned. CPU seconds of the daemon, not of the clock: the figure
 * is for one core, also where the client shares it. The daemon's memory is measured meanwhile.
 */
export const replayBench: Bench = {
  name: 'replay',
  what: `event replay of ${mebibytes} MiB of NDJSON, ${distinct} distinct acts over and over`,
  async run({ runs, print }) {
    await using agent = await startAgent({
      config: { sources: ['file:-'], engines: { docker: { socket: 'none' } } },
    })
    mkdirSync(agent.folder, { recursive: true })
    const file = join(agent.folder, 'events.ndjson')
    writeFileSync(file, lines(distinct))
    await replay(agent, file)
    await agent.json(['profile', 'mode', 'bench/web', 'alert'])
    const events = writeEvents(file)
    const rates: number[] = []
    const memory: number[] = []
    for (let run = 0; run < runs; run++) {
      const before = usage(agent.pid).daemon.cpuSeconds
      const watch = watchMemory(agent.pid)
      await replay(agent, file)
      const resident = watch()
      rates.push(events / (usage(agent.pid).daemon.cpuSeconds - before))
      memory.push(Math.max(...resident))
      print(
        `  run ${run + 1} of ${runs}: ${events} events, resident MiB over time: ${thinned(resident)}`,
      )
    }
    rmSync(file)
    return [
      plain('event replay, one core', 'events/s', rates, { at: 'least', value: 200_000 }),
      plain('memory of the daemon, at most', 'MiB', memory),
    ]
  },
}

/** As many as make up the size, block by block; gives how many. */
function writeEvents(file: string): number {
  const block = Buffer.from(lines(blockOfEvents))
  const blocks = Math.max(1, Math.round((mebibytes * 1_048_576) / block.length))
  const out = openSync(file, 'w')
  for (let n = 0; n < blocks; n++) writeSync(out, block)
  closeSync(out)
  return blocks * blockOfEvents
}

/** Resident MiB each half second, until it is asked. */
function watchMemory(pid: number): () => readonly number[] {
  const sizes = [residentMiB(pid)]
  const timer = setInterval(() => sizes.push(residentMiB(pid)), sampleMs)
  return () => {
    clearInterval(timer)
    return [...sizes, residentMiB(pid)]
  }
}

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024)
}

/** At most twenty of them, evenly spread. */
function thinned(sizes: readonly number[]): string {
  const step = Math.max(1, Math.ceil(sizes.length / 20))
  return sizes.filter((_, n) => n % step === 0 || n === sizes.length - 1).join(' ')
}

async function replay(agent: Agent, file: string): Promise<void> {
  const { code, stderr } = await agent.cli(['event', 'replay', file])
  if (code !== 0) throw new Error(`event replay: exit ${code}: ${stderr}`)
}

function lines(count: number): string {
  const base = {
    v: 1,
    node: 'n1',
    source: 'ebpf',
    container: { id: 'a'.repeat(64), name: 'web-1' },
    image: { repository: 'bench/web', tag: '1', digest: `sha256:${'b'.repeat(64)}` },
    process: {
      pid: 812,
      ppid: 790,
      exe: '/usr/sbin/nginx',
      uid: 101,
      gid: 101,
      parent: '/docker-entrypoint.sh',
      ancestors: ['/docker-entrypoint.sh'],
      origin: 'entrypoint',
      tty: false,
    },
  }
  const start = Date.parse('2026-11-24T13:40:27.123Z')
  const out: string[] = []
  for (let i = 0; i < count; i++) {
    const n = i % distinct
    const act =
      n % 10 === 0
        ? { kind: 'connect', connect: { protocol: 'tcp', address: '10.0.0.7', port: 5_000 + n } }
        : {
            kind: 'file',
            file: { path: `/srv/www/part-${letters(n)}/page.html`, access: ['read'] },
          }
    out.push(JSON.stringify({ ...base, time: new Date(start + i).toISOString(), ...act }))
  }
  return `${out.join('\n')}\n`
}

/** Names, not numbers: the daemon would fold a counter to one pattern. */
function letters(n: number): string {
  return String(n).replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit)))
}
