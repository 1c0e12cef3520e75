import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Sink } from './sink.ts'
import { toLines } from './stdout-sink.ts'

/** Appends one JSON object a line to `path`, made with mode 0600; reopened on SIGHUP for log rotation. */
export function fileSink(name: string, path: string): Sink {
  let handle: FileHandle | undefined
  const opened = async (): Promise<FileHandle> => {
    if (handle === undefined) {
      await mkdir(dirname(path), { recursive: true })
      handle = await open(path, 'a', 0o600)
    }
    return handle
  }
  const close = async (): Promise<void> => {
    const old = handle
    handle = undefined
    await old?.close()
  }
  return {
    name,
    write: async (alerts) => {
      const file = await opened()
      await file.appendFile(toLines(alerts))
    },
    reopen: close,
    close,
  }
}
