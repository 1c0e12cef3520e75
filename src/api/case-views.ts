import type { CapturedFile, CaseHead, CaseProcess, CaseSummary } from '../core/case/case.ts'
import type { SnugEvent } from '../core/event/event.ts'

/** A case without the contents of its files. */
export interface CaseView extends CaseSummary {
  /** Of the version when it was captured. */
  readonly profile?: NonNullable<CaseHead['profile']>
  readonly processes: readonly CaseProcess[]
  readonly files: readonly CapturedFile[]
  /** The last events before the capture, oldest first. */
  readonly before: readonly SnugEvent[]
  /** Those within a minute of it. */
  readonly after: readonly SnugEvent[]
  /** What is missing, and why. */
  readonly notes: readonly string[]
}

/** The compressed file of a case. */
export interface CaseFileView {
  readonly name: string
  readonly sha256: string
  /** In base64. */
  readonly content: string
}
