import { setTimeout as delay } from 'node:timers/promises'
import { startAgent } from '../fixtures/agent.ts'
import type { Bench } from './bench.ts'
import { alertDelays, eventOf, lettersOf, openUpload, send } from './event-upload.ts'
import { type Figure, paired, plain } from './figures.ts'
import { usage } from './process-usage.ts'

const perSecond = 1_000
const quietPerSecond = 50
const seconds = 4
const stepMs = 20
/** Of a path: as long as the kernel takes them. */
const depth = 15
const nameSize = 240

/** What the names of the other container are made of. */
const units = { words: 'ab', numbers: '_9', mixed: 'a1-', dates: '20261124', versions: '9.' }
type Unit = keyof typeof units

/** How long a container's alerts take while another one makes names as long as they may be, of many variable parts. */
export const slowNamesBench: Bench = {
  name: 'slow-names',
  what: `${quietPerSecond * seconds} deviations of a container, alone and beside ${perSecond} long names a second of another one, by what the names are made of`,
  async run({ runs, print }) {
    const alone: number[] = []
    const beside = new Map<Unit, Measured[]>()
    for (let run = 0; run < runs; run += 1) {
      alone.push((await measure(undefined)).delayMs)
      for (const unit of Object.keys(units) as Unit[]) {
        const measured = await measure(unit)
        print(
          `  ${unit}: ${measured.delayMs.toFixed(0)} ms, ${measured.cpuMs.toFixed(2)} ms a name`,
        )
        beside.set(unit, [...(beside.get(unit) ?? []), measured])
      }
    }
    return [...beside].flatMap(([unit, measured]) => figuresOf(unit, alone, measured))
  },
}

function figuresOf(unit: Unit, alone: readonly number[], measured: readonly Measured[]): Figure[] {
  const delays = measured.map(({ delayMs }) => delayMs)
  const added = delays.map((each, run) => each - (alone[run] ?? Number.NaN))
  const cpu = measured.map(({ cpuMs }) => cpuMs)
  return [
    paired(`event to alert, 99 of 100, beside ${unit}`, 'ms', alone, delays),
    plain(`what ${unit} add to it`, 'ms', added, { at: 'most', value: 50 }),
    plain(`CPU of the daemon for a name of ${unit}`, 'ms', cpu),
  ]
}

interface Measured {
  /** The slowest of a hundred, milliseconds. */
  readonly delayMs: number
  /** Of the daemon, for each name of the other container. */
  readonly cpuMs: number
}

async function measure(unit: Unit | undefined): Promise<Measured> {
  await using agent = await startAgent({
    config: {
      sources: ['file:-'],
      engines: { docker: { socket: 'none' } },
      kernelState: 'none',
      storm: { each: 100_000 },
    },
  })
  const [quiet, noisy] = ['bench/quiet', 'bench/loudest']
  for (const image of [quiet, noisy]) {
    await send(agent, [execOf(image, '/bin/known')])
    await agent.json(['profile', 'end-learning', image])
  }
  const delays = await alertDelays(agent)
  const uploads = { quiet: openUpload(agent), noisy: openUpload(agent) }
  const before = usage(agent.pid).daemon.cpuSeconds
  const start = performance.now()
  let made = 0
  for (let step = 0; step < (seconds * 1_000) / stepMs; step += 1) {
    if (unit !== undefined) {
      const names = Array.from({ length: (perSecond * stepMs) / 1_000 }, () =>
        longName(unit, made++),
      )
      uploads.noisy.write(names.map((path) => fileOf(noisy, path)))
    }
    if (step % (1_000 / stepMs / quietPerSecond) === 0) {
      const path = `/opt/${lettersOf(1_000 + step)}`
      delays.sent.set(path, performance.now())
      uploads.quiet.write([execOf(quiet, path)])
    }
    await delay(Math.max(0, start + (step + 1) * stepMs - performance.now()))
  }
  await Promise.all([uploads.quiet.end(), uploads.noisy.end()])
  const found = await delays.all()
  const { cpuSeconds } = usage(agent.pid).daemon
  const delayMs = found.sort((a, b) => a - b)[Math.floor(found.length * 0.99)] ?? Number.NaN
  return { delayMs, cpuMs: ((cpuSeconds - before) * 1_000) / Math.max(1, made) }
}

function longName(unit: Unit, number: number): string {
  const of = units[unit]
  const name = of.repeat(Math.ceil(nameSize / of.length)).slice(0, nameSize)
  const folders = Array.from({ length: depth }, () => name).join('/')
  return `/tmp/${folders}/${name.slice(0, 200)}x${number}`
}

/** By a program of its own, so that it has an alert of its own. */
function execOf(image: string, path: string): string {
  const exe = `/usr/sbin/${path.slice(path.lastIndexOf('/') + 1)}`
  return eventOf(image, exe, { kind: 'exec', exec: { path, drift: false } })
}

function fileOf(image: string, path: string): string {
  return eventOf(image, '/usr/sbin/nginx', { kind: 'file', file: { path, access: ['create'] } })
}
