import type { SinkView } from '../../api/sink-view.ts'
import type { StatusView } from '../../api/status-views.ts'
import type { LoopDelay } from './loop-watch.ts'

export interface Sample {
  readonly labels: Record<string, string>
  readonly value: number
}

/** State that is read when metrics are scraped. */
export type Observed = StatusView & {
  readonly sinks: readonly SinkView[]
  /** Absent where nothing is judged. */
  readonly loop?: LoopFigures
}

/** Of the event loop that judges; times in seconds. */
export interface LoopFigures extends LoopDelay {
  readonly longTurns: number
  readonly queueAge: number
}

export interface StatusRow {
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (observed: Observed) => readonly Sample[]
}
