import { setTimeout as delay } from 'node:timers/promises'
import type { LineageView } from '../../../src/api/version-views.ts'
import { makeInstalled } from '../../eval/image.ts'
import { runRound, startService } from '../../eval/round.ts'
import type { Service } from '../../eval/service.ts'
import { allServices } from '../../eval/services/all.ts'
import { type Alert, alertsOf, isFalse, learnedProfile } from '../../eval/snug.ts'
import type { World } from '../../eval/world.ts'
import type { Agent } from '../../fixtures/agent.ts'
import { setMode } from '../../fixtures/learned-agent.ts'
import { forbidden, tryIn, withTries } from './tries.ts'

export interface Drawn {
  readonly service: Service
  readonly image: string
}

/**
 * Services of the evaluation, whose list is by kind: the middle one of each of equal parts. So each kind has a share,
 * and nobody chooses.
 */
export function draw(count: number): readonly Service[] {
  const part = allServices.length / count
  return Array.from(
    { length: count },
    (_, n) => allServices[Math.floor((n + 0.5) * part)] as Service,
  )
}

/** @throws where the forbidden program does not run without an agent: then no refusal means anything */
export async function imageFor({ engine }: World, service: Service): Promise<Drawn> {
  const image = await makeInstalled(engine.docker, withTries(service))
  const { first, second, ended } = await tryIn(engine.docker, image)
  if (!first || !second || !ended) throw new Error(`${service.name} does not try`)
  return { service, image }
}

/** How long a container goes without load while its image is learned. */
const idleMs = 180_000

/**
 * Three containers in turn, as in the evaluation: names that each of them invents need more than one. Beside them runs
 * one without load, as later the replicas do: some work of a service begins only after a while.
 */
export async function teach(
  world: World,
  { service, image }: Drawn,
  print: (line: string) => void,
): Promise<void> {
  const idle = await startService(world, service, image)
  try {
    const untilMs = Date.now() + idleMs
    for (const load of ['A', 'B', 'A'] as const) {
      const { failures } = await runRound(world, service, image, load, 30_000)
      for (const failure of failures) print(`  ${service.name}, while it is learned: ${failure}`)
    }
    await delay(Math.max(0, untilMs - Date.now()))
  } finally {
    await idle[Symbol.asyncDispose]()
  }
}

/** Resolves once the kernel refuses what the image has not learned. */
export async function block(agent: Agent, { image }: Drawn): Promise<void> {
  await learnedProfile(agent, image)
  await setMode(agent, image, 'block')
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.blocking?.armed === true,
  )
}

/** Alerts on events of the service itself, which are false. */
export async function falseAlerts(agent: Agent, { image }: Drawn): Promise<readonly Alert[]> {
  const alerts = await alertsOf(agent, image)
  return alerts.filter((alert) => isFalse(alert) && !isTry(alert))
}

function isTry({ event }: Alert): boolean {
  return event.kind === 'exec' && [event.exec.path, event.exec.script].includes(forbidden)
}
