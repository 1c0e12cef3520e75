import { setTimeout as delay } from 'node:timers/promises'
import { type Alert, hasStopped } from '../../../src/core/event/alert.ts'
import { randomOf } from '../../fixtures/name-makers.ts'
import { patienceMs } from '../../fixtures/patience.ts'
import { type Attack, compose, Names, run, type Stage } from './attacks.ts'
import type { Service } from './service.ts'
import { type Site, SLOTS } from './site.ts'

export const modes = ['alert', 'block'] as const
type Mode = (typeof modes)[number]

/** One batch of so many attacks so many replicas at once. */
const REPLICATED = 6
const REPLICAS = 4
/** For what the agent delivers after the event that shows the end of a batch. */
const deliveredMs = 5_000
/** The sensor's clock is up to some milliseconds behind. */
const clockMs = 50

/**
 * `none`: the stage had no effect. `true`: it had, and an alert of `medium` or above names its object. `silent`: it
 * had, and the sink received no such alert. `untrue`: each such alert states that it was stopped. `unstopped`: block
 * mode should have stopped it. `lost`: silent, in a container whose losses the agent reported.
 */
const findings = ['none', 'true', 'lost', 'silent', 'untrue', 'unstopped'] as const
export type Finding = (typeof findings)[number]
const broken: ReadonlySet<Finding> = new Set<Finding>(['silent', 'untrue', 'unstopped'])

export interface Result {
  readonly attack: Attack
  readonly mode: Mode
  readonly finding: Finding
  /** For people. */
  readonly detail: string
}

export function isBroken({ finding }: Result): boolean {
  return broken.has(finding)
}

interface Done {
  readonly attack: Attack
  readonly stage: Stage
  readonly service: Service
  /** Epoch milliseconds: what an alert last saw before is another act. */
  readonly from: number
  readonly answers: readonly string[]
  readonly hasEffect: () => boolean
}

export interface Campaign {
  readonly seed: number
  /** Attacks of each mode. */
  readonly count: number
  /** Epoch milliseconds: no batch begins later. */
  readonly until: number
  readonly log: (line: string) => void
}

/** First in mode alert, then in mode block. The same attacks for the same seed. */
export async function attackService(site: Site, campaign: Campaign): Promise<readonly Result[]> {
  const { seed, count, until, log } = campaign
  const { brought, peer } = site
  const results: Result[] = []
  for (const [turn, mode] of modes.entries()) {
    if (mode === 'block') await site.block()
    const end = Date.now() + (until - Date.now()) / (modes.length - turn)
    for (let batch = 0; batch * SLOTS < count && Date.now() < end; batch++) {
      const random = randomOf(seed + turn + batch * modes.length)
      const attacks = Array.from({ length: SLOTS }, (_, index) =>
        compose({ brought, peer, slot: index + 1, random, foreign: site.nextForeign() }),
      )
      const replicas = batch % REPLICATED === REPLICATED - 1 ? REPLICAS : 1
      const done = await attacked(site, mode, replicas, attacks)
      results.push(...done)
      log(`mode ${mode}, ${replicas} replicas: ${countsText(done)}`)
      for (const result of done) if (isBroken(result)) log(result.detail)
    }
  }
  return results
}

async function attacked(
  site: Site,
  mode: Mode,
  replicas: number,
  attacks: readonly Attack[],
): Promise<readonly Result[]> {
  const services: Service[] = []
  try {
    while (services.length < replicas) services.push(await site.start())
    const done: Done[] = []
    for (const afterRestart of [false, true]) {
      if (afterRestart) await Promise.all(services.map((service) => service.restart()))
      for (const attack of attacks)
        for (const stage of attack.stages)
          if ((stage.afterRestart ?? false) === afterRestart)
            done.push(
              ...(await Promise.all(services.map((service) => perform(attack, stage, service)))),
            )
    }
    await Promise.all(services.map((service) => end(site, service)))
    return await judged(site, mode, done)
  } finally {
    await Promise.all(services.map((service) => service[Symbol.asyncDispose]()))
  }
}

async function perform(attack: Attack, stage: Stage, service: Service): Promise<Done> {
  const from = Date.now() - clockMs
  if (stage.session !== undefined) await service.session(stage.session)
  const answers = await service.do(stage.requests)
  // Later attacks may undo it; what a peer receives may come after the answer.
  const had = stage.hasEffect(service)
  return { attack, stage, service, from, answers, hasEffect: () => had || stage.hasEffect(service) }
}

/** Resolves once the sink has the alert of the container's last act, which no setting keeps from it. */
async function end(site: Site, service: Service): Promise<void> {
  const path = `${new Names(Math.random).temporary()}-last`
  await service.do([[['put', path, site.brought.program]], [run(path, '/dev/null')]])
  const deadline = Date.now() + patienceMs
  while (!site.records(service.id).some((record) => names(record, [path]))) {
    if (Date.now() > deadline) throw new Error(`the sink has no alert about ${path}`)
    await delay(100)
  }
}

async function judged(site: Site, mode: Mode, all: readonly Done[]): Promise<readonly Result[]> {
  const deadline = Date.now() + deliveredMs
  for (;;) {
    const results = all.map((done) => judge(done, mode, site.records(done.service.id)))
    if (!results.some(isBroken) || Date.now() > deadline) return results
    await delay(500)
  }
}

function judge(done: Done, mode: Mode, records: readonly Alert[]): Result {
  const { attack, stage, from, answers } = done
  const later = records.filter(({ lastSeen }) => Date.parse(lastSeen) >= from)
  const alerts = later.filter(
    (record) =>
      (record.type === 'deviation' || record.type === 'guardrail') &&
      record.severity !== 'low' &&
      names(record, stage.objects),
  )
  const hasLoss = records.some(({ type }) => type === 'loss')
  const finding = ((): Finding => {
    if (!done.hasEffect()) return 'none'
    if (alerts.length === 0) return hasLoss ? 'lost' : 'silent'
    if (alerts.every(({ action }) => hasStopped(action))) return 'untrue'
    return mode === 'block' && stage.isStopped ? 'unstopped' : 'true'
  })()
  const steps = stage.requests
    .slice(-3)
    .map((request) => `  ${JSON.stringify(request).slice(0, 400)}`)
  const seen = (alerts.length > 0 ? alerts : later.slice(0, 8)).map(
    ({ severity, action, count, reasons }) => `  ${severity} ${action} ${count}: ${reasons[0]}`,
  )
  const detail = [
    `${finding} in mode ${mode}: ${attack.text}`,
    ...steps,
    `  answers: ${answers.slice(-3).join(', ')}`,
    ...seen,
  ].join('\n')
  return { attack, mode, finding, detail }
}

function names(record: Alert, objects: readonly string[]): boolean {
  const text = JSON.stringify(record)
  return objects.some((object) => text.includes(object))
}

function countsText(results: readonly Result[]): string {
  return findings
    .map((finding) => [finding, results.filter((result) => result.finding === finding).length])
    .filter(([, count]) => count !== 0)
    .map(([finding, count]) => `${count} ${finding}`)
    .join(', ')
}

/** By mode and trick: how many stages had their effect, and which of them are on record. */
export function resultsText(results: readonly Result[]): string {
  const groups = new Map<string, Result[]>()
  for (const result of results) {
    const key = `mode ${result.mode}`
    for (const group of [key, `${key}, ${result.attack.text}`])
      groups.set(group, [...(groups.get(group) ?? []), result])
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, all]) => `${group}: ${countsText(all)}`)
    .join('\n')
}
