import type { Writable } from 'node:stream'
import type { Render } from '../format/format.ts'
import type { Sink } from './sink.ts'

/** Writes one record a line to standard output, for log shippers that read container output. */
export function stdoutSink(name: string, render: Render, stream: Writable = process.stdout): Sink {
  return {
    name,
    write: (records) =>
      new Promise<string>((resolve, reject) => {
        stream.write(records.map((record) => `${render(record)}\n`).join(''), (error) => {
          if (error) reject(error)
          else resolve('written')
        })
      }),
    close: async () => {},
  }
}
