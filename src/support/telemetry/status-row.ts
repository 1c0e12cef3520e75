import type { SinkView } from '../../engine/api/sink-view.ts'
import type { StatusView } from '../../engine/api/engine-views.ts'

export interface Sample {
  readonly labels: Record<string, string>
  readonly value: number
}

/** What is looked at when metrics are scraped. */
export type Observed = StatusView & { readonly sinks: readonly SinkView[] }

export interface StatusRow {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (observed: Observed) => readonly Sample[]
}
