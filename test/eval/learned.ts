import type Docker from 'dockerode'
import type { Alert } from '../../src/core/event/alert.ts'
import type { LineageView, ProfileView } from '../../src/engine/api/engine-views.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { learnerConfig, startLearned } from '../fixtures/learned-agent.ts'
import { type EvalService, liveOnce, restartOf } from './service.ts'

export interface Window {
  readonly service: string
  readonly lives: number
  readonly behaviours: number
  /** What guardrails kept apart while it was learned, and a reviewer then approved. */
  readonly approved: readonly string[]
  /** What `image show` said of coverage when a person ended the window. */
  readonly sentence: string
}

/**
 * A guardrail's acts are never learned silently: whoever reviews a profile has to say yes. Nobody but the service
 * acted here while it was learned, so the reviewer does.
 */
async function approveKeptApart(agent: Agent, image: string): Promise<readonly string[]> {
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', image])
  const kept = behaviours.filter(({ state }) => state === 'quarantined')
  if (kept.length > 0) {
    const ids = kept.map(({ id }) => id)
    await agent.json(['profile', 'approve', image, '--quarantined', '--behaviour', ...ids])
  }
  return kept.map(({ actor, text }) => `${actor.exe}: ${text}`)
}

export interface Learned {
  readonly agent: Agent
  readonly windows: readonly Window[]
  /** Without those that broke off. */
  readonly learned: readonly EvalService[]
  readonly failures: readonly string[]
}

/** How often each service lives while it is learned: names need three witnesses to be taken for a pattern. */
const lives = 4

/** Learns them all, side by side; ends the windows by hand; gives an agent that alerts, and may block after a second. */
export async function learn(
  docker: Docker,
  socket: string,
  services: readonly EvalService[],
  say: (line: string) => void,
): Promise<Learned> {
  const learner = await startAgent({ docker: socket, config: learnerConfig })
  // The learner's own end, and then that of the agent that goes on with what it learned.
  let last = learner
  try {
    const failures: string[] = []
    const isLearned = await Promise.all(
      services.map((service) =>
        learnOne(docker, service, say).then(
          () => true,
          (error: unknown) => {
            say(`  ${service.name}: ${String(error)}`)
            failures.push(`learning ${service.name}: ${String(error).split('\n')[0]}`)
            return false
          },
        ),
      ),
    )
    const learned = services.filter((_, index) => isLearned[index])
    const windows: Omit<Window, 'approved'>[] = []
    for (const service of learned) {
      const { versions } = await learner.json<LineageView>(['image', 'show', service.image])
      const [version] = versions
      windows.push({
        service: service.name,
        lives,
        behaviours: version?.behaviours ?? 0,
        sentence: version?.coverage.sentence ?? '',
      })
    }
    const images = learned.map(({ image }) => image)
    // Intruders are many and fast here: a budget that is spent would say nothing about what a hook can stop.
    const agent = await startLearned(learner, socket, images, {
      block: { canary: 1, budget: 100_000 },
    })
    last = agent
    const reviewed: Window[] = []
    for (const [index, window] of windows.entries()) {
      const approved = await approveKeptApart(agent, images[index] ?? '')
      reviewed.push({ ...window, approved })
    }
    return { agent, windows: reviewed, learned, failures }
  } catch (error) {
    await last[Symbol.asyncDispose]()
    throw error
  }
}

async function learnOne(
  docker: Docker,
  service: EvalService,
  say: (line: string) => void,
): Promise<void> {
  const live = async (life: number): Promise<void> => {
    const ms = await liveOnce(docker, service, 'learn', restartOf(life))
    say(`  ${service.name} learned for ${Math.round(ms / 1_000)} s`)
  }
  // What acts by the minute lives side by side, or it would take for ever.
  if (service.periodMs !== undefined) {
    await Promise.all(Array.from({ length: lives }, async (_, life) => live(life)))
    return
  }
  for (let life = 0; life < lives; life++) await live(life)
}

/** Alerts of these images, as the agent lists them. */
export async function alertsOf(agent: Agent, image: string): Promise<readonly Alert[]> {
  const all = await agent.json<Alert[]>(['alert', 'list', '--image', image, '--limit', '1000'])
  return all.filter((alert) => `${alert.image?.repository}:${alert.image?.tag}` === image)
}
