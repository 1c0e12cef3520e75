import type { Alert } from '../../../core/event/alert.ts'
import type { SnugEvent } from '../../../core/event/event.ts'
import type { CapturedFile, CaseProcess, CaseView } from '../../../api/case-views.ts'

/** One line of a case file: compressed NDJSON. The first line is the head. */
export type CaseLine =
  | CaseHead
  | { readonly type: 'process'; readonly process: CaseProcess }
  | { readonly type: 'event'; readonly when: 'before' | 'after'; readonly event: SnugEvent }
  | { readonly type: 'file'; readonly file: CapturedFile }
  /** The contents of files follow in parts of at most {@link partBytes}, in base64. */
  | {
      readonly type: 'content'
      readonly path: string
      readonly part: number
      readonly data: string
    }
  | { readonly type: 'note'; readonly text: string }

type HeadFacts = 'id' | 'time' | 'node' | 'by' | 'reason' | 'container' | 'image' | 'workload'

export interface CaseHead extends Pick<CaseView, HeadFacts | 'profile'> {
  readonly type: 'case'
  readonly schema: 'snug.case/v1'
  readonly alert?: Alert
}

/** Of the content of a file in one line. */
export const partBytes = 262_144

export const caseBounds = {
  /** Bytes of one file. */
  fileBytes: 8 * 1_048_576,
  /** Bytes of all files of a case. */
  filesBytes: 16 * 1_048_576,
  files: 200,
  /** Names that are looked at, to find what was changed. */
  names: 5_000,
  processes: 512,
  /** Files and mappings of one process. */
  perProcess: 256,
  /** Events after the capture. */
  eventsAfter: 1_024,
  afterMs: 60_000,
  /** All cases of a node. */
  cases: 100,
  casesBytes: 268_435_456,
  ageMs: 30 * 86_400_000,
} as const
