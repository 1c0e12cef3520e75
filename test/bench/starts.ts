import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { LineageView, StatusView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { busyboxImage } from '../fixtures/images.ts'
import type { Bench } from './bench.ts'
import { type Figure, plain } from './figures.ts'
import { imageOf, type LoadImage } from './turns/turns-load.ts'

const starts = Math.max(10, Number(process.env['SNUG_STARTS'] ?? 1_000))
/** Containers whose gaps are read together: a version keeps the latest 200 of its losses apart. */
const inTurn = 50
const atOnce = 4
const imageCount = 10
/** Of each image, all the time. */
const replicas = Math.max(1, Number(process.env['SNUG_REPLICAS'] ?? 30))
const heavy = imageOf(0, 5_000, 5_000)
const service = ['/bin/sh', '-c', 'while true; do echo turn; sleep 1; done']
const unconnected = { HostConfig: { NetworkMode: 'none' } }
/** The forbidden program as the first one, and after a second. */
const tries = ['/bin/sh', '-c', '/bin/other; sleep 1; /bin/other; sleep 0.2; echo end']

interface Tried {
  readonly first: boolean
  readonly second: boolean
  readonly ended: boolean
}

/**
 * New containers in block mode, through a Docker engine, beside hundreds of others. Meanwhile the pages of an image with
 * 5,000 waiting deviations and `profile show` are read again and again.
 */
export const startsBench: Bench = {
  name: 'starts',
  what:
    `${starts} new containers of ${imageCount} images in block mode, beside ${imageCount * replicas} others, ` +
    'under queries of an image with 5,000 waiting deviations',
  async run({ engine, print }) {
    const { docker, socket } = await engine()
    const prefix = uniqueName('starts')
    const images = Array.from({ length: imageCount }, (_, n) => `${prefix}-${n}:1`)
    for (const image of images) await makeImage(docker, image)
    await using agent = await startAgent({
      docker: socket,
      config: {
        // On a busy machine to replay what is to be learned takes a while.
        learn: { floor: '20s', ceiling: '1h', unseen: 1 },
        block: { canary: 1, budget: 1_000_000 },
      },
    })
    const running: Docker.Container[] = []
    const run = async (image: string): Promise<void> => {
      running.push(await startContainer(docker, image, service, unconnected))
    }
    try {
      for (const image of images) await run(image)
      await replayHeavy(agent)
      for (const image of images) await blocks(agent, image)
      const others = images.flatMap((image) => Array.from({ length: replicas - 1 }, () => image))
      await inParallel(others, run)
      print(`  ${running.length} containers run`)
      const queries = new Queries(agent)
      const tried: Tried[] = []
      const gaps = new Map<string, number>()
      while (tried.length < starts) {
        const some = Array.from({ length: inTurn }, (_, n) => images[n % imageCount] as string)
        tried.push(...(await inParallel(some, (image) => tryIn(docker, image))))
        for (const image of images) await addGaps(agent, image, gaps)
        print(`  ${tried.length} containers, ${gaps.size} of them assigned late`)
      }
      const figures = await figuresOf(agent, tried, gaps)
      return [...figures, ...(await queries.end())]
    } finally {
      await inParallel(running, removeContainer)
    }
  },
}

async function makeImage(docker: Docker, image: string): Promise<void> {
  await busyboxImage(docker, {
    name: image,
    labels: { test: image },
    files: { '/bin/other': '#!/bin/sh\necho it ran\n' },
    dockerfile: ['RUN chmod 755 /bin/other'],
  })
}

async function replayHeavy(agent: Agent): Promise<void> {
  const { ref } = heavy
  const file = join(agent.folder, 'events.ndjson')
  const replay = async (acts: LoadImage['learned'], expected: number): Promise<void> => {
    writeFileSync(file, linesOf(acts))
    const { code, stderr } = await agent.cli(['event', 'replay', file])
    if (code !== expected) throw new Error(`event replay: exit ${code}: ${stderr}`)
  }
  await replay(heavy.learned, 0)
  await agent.until<LineageView>(
    ['image', 'show', ref.repository],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
  // The code for deviations.
  await replay(heavy.waiting, 2)
  const { versions } = await agent.json<LineageView>(['image', 'show', ref.repository])
  if (versions[0]?.pending !== heavy.waiting.length)
    throw new Error(`${versions[0]?.pending} deviations wait`)
}

function linesOf(acts: LoadImage['learned']): string {
  const startMs = Date.now() - acts.length
  const lines = acts.map(({ exe, act }, n) => {
    const event = {
      v: 1,
      time: new Date(startMs + n).toISOString(),
      node: 'n1',
      source: 'ebpf',
      container: { id: 'e'.repeat(64) },
      image: heavy.ref,
      process: { pid: 100, exe, uid: 1_000, gid: 1_000, origin: 'entrypoint' },
      ...act,
    } as unknown as ActEvent
    return JSON.stringify(event)
  })
  return `${lines.join('\n')}\n`
}

async function blocks(agent: Agent, image: string): Promise<void> {
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
  for (;;) {
    const { code } = await agent.cli(['profile', 'mode', image, 'block'])
    if (code === 0) break
    await delay(500)
  }
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blocking?.armed === true,
  )
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

async function tryIn(docker: Docker, image: string): Promise<Tried> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: tries,
    ...unconnected,
  })
  try {
    await container.start()
    await container.wait()
    const logs = await container.logs({ stdout: true, stderr: true, timestamps: true })
    const lines = logs.toString().split('\n')
    const timeOf = (text: string): number => {
      const line = lines.find((each) => each.includes(text))
      return Date.parse(/\d{4}-\S+Z/.exec(line ?? '')?.[0] ?? '')
    }
    const ran = lines.filter((line) => line.includes('it ran')).length
    const endMs = timeOf('end')
    // Of one of both: the second runs 0.2 s before the end.
    const isSecond = ran === 2 || (ran === 1 && endMs - timeOf('it ran') < 600)
    return {
      first: ran === 2 || (ran === 1 && !isSecond),
      second: isSecond,
      ended: !Number.isNaN(endMs),
    }
  } finally {
    await removeContainer(container)
  }
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

