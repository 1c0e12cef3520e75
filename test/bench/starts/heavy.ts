import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { LineageView } from '../../../src/api/version-views.ts'
import type { Agent } from '../../fixtures/agent.ts'
import { imageOf, type LoadImage } from '../turns/turns-load.ts'

/** An image whose lists are long: 5,000 behaviours, and 5,000 deviations that wait. No container has it. */
export const heavy = imageOf(0, 5_000, 5_000)

export const heavyName = `${heavy.ref.repository}:${heavy.ref.tag}`

/** To a daemon that learns. */
export function replayLearned(agent: Agent): Promise<void> {
  return replay(agent, heavy.learned, 0)
}

/** To a daemon that alerts. @throws where not all of them wait */
export async function replayWaiting(agent: Agent): Promise<void> {
  // The code for deviations.
  await replay(agent, heavy.waiting, 2)
  const { versions } = await agent.json<LineageView>(['image', 'show', heavy.ref.repository])
  if (versions[0]?.pending !== heavy.waiting.length)
    throw new Error(`${versions[0]?.pending} deviations wait`)
}

async function replay(agent: Agent, acts: LoadImage['learned'], expected: number): Promise<void> {
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, linesOf(acts))
  const { code, stderr } = await agent.cli(['event', 'replay', file])
  if (code !== expected) throw new Error(`event replay: exit ${code}: ${stderr}`)
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
