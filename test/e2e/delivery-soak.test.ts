import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AgentClient } from '../../src/cli/agent-client.ts'
import type { SinkView } from '../../src/flow/sink-desk.ts'
import { Agent } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { ChaoticSyslog, type Weather } from '../fixtures/chaotic-syslog.ts'
import { httpReceiver, type HttpReceiver } from '../fixtures/sink-receivers.ts'

/**
 * Alerts past receivers that fail in every way and a daemon that is killed again and again. Small each day; for the
 * record `SNUG_SOAK_ALERTS=1000000 SNUG_SOAK_KILLS=50` (some ten minutes), which also holds the share of duplicates.
 */
const total = Number(process.env['SNUG_SOAK_ALERTS'] ?? 10_000)
const kills = Number(process.env['SNUG_SOAK_KILLS'] ?? 3)
const containers = 10
/** Raised at once. */
const round = Math.min(5_000, Math.max(1_000, Math.floor(total / 40)))
/** What may wait for a sink before more is raised: the outbox holds it. */
const mostWaiting = 20_000
const memoryBoundKiB = 450 * 1_024
const diskBoundKiB = 400 * 1_024

/** What one sink's receiver got. */
class Ledger {
  readonly ids = new Map<string, string>()
  readonly #newest = new Map<string, number>()
  records = 0
  duplicates = 0
  outOfOrder = 0
  /** Acts that came as two alerts. */
  twice = 0

  add(record: string): void {
    const number = /"path":"\/bin\/ksh(\d+)"/.exec(record)?.[1]
    const container = /"name":"(web-\d+)"/.exec(record)?.[1]
    const id = /"id":"(01[0-9A-Z]{24})"/.exec(record)?.[1]
    if (number === undefined || container === undefined || id === undefined) return
    this.records += 1
    const act = `${container} ${number}`
    const known = this.ids.get(act)
    if (known !== undefined) {
      if (known === id) this.duplicates += 1
      else this.twice += 1
      return
    }
    this.ids.set(act, id)
    if (Number(number) < (this.#newest.get(container) ?? 0)) this.outOfOrder += 1
    this.#newest.set(container, Number(number))
  }
}

type Storm = (syslog: ChaoticSyslog, hook: HttpReceiver) => Promise<void>
const weather =
  (kind: Weather): Storm =>
  (syslog) =>
    syslog.become(kind)
const answers =
  (change: Partial<HttpReceiver>): Storm =>
  async (_, hook) =>
    void Object.assign(hook, change)
const storms: readonly Storm[] = [
  weather('down'),
  weather('cut'),
  weather('slow'),
  answers({ behave: 'refuse' }),
  answers({ answer: { status: 429, headers: { 'retry-after': '1' }, text: 'later' } }),
  answers({ behave: 'garbage' }),
  answers({ behave: 'hang' }),
]
const stormMs = 1_500

test(`${total} alerts past bad receivers and ${kills} kills: each arrives, in the order of its container`, {
  timeout: 3_600_000,
}, async () => {
  const [siem, hooked] = [new Ledger(), new Ledger()]
  await using syslog = await ChaoticSyslog.listen((record) => siem.add(record))
  await using hook = await httpReceiver((body) => {
    for (const line of body.split('\n')) hooked.add(line)
    return []
  })
  const only = { types: ['guardrail'] }
  await using agent = new Agent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      sinks: [
        {
          name: 'siem',
          type: 'syslog',
          address: `127.0.0.1:${syslog.port}`,
          timeout: '2s',
          storms: 'each',
          only,
        },
        {
          name: 'hook',
          type: 'http',
          url: `http://127.0.0.1:${hook.port}/`,
          timeout: '2s',
          storms: 'each',
          only,
        },
      ],
    },
  })
  await agent.start()
  const client = new AgentClient(agent.socket)
  const waiting = async (): Promise<number> => {
    const sinks = await client.get<readonly SinkView[]>('/v1/sinks')
    expect(sinks.map(({ givenUp }) => givenUp)).toEqual([0, 0])
    return Math.max(...sinks.map((sink) => sink.waiting))
  }
  const raise = async (from: number): Promise<void> => {
    const events = reverseShells({ containers, each: round / containers, from: from / containers })
    const input = Readable.from([Buffer.from(events)])
    await client.upload('/v1/events', input, new AbortController().signal)
  }

  // What is learned has no bound but what the image does; what deviates has one.
  await raise(0)
  await agent.json(['profile', 'mode', 'shop/web', 'alert'])
  const rounds = Math.ceil(total / round)
  const killEvery = rounds / kills
  let killed = 0
  let memoryKiB = 0
  let diskKiB = 0
  for (let at = 0; at < rounds; at += 1) {
    const storm = at % 2 === 1 ? storms[Math.floor(at / 2) % storms.length] : undefined
    await storm?.(syslog, hook)
    const raised = raise((at + 1) * round)
    if (killed < kills && at >= killEvery * (killed + 0.5)) {
      killed += 1
      const told = raised.catch(() => undefined)
      await delay(Math.random() * 300)
      await agent.kill()
      await told
      await agent.start()
      // What was lost with the daemon was on its way to it: the one who sent it sends it again.
      await raise((at + 1) * round)
    } else await raised
    if (storm !== undefined) await delay(stormMs)
    await syslog.become('fair')
    Object.assign(hook, { behave: 'take', answer: { status: 200, headers: {}, text: '' } })
    memoryKiB = Math.max(memoryKiB, memoryOf(agent.pid))
    diskKiB = Math.max(diskKiB, diskOf(agent.data))
    while ((await waiting()) > mostWaiting) await delay(100)
  }
  expect(killed).toBe(kills)
  const deadline = Date.now() + 120_000
  while ((await waiting()) > 0 && Date.now() < deadline) await delay(200)

  const figures = [siem, hooked].map(({ records, duplicates, twice, outOfOrder, ids }) => {
    return { acts: ids.size, records, duplicates, twice, outOfOrder }
  })
  console.log(JSON.stringify({ total: rounds * round, kills, figures, memoryKiB, diskKiB }))
  for (const found of figures) {
    expect(found).toMatchObject({ acts: (rounds + 1) * round, outOfOrder: 0, twice: 0 })
    // Of each kill and each cut at most what was on its way.
    const disturbances = kills + rounds
    expect(found.duplicates).toBeLessThanOrEqual(disturbances * 500)
    if (total >= 1_000_000) expect(found.duplicates / found.acts).toBeLessThan(0.01)
  }
  expect(memoryKiB).toBeLessThan(memoryBoundKiB)
  expect(diskKiB).toBeLessThan(diskBoundKiB)
})

function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

function diskOf(folder: string): number {
  // Files come and go while it looks.
  const [size = ''] = execFileSync('sh', ['-c', `du -sk ${folder} 2>/dev/null || true`], {
    encoding: 'utf8',
  }).split('\t')
  return Number(size)
}
