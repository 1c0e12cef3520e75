import type { RejectedLine } from '../../api/profile-views.ts'
import { type CliIo, printLine } from '../cli-io.ts'
import { safeText } from '../../support/safe-text.ts'

interface Judged {
  readonly deviations: number
  readonly rejected: readonly RejectedLine[]
  readonly rejectedCount: number
}

/** Names the lines that were no events, as many as the agent kept. */
export function reportRejected(io: CliIo, { rejected, rejectedCount }: Judged): void {
  for (const { code, message } of rejected) {
    printLine(io, `snug: ${safeText(message)} (${code})`)
  }
  const more = rejectedCount - rejected.length
  if (more > 0) printLine(io, `snug: ${more} more lines were rejected`)
}

/** 3 where a line was not an event: it was not judged, so it outweighs 2, a deviation. */
export function rejectedExit({ deviations, rejectedCount }: Judged): 0 | 2 | 3 {
  if (rejectedCount > 0) return 3
  return deviations > 0 ? 2 : 0
}
