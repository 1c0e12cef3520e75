import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { bundledProgram } from '../../fixtures/bundled-program.ts'
import { type LongTurn, turnText } from '../../soak/turn-watch.ts'
import type { ProfileView } from '../../../src/api/profile-views.ts'
import type { Bench } from '../bench.ts'
import { plain } from '../figures.ts'
import { imageOf, type NodeScale } from './turns-load.ts'

/** The image with the most behaviours, and dozens of ordinary ones. */
export const nodeScale: NodeScale = { learned: 5_000, waiting: 5_000, containers: 200, others: 40 }

const program = `
import { turnsDaemon } from './test/bench/turns/turns-daemon.ts'
await turnsDaemon(process.argv[2], JSON.parse(process.argv[3]))
`

interface TurnFigures {
  readonly phases: Readonly<Record<string, LongTurn>>
  readonly longest: readonly LongTurn[]
  readonly histogram: readonly number[]
  readonly residentMiB: number
  readonly alerts: number
}

/**
 * The longest turn of the judging thread, in CPU, while an operator opens every page, and follows with the command
 * line. `SNUG_TURNS_PROFILE=FOLDER` keeps a profile of the CPU there.
 */
export const turnsBench: Bench = {
  name: 'turns',
  what: `longest turn of the judging thread while ${nodeScale.waiting} deviations of one image are looked at`,
  async run({ runs, print }) {
    const byPhase: Record<string, number[]> = {}
    const all: number[] = []
    const resident: number[] = []
    for (let run = 0; run < runs; run++) {
      const figures = await measureTurns(nodeScale, 3, print)
      for (const [name, turn] of Object.entries(figures.phases)) {
        byPhase[name] = [...(byPhase[name] ?? []), turn.ms]
        print(`  ${name}: ${turnText(turn)}`)
      }
      print(`  ${figures.alerts} alerts`)
      for (const turn of figures.longest) print(`  long turn, ${turn.phase}: ${turnText(turn)}`)
      print(`  turns of at most 1, 2, 4 … ms: ${figures.histogram.map((n) => n ?? 0).join(' ')}`)
      all.push(figures.longest[0]?.ms ?? 0)
      resident.push(figures.residentMiB)
    }
    return [
      plain('longest turn', 'ms CPU', all, { at: 'most', value: 20 }),
      plain('resident meanwhile', 'MiB', resident),
      ...Object.entries(byPhase).map(([name, values]) => plain(`  ${name}`, 'ms CPU', values)),
    ]
  },
}

