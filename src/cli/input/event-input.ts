import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { SnugError } from '../../errors.ts'
import type { CliIo } from '../cli-io.ts'

/** A file of events, open; `-` is standard input. Errors: SOURCE_UNREADABLE. */
export async function openInput(path: string, io: CliIo): Promise<Readable> {
  if (path === '-') return io.stdin
  const stream = createReadStream(path, { highWaterMark: 262_144 })
  try {
    await once(stream, 'open')
  } catch (error) {
    throw new SnugError('SOURCE_UNREADABLE', `cannot read \`${path}\``, { cause: error })
  }
  return stream
}
