/**
 * The types for authors of a source, for `import type … from 'snug/source'`. The default export of
 * a module is a {@link MakeSource}. {@link EventSource} documents the contract of a source, and
 * `snug/source-suite` tests it.
 */
export type { ActEvent, LossEvent, SnugEvent } from '../../../core/event/event.ts'
export type { EventKind } from '../../../core/event/event-words.ts'
export type { LineContext, LineFormat, LineMapper } from './line-format.ts'
export type { MakeSource, ModuleOptions } from './module-source.ts'
export type {
  EventSource,
  SourceBatch,
  SourceMessage,
  SourceState,
  SourceStats,
  SourceSupport,
} from './source.ts'
