import { once } from 'node:events'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { uniqueName, type Agent, startAgent } from '../fixtures/agent.ts'
import type { Dockerd } from '../fixtures/dockerd.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { findingsOf } from './findings.ts'
import { type ImagePair, makeImages } from './image.ts'
import { invade } from './invade.ts'
import type {
  AttackRow,
  Finding,
  Judged,
  Protocol,
  ProtocolResult,
  ServiceResult,
} from './result.ts'
import { firstLine, type Round, runRound } from './round.ts'
import type { LoadName, Place, Service } from './service.ts'
import {
  type Alert,
  alertsOf,
  controlled,
  deltaOf,
  isFalse,
  learnedProfile,
  residentMiB,
  reviewCards,
} from './snug.ts'
import { beginRecording, keepJudged, keepLearned } from './recording.ts'
import { columnOf } from './split.ts'
import { openWorld, type World } from './world.ts'

export interface BatchSetting {
  readonly engine: Dockerd
  readonly services: readonly Service[]
  readonly protocols: readonly Protocol[]
  /** How long a round is. */
  readonly roundMs: number
  /** How many rounds the second protocol learns from. */
  readonly rounds: number
  /** The load of the second of these rounds. */
  readonly secondLoad: LoadName
  /** A folder for recordings of what is judged, which `replay.ts` judges again; absent: none are kept. */
  readonly recordings?: string | undefined
  /** Whether the services are also attacked and blocked. */
  readonly hasAttacks: boolean
  /** Whether profiles also have what starter profiles give them. */
  readonly starters: boolean
  readonly commit: string
  /** Aborts the run. */
  readonly signal: AbortSignal
  readonly print: (line: string) => void
  /** Called after each step with the results so far. */
  readonly save: (result: ServiceResult) => void
}

/** The state of a service in the batch. A failure is recorded in it and does not affect the other services. */
interface Case {
  readonly service: Service
  readonly images: Partial<Record<Protocol, ImagePair>>
  readonly seen: Set<string>
  result: ServiceResult
  isBroken: boolean
}

/** Services side by side under one agent: learned, judged, judged in a second version, attacked, and blocked. */
export async function runBatch(setting: BatchSetting): Promise<void> {
  const { engine, print, starters } = setting
  const learn = { ...learnerConfig.learn, starters }
  await using world = await openWorld(engine)
  const cases = setting.services.map((service) => caseOf(service, setting))
  print('images')
  for (const one of cases) await step(one, setting, () => makeCaseImages(one, setting, world))
  const learner = await startAgent({ docker: engine.socket, config: { learn } })
  // First the learner ends, then the agent that continues with the learned profile.
  let last = learner
  try {
    print('learning')
    const rounds = await learnAll(cases, setting, world)
    const alive = cases.filter(({ isBroken }) => !isBroken)
    // A spent budget would hide which events a hook can stop.
    const recording = setting.recordings && beginRecording(setting.recordings, setting.services)
    const config = {
      // A second version is judged while it learns, as under any window that people use.
      learn: { ...learn, floor: `${Math.ceil(setting.roundMs / 1_000) + 30}s` },
      block: { canary: 1, budget: 100_000 },
    }
    const agent = await startLearned(
      learner,
      engine.socket,
      alive.flatMap(firstImages),
      config,
      (rested) => recording && keepLearned(recording, rested),
    )
    last = agent
    for (const one of alive) await step(one, setting, () => keepProfiles(one, agent, rounds))
    print('judging')
    const events =
      recording === undefined ? undefined : await agent.tail<SnugEvent>(['event', 'tail'])
    await all(alive, setting, (one) => judgeVersion(one, setting, world, agent, 'first'))
    if (recording !== undefined && events !== undefined) {
      const images = alive.flatMap((one) =>
        imagesOf(one).map(([protocol, { first }]) => ({
          image: first,
          protocol,
          column: one.result.column,
        })),
      )
      keepJudged(
        recording,
        images,
        events.items.map(({ item }) => item),
      )
      await events.stop()
    }
    print('the second version')
    await all(alive, setting, (one) => judgeVersion(one, setting, world, agent, 'second'))
    if (setting.hasAttacks) {
      print('attacks')
      await all(alive, setting, (one) => attackCase(one, setting, world, agent))
      print('blocking')
      await all(alive, setting, (one) => blockCase(one, setting, world, agent))
    }
    const residentMb = residentMiB(agent.pid)
    for (const one of alive) {
      one.result = { ...one.result, residentMiB: residentMb }
      setting.save(one.result)
    }
  } finally {
    await last[Symbol.asyncDispose]()
  }
}

