import type { JudgingQueue } from './judging-queue.ts'
import type { ContainerSeen, EventSource } from './sources/source.ts'

export interface PipelineOptions {
  readonly sources: readonly EventSource[]
  /** Containers that start in a batch, before the batch is judged. */
  readonly announce: (containers: readonly ContainerSeen[]) => void
  readonly queue: JudgingQueue
  /** Reports a source that ended or that can never work, once for each source. */
  readonly onSourceEnd: (source: EventSource, error: unknown) => void
}

/**
 * Runs the sources to the queue that they are judged from. It reads a source only as fast as events
 * are judged and their alerts stored, unless its producer cannot wait: then the queue has a bound.
 * Resolves when all sources have ended.
 */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(options.sources.map((source) => runSource(source, options, signal)))
}

async function runSource(
  source: EventSource,
  { announce, queue, onSourceEnd }: PipelineOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const batch of source.messages(signal)) {
      announce(
        batch.flatMap((message) =>
          message.type === 'container-started' ? [message.container] : [],
        ),
      )
      await queue.add(batch, source)
    }
    onSourceEnd(source, undefined)
  } catch (error) {
    onSourceEnd(source, error)
  }
}
