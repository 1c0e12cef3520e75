import type Docker from 'dockerode'
import type { Alert } from '../../src/core/event/alert.ts'
import type { Agent } from '../fixtures/agent.ts'
import { execIn } from '../fixtures/containers.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import { alertsOf } from './learned.ts'
import {
  type EvalContainer,
  type EvalService,
  liveOnce,
  restartOf,
  startService,
} from './service.ts'

/** One service judged in one mode by what was learned of it. */
export interface Judged {
  readonly service: string
  readonly kind: string
  readonly mode: 'alert' | 'block'
  readonly containers: number
  readonly containerHours: number
  /** Distinct alerts about what the service did, and the acts in them. */
  readonly falseAlerts: number
  readonly falseActs: number
  readonly refused: number
  /** Alerts about acts that were lost, or about the blocking itself. */
  readonly others: number
  /** Loads that failed: what was refused might show here only. */
  readonly failures: readonly string[]
  readonly texts: readonly string[]
  /** A container did something that was never learned, after everything else, and that was told. */
  readonly controlTold: boolean
}

/** Every service side by side, under another load of the kind that was learned; so many containers of each. */
export async function judgeServices(
  docker: Docker,
  agent: Agent,
  services: readonly EvalService[],
  mode: 'alert' | 'block',
  containers: number,
): Promise<readonly Judged[]> {
  for (const { image } of services) await setMode(agent, image, mode)
  return Promise.all(services.map((service) => judgeOne(docker, agent, service, mode, containers)))
}

async function judgeOne(
  docker: Docker,
  agent: Agent,
  service: EvalService,
  mode: 'alert' | 'block',
  containers: number,
): Promise<Judged> {
  const before = new Set((await alertsOf(agent, service.image)).map(({ id }) => id))
  const failures: string[] = []
  const live = async (life: number): Promise<number> => {
    const from = Date.now()
    try {
      return await liveOnce(docker, service, 'judge', restartOf(life))
    } catch (error) {
      failures.push(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
      return Date.now() - from
    }
  }
  // Two at a time: the machine is small.
  const lanes = service.periodMs === undefined ? 2 : containers
  const lives: number[] = []
  for (let done = 0; done < containers; done += lanes) {
    const now = Math.min(lanes, containers - done)
    lives.push(
      ...(await Promise.all(Array.from({ length: now }, async (_, life) => live(done + life)))),
    )
  }
  const controlTold = await control(docker, agent, service)
  const alerts = (await alertsOf(agent, service.image)).filter(({ id }) => !before.has(id))
  const own = alerts.filter(isOwn)
  return {
    service: service.name,
    kind: service.kind,
    mode,
    containers,
    containerHours: lives.reduce((a, b) => a + b, 0) / 3_600_000,
    falseAlerts: own.length,
    falseActs: own.reduce((sum, { count }) => sum + count, 0),
    refused: own.filter(({ action }) => action !== 'alerted').length,
    others: alerts.filter(({ type }) => type === 'loss' || type === 'enforcement').length,
    failures,
    texts: own.map(alertText),
    controlTold,
  }
}

/** About what the service itself did; the control comes by `exec`. */
export function isOwn({ type, process }: Alert): boolean {
  return (type === 'deviation' || type === 'guardrail') && process?.origin !== 'exec-in'
}

export function alertText({ action, process, behaviour, nearest, count }: Alert): string {
  const close = nearest === null ? 'nothing near' : `nearest \`${nearest.text}\``
  const script = process?.args?.slice(0, 3).join(' ')
  return `${action} ${count}×: \`${process?.exe}\` (${script ?? ''}) uid ${process?.uid}: \`${behaviour?.text}\`; ${close}`
}

/**
 * The sensor tells in order, so once this act is told all before it was judged; and where it is not told, no
 * silence means anything.
 */
async function control(docker: Docker, agent: Agent, service: EvalService): Promise<boolean> {
  let at: EvalContainer | undefined
  try {
    at = await startService(docker, service)
    const { id } = at.container
    await execIn(docker, at.container, ['/bin/sh', '-c', 'exec /usr/bin/head -c 1 /etc/shadow'])
    await agent.until<Alert[]>(
      ['alert', 'list', '--limit', '1000'],
      (list) =>
        list.some(
          ({ container, process }) => container?.id === id && process?.origin === 'exec-in',
        ),
      15_000,
    )
    return true
  } catch {
    return false
  } finally {
    await at?.stop()
  }
}
