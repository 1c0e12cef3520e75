import type { LossEvent, SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import type { LineTaker } from './event-lines.ts'

/** The services that a source provides to the mapper of a format. */
export interface LineContext {
  readonly node: string
  /** Name of the source: the `source` of the losses that the mapper reports. */
  readonly source: string
  readonly now: () => Date
  /** Counts a line that was read and has no event. `what` is from a small closed set. */
  readonly ignore: (what: string) => void
}

/** A loss that the sensor itself reports. Its time is the time of that report. */
export function reportedLoss(
  { node, source }: LineContext,
  time: string,
  reason: string,
  count: number,
): LossEvent {
  const loss = { reason, count, from: time, to: time }
  return { v: 1, kind: 'loss', time, node, source, loss }
}

export interface LineMapper {
  readonly take: LineTaker
  /**
   * For formats whose events span several lines: emits events that are complete, or all at the
   * `end`.
   */
  readonly settle?: (into: SnugEvent[], end: boolean) => void
  /** True while it holds part of an event: reading cannot resume here after a restart. */
  readonly holds?: () => boolean
  /** Loads what only this format needs. To be awaited before the first line. */
  readonly load?: () => Promise<void>
  /** See `EventSource`. */
  readonly inside?: ReadonlySet<string>
}

/** A format of lines: its name, the kinds that it can report, and its mapper. */
export interface LineFormat {
  readonly name: string
  readonly kinds: readonly EventKind[]
  /** See `SourceSupport`. */
  readonly byRule?: boolean
  readonly relays?: boolean
  /** Its lines are packets of a unix socket, as `snug-sensor --packets` prints them: the answer to a peer's first one. */
  readonly packets?: string
  /** The source follows a growing file through rotation and truncation; else it reads it once. */
  readonly follow: boolean
  open(context: LineContext): LineMapper
}
