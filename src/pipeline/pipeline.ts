import type { BatchGate } from './batch-gate.ts'
import type { Identifier } from './identity/identifier.ts'
import type { IdentifiedBatch } from './identity/identifier.ts'
import type { ContainerSeen, EventSource } from './sources/source.ts'

export interface PipelineOptions {
  readonly sources: readonly EventSource[]
  readonly identifier: Identifier
  /** Containers that start in a batch, before the batch is judged. */
  readonly announce: (containers: readonly ContainerSeen[]) => void
  /** Takes identified messages, in order. */
  readonly judge: (batch: IdentifiedBatch, source: EventSource) => void
  /** State is stored only between batches. */
  readonly gate: BatchGate
  /** Resolves once the stages after the judge can take more. */
  readonly room: () => Promise<void>
  /** Reports a source that ended or that can never work, once for each source. */
  readonly onSourceEnd: (source: EventSource, error: unknown) => void
}

/**
 * Runs the sources through `identify` to `judge`. It reads a source only as fast as events are
 * judged and their alerts stored. A producer that cannot wait (the kernel's ring buffer) counts its
 * losses at its end. There is no queue in between. Resolves when all sources have ended.
 */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(options.sources.map((source) => runSource(source, options, signal)))
}

async function runSource(
  source: EventSource,
  { identifier, announce, judge, gate, room, onSourceEnd }: PipelineOptions,
  signal: AbortSignal,
): Promise<void> {
  const turn = new Turn()
  try {
    for await (const batch of source.messages(signal)) {
      announce(
        batch.flatMap((message) =>
          message.type === 'container-started' ? [message.container] : [],
        ),
      )
      await gate.enter()
      try {
        for (const part of parts(batch)) {
          judge(identifier.push(part), source)
          await turn.over()
        }
      } finally {
        gate.leave()
      }
      await room()
    }
    onSourceEnd(source, undefined)
  } catch (error) {
    onSourceEnd(source, error)
  }
}

const partSize = 64

/** A larger batch is judged in parts. */
export function* parts<T>(batch: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < batch.length; at += partSize) {
    yield batch.length <= partSize ? batch : batch.slice(at, at + partSize)
  }
}

const turnMs = 2

/**
 * A turn of the event loop. It judges thousands of expected events, or some tens of events that
 * raise alerts. Between turns, the API answers and sinks receive their answers, even during a
 * flood.
 */
export class Turn {
  #beganMs = performance.now()

  /** Continues in the next turn if the current one has lasted too long. */
  async over(): Promise<void> {
    if (performance.now() - this.#beganMs < turnMs) return
    await breathe()
    this.#beganMs = performance.now()
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