function caseOf(service: Service, setting: BatchSetting): Case {
  return {
    service,
    images: {},
    seen: new Set(),
    isBroken: false,
    result: {
      service: service.name,
      kind: service.kind,
      column: columnOf(service.name),
      at: new Date().toISOString(),
      commit: setting.commit,
      roundSeconds: setting.roundMs / 1_000,
      protocols: {},
      attacks: [],
      batch: setting.services.map(({ name }) => name),
      findings: [],
      failures: [],
    },
  }
}

async function step(
  one: Case,
  { print, save }: BatchSetting,
  part: () => Promise<void>,
): Promise<void> {
  if (one.isBroken) return
  try {
    await part()
  } catch (error) {
    const why = firstLine(error)
    print(`  ${one.service.name}: ${why}`)
    one.result = { ...one.result, failures: [...one.result.failures, why] }
    one.isBroken = Object.keys(one.result.protocols).length === 0
  }
  save(one.result)
}

async function all(
  cases: readonly Case[],
  setting: BatchSetting,
  part: (one: Case) => Promise<void>,
): Promise<void> {
  const { signal } = setting
  signal.throwIfAborted()
  const interrupted = once(signal, 'abort').then(() => signal.throwIfAborted())
  await Promise.race([
    Promise.all(cases.map((one) => step(one, setting, () => part(one)))),
    interrupted,
  ])
}

const firstImages = ({ images }: Case): readonly string[] =>
  Object.values(images).map(({ first }) => first)

async function makeCaseImages(one: Case, setting: BatchSetting, world: World): Promise<void> {
  const { protocols, engine } = setting
  const repositories = protocols.map((name) => uniqueName(`eval-${one.service.name}-${name}`))
  const pairs = await makeImages(engine.docker, one.service, repositories, world.collector)
  for (const [index, name] of protocols.entries()) {
    const pair = pairs[index]
    if (pair !== undefined) one.images[name] = pair
  }
}

type Learning = Map<Case, Partial<Record<Protocol, readonly Round[]>>>

async function learnAll(
  cases: readonly Case[],
  setting: BatchSetting,
  world: World,
): Promise<Learning> {
  const found: Learning = new Map()
  const loadsOf = (name: Protocol): readonly LoadName[] =>
    name === 'one'
      ? ['A']
      : Array.from({ length: setting.rounds }, (_, i) => (i === 1 ? setting.secondLoad : 'A'))
  await all(cases, setting, async (one) => {
    const rounds: Partial<Record<Protocol, readonly Round[]>> = {}
    const learnBy = async (name: Protocol): Promise<void> => {
      const { first = '' } = one.images[name] ?? {}
      const done: Round[] = []
      for (const load of loadsOf(name))
        done.push(await runRound(world, one.service, first, load, setting.roundMs))
      rounds[name] = done
    }
    try {
      await Promise.all(setting.protocols.map(learnBy))
    } catch (error) {
      one.isBroken = true
      one.result = { ...one.result, failures: [firstLine(error)] }
      setting.print(`  ${one.service.name}: ${firstLine(error)}`)
    }
    found.set(one, rounds)
  })
  return found
}

async function keepProfiles(one: Case, agent: Agent, rounds: Learning): Promise<void> {
  for (const [name, { first }] of imagesOf(one)) {
    const profile = await learnedProfile(agent, first)
    // Guardrails hold while it learns, and those alerts are not of the load that is judged.
    const early = (await alertsOf(agent, first)).filter(isFalse)
    for (const { id } of early) one.seen.add(id)
    const learningFailures = (rounds.get(one)?.[name] ?? []).flatMap(({ failures }) => failures)
    update(one, name, { profile, learningFailures, learningAlerts: early.length })
  }
}

const imagesOf = ({ images }: Case): readonly (readonly [Protocol, ImagePair])[] =>
  Object.entries(images) as unknown as readonly (readonly [Protocol, ImagePair])[]

