import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { SnugError } from '../errors.ts'

const maxBytes = 1_048_576
const idleMs = 120_000
/** A body of JSON that takes longer is one that is held back. */
export const bodyMs = 10_000

/** Errors: BODY_TOO_LARGE, REQUEST_SLOW, BODY_INVALID. */
export async function readJson(incoming: IncomingMessage, withinMs = bodyMs): Promise<unknown> {
  const parts: Uint8Array[] = []
  let size = 0
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const late = lateAfter(withinMs)
  try {
    const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    for (;;) {
      const next = await Promise.race([chunks.next(), late.promise])
      if (next.done === true) break
      size += next.value.byteLength
      if (size > maxBytes) throw tooLarge()
      parts.push(next.value)
    }
  } catch (error) {
    if (error instanceof SnugError) throw error
    throw new SnugError('BODY_INVALID', 'the body ended early', { cause: error })
  } finally {
    late.clear()
  }
  const text = Buffer.concat(parts).toString('utf8')
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SnugError('BODY_INVALID', 'the body is not JSON', { cause: error })
  }
}

/** The answer comes first; only then is the connection let go of. */
function lateAfter(ms: number): { readonly promise: Promise<never>; readonly clear: () => void } {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new SnugError('REQUEST_SLOW', 'the body did not arrive in time'))
    }, ms)
  })
  promise.catch(() => undefined)
  return { promise, clear: () => clearTimeout(timer) }
}

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

function tooLarge(): SnugError {
  return new SnugError('BODY_TOO_LARGE', 'the body is larger than 1 MiB')
}
