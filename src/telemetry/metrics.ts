import { Counter, Gauge, Registry } from 'prom-client'
import type { StatusView } from '../flow/engine.ts'
import { gaugeTable, type MetricName, metricTable } from './metric-table.ts'

/** Our own registry and what is counted in it; nothing of it is global to the process. */
export interface Metrics {
  readonly contentType: string
  /** A label value outside the closed set is counted as `other`, so that input cannot grow the metrics. */
  count(name: MetricName, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Sets the gauges from a fresh status whenever metrics are scraped. */
  observe(status: () => StatusView): void
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
  return {
    contentType: registry.contentType,
    count(name, labels = {}, by = 1) {
      counters.get(name)?.inc(closed(name, labels), by)
    },
    observe(status) {
      registerGauges(registry, status)
    },
    expose: () => registry.metrics(),
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

function registerGauges(registry: Registry, status: () => StatusView): void {
  for (const [name, { help, labels, read }] of Object.entries(gaugeTable)) {
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset()
        for (const sample of read(status())) this.set(sample.labels, sample.value)
      },
    })
  }
}

function entries<K extends string, V>(table: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(table) as [K, V][]
}
