import type { StatusView } from '../../../src/api/status-views.ts'
import type { LineageView } from '../../../src/api/version-views.ts'
import { findingsOf } from '../../eval/findings.ts'
import { firstLine, type RunningService, startService } from '../../eval/round.ts'
import { columnOf } from '../../eval/split.ts'
import type { Alert } from '../../eval/snug.ts'
import { openWorld, type World } from '../../eval/world.ts'
import { type Agent, startAgent } from '../../fixtures/agent.ts'
import { learnerConfig, startLearned } from '../../fixtures/learned-agent.ts'
import type { Bench, Setting } from '../bench.ts'
import { type Figure, plain } from '../figures.ts'
import { heavyName, replayLearned, replayWaiting } from './heavy.ts'
import { Queries } from './queries.ts'
import { block, draw, type Drawn, falseAlerts, imageFor, teach } from './services.ts'
import { type Tried, tryIn } from './tries.ts'

const starts = Math.max(10, Number(process.env['SNUG_STARTS'] ?? 1_000))
/** Containers whose gaps are read together: a version keeps the latest 200 of its losses apart. */
const inTurn = 50
const atOnce = 8
const imageCount = 10
/** Of each image, all the time. */
const replicas = Math.max(1, Number(process.env['SNUG_REPLICAS'] ?? 30))

/**
 * New containers of real services in block mode, through a Docker engine, beside hundreds of others. Meanwhile the pages
 * of an image with 5,000 waiting deviations and `profile show` are read again and again.
 */
export const startsBench: Bench = {
  name: 'starts',
  what:
    `${starts} new containers of ${imageCount} services of the evaluation in block mode, beside ` +
    `${imageCount * replicas} others, under queries of an image with 5,000 waiting deviations`,
  async run({ engine, print }) {
    await using world = await openWorld(await engine())
    const drawn: Drawn[] = []
    for (const service of draw(imageCount)) drawn.push(await imageFor(world, service))
    print(`  ${drawn.map(({ service }) => service.name).join(', ')}`)
    const agent = await learned(world, drawn, print)
    const running: RunningService[] = []
    try {
      await replayWaiting(agent)
      for (const one of drawn) await block(agent, one)
      const before = new Set((await falseOfAll(agent, drawn)).map(({ id }) => id))
      const others = drawn.flatMap((one) => Array.from({ length: replicas }, () => one))
      await inParallel(others, async ({ service, image }) => {
        try {
          running.push(await startService(world, service, image))
        } catch (error) {
          print(`  ${firstLine(error)}`)
        }
      })
      print(`  ${running.length} containers run`)
      const queries = new Queries(agent)
      const tried: Tried[] = []
      const gaps = new Map<string, number>()
      while (tried.length < starts) {
        const some = Array.from({ length: inTurn }, (_, n) => drawn[n % imageCount] as Drawn)
        const { docker } = world.engine
        const latest = await inParallel(some, ({ image }) => tryIn(docker, image))
        for (const one of latest) if (one.first || one.second) await printPassed(agent, one, print)
        tried.push(...latest)
        for (const { image } of drawn) await addGaps(agent, image, gaps)
        print(`  ${tried.length} containers, ${gaps.size} of them assigned late`)
      }
      const figures = await figuresOf(agent, tried, gaps)
      const all = await falseOfAll(agent, drawn)
      const alerts = all.filter(({ id }) => !before.has(id))
      printCauses(alerts, drawn, print)
      return [
        ...figures,
        plain('services that still run', 'containers', [await countRunning(running)], {
          at: 'least',
          value: others.length,
        }),
        plain('alerts on the services themselves', 'alerts', [alerts.length]),
        ...(await queries.end()),
      ]
    } finally {
      await inParallel(running, end)
      await agent[Symbol.asyncDispose]()
    }
  },
}

