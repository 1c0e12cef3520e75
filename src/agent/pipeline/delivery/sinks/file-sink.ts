import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Render } from '../format/format.ts'
import type { Sink } from './sink.ts'

export interface FileSinkOptions {
  readonly path: string
  /** Bytes after which the file is rotated; absent: no rotation by size. */
  readonly rotateSize?: number
  /** Milliseconds since the file was created. */
  readonly rotateAge?: number
  /** Number of rotated files that are kept: `path.1` is the newest. */
  readonly keep: number
}

/**
 * Appends one record a line to `path`, created with mode 0600. It rotates by size and age, and
 * reopens on SIGHUP for external rotation. If a full disk cut a line, the sink ends that line
 * before the next one.
 */
export function fileSink(
  name: string,
  render: Render,
  options: FileSinkOptions,
  now: () => number = Date.now,
): Sink {
  const { path, rotateSize = Number.POSITIVE_INFINITY, rotateAge, keep } = options
  let file: Opened | undefined
  const close = async (): Promise<void> => {
    const old = file
    file = undefined
    await old?.handle.close()
  }
  const due = ({ size, begunMs }: Opened, more: number): boolean =>
    size > 0 &&
    (size + more > rotateSize || (rotateAge !== undefined && now() - begunMs >= rotateAge))

  return {
    name,
    write: async (records) => {
      const lines = Buffer.from(records.map((record) => `${render(record)}\n`).join(''))
      file ??= await openFile(path, now())
      if (due(file, lines.length)) {
        await close()
        await shift(path, keep)
        file = await openFile(path, now())
      }
      try {
        await file.handle.appendFile(lines)
        file.size += lines.length
      } catch (error) {
        // The length of the partial write is unknown, so the next write checks it.
        await close()
        throw error
      }
      return `written to \`${path}\``
    },
    reopen: close,
    close,
  }
}

interface Opened {
  readonly handle: FileHandle
  readonly begunMs: number
  size: number
}

const lineEnd = 0x0a

async function openFile(path: string, nowMs: number): Promise<Opened> {
  await mkdir(dirname(path), { recursive: true })
  const handle = await open(path, 'a+', 0o600)
  try {
    const { size, birthtimeMs } = await handle.stat()
    const opened = { handle, begunMs: size === 0 ? nowMs : birthtimeMs || nowMs, size }
    if (size === 0) return opened
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
    if (buffer[0] === lineEnd) return opened
    await handle.appendFile('\n')
    return { ...opened, size: size + 1 }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** `path` becomes `path.1`, which becomes `path.2`; the last one is deleted. */
async function shift(path: string, keep: number): Promise<void> {
  await rm(`${path}.${keep}`, { force: true })
  for (let number = keep - 1; number >= 0; number -= 1) {
    try {
      await rename(number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
