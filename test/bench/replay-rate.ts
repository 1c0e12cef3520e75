import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAgent } from '../fixtures/agent.ts'
import { usage } from './process-usage.ts'

const events = 400_000
const distinct = 500

/**
 * NDJSON events that the daemon judges a second of its CPU, by `snug event replay` of a service's ordinary
 * life: 500 distinct acts over and over, after they were learned. CPU seconds of the daemon and not of the
 * clock: what is asked is what one core does, also where the client shares it.
 */
export async function replayRates(): Promise<readonly number[]> {
  await using agent = await startAgent({
    config: { sources: ['file:-'], engines: { docker: { socket: 'none' } } },
  })
  mkdirSync(agent.folder, { recursive: true })
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, lines(distinct))
  await replay(agent.cli(['event', 'replay', file]))
  await agent.json(['profile', 'mode', 'bench/web', 'alert'])
  writeFileSync(file, lines(events))
  const rates: number[] = []
  for (let run = 0; run < 5; run++) {
    const before = usage(agent.pid).daemon.cpuSeconds
    await replay(agent.cli(['event', 'replay', file]))
    rates.push(events / (usage(agent.pid).daemon.cpuSeconds - before))
  }
  rmSync(file)
  return rates
}

async function replay(done: Promise<{ code: number; stderr: string }>): Promise<void> {
  const { code, stderr } = await done
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

/** Names, not numbers: what looks like a counter would be folded to one pattern. */
function letters(n: number): string {
  return String(n).replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit)))
}
