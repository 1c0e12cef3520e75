import type { EventKind, LossEvent, SnugEvent } from '../../core/event/event.ts'
import type { LineTaker } from './event-lines.ts'

/** What a format's mapper may ask of its source. */
export interface LineContext {
  readonly node: string
  /** Name of the source: the `source` of the losses that the mapper tells. */
  readonly source: string
  readonly now: () => Date
  /** Counts a line that is read and tells no act; `what` is of a small set of words. */
  readonly ignore: (what: string) => void
}

/** What the sensor itself says that it dropped: it counts as of the instant at which it says so. */
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
  /** For formats whose events are of several lines: what waits and is whole by now, or, at the `end`, all of it. */
  readonly settle?: (into: SnugEvent[], end: boolean) => void
  /** True while it holds part of an event: no place to go on from after a restart. */
  readonly holds?: () => boolean
}

/** A format of lines: what it is called, what it can tell, and who reads it. */
export interface LineFormat {
  readonly name: string
  readonly kinds: readonly EventKind[]
  /** As its source's  says it. */
  readonly byRule?: boolean
  readonly relays?: boolean
  /** A file is read on as it grows, through rotation and truncation; else once to its end. */
  readonly follow: boolean
  open(context: LineContext): LineMapper
}
