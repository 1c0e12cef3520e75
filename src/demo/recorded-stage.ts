import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { packagePath } from '../support/package-folder.ts'
import type { DemoAgent } from './demo-agent.ts'
import type { ShopVersion } from './shop-image.ts'
import type { AttackAct, Stage } from './stage.ts'

/**
 * Made by a real run: `SNUG_DEMO_RECORD=1 make run`. The member `story` holds the part of the story that a line belongs
 * to.
 */
export const storyFile = packagePath('docs/demo/story.ndjson')

const storyLine = z.looseObject({ story: z.string() })

/** The story from its recording: without root, without BTF, on any machine. */
export class RecordedStage implements Stage {
  readonly words = `from a recording of a real run (docs/demo/story.ndjson)`
  readonly piped = true
  readonly config = { sources: ['file:-'], engines: { docker: { socket: 'none' } } }
  readonly #agent: () => DemoAgent
  readonly #lines: Map<string, object[]>

  constructor(agent: () => DemoAgent) {
    this.#agent = agent
    this.#lines = new Map()
    for (const line of readFileSync(storyFile, 'utf8').split('\n')) {
      if (line === '') continue
      const { story, ...event } = storyLine.parse(JSON.parse(line))
      this.#lines.set(story, [...(this.#lines.get(story) ?? []), event])
    }
  }

  async begin(version: ShopVersion): Promise<void> {
    this.#play(`run-${version}`)
  }

  async attack({ id }: AttackAct): Promise<number> {
    const from = Date.now()
    this.#play(`attack-${id}`)
    return from
  }

  async close(): Promise<void> {
    // The agent ends with its input; there is nothing else.
  }

  #play(part: string): void {
    // As if it happened now: a window is measured in the time of its events.
    const time = new Date().toISOString()
    this.#agent().feed(
      (this.#lines.get(part) ?? []).map((event) => JSON.stringify({ ...event, time })),
    )
  }
}
