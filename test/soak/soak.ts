import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AlertPruner } from '../../src/agent/records/persistence/alert-pruner.ts'
import type { Daemon } from '../../src/agent/engine/daemon.ts'
import { SnugEngine } from '../../src/agent/engine/snug-engine.ts'
import { openLevelStore } from '../../src/agent/records/store/level-store.ts'
import { Rounds } from '../../src/support/rounds.ts'
import { growHeapSlowly, withRoomToLoad } from '../../src/support/telemetry/heap.ts'
import { createLog } from '../../src/support/telemetry/log.ts'
import { measuredDaemon } from './measured-daemon.ts'
import { SoakEngine, SoakSource } from './soak-source.ts'
import { type LongTurn, turnText, TurnWatch } from './turn-watch.ts'
import { runsOf, type SoakRun, type SoakScale } from './workload.ts'

export interface SoakFigures {
  readonly scale: SoakScale
  readonly events: number
  readonly counts: number
  readonly seconds: number
  /** After each tenth of the containers, in MiB. */
  readonly resident: readonly number[]
  readonly heap: readonly number[]
  readonly storeMiB: number
  readonly startUpSeconds: number
  /** Of this process, in all its threads: on a busy machine the time says little. */
  readonly startUpCpuSeconds: number
  readonly residentAfterStart: number
  readonly longest: readonly LongTurn[]
  readonly histogram: readonly number[]
  readonly versions: number
  /** Of the versions, those whose profiles were compressed at the end. */
  readonly parked: number
  readonly behaviours: number
  readonly cells: number
  readonly alerts: number
}

const startMs = Date.parse('2026-08-01T00:00:00Z')
const retainEveryMs = 3_600_000
/** The daemon stores what changed at least as often. */
const persistEveryMs = 600_000
const readEveryMs = 60_000
/** A real daemon ticks each second. */
const tickEveryMs = 60_000

