import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { SnugError } from '../errors.ts'

const maxBytes = 1_048_576
const readMs = 10_000
const idleMs = 120_000

/** Errors: BODY_TOO_LARGE, BODY_INVALID (also where the body does not arrive in time). */
export async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const parts: Uint8Array[] = []
  let size = 0
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const late = AbortSignal.timeout(readMs)
  for await (const chunk of chunksOf(incoming, late)) {
    size += chunk.byteLength
    if (size > maxBytes) throw tooLarge()
    parts.push(chunk)
  }
  const text = Buffer.concat(parts).toString('utf8')
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SnugError('BODY_INVALID', 'the body is not JSON', { cause: error })
  }
}

/**
 * The body as it arrives, of any length. A client that stays silent for two minutes, or leaves, ends it
 * with BODY_INVALID: half an upload must not look like a whole one.
 */
export function streamBody(
  incoming: IncomingMessage,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  return chunksOf(incoming, signal, idleMs)
}

async function* chunksOf(
  incoming: IncomingMessage,
  signal: AbortSignal,
  idle?: number,
): AsyncGenerator<Uint8Array> {
  const stop = (): void => {
    incoming.destroy(new Error('the body did not arrive in time'))
  }
  if (idle !== undefined) incoming.setTimeout(idle, stop)
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

function tooLarge(): SnugError {
  return new SnugError('BODY_TOO_LARGE', 'the body is larger than 1 MiB')
}