export async function measureTurns(
  scale: NodeScale,
  rounds: number,
  print: (line: string) => void,
): Promise<TurnFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'snug-turns-'))
  const profile = process.env['SNUG_TURNS_PROFILE']
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const file = await bundledProgram('turns', program)
  const child = spawn(process.execPath, [...flags, file, folder, JSON.stringify(scale)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const { value: first } = (await lines.next()) as { value?: string }
    if (first !== 'ready') throw new Error(`the daemon did not start: ${first ?? ''}`)
    const socket = `${folder}/snug.sock`
    const phase = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      child.stdin.write(`${name}\n`)
      await delay(100)
      const began = performance.now()
      await work()
      print(`  ${name} in ${(performance.now() - began).toFixed(0)} ms`)
    }
    await phase('nothing asked', () => delay(5_000))
    const asks = asksOf(scale, socket)
    for (const [name, ask] of Object.entries(asks)) {
      await phase(name, async () => {
        for (let round = 0; round < rounds; round++) await ask()
      })
    }
    await phase('all at once', () => Promise.all(Object.values(asks).map((ask) => ask())))
    await phase('new version', () => delay(3_000))
    for (const decision of ['reject', 'withdraw', 'approve'])
      await phase(`${decision} all that waits`, () => decideOnAll(scale, socket, decision))
    // The daemon prints a line as it is done.
    for (const name of ['names are learned', 'a window of names ends', 'start'])
      await phase(name, () => lines.next())
    child.stdin.end()
    const { value: last } = (await lines.next()) as { value?: string }
    if (child.exitCode === null) await once(child, 'close')
    return JSON.parse(last ?? '') as TurnFigures
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the pages and the commands of the command line request. */
function asksOf(
  scale: NodeScale,
  socket: string,
): Readonly<Record<string, () => Promise<unknown>>> {
  const { ref } = imageOf(0, scale.learned, scale.waiting)
  const image = `/v1/images/${encodeURIComponent(`${ref.repository}@${ref.digest}`)}`
  const get = (path: string) => (): Promise<unknown> => ask(socket, path)
  return {
    status: get('/v1/status'),
    metrics: get('/metrics'),
    images: get('/v1/images'),
    'image show': get(image),
    'profile show': async () => {
      let next: string | undefined = `${image}/profile?limit=200`
      while (next !== undefined) next = (await ask(socket, next)).next
    },
    'list of behaviours': get(`${image}/behaviours?limit=100`),
    'search in behaviours': get(`${image}/behaviours?limit=100&q=part`),
    picture: get(`${image}/picture?deviations=true`),
    life: get(`${image}/life`),
    timeline: get('/v1/timeline'),
    'review cards': get('/v1/review?limit=100'),
    'search in review cards': get('/v1/review?limit=100&q=srv'),
    'alert rows': get('/v1/alert-rows?limit=100&grouped=true'),
    'search in alert rows': get('/v1/alert-rows?limit=100&q=srv'),
    'alert list': get('/v1/alerts?limit=10000'),
    'alert story': async () => {
      const { body } = await ask(socket, '/v1/alerts?limit=1')
      const [alert] = JSON.parse(body) as { id: string }[]
      await ask(socket, `/v1/alerts/${alert?.id}/story`)
    },
    audit: get('/v1/audit?limit=2000'),
    events: get('/v1/events?limit=1000'),
  }
}

/** One decision of one card on all deviations of the heavy image that wait, or waited. */
async function decideOnAll(scale: NodeScale, socket: string, decision: string): Promise<void> {
  const { ref } = imageOf(0, scale.learned, scale.waiting)
  const name = `${ref.repository}@${ref.digest}`
  const image = `/v1/images/${encodeURIComponent(name)}`
  const ids: string[] = []
  let revision = ''
  let next: string | undefined = `${image}/profile?limit=200`
  while (next !== undefined) {
    const answer: Answer = await ask(socket, next)
    next = answer.next
    const profile = JSON.parse(answer.body) as ProfileView
    revision = profile.version.revision
    for (const { id, text } of profile.behaviours) if (text.includes(' /srv/')) ids.push(id)
  }
  const places = [{ ref: name, revision, behaviours: ids }]
  await ask(socket, '/v1/review/decide', { decision, places })
}

interface Answer {
  readonly body: string
  /** The path of the next page. */
  readonly next: string | undefined
}

/** @param asked the body of a POST */
function ask(socketPath: string, path: string, asked?: object): Promise<Answer> {
  const body = asked === undefined ? {} : { method: 'POST' }
  const type = asked === undefined ? {} : { 'content-type': 'application/json' }
  const headers = { host: 'localhost', ...type }
  return new Promise((resolve, reject) => {
    request({ socketPath, path, ...body, headers, agent: false }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('error', reject)
      response.once('end', () => {
        const body = Buffer.concat(parts).toString('utf8')
        if (response.statusCode !== 200)
          reject(new Error(`${path}: ${response.statusCode} ${body}`))
        const link = /^<([^>]+)>; rel="next"$/.exec(String(response.headers['link'] ?? ''))
        resolve({ body, next: link?.[1] })
      })
    })
      .once('error', reject)
      .end(asked === undefined ? undefined : JSON.stringify(asked))
  })
}
