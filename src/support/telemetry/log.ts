import { destination, type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

/**
 * The root logger: JSON lines on standard error, secrets redacted. A message at `info` and above has a static text plus
 * fields, and no payload of an event.
 */
export function createLog(level: string, stream?: DestinationStream): Log {
  const children = new Set<WeakRef<Log>>()
  const log: Log = pino(
    {
      level,
      onChild: (child) => children.add(new WeakRef(child)),
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['token', 'password', 'secret', 'authorization', '*.token', '*.authorization'],
        censor: '***',
      },
    },
    // Synchronous, so that the last messages of a dying daemon are not lost.
    stream ?? destination({ dest: 2, sync: true }),
  )
  childrenOf.set(log, children)
  return log
}

const childrenOf = new WeakMap<Log, Set<WeakRef<Log>>>()

/** The root logger and its children: each has a separate level. */
export function setLogLevel(log: Log, level: string): void {
  log.level = level
  for (const child of childrenOf.get(log) ?? []) {
    const alive = child.deref()
    if (alive !== undefined) alive.level = level
  }
}

/** A child logger whose lines all carry its stage. */
export function stageLog(log: Log, stage: string): Log {
  return log.child({ stage })
}
