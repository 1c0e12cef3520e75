import { destination, type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/**
 * The root logger: JSON lines on standard error, secrets redacted. What is logged at `info` and above has
 * a static message plus fields, and no payload of an event.
 */
export function createLog(level: string, stream?: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['token', 'password', 'secret', 'authorization', '*.token', '*.authorization'],
        censor: '***',
      },
    },
    // Synchronous, so that the last words of a dying daemon are not lost.
    stream ?? destination({ dest: 2, sync: true }),
  )
}

/** A child logger whose every line carries the stage it comes from. */
export function stageLog(log: Log, stage: string): Log {
  return log.child({ stage })
}
