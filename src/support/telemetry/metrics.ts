import { Counter, Gauge, Registry } from 'prom-client'
import type { SinkView } from '../../api/sink-view.ts'
import type { StatusView } from '../../api/status-views.ts'
import { type MetricName, metricTable, statusTable } from './metric-table.ts'
import type { LoopFigures, Observed } from './status-row.ts'

/** A separate registry and the agent's counters; nothing of it is global to the process. */
export interface Metrics {
  readonly contentType: string
  /** A label value outside the closed set is counted as `other`, so that input cannot grow the metrics. */
  count(name: MetricName, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Computes the metrics of {@link statusTable} again for each scrape. */
  observe(
    status: () => StatusView,
    sinks: () => readonly SinkView[],
    loop?: () => LoopFigures,
  ): void
  /** Text exposition. */
  expose(): Promise<string>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const counters = new Map<MetricName, Counter>()
  for (const [name, { help, labels }] of entries(metricTable)) {
    const counter = new Counter({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [registry],
    })
    counters.set(name, counter)
  }
  /** The status for the current scrape: one serves all metrics. */
  let observed: Observed | undefined
  return {
    contentType: registry.contentType,
    count(name, labels = {}, by = 1) {
      counters.get(name)?.inc(closed(name, labels), by)
    },
    observe(status, sinks, loop) {
      registerStatus(registry, () => {
        observed ??= {
          ...status(),
          sinks: sinks(),
          ...(loop === undefined ? {} : { loop: loop() }),
        }
        return observed
      })
    },
    expose() {
      observed = undefined
      return registry.metrics()
    },
  }
}

function closed(name: MetricName, given: Readonly<Record<string, string>>): Record<string, string> {
  const sets: Readonly<Record<string, readonly string[]>> = metricTable[name].labels
  return Object.fromEntries(
    Object.entries(sets).map(([label, values]) => {
      const value = given[label] ?? 'other'
      return [label, values.includes(value) ? value : 'other']
    }),
  )
}

function registerStatus(registry: Registry, look: () => Observed): void {
  for (const [name, { type, help, labels, read }] of Object.entries(statusTable)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    const samples = () => read(look())
    if (type === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset()
          for (const sample of samples()) this.set(sample.labels, sample.value)
        },
      })
    } else {
      new Counter({
        ...options,
        // The pipeline does the counting: the counter takes over its sum.
        collect() {
          this.reset()
          for (const sample of samples()) this.inc(sample.labels, sample.value)
        },
      })
    }
  }
}

function entries<K extends string, V>(table: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(table) as [K, V][]
}
