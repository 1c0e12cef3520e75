import { z } from 'zod'
import {
  containerOfMessage,
  type ContainerSeen,
  type SourceBatch,
  type SourceMessage,
} from '../../pipeline/sources/source.ts'
import type { StoreWrite } from '../store/store.ts'

const prefix = 'waiting/'
/** Keys sort as the numbers do. */
const digits = 16

interface Stored {
  readonly message: SourceMessage
  /** How its source reported the container. */
  readonly seen?: ContainerSeen
}

const stored = z.object({
  message: z.custom<SourceMessage>(
    (value) => typeof value === 'object' && value !== null && 'type' in value,
  ),
  seen: z.custom<ContainerSeen>((value) => typeof value === 'object' && value !== null).optional(),
})

/** A message that a source does not report again, and that nobody has judged yet. */
export function waitingWrite(
  number: number,
  message: SourceMessage,
  seenOf: (container: string) => ContainerSeen | undefined,
): StoreWrite {
  const container = containerOfMessage(message)
  const seen = container === undefined ? undefined : seenOf(container)
  const value: Stored = seen === undefined ? { message } : { message, seen }
  return { kind: 'meta', key: keyOf(number), value }
}

export function waitingRemoval(number: number): StoreWrite {
  return { kind: 'meta-removed', key: keyOf(number) }
}

/**
 * The messages in their order, behind the start of their containers. With the sensor's keys: repeats of a message may come as
 * counts of its key, where the kernel's state outlived the daemon.
 */
export function restoreWaiting(meta: Readonly<Record<string, unknown>>): {
  readonly messages: SourceBatch
  readonly numbers: readonly number[]
} {
  const keys = Object.keys(meta)
    .filter((key) => key.startsWith(prefix))
    .sort()
  const started = new Set<string>()
  const messages: SourceMessage[] = []
  for (const key of keys) {
    const found = stored.safeParse(meta[key]).data
    if (found === undefined) continue
    const { message, seen } = found
    if (message.type === 'container-started') started.add(message.container.id)
    else if (seen !== undefined && !started.has(seen.id)) {
      started.add(seen.id)
      messages.push({ type: 'container-started', container: seen })
    }
    messages.push(message)
  }
  return { messages, numbers: keys.map((key) => Number(key.slice(prefix.length))) }
}

function keyOf(number: number): string {
  return `${prefix}${String(number).padStart(digits, '0')}`
}
