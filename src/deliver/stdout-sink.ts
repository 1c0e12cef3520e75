import type { Writable } from 'node:stream'
import type { Render } from '../format/format.ts'
import type { Sink } from './sink.ts'

/** One alert a line on standard output, for log shippers that follow a container's output. */
export function stdoutSink(name: string, render: Render, stream: Writable = process.stdout): Sink {
  return {
    name,
    write: (alerts) =>
      new Promise<string>((resolve, reject) => {
        stream.write(alerts.map((alert) => `${render(alert)}\n`).join(''), (error) => {
          if (error) reject(error)
          else resolve('written')
        })
      }),
    close: async () => {},
  }
}
