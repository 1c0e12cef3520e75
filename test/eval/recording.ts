import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SnugEvent } from '../../src/core/event/event.ts'
import type { Agent } from '../fixtures/agent.ts'
import type { Protocol } from './result.ts'
import type { Service } from './service.ts'
import type { Column } from './split.ts'

/** A learned version, whose recorded events are judged again. */
export interface RecordedImage {
  readonly image: string
  readonly protocol: Protocol
  readonly column: Column
}

/** The folder of a batch. */
export function beginRecording(folder: string, services: readonly Service[]): string {
  const batch = join(folder, services.map(({ name }) => name).join('+'))
  mkdirSync(batch, { recursive: true })
  return batch
}

/** The data of the agent that learned. It must not run. */
export function keepLearned(batch: string, { data }: Agent): void {
  cpSync(data, join(batch, 'data'), { recursive: true })
}

/** What makes the recording whole: it is written last. */
export function keepJudged(
  batch: string,
  images: readonly RecordedImage[],
  events: readonly SnugEvent[],
): void {
  writeFileSync(
    join(batch, 'events.ndjson'),
    events
      .filter(hasPlace)
      .map((event) => `${JSON.stringify(event)}\n`)
      .join(''),
  )
  writeFileSync(join(batch, 'images.json'), JSON.stringify(images, undefined, 2))
}

/** Code that is mapped from shared memory is no file, and a line of it is refused. */
function hasPlace(event: SnugEvent): boolean {
  return event.kind !== 'file' || event.file.path.startsWith('/')
}

/** Batches whose recording is whole. */
export function recordedBatches(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => readdirSync(join(folder, name)).includes('images.json'))
    .map((name) => join(folder, name))
}

export function recordedImages(batch: string): readonly RecordedImage[] {
  return JSON.parse(readFileSync(join(batch, 'images.json'), 'utf8')) as RecordedImage[]
}
