import type Docker from 'dockerode'
import type { Alert } from '../../../src/core/event/alert.ts'
import type { StatusView } from '../../../src/api/status-views.ts'
import { intruderActs } from '../../e2e/intruder-acts.ts'
import { removeContainer, startContainer } from '../../fixtures/containers.ts'
import { type IntruderHost, intruderHost } from '../../fixtures/intruder-host.ts'
import { loadRedis, loadWeb } from '../../fixtures/load.ts'
import { addressOf, askRedis, servesAt } from '../../fixtures/service-images.ts'
import { redisImage, webImage } from './images.ts'
import { alertsOf, changesOf, type Setting } from './setting.ts'

const settleMs = 60_000

/** The attacks on one container, each by a command to its redis. */
export interface Intrusion {
  /** What redis answered to each: `ok`, the kernel's error, or the status of a shell. By the name of the act. */
  readonly replies: Readonly<Record<string, string>>
  /** Docker's own account of the container's files afterwards. */
  readonly changes: readonly string[]
  /** That reached the attacker's host. */
  readonly connections: number
  /** The names of those that have their alert, and the actions of all alerts of the container. */
  readonly reported: readonly string[]
  readonly actions: readonly Alert['action'][]
  /** By the name of the act: the actions of its alerts. */
  readonly said: Readonly<Record<string, readonly Alert['action'][]>>
  readonly running: boolean
}

export interface LoadStory {
  /** By new containers in block mode, whose versions were learned under the same kinds of load. */
  readonly requests: number
  readonly alerts: readonly string[]
  /** Events that the kernel did not know, and so sent to user space. */
  readonly cameUp: number
}

/** nginx and a redis with a vulnerability, and the place from where that is used. */
export interface Attacked extends IntruderHost {
  readonly web: Docker.Container
  stop(): Promise<void>
}

export interface AttackedOptions {
  readonly socket: string
  readonly folder: string
  readonly hostAddress: string
}

export async function startAttacked(docker: Docker, options: AttackedOptions): Promise<Attacked> {
  const host = await intruderHost(docker, { ...options, image: redisImage })
  const web = await startContainer(docker, webImage, undefined)
  await servesAt(web, 80)
  return {
    ...host,
    web,
    stop: async () => {
      await removeContainer(web)
      await removeContainer(host.redis)
      host.listener.close()
    },
  }
}

/** Several snapshots: a pattern of file names needs three distinct ones. Gives how many requests were answered. */
export async function workOf({ redisAddress, web }: Attacked): Promise<number> {
  const each = 1_000
  const kinds = ['set', 'get', 'incr', 'lpush']
  const snapshots = 4
  for (let count = 0; count < snapshots; count++) {
    const saved = await askRedis(redisAddress, ['lastsave'])
    await loadRedis(redisAddress, kinds.join(), each)
    while ((await askRedis(redisAddress, ['lastsave'])) === saved)
      await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const address = await addressOf(web)
  const pages = await loadWeb(`http://${address}/one.html`, each)
  return snapshots * kinds.length * each + pages + (await loadWeb(`http://${address}/two.css`, 1))
}

/** The images block, and all containers are quiet. */
export async function loadPart(setting: Setting, attacked: Attacked): Promise<LoadStory> {
  const before = await cameUp(setting)
  const requests = await workOf(attacked)
  const of = async (id: string): Promise<readonly string[]> =>
    (await alertsOf(setting, id)).map(({ type, action, behaviour, reasons }) =>
      [type, action, behaviour?.text, reasons[0]].join(' '),
    )
  return {
    requests,
    alerts: [...(await of(attacked.redis.id)), ...(await of(attacked.web.id))],
    cameUp: (await cameUp(setting)) - before,
  }
}

async function cameUp({ agent }: Setting): Promise<number> {
  const { counters } = await agent.json<StatusView>(['status'])
  const { expected = 0, learned = 0, deviation = 0 } = counters
  return expected + learned + deviation
}

/** All acts on one container; resolves once the last has its alert, or long after. */
export async function intrude(
  { agent }: Setting,
  { redis, redisAddress, listener, port }: IntruderHost,
  hostAddress: string,
): Promise<Intrusion> {
  const acts = intruderActs({ hostAddress, hostPort: port })
  const tail = await agent.tail<Alert>(['alert', 'tail'])
  let connections = 0
  const count = (): void => {
    connections += 1
  }
  listener.on('connection', count)
  const replies: Record<string, string> = {}
  for (const { name, command } of acts) replies[name] = await askRedis(redisAddress, command)
  const ours = (alert: Alert): boolean =>
    alert.container?.id === redis.id && alert.summary === undefined
  const last = acts.at(-1)
  await tail
    .until((alert) => ours(alert) && last?.alerts(alert) === true, 'the last alert', settleMs)
    .catch(() => undefined)
  listener.off('connection', count)
  await tail.stop()
  const alerts = tail.items.map(({ item }) => item).filter(ours)
  const { State } = await redis.inspect()
  return {
    replies,
    changes: await changesOf(redis),
    connections,
    reported: acts
      .filter((act) => alerts.some((alert) => act.alerts(alert)))
      .map(({ name }) => name),
    actions: alerts.map(({ action }) => action),
    said: Object.fromEntries(
      acts.map((act) => [act.name, alerts.filter(act.alerts).map(({ action }) => action)]),
    ),
    running: State.Running,
  }
}