/** A simulated life of a node: real stages, real store, a clock and a sensor of its own. */
export async function soak(scale: SoakScale): Promise<SoakFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'snug-soak-'))
  try {
    return await soakIn(folder, scale)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function soakIn(folder: string, scale: SoakScale): Promise<SoakFigures> {
  growHeapSlowly()
  const beganMs = performance.now()
  const resident: number[] = []
  const heap: number[] = []
  const turns = new TurnWatch()
  let nowMs = startMs
  let started = 0
  const ticking = new Rounds(tickEveryMs)
  let persistedMs = startMs
  let retainedMs = startMs
  let readMs = startMs
  const engine = new SoakEngine()
  const world = await daemonOf(folder, engine, () => nowMs)
  const { daemon } = world
  const source = new SoakSource(engine, runsOf(scale, startMs), async (run) => {
    nowMs = run.atMs
    if (ticking.begins(nowMs)) {
      await daemon.tickInSlices()
      await nextTurn()
    }
    if (nowMs - persistedMs >= persistEveryMs) {
      persistedMs = nowMs
      await daemon.journal.persist()
    }
    if (nowMs - retainedMs >= retainEveryMs) {
      retainedMs = nowMs
      turns.note('retention', () => daemon.retention.apply())
      await daemon.journal.cutAudit()
    }
    if (nowMs - readMs >= readEveryMs) {
      readMs = nowMs
      await readPages(world.engine, run, turns)
    }
    started += 1
    if (started % Math.ceil(scale.containers / 10) === 0) sample(resident, heap)
    if (started % Math.ceil(scale.containers / 100) === 0)
      process.stderr.write(progressText(started, folder, turns, versionsOf(daemon)))
  })
  world.sources.push(source)
  turns.name(daemon.loop)
  await withRoomToLoad(() => daemon.load())
  world.pruner.start()
  turns.start()
  const ending = new AbortController()
  const running = daemon.run(ending.signal)
  await world.ended
  // What is counted from here on opens all profiles at once, as no daemon does.
  turns.stop()
  let behaviours = 0
  let cells = 0
  const { versions, parked } = versionsOf(daemon)
  for (const { profile } of daemon.registry.index) {
    for (const entry of profile.outline()) {
      behaviours += 1
      for (const _ of entry.allCells()) cells += 1
    }
  }
  const alerts = daemon.alerts.list({ limit: Infinity }).length
  ending.abort()
  await running
  await world.pruner.stop()
  await world.close()
  const seconds = (performance.now() - beganMs) / 1_000
  const storeMiB = sizeOf(folder) / 1_048_576
  const startMs2 = performance.now()
  const startCpu = process.cpuUsage()
  const again = await daemonOf(folder, new SoakEngine(), () => nowMs)
  await withRoomToLoad(() => again.daemon.load())
  const startUpSeconds = (performance.now() - startMs2) / 1_000
  const { user, system } = process.cpuUsage(startCpu)
  const residentAfterStart = process.memoryUsage().rss / 1_048_576
  await again.close()
  return {
    scale,
    events: source.events,
    counts: source.counts,
    seconds,
    resident,
    heap,
    storeMiB,
    startUpSeconds,
    startUpCpuSeconds: (user + system) / 1e6,
    residentAfterStart,
    longest: turns.longest,
    histogram: turns.histogram,
    versions,
    parked,
    behaviours,
    cells,
    alerts,
  }
}

function sample(resident: number[], heap: number[]): void {
  const { rss, heapUsed } = process.memoryUsage()
  resident.push(Math.round(rss / 1_048_576))
  heap.push(Math.round(heapUsed / 1_048_576))
}

function versionsOf({ registry }: Daemon): Pick<SoakFigures, 'versions' | 'parked'> {
  const all = [...registry.index]
  return { versions: all.length, parked: all.filter(({ profile }) => profile.isParked).length }
}

/** A soak takes hours: what it showed so far is worth something when it is ended early. */
function progressText(
  containers: number,
  folder: string,
  turns: TurnWatch,
  { versions, parked }: Pick<SoakFigures, 'versions' | 'parked'>,
): string {
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const [resident, heap, store] = [rss, heapUsed, sizeOf(folder)].map((bytes) =>
    Math.round(bytes / 1_048_576),
  )
  const [longest] = turns.longest
  return (
    `${containers} containers: resident ${resident} MiB, heap ${heap} MiB, store ${store} MiB, ` +
    `${versions} versions with ${parked} compressed, ${Math.round((user + system) / 1e6)} s of CPU, ` +
    `longest turn ${longest === undefined ? 'none' : turnText(longest)}\n`
  )
}

/** Every page once, of the image that was seen last. */
async function readPages(engine: SnugEngine, run: SoakRun, turns: TurnWatch): Promise<void> {
  const { repository, digest } = run.image.ref
  const ref = `${repository}@${digest}`
  const all = { offset: 0, limit: 50 }
  const views: Readonly<Record<string, () => unknown>> = {
    status: () => engine.status(),
    images: () => engine.images(),
    alerts: () => engine.page.alertRows(all),
    review: () => engine.page.review(all),
    behaviours: () => (known(engine, ref) ? engine.page.behaviours(ref, all) : undefined),
    picture: () => (known(engine, ref) ? engine.page.picture(ref) : undefined),
    timeline: () => engine.page.timeline(24),
  }
  for (const [name, view] of Object.entries(views)) {
    await turns.note(`page ${name}`, view)
    await nextTurn()
  }
}

function known(engine: SnugEngine, ref: string): boolean {
  try {
    engine.revision(ref)
    return true
  } catch {
    return false
  }
}

async function daemonOf(folder: string, containers: SoakEngine, now: () => number) {
  const { store } = await openLevelStore(`${folder}/store`, new Date(startMs))
  const log = createLog('silent')
  const sources: SoakSource[] = []
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  const source = {
    name: 'ebpf',
    get supports() {
      return sources[0]?.supports ?? { kinds: [], filter: true, containers: true }
    },
    get state() {
      return { kind: 'running' } as const
    },
    get stats() {
      return { received: 0, delivered: 0, lost: {}, facts: {} }
    },
    get control() {
      return sources[0]?.control
    },
    async *messages(signal: AbortSignal) {
      if (sources[0] !== undefined) yield* sources[0].messages(signal)
      end()
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
  }
  const daemon = measuredDaemon({
    source: source as unknown as SoakSource,
    containers,
    store,
    now,
  })
  const pruner = new AlertPruner({
    store,
    kept: 10_000,
    held: (id) => daemon.alerts.has(id),
    needed: () => daemon.journal.dispatcher.needed,
    raised: () => daemon.alerts.counts.raised,
    log,
  })
  return {
    daemon,
    sources,
    pruner,
    ended,
    engine: new SnugEngine(daemon, '0', {}),
    close: () => store.close(),
  }
}

function sizeOf(folder: string): number {
  let bytes = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    // The store removes files meanwhile.
    if (stat?.isFile() === true) bytes += stat.size
  }
  return bytes
}