/** Reads the pages and the command line's answers again and again, until it is ended. */
class Queries {
  readonly #agent: Agent
  readonly #loops: readonly Promise<number>[]
  #isOver = false
  #delay = 0

  constructor(agent: Agent) {
    this.#agent = agent
    const ref = heavy.ref.repository
    const image = `/v1/images/${encodeURIComponent(ref)}`
    const pages = [
      '/v1/status',
      '/v1/images',
      '/v1/review?limit=100',
      `${image}/behaviours?limit=100`,
      `${image}/picture?deviations=true`,
      `${image}/life`,
      '/v1/timeline',
      '/v1/alert-rows?limit=100&grouped=true',
    ]
    this.#loops = [
      this.#loop(() => this.#command(['profile', 'show', ref])),
      this.#loop(() => this.#command(['image', 'show', ref])),
      this.#loop(async () => {
        for (const page of pages) await ask(agent.socket, page)
        this.#delay = Math.max(this.#delay, longestDelay(await ask(agent.socket, '/metrics')))
        await delay(1_000)
      }),
    ]
  }

  async end(): Promise<readonly Figure[]> {
    this.#isOver = true
    const [profiles = 0, images = 0, pages = 0] = await Promise.all(this.#loops)
    return [
      plain('`profile show` meanwhile', 'times', [profiles]),
      plain('`image show` meanwhile', 'times', [images]),
      plain('all pages meanwhile', 'times', [pages]),
      plain('event loop, longest delay', 'ms', [this.#delay * 1_000]),
    ]
  }

  async #loop(work: () => Promise<unknown>): Promise<number> {
    let times = 0
    for (; !this.#isOver; times++) await work()
    return times
  }

  async #command(args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#agent.cli([...args, '--output', 'json'])
    if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}: ${stderr}`)
  }
}

function longestDelay(metrics: string): number {
  return Number(/^snug_loop_delay_seconds\{quantile="1"\} (\S+)/m.exec(metrics)?.[1] ?? Number.NaN)
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, headers: { host: 'localhost' }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => (body += part))
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`${path}: ${response.statusCode} ${body}`))
      })
    })
      .once('error', reject)
      .end()
  })
}
