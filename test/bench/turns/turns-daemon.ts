import { setTimeout as delay } from 'node:timers/promises'
import { SnugEngine } from '../../../src/agent/engine/snug-engine.ts'
import { startServer } from '../../../src/serve/server.ts'
import { openLevelStore } from '../../../src/agent/records/store/level-store.ts'
import type { Store } from '../../../src/agent/records/store/store.ts'
import { loadConfig } from '../../../src/support/config/load-config.ts'
import { growHeapSlowly } from '../../../src/support/telemetry/heap.ts'
import { createLog } from '../../../src/support/telemetry/log.ts'
import { createMetrics } from '../../../src/support/telemetry/metrics.ts'
import { measuredDaemon } from '../../soak/measured-daemon.ts'
import { SoakEngine } from '../../soak/soak-source.ts'
import { TurnWatch } from '../../soak/turn-watch.ts'
import { imageOf, letters, type LoadImage, LoadSource, type NodeScale } from './turns-load.ts'

const by = { who: 'cli:root' }
/** Phases whose work is done here. */
const toldPhases = ['names are learned', 'a window of names ends', 'start']
/** Containers that start in a second meanwhile, and their events. */
const startsEveryMs = 100
const eventsOfStart = 20

/** The daemon under load, in a process of its own: its turns from the line `ready` to the end of standard input. */
export async function turnsDaemon(folder: string, scale: NodeScale): Promise<void> {
  growHeapSlowly()
  const containers = new SoakEngine()
  const source = new LoadSource(containers)
  const { store } = await openLevelStore(`${folder}/store`)
  const log = createLog('silent')
  const daemon = measuredDaemon({ store, containers, source })
  await daemon.load()
  const ending = new AbortController()
  const { signal } = ending
  const running = daemon.run(signal)
  const engine = new SnugEngine(daemon, '0', {})
  const metrics = createMetrics()
  metrics.observe(
    () => engine.status(),
    () => [],
    () => daemon.loopFigures(),
  )
  const socket = `${folder}/snug.sock`
  const config = loadConfig({ flags: { socket, data: folder, listen: 'none' } })
  const turns = new TurnWatch()
  turns.name(daemon.loop)
  const { loop: watch, slices } = daemon
  const server = await startServer({ engine, config, log, metrics, signal, watch, slices })
  const images = await fill(source, engine, scale)
  await daemon.journal.persist()
  await delay(2_000)
  const load = setInterval(() => startOne(source, images), startsEveryMs)
  turns.start()
  process.stdout.write('ready\n')
  let name = ''
  for await (const chunk of process.stdin) {
    name = String(chunk).trim().split('\n').at(-1) ?? ''
    turns.phase(name)
    if (name === 'new version') newVersion(source, scale)
    if (name === 'names are learned') await learnNames(source)
    if (name === 'a window of names ends') await alerting(engine, madeNames)
    if (name === 'start') {
      ending.abort()
      await running
      await startAgain(store, turns)
    }
    if (toldPhases.includes(name)) process.stdout.write('done\n')
  }
  turns.stop()
  clearInterval(load)
  const alerts = daemon.alerts.size
  const figures = {
    phases: turns.phases,
    longest: turns.longest,
    histogram: turns.histogram,
    residentMiB: Math.round(process.memoryUsage().rss / 1_048_576),
    alerts,
  }
  await server[Symbol.asyncDispose]()
  await store.close()
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

async function fill(
  source: LoadSource,
  engine: SnugEngine,
  { learned, waiting, containers, others }: NodeScale,
): Promise<readonly LoadImage[]> {
  const heavy = imageOf(0, learned, waiting)
  const images = [heavy]
  let n = 0
  const running: string[] = []
  const run = async (image: LoadImage, share: number, goesOn: boolean): Promise<void> => {
    const at = n++
    const id = source.start(image, at)
    const acts = image.learned.filter((_, i) => share === 1 || (i + at) % share === 0)
    source.shows(id, acts)
    if (goesOn) running.push(id)
    else source.end(id)
    await source.judged()
  }
  await run(heavy, 1, true)
  for (let i = 1; i < containers; i++) await run(heavy, 20, i % 10 === 0)
  await alerting(engine, heavy)
  const some = running.slice(-3)
  for (const id of some) source.shows(id, heavy.waiting)
  await source.judged()
  for (let index = 1; index <= others; index++) {
    const image = imageOf(index, 150, 20)
    images.push(image)
    for (let i = 0; i < 12; i++) await run(image, 1, i % 4 === 0)
    if (index % 4 !== 0) await alerting(engine, image)
    for (const id of running.slice(-3)) source.shows(id, image.waiting)
    await source.judged()
  }
  return images
}

async function alerting(engine: SnugEngine, { ref }: LoadImage): Promise<void> {
  const name = `${ref.repository}@${ref.digest}`
  await engine.endLearning(name, by)
  await engine.setMode(name, 'alert', by)
}

/** Of the heavy image: it inherits all that the last one learned. */
function newVersion(source: LoadSource, { learned, waiting }: NodeScale): void {
  const { ref, ...acts } = imageOf(0, learned, waiting)
  const digest = `sha256:${'c'.repeat(64)}`
  const id = source.start({ ...acts, ref: { ...ref, digest } }, 0)
  source.shows(id, acts.learned.slice(0, 1_000))
}

const names = 4_000
const madeNames = withNames(imageOf(1_000, 20, 0))

/** An image that names files as no program does, in one folder: a place of that many names. */
function withNames(image: LoadImage): LoadImage {
  const name = (n: number): string => `${letters(n * 7_919)}-${'aeiou'[n % 5]}x.part`
  const acts = Array.from({ length: names }, (_, n) => ({
    exe: '/usr/bin/names',
    act: { kind: 'file', file: { path: `/data/all/${name(n)}`, access: ['write'] } },
  }))
  return { ...image, learned: [...image.learned, ...acts] }
}

async function learnNames(source: LoadSource): Promise<void> {
  const id = source.start(madeNames, 0)
  source.shows(id, madeNames.learned)
  await source.judged()
}

/** Another daemon on the same store, until its sources are read. */
async function startAgain(store: Store, turns: TurnWatch): Promise<void> {
  const containers = new SoakEngine()
  const source = new LoadSource(containers)
  const daemon = measuredDaemon({ store, containers, source })
  turns.phase('the store is read')
  await daemon.load()
  turns.phase('start')
  turns.name(daemon.loop)
  const ending = new AbortController()
  const running = daemon.run(ending.signal)
  await source.judged()
  ending.abort()
  await running
}

let next = 0

function startOne(source: LoadSource, images: readonly LoadImage[]): void {
  const image = images[next++ % 2 === 0 ? 0 : next % images.length]
  if (image === undefined) return
  const id = source.start(image, next)
  const at = (next * 37) % Math.max(1, image.learned.length - eventsOfStart)
  source.shows(id, image.learned.slice(at, at + eventsOfStart - 1))
  source.shows(
    id,
    image.waiting.slice(next % image.waiting.length, 1 + (next % image.waiting.length)),
  )
  source.end(id)
}
