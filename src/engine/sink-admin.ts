import type { SinkTest } from '../pipeline/delivery/dispatcher.ts'
import type { SinkView } from './api/sink-view.ts'

export type { SinkTest, SinkView }

/** The part of alert delivery that the API uses. */
export interface SinkAdmin {
  list(): readonly SinkView[]
  /** Errors: SINK_UNKNOWN. */
  test(name: string): Promise<SinkTest>
}
