import { Daemon } from '../../src/agent/engine/daemon.ts'
import { Dispatcher } from '../../src/agent/pipeline/delivery/dispatcher.ts'
import { Identifier } from '../../src/agent/pipeline/identity/identifier.ts'
import { ImageFiles } from '../../src/agent/pipeline/identity/image-files.ts'
import type { EventSource } from '../../src/agent/pipeline/sources/source.ts'
import type { Store } from '../../src/agent/records/store/store.ts'
import { createLog } from '../../src/support/telemetry/log.ts'
import { guardrails, shaper, techniques } from '../fixtures/event-fixture.ts'
import type { SoakEngine } from './soak-source.ts'

interface Measured {
  readonly source: EventSource
  readonly containers: SoakEngine
  readonly store: Store
  /** Absent: the clock of the machine. */
  readonly now?: () => number
}

/** A daemon with the bounds of a node, and no sinks, whose memory and turns are measured. */
export function measuredDaemon({ source, containers, store, now }: Measured): Daemon {
  const files = new ImageFiles()
  const clock = now === undefined ? {} : { now }
  return new Daemon({
    node: 'n1',
    sources: [source],
    engines: [containers],
    files,
    makeIdentifier: (links) =>
      new Identifier({ engines: [containers], files, node: 'n1', ...links, ...clock }),
    shaper,
    guardrails,
    techniques,
    rules: { floorMs: 600_000, ceilingMs: 86_400_000, unseen: 0.05, after: 'alert' },
    retention: { versions: 10, ageMs: 90 * 86_400_000 },
    failClosed: false,
    store,
    makeDispatcher: (news) =>
      new Dispatcher([], {
        node: 'n1',
        outbox: { maxBytes: 67_108_864, maxAgeMs: 86_400_000, maxSpan: 100_000 },
        repeatMs: 0,
        onError: () => undefined,
        ...news,
      }),
    storms: { each: 20, withinMs: 60_000, always: 'critical' },
    flushIntervalMs: 15_000,
    alertsKept: 10_000,
    auditKept: 100_000,
    log: createLog('silent'),
    ...clock,
  })
}