function update(one: Case, name: Protocol, more: Partial<ProtocolResult>): void {
  const known = one.result.protocols[name]
  const merged = { ...known, ...more } as ProtocolResult
  one.result = { ...one.result, protocols: { ...one.result.protocols, [name]: merged } }
}

async function judgeVersion(
  one: Case,
  setting: BatchSetting,
  world: World,
  agent: Agent,
  version: 'first' | 'second',
): Promise<void> {
  const judge = async ([name, pair]: readonly [Protocol, ImagePair]): Promise<void> => {
    const image = pair[version]
    const judged = await judgeRound(one, setting, world, agent, image)
    update(one, name, { [version]: judged.figures })
    keepFindings(one, findingsOf(judged.alerts, name, version))
    const cards = await reviewCards(agent, image)
    if (version === 'first') {
      update(one, name, { cards })
      return
    }
    const added = await deltaOf(agent, pair.first, pair.second)
    const earlier = one.result.protocols[name]?.cards ?? 0
    update(one, name, { delta: added.length, upgradeCards: cards - earlier })
    keepFindings(
      one,
      added.map((line) => deltaFinding(name, line)),
    )
  }
  await Promise.all(imagesOf(one).map(judge))
}

function deltaFinding(protocol: Protocol, sample: string): Finding {
  const [actor = ''] = sample.split(': ')
  return {
    protocol,
    version: 'delta',
    actor,
    access: '',
    folder: '',
    severity: '',
    count: 1,
    sample,
  }
}

/** Details of a held-out service are not kept. */
function keepFindings(one: Case, findings: readonly Finding[]): void {
  if (one.result.column === 'development')
    one.result = { ...one.result, findings: [...one.result.findings, ...findings] }
}

async function judgeRound(
  one: Case,
  setting: BatchSetting,
  world: World,
  agent: Agent,
  image: string,
): Promise<{ readonly figures: Judged; readonly alerts: readonly Alert[] }> {
  const control = (at: Place): Promise<void> => controlled(agent, at)
  const round = await runRound(world, one.service, image, 'B', setting.roundMs, control).catch(
    (error: unknown): Round => ({ containerHours: 0, failures: [firstLine(error)] }),
  )
  const alerts = (await alertsOf(agent, image)).filter(
    (alert) => isFalse(alert) && !one.seen.has(alert.id),
  )
  for (const { id } of alerts) one.seen.add(id)
  const grave = alerts.filter(({ severity }) => severity !== 'low').length
  const repeats = alerts.reduce((sum, { count }) => sum + count, 0)
  const figures = { ...round, alerts: alerts.length, grave, guardrails: tripped(alerts), repeats }
  return { figures, alerts }
}

function tripped(alerts: readonly Alert[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const id of alerts.flatMap(({ guardrails }) => guardrails))
    counts[id] = (counts[id] ?? 0) + 1
  return counts
}

/** The profile that learned more allows more, so the attacks run against it. */
function widest({ images }: Case): string {
  return (images.three ?? images.one)?.first ?? ''
}

async function attackCase(
  one: Case,
  setting: BatchSetting,
  world: World,
  agent: Agent,
): Promise<void> {
  await invade(world, agent, one.service, widest(one), undefined, keepAttacks(one, setting))
  for (const { id } of await alertsOf(agent, widest(one))) one.seen.add(id)
}

function keepAttacks(one: Case, { save }: BatchSetting): (attacks: readonly AttackRow[]) => void {
  return (attacks) => {
    one.result = { ...one.result, attacks }
    save(one.result)
  }
}

async function blockCase(
  one: Case,
  setting: BatchSetting,
  world: World,
  agent: Agent,
): Promise<void> {
  const image = widest(one)
  await setMode(agent, image, 'block')
  const { figures, alerts } = await judgeRound(one, setting, world, agent, image)
  const refused = alerts.filter(({ action }) => action !== 'alerted')
  one.result = { ...one.result, block: { ...figures, alerts: refused.length } }
  keepFindings(
    one,
    findingsOf(refused, image === one.images.three?.first ? 'three' : 'one', 'block'),
  )
  const before = one.result.attacks
  await invade(world, agent, one.service, image, before, keepAttacks(one, setting))
}
