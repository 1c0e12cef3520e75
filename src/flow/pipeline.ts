import type { Identifier } from '../identity/identifier.ts'
import type { IdentifiedBatch } from '../identity/identifier.ts'
import type { EventSource, SourceBatch } from '../sources/source.ts'

export interface PipelineOptions {
  readonly sources: readonly EventSource[]
  readonly identifier: Identifier
  /** Takes what is identified, in order. */
  readonly judge: (batch: IdentifiedBatch, source: EventSource) => void
  /** Resolves once what was judged leaves room for more. */
  readonly room: () => Promise<void>
  /** A source that can never work, or that ended: told once each. */
  readonly onSourceEnd: (source: EventSource, error: unknown) => void
}

/**
 * Runs the sources through `identify` to `judge`. A source is read only as fast as its acts are judged and their
 * alerts stored, and what cannot wait (the kernel's ring buffer) counts what it lost at its own end. No queue lies
 * between.
 *
 * Resolves when all sources have ended.
 */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(options.sources.map((source) => runSource(source, options, signal)))
}

async function runSource(
  source: EventSource,
  { identifier, judge, room, onSourceEnd }: PipelineOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const batch of source.messages(signal)) {
      for (const part of parts(batch)) {
        judge(identifier.push(part), source)
        await room()
        if (part.length === partSize) await breathe()
      }
    }
    onSourceEnd(source, undefined)
  } catch (error) {
    onSourceEnd(source, error)
  }
}

/** A batch larger than this is judged in parts, so that the API goes on answering under a flood. */
const partSize = 2_048

function* parts(batch: SourceBatch): Iterable<SourceBatch> {
  if (batch.length <= partSize) {
    yield batch
    return
  }
  for (let at = 0; at < batch.length; at += partSize) yield batch.slice(at, at + partSize)
}

export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
