/**
 * The types that a source is written against, for `import type … from 'snug/source'`: a module's default export is a
 * {@link MakeSource}. What a source has to keep to stands with {@link EventSource}; `snug/source-suite` tests it.
 */
export type { ActEvent, EventKind, LossEvent, SnugEvent } from '../../core/event/event.ts'
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
