import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'

/** What a node publishes for a version beside its behaviours: in the first of its slices. */
export interface SliceHead {
  /** Since when the node's window has ended with nothing missing; RFC 3339. */
  readonly learnedAt?: string
  /** The latest decision on the mode that a person made at this node. */
  readonly mode?: ModeDecision
}

/** The next head of a node. A published decision on the mode stays published, even after the node itself lost it. */
export function nextHead({ learnedAt, mode }: SliceHead, written: SliceHead): SliceHead {
  const decision = mode ?? written.mode
  return {
    ...(learnedAt === undefined ? {} : { learnedAt }),
    ...(decision === undefined ? {} : { mode: decision }),
  }
}

/** Whether there is something in it that is worth a write. Of windows that ended one node's is enough. */
export function isWorthWriting(
  { learnedAt, mode }: SliceHead,
  written: SliceHead,
  othersLearned: boolean,
): boolean {
  if (mode !== undefined && mode.at !== written.mode?.at) return true
  // The node takes back its own published window when it no longer ended at that time.
  return written.learnedAt !== learnedAt && (written.learnedAt !== undefined || !othersLearned)
}
