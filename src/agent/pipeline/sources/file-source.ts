import { eventKinds } from '../../../core/event/event-words.ts'
import { eventTaker } from './event-lines.ts'
import { type LineFormat } from './line-format.ts'
import { LineSource, type LineSourceOptions } from './line-source.ts'

export type FileSourceOptions = Omit<LineSourceOptions, 'place'>

/** Snug's own events, as recorded. */
export const recorded: LineFormat = {
  name: 'file',
  kinds: eventKinds,
  relays: true,
  follow: false,
  open: () => ({ take: eventTaker() }),
}

/**
 * Recorded events from a file or a pipe, read once from start to end.
 *
 * Errors: `SOURCE_UNREADABLE` if the file cannot be opened or read.
 */
export class FileSource extends LineSource {
  constructor(options: FileSourceOptions) {
    super(recorded, options)
  }
}
