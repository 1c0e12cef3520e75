import type { IncomingMessage } from 'node:http'
import { SnugError } from '../../errors.ts'

const mebibyte = 1_048_576
/** A body of JSON that takes longer is one that is held back. */
export const bodyMs = 10_000

export interface BodyLimits {
  readonly withinMs?: number
  readonly mebibytes?: number
}

/** Of at most 1 MiB where no limit is given. Errors: BODY_TOO_LARGE, REQUEST_SLOW, BODY_INVALID. */
export async function readJson(
  incoming: IncomingMessage,
  { withinMs = bodyMs, mebibytes = 1 }: BodyLimits = {},
): Promise<unknown> {
  const maxBytes = mebibytes * mebibyte
  const tooLarge = (): SnugError =>
    new SnugError('BODY_TOO_LARGE', `the body is larger than ${mebibytes} MiB`)
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

/** Sends the answer first and closes the connection after it. */
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
