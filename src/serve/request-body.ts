import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { SnugError } from '../errors.ts'

const idleMs = 120_000

/**
 * The body as it arrives, of any length. A client that stays silent for two minutes, or leaves, ends it
 * with BODY_INVALID: half an upload must not look like a whole one.
 */
export async function* streamBody(
  incoming: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stop = (): void => {
    incoming.destroy(new Error('the body did not arrive in time'))
  }
  incoming.setTimeout(idleMs, stop)
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of incoming) yield chunk as Uint8Array
  } catch (error) {
    throw new SnugError('BODY_INVALID', 'the body ended early', { cause: error })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Errors: BODY_INVALID, naming the member that is wrong. */
export function check<T>(schema: z.ZodType<T> | undefined, value: unknown): T {
  if (schema === undefined) return undefined as T
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const path = issue?.path.map(String).join('.') ?? ''
  const why = issue?.message ?? 'invalid'
  throw new SnugError('BODY_INVALID', path === '' ? why : `\`${path}\`: ${why}`)
}
