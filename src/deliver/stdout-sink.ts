import type { Writable } from 'node:stream'
import type { Alert } from '../event/alert.ts'
import type { Sink } from './sink.ts'

/** One JSON object a line on standard output, for log shippers that follow a container's output. */
export function stdoutSink(name: string, stream: Writable = process.stdout): Sink {
  return {
    name,
    write: (alerts) =>
      new Promise<void>((resolve, reject) => {
        stream.write(toLines(alerts), (error) => {
          if (error) reject(error)
          else resolve()
        })
      }),
    close: async () => {},
  }
}

export function toLines(alerts: readonly Alert[]): string {
  return alerts.map((alert) => `${JSON.stringify(alert)}\n`).join('')
}
