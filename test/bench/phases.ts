import { type Agent, startAgent } from '../fixtures/agent.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import type { Setting } from './bench.ts'

export const phases = ['bare', 'alert', 'block'] as const
export type Phase = (typeof phases)[number]

/**
 * Runs the same measurement without the agent, and with it in both modes, with every event learned and the profile
 * in the kernel. The phases alternate, and take turns in being first.
 */
export async function measurePhases<T>(
  { engine, runs, print }: Setting,
  images: readonly string[],
  learn: () => Promise<void>,
  measure: (agent: Agent | undefined) => Promise<T>,
): Promise<Readonly<Record<Phase, readonly T[]>>> {
  const { socket } = await engine()
  let agent = await startAgent({ docker: socket, config: learnerConfig })
  try {
    await learn()
    agent = await startLearned(agent, socket, images)
    return await measureAll(agent, images, { runs, print }, measure)
  } finally {
    await agent[Symbol.asyncDispose]()
  }
}

async function measureAll<T>(
  agent: Agent,
  images: readonly string[],
  { runs, print }: Pick<Setting, 'runs' | 'print'>,
  measure: (agent: Agent | undefined) => Promise<T>,
): Promise<Readonly<Record<Phase, readonly T[]>>> {
  const measured: Record<Phase, T[]> = { bare: [], alert: [], block: [] }
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < phases.length; turn++) {
      const phase = phases[(run + turn) % phases.length] ?? 'bare'
      if (phase === 'bare') {
        await agent.stop()
        // The pinned programs would stay in the kernel without the agent.
        await agent.detach()
        measured.bare.push(await measure(undefined))
        continue
      }
      if (!agent.running) await agent.start()
      for (const image of images) await setMode(agent, image, phase)
      measured[phase].push(await measure(agent))
    }
    print(`  run ${run + 1} of ${runs} done`)
  }
  return measured
}
