import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BehaviourView, ProfileView } from '../../src/api/profile-views.ts'
import type { SinkView } from '../../src/api/sink-view.ts'
import { startAgent, uniqueName } from '../fixtures/agent.ts'
import { reverseShells } from '../fixtures/alert-events.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { CountingReceiver } from '../fixtures/counting-receiver.ts'
import { busyboxImage } from '../fixtures/images.ts'
import type { Bench, Setting } from './bench.ts'
import { type Figure, plain } from './figures.ts'
import { usage } from './process-usage.ts'

const run = promisify(execFile)
const child = fileURLToPath(new URL('./delivery-child.ts', import.meta.url))
const delivered = 60_000
const raised = 20_000
const acts = 400

/** From the event to the SIEM: the latency, and the alerts a second. */
export const deliveryBench: Bench = {
  name: 'delivery',
  what: 'alerts to a receiver of syslog over TCP on this machine',
  run: async (setting) => [
    ...(await outboxRates(setting)),
    ...(await pathRates(setting)),
    ...(await latencies(setting)),
  ],
}

/** The throughput of one sink on one processor with a full queue; the receiver is on another processor. */
async function outboxRates({ runs, print }: Setting): Promise<readonly Figure[]> {
  const walls: number[] = []
  for (let at = 0; at < runs; at += 1) {
    await using receiver = await CountingReceiver.listen(() => 0)
    const args = ['-c', '0', process.execPath, '--import', 'tsx', child]
    const { stdout } = await run('taskset', [...args, String(receiver.port), String(delivered)])
    const { seconds } = JSON.parse(stdout) as { readonly seconds: number }
    if (receiver.seen.length !== delivered) throw new Error(`${receiver.seen.length} came`)
    walls.push(delivered / seconds)
    print(`  ${Math.round(delivered / seconds)} alerts a second from the outbox`)
  }
  return [
    plain('from the outbox to the receiver, on one core', 'alerts/s', walls, {
      at: 'least',
      value: 20_000,
    }),
  ]
}

/** The whole way: an event is judged, its alert stored and delivered. By the daemon's CPU time, as clients share it. */
async function pathRates({ runs, print }: Setting): Promise<readonly Figure[]> {
  const rates: number[] = []
  await using receiver = await CountingReceiver.listen(() => 0)
  await using agent = await startAgent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      outbox: { size: '1024MiB' },
      sinks: [siem(receiver.port)],
    },
  })
  const file = join(agent.folder, 'events.ndjson')
  const each = raised / 100
  for (let at = 0; at < runs; at += 1) {
    writeFileSync(file, reverseShells({ containers: 100, each, from: at * each }))
    const before = usage(agent.pid).daemon.cpuSeconds
    await agent.cli(['event', 'replay', file])
    const all = raised * (at + 1)
    await agent.until<readonly SinkView[]>(['sink', 'list'], ([sink]) => {
      return sink !== undefined && sink.waiting === 0 && sink.delivered >= all
    })
    const rate = raised / (usage(agent.pid).daemon.cpuSeconds - before)
    rates.push(rate)
    print(`  ${Math.round(rate)} alerts a second of CPU, the whole way`)
  }
  rmSync(file)
  return [plain('judged, stored and delivered', 'alerts/CPU-s', rates)]
}

/** A service that waits for a file, and then writes others that it never wrote, 25 a second. */
const letters = 'a b c d e f g h i j k l m n o p q r s t'
const service = `while [ ! -e /tmp/go ]; do sleep 0.04; done
for a in ${letters}; do for b in ${letters}; do : > "/tmp/late-$a$b-file"; sleep 0.04; done; done
sleep 600`

/** From the event's time, as the kernel took it, to the arrival of its record. */
async function latencies({ engine, print }: Setting): Promise<readonly Figure[]> {
  const { socket, docker } = await engine()
  const image = `${uniqueName('late')}:1`
  await busyboxImage(docker, { name: image, labels: { test: image } })
  await using receiver = await CountingReceiver.listen((record, atMs) => {
    const path = /"path":"\/tmp\/late-[a-t]+-file"/.exec(record)?.[0]
    const time = /"kind":"file".*?"time":"([^"]+)"|"time":"([^"]+)"[^}]*?"kind":"file"/.exec(record)
    return { path, ms: atMs - Date.parse(time?.[1] ?? time?.[2] ?? '') }
  })
  await using agent = await startAgent({
    docker: socket,
    config: { storm: { each: 100_000 }, sinks: [siem(receiver.port)] },
  })
  const container = await startContainer(docker, image, ['/bin/sh', '-c', service])
  try {
    const sleeps = ({ kind, object }: BehaviourView): boolean =>
      kind === 'exec' && object.includes('busybox')
    await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
      behaviours.some(sleeps),
    )
    await agent.json(['profile', 'mode', image, 'alert'])
    await execIn(docker, container, ['/bin/touch', '/tmp/go'])
    const found = (): number[] =>
      receiver.seen.filter(({ path }) => path !== undefined).map(({ ms }) => ms)
    const deadline = Date.now() + 120_000
    while (found().length < acts) {
      if (Date.now() > deadline) throw new Error(`only ${found().length} of ${acts} came`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const sorted = found().sort((a, b) => a - b)
    print(`  ${sorted.length} acts, the slowest took ${sorted.at(-1)?.toFixed(1)} ms`)
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
    return [
      plain('act in the container to its record, median', 'ms', [at(0.5)], {
        at: 'most',
        value: 5,
      }),
      plain('act in the container to its record, 99 of 100', 'ms', [at(0.99)], {
        at: 'most',
        value: 25,
      }),
    ]
  } finally {
    await removeContainer(container)
  }
}

function siem(port: number): object {
  const address = `127.0.0.1:${port}`
  return {
    name: 'siem',
    type: 'syslog',
    address,
    storms: 'each',
    only: { types: ['deviation', 'guardrail'] },
  }
}