async function learned(
  world: World,
  drawn: readonly Drawn[],
  print: Setting['print'],
): Promise<Agent> {
  const { socket } = world.engine
  const learner = await startAgent({ docker: socket, config: learnerConfig })
  try {
    await Promise.all(drawn.map((one) => teach(world, one, print)))
    await replayLearned(learner)
    const images = [...drawn.map(({ image }) => image), heavyName]
    return await startLearned(learner, socket, images, { block: { canary: 1, budget: 1_000_000 } })
  } catch (error) {
    await learner[Symbol.asyncDispose]()
    throw error
  }
}

/** What is known of a container in which the forbidden program ran. */
async function printPassed(agent: Agent, tried: Tried, print: Setting['print']): Promise<void> {
  print(`  ran: ${JSON.stringify(tried)}`)
  const args = ['alert', 'list', '--container', tried.container]
  for (const { time, action, reasons } of await agent.json<Alert[]>(args))
    print(`    ${time} ${action}: ${reasons.join('; ')}`)
}

/** Killed, as a service may take seconds to stop. */
async function end(at: RunningService): Promise<void> {
  await at.container.kill().catch(() => undefined)
  await at[Symbol.asyncDispose]()
}

async function falseOfAll(agent: Agent, drawn: readonly Drawn[]): Promise<readonly Alert[]> {
  return (await Promise.all(drawn.map((one) => falseAlerts(agent, one)))).flat()
}

/** Details of a held-out service are not kept. */
function printCauses(
  alerts: readonly Alert[],
  drawn: readonly Drawn[],
  print: Setting['print'],
): void {
  for (const { service, image } of drawn) {
    const own = alerts.filter((alert) => `${alert.image?.repository}:${alert.image?.tag}` === image)
    if (own.length > 0) print(`  ${service.name}: ${own.length} alerts`)
    if (columnOf(service.name) === 'development')
      for (const { count, sample } of findingsOf(own, 'three', 'block'))
        print(`    ${count} × ${sample}`)
  }
}

/** Snug ends a service that does what it has not learned. */
async function countRunning(running: readonly RunningService[]): Promise<number> {
  const states = await inParallel(running, ({ container }) => container.inspect())
  return states.filter(({ State }) => State.Running).length
}

async function inParallel<A, T>(
  each: readonly A[],
  work: (one: A) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = []
  const left = [...each]
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      results.push(await work(one))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

/** The time in which each container acted before its assignment, in milliseconds. */
async function addGaps(agent: Agent, image: string, gaps: Map<string, number>): Promise<void> {
  const { versions } = await agent.json<LineageView>(['image', 'show', image])
  for (const loss of versions[0]?.losses ?? []) {
    const { container } = loss as typeof loss & { readonly container?: string }
    if (loss.reason !== 'enforcement-gap' || container === undefined) continue
    gaps.set(container, Date.parse(loss.to) - Date.parse(loss.from))
  }
}

async function figuresOf(
  agent: Agent,
  tried: readonly Tried[],
  gaps: ReadonlyMap<string, number>,
): Promise<readonly Figure[]> {
  const { enforcementGap, counters } = await agent.json<StatusView>(['status'])
  const none = Array.from({ length: tried.length - gaps.size }, () => 0)
  const sorted = [...gaps.values(), ...none].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
  const count = (which: (one: Tried) => boolean): number[] => [tried.filter(which).length]
  return [
    plain(
      'ran to their end',
      'containers',
      count(({ ended }) => ended),
      {
        at: 'least',
        value: tried.length,
      },
    ),
    plain(
      'got through after a second',
      'containers',
      count(({ second }) => second),
      {
        at: 'most',
        value: 0,
      },
    ),
    plain(
      'got through at the first instruction',
      'containers',
      count(({ first }) => first),
    ),
    plain('assigned after their first event', 'containers', [counters['enforcementGaps'] ?? 0]),
    plain('gap before the assignment, 50 of 100', 'ms', [at(0.5)]),
    plain('gap before the assignment, 99 of 100', 'ms', [at(0.99)], { at: 'most', value: 50 }),
    plain('longest gap', 'ms', [enforcementGap?.milliseconds ?? 0]),
  ]
}
