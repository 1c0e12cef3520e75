import { isDeepStrictEqual } from 'node:util'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { HoldProgress } from '../../core/lifecycle/shared-hold.ts'

/** What a node publishes for a version beside its behaviours: in the first of its slices. */
export interface SliceHead {
  /** Since when the node's window has ended with nothing missing; RFC 3339. */
  readonly learnedAt?: string
  /** The latest decision on the mode that a person made at this node. */
  readonly mode?: ModeDecision
  /** Of the fleet's holds, those that concern containers here. */
  readonly holds?: readonly HoldProgress[]
}

type Given<T> = { readonly [Key in keyof T]: T[Key] | undefined }

/** Its members, without those that it does not have. */
export function headIn({ learnedAt, mode, holds }: Given<SliceHead>): SliceHead {
  return {
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(mode === undefined ? {} : { mode }),
    ...(holds === undefined ? {} : { holds }),
  }
}

/** The next head of a node. A published decision on the mode stays published, even after the node itself lost it. */
export function nextHead(news: SliceHead, written: SliceHead): SliceHead {
  const mode = news.mode ?? written.mode
  return headIn({ ...news, ...(mode === undefined ? {} : { mode }) })
}

/** Whether there is something in it that is worth a write. Of windows that ended one node's is enough. */
export function isWorthWriting(
  { learnedAt, mode, holds }: SliceHead,
  written: SliceHead,
  othersLearned: boolean,
): boolean {
  if (mode !== undefined && mode.at !== written.mode?.at) return true
  if (!isDeepStrictEqual(holds, written.holds)) return true
  // The node takes back its own published window when it no longer ended at that time.
  return written.learnedAt !== learnedAt && (written.learnedAt !== undefined || !othersLearned)
}
