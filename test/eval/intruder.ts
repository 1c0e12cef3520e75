import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { Alert } from '../../src/core/event/alert.ts'
import type { Agent, Tail } from '../fixtures/agent.ts'
import type { Dockerd } from '../fixtures/dockerd.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import { askRedis } from '../fixtures/service-images.ts'
import type { EvalAct } from './acts/act.ts'
import { alertText } from './false-alerts.ts'
import { alertsOf } from './learned.ts'
import { appActs } from './acts/app-acts.ts'
import { dataName } from './data.ts'
import { databaseActs } from './acts/database-acts.ts'
import { redisActs } from './acts/redis-acts.ts'
import {
  answers,
  type EvalContainer,
  type EvalService,
  type Place,
  startService,
} from './service.ts'
import type { ServiceName } from './services/all.ts'
import { askApp } from './services/gunicorn.ts'
import { sql } from './services/postgres.ts'

export interface Outcome {
  readonly told: boolean
  /** From the order to the act until the alert was read. */
  readonly ms?: number
  readonly action?: Alert['action']
  /** By a look into the container; absent where a look can tell nothing. */
  readonly done?: boolean
  /** What the intruder was answered. */
  readonly reply: string
}

export interface IntruderRow extends Pick<EvalAct, 'name' | 'tactic' | 'technique' | 'via'> {
  readonly alert: Outcome
  readonly block: Outcome
}

const patienceMs = 3_000

/** Each act in a mode that alerts, and in fresh containers in one that blocks. */
export async function intrude(
  engine: Dockerd,
  agent: Agent,
  services: ReadonlyMap<ServiceName, EvalService>,
  say: (line: string) => void,
): Promise<readonly IntruderRow[]> {
  const alerts = await agent.tail<Alert>(['alert', 'tail'])
  const listener = createServer((connection) => {
    connection.on('error', () => undefined)
    // To a shell it says goodbye.
    connection.end('exit\n')
  }).listen(0, engine.hostAddress)
  await once(listener, 'listening')
  const hostPort = (listener.address() as AddressInfo).port
  try {
    const round = async (mode: 'alert' | 'block'): Promise<ReadonlyMap<EvalAct, Outcome>> => {
      say(`  in ${mode}`)
      return intrudeIn(engine, agent, services, alerts, hostPort, mode)
    }
    const [inAlert, inBlock] = [await round('alert'), [...(await round('block')).values()]]
    return [...inAlert].map(([{ name, tactic, technique, via }, alert], index) => {
      const block = inBlock[index] ?? { told: false, reply: 'not tried' }
      return { name, tactic, technique, via, alert, block }
    })
  } finally {
    listener.close()
  }
}

async function intrudeIn(
  engine: Dockerd,
  agent: Agent,
  services: ReadonlyMap<ServiceName, EvalService>,
  alerts: Tail<Alert>,
  hostPort: number,
  mode: 'alert' | 'block',
): Promise<ReadonlyMap<EvalAct, Outcome>> {
  const { docker, hostAddress } = engine
  const running = new Map<EvalAct['via'], EvalContainer>()
  const missing = new Map<EvalAct['via'], string>()
  const outcomes = new Map<EvalAct, Outcome>()
  try {
    for (const via of ['redis', 'gunicorn', 'postgres'] as const) {
      const service = services.get(via === 'gunicorn' ? 'app' : via)
      if (service === undefined) continue
      await setMode(agent, service.image, mode)
      const binds = bindsFor(via, engine, agent)
      const started = await startService(docker, service, binds).catch(firstLine)
      if (typeof started === 'string') {
        const stopped = (await alertsOf(agent, service.image)).filter(
          ({ action }) => action !== 'alerted',
        )
        missing.set(via, [started, ...stopped.slice(0, 3).map(alertText)].join('; '))
      } else running.set(via, started)
    }
    for (const [via, at] of running) {
      if (via === 'gunicorn') await askApp(at, `/upload/${dataName()}.bin`, 'content')
    }
    const neighbour = running.get('redis')?.address ?? ''
    const setting = { hostAddress, hostPort, neighbour }
    for (const act of [...redisActs(setting), ...appActs(setting), ...databaseActs()]) {
      const at = running.get(act.via)
      const why = missing.get(act.via)
      if (why !== undefined) outcomes.set(act, { told: false, reply: `it did not start: ${why}` })
      const failed = (error: unknown): Outcome => ({
        told: false,
        reply: [firstLine(error), ...stoppedIn(at, alerts)].join('; '),
      })
      if (at !== undefined) outcomes.set(act, await attempt(act, at, alerts, mode).catch(failed))
    }
    return outcomes
  } finally {
    for (const at of running.values()) await at.stop()
  }
}

/** Where it answers no more: what was stopped in it at last. */
function stoppedIn(at: EvalContainer | undefined, alerts: Tail<Alert>): readonly string[] {
  return alerts.items
    .map(({ item }) => item)
    .filter(({ container, action }) => container?.id === at?.container.id && action !== 'alerted')
    .slice(-5)
    .map(alertText)
}

/** What an intruder looks for first. */
function bindsFor(via: EvalAct['via'], engine: Dockerd, agent: Agent): Docker.HostConfig {
  if (via !== 'redis') return {}
  const token = join(agent.folder, 'token')
  writeFileSync(token, 'a token\n')
  const account = '/run/secrets/kubernetes.io/serviceaccount/token'
  return { Binds: [`${engine.socket}:/var/run/docker.sock`, `${token}:${account}:ro`] }
}

async function attempt(
  act: EvalAct,
  at: EvalContainer,
  alerts: Tail<Alert>,
  mode: 'alert' | 'block',
): Promise<Outcome> {
  await answers(at, { redis: 6379, gunicorn: 8000, postgres: 5432 }[act.via])
  // What an act before it brought about is told apart by its time.
  await delay(150)
  const from = Date.now()
  // In a storm of acts each has its alert beside the one that stands for all.
  const ours = (alert: Alert): boolean =>
    alert.container?.id === at.container.id &&
    alert.summary === undefined &&
    Date.parse(alert.lastSeen) >= from - 20
  const stopped = (alert: Alert): boolean => ours(alert) && alert.action !== 'alerted'
  const telling = (alert: Alert): boolean => ours(alert) && act.alerts(alert)
  const reply = await perform(act, at).catch((error: unknown) => firstLine(error))
  // A chain that is cut at its first link never gets to the act that it is named after.
  const found = await alerts
    .until((alert) => telling(alert) || (mode === 'block' && stopped(alert)), patienceMs)
    .catch(() => undefined)
  const stop = alerts.items.find(({ item }) => stopped(item))
  const done = await effect(act, at)
  return {
    told: found !== undefined,
    reply,
    ...(found === undefined ? {} : { ms: found.at - from }),
    ...(found === undefined ? {} : { action: (stop ?? found).item.action }),
    ...(done === undefined ? {} : { done }),
  }
}

async function perform({ via, does }: EvalAct, at: Place): Promise<string> {
  switch (via) {
    case 'redis':
      return askRedis(at.address, does)
    case 'gunicorn':
      return askApp(at, '/run', does.join('\n'))
    case 'postgres':
      await sql(at, does)
      return 'done'
  }
}

async function effect({ leaves }: EvalAct, at: Place): Promise<boolean | undefined> {
  if (leaves === undefined) return undefined
  const { State } = await at.container.inspect()
  const path = `/proc/${State.Pid}/root${leaves.path}`
  const isThere = existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined
  return isThere !== (leaves.gone ?? false)
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)
}
