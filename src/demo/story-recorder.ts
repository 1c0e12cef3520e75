import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { DemoAgent } from './demo-agent.ts'
import { storyFile } from './recorded-stage.ts'
import type { Stage } from './stage.ts'

const recordedEvent = z.looseObject({
  time: z.string(),
  kind: z.string(),
  image: z.looseObject({ tag: z.string() }).optional(),
  process: z.looseObject({ pid: z.number() }).optional(),
})

interface Part {
  readonly name: string
  readonly from: number
}

/**
 * Writes docs/demo/story.ndjson from a real run: each distinct event once, in the first part of the story that has it.
 */
export class StoryRecorder {
  readonly #file: string
  readonly #stop: () => Promise<void>
  readonly #parts: Part[] = []

  private constructor(file: string, stop: () => Promise<void>) {
    this.#file = file
    this.#stop = stop
  }

  static async start(agent: DemoAgent, folder: string): Promise<StoryRecorder> {
    const file = join(folder, 'recorded.ndjson')
    return new StoryRecorder(file, await agent.record(file))
  }

  /** The stage, with a note of when what began. */
  wrap(stage: Stage): Stage {
    const note = (name: string): void => {
      this.#parts.push({ name, from: Date.now() })
    }
    return {
      words: stage.words,
      config: stage.config,
      piped: stage.piped,
      begin: async (version) => {
        note(`run-${version}`)
        await stage.begin(version)
      },
      attack: async (act) => {
        note(`attack-${act.id}`)
        return stage.attack(act)
      },
      close: () => stage.close(),
    }
  }

  async save(): Promise<void> {
    await this.#stop()
    const seen = new Set<string>()
    const lines: string[] = []
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      if (line === '') continue
      const event = recordedEvent.parse(JSON.parse(line))
      if (event.kind === 'loss' || event.image === undefined) continue
      const { time, process: by, ...act } = event
      const same = JSON.stringify({ ...act, by: { ...by, pid: 0, ppid: 0 } })
      if (seen.has(same)) continue
      seen.add(same)
      const story = this.#partOf(Date.parse(time), event.image.tag)
      if (story !== undefined) lines.push(JSON.stringify({ story, ...event }))
    }
    mkdirSync(dirname(storyFile), { recursive: true })
    writeFileSync(storyFile, `${lines.join('\n')}\n`)
  }

  /** Version 1.0 goes on while 2.0 is attacked: what it does is its own part, whenever it does it. */
  #partOf(at: number, tag: string): string | undefined {
    if (tag === '1.0') return 'run-1.0'
    return this.#parts.findLast(({ from, name }) => name !== 'run-1.0' && from <= at)?.name
  }
}
