import type { Writable } from 'node:stream'
import type { Render } from '../format/format.ts'
import type { Sink } from './sink.ts'

/** One notice a line on standard output, for log shippers that follow a container's output. */
export function stdoutSink(name: string, render: Render, stream: Writable = process.stdout): Sink {
  return {
    name,
    write: (notices) =>
      new Promise<string>((resolve, reject) => {
        stream.write(notices.map((notice) => `${render(notice)}\n`).join(''), (error) => {
          if (error) reject(error)
          else resolve('written')
        })
      }),
    close: async () => {},
  }
}
