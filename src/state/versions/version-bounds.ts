import { SharedBound } from './shared-bound.ts'

/** Keys of the kernel with their meaning, of all versions together. */
export const allKeysKept = 65_536
/** Container runs of all versions together. */
export const allRunsKept = 16_384
/** Unexpected events, and actions of stopped events, of all versions together. */
export const allReportedKept = 65_536

/** What all versions together may keep. */
export class VersionBounds {
  readonly keys = new SharedBound(allKeysKept)
  readonly runs = new SharedBound(allRunsKept)
  readonly reported = new SharedBound(allReportedKept)
}
