import { severities } from '../../core/event/alert-words.ts'
import { openClassId } from '../../core/behaviour/any-program.ts'
import type { Author } from '../../core/lifecycle/author.ts'
import {
  allWaiting,
  anyProgramEntry,
  decisionActions,
  type SpecEntry,
} from '../../core/lifecycle/decided-spec.ts'
import { holdLevels } from '../../core/lifecycle/hold.ts'
import type { SharedClosing } from '../../core/lifecycle/shared-closing.ts'
import type { SharedHold } from '../../core/lifecycle/shared-hold.ts'
import { modes } from '../../core/lifecycle/mode.ts'
import type { ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { FleetImage } from '../fleet-image.ts'
import type { ImageProfile } from './fleet-objects.ts'

/**
 * The decisions in an ImageProfile, as readers use them. Authors are `spec:NAME`, or `git:NAME` where git decides: so
 * that nobody who writes there takes the name of an author on a node. Times are RFC 3339 UTC, to the millisecond.
 * Decisions that only a later version can have made are none here.
 */
export interface SpecDecision {
  readonly image: FleetImage
  /** Of the object: a later change has a higher number. */
  readonly generation: number
  /** It overrides decisions made elsewhere. */
  readonly isGit: boolean
  readonly mode?: ModeDecision
  readonly approveAll?: Author
  readonly decisions: readonly SpecEntry[]
  readonly holds: readonly SharedHold[]
  readonly closings: readonly SharedClosing[]
}

export function specDecisionOf({ metadata, spec }: ImageProfile): SpecDecision {
  const isGit = spec.authority === 'git'
  const read = <T extends Author>(written: T, from = isGit ? 'git' : 'spec'): T => ({
    ...written,
    by: `${from}:${written.by}`,
    // Times are compared as text.
    at: new Date(written.at).toISOString(),
  })
  const { decisions = [], holds = [], closings = [] } = spec
  const mode = isOneOf(modes, spec.mode?.value) ? spec.mode : undefined
  const all = decisions
    .filter(({ action }) => isOneOf(decisionActions, action))
    .map((each) => read(each))
    .map((each) =>
      each.behaviour === anyProgramEntry ? { ...each, behaviour: openClassId } : each,
    )
  const waiting = all.find(({ behaviour }) => behaviour === allWaiting)
  return {
    image: spec.image,
    generation: metadata.generation ?? 0,
    isGit,
    ...(mode === undefined ? {} : { mode: { ...read(authorIn(mode)), mode: mode.value } }),
    ...(waiting === undefined ? {} : { approveAll: authorIn(waiting) }),
    decisions: all.filter((each) => each !== waiting),
    holds: holds
      .filter(({ level }) => isOneOf(holdLevels, level))
      .map((hold) => ({
        ...read(hold, 'spec'),
        ...(hold.released === undefined ? {} : { released: read(hold.released, 'spec') }),
      })),
    closings: closings
      .filter(({ alerts }) => alerts.every(({ severity }) => isOneOf(severities, severity)))
      .map((each) => read(each, 'spec')),
  }
}

function isOneOf(words: readonly string[], word: string | undefined): boolean {
  return word !== undefined && words.includes(word)
}

function authorIn({ by, at }: Author): Author {
  return { by, at }
}

/** Whether a decision of a node came from an ImageProfile. */
export function isOfSpec(by: string): boolean {
  return /^(spec|git):/.test(by)
}
