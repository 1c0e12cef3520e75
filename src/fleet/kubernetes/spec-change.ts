import { type Author, timeAfter } from '../../core/lifecycle/author.ts'
import {
  allWaiting,
  anyProgramEntry,
  type DecisionAction,
  type SpecEntry,
} from '../../core/lifecycle/decided-spec.ts'
import type { VersionClass } from '../../core/lifecycle/open-version.ts'
import { type NewClosing, withClosing } from '../../core/lifecycle/shared-closing.ts'
import {
  isOver,
  type NewHold,
  orderedHold,
  releasedHold,
  unknownHold,
} from '../../core/lifecycle/shared-hold.ts'
import type { ImageProfile } from './fleet-objects.ts'
import type { Mode } from '../../core/lifecycle/mode.ts'

type Spec = ImageProfile['spec']

/** Changes the decisions in a `spec` in the name of an author: gives the JSON merge patch of it. */
export type SpecChange = (spec: Spec, author: Author) => object

/** Behaviours to approve, by id. */
export interface Approval {
  /** Everything that waits for review. */
  readonly all: boolean
  readonly behaviours: readonly string[]
  /** Although a guardrail keeps them in quarantine. */
  readonly quarantined: readonly string[]
}

export function approving({ all, behaviours, quarantined }: Approval): SpecChange {
  const actions = new Map<string, DecisionAction>()
  if (all) actions.set(allWaiting, 'approve')
  for (const id of behaviours) actions.set(id, 'approve')
  for (const id of quarantined) actions.set(id, 'release')
  return deciding(actions)
}

export function rejecting(ids: readonly string[]): SpecChange {
  return deciding(new Map(ids.map((id) => [id, 'reject'])))
}

export function settingClass(to: VersionClass): SpecChange {
  return deciding(new Map([[anyProgramEntry, to === 'open' ? 'approve' : 'reject']]))
}

export function settingMode(value: Mode): SpecChange {
  return ({ mode }, { by, at }) => ({ mode: { value, by, at: timeAfter(mode, at) } })
}

/** Holds that are over leave the object. */
export function holding(hold: NewHold): SpecChange {
  return ({ holds = [] }, author) => ({
    holds: [
      ...holds.filter((each) => !isOver(each, Date.parse(author.at))),
      orderedHold(hold, author),
    ],
  })
}

/** Errors: HOLD_UNKNOWN */
export function releasing(id: string, reason?: string): SpecChange {
  return ({ holds = [] }, author) => {
    if (!holds.some((each) => each.id === id)) throw unknownHold(id)
    const after = holds.map((each) => (each.id === id ? releasedHold(each, author, reason) : each))
    return { holds: after }
  }
}

/** Closings that are over leave the object. */
export function closing(incident: NewClosing): SpecChange {
  return ({ closings = [] }, author) => ({ closings: withClosing(closings, author, incident) })
}

/** A decision replaces the one on the same behaviour. The others keep their authors. */
function deciding(actions: ReadonlyMap<string, DecisionAction>): SpecChange {
  return ({ decisions = [] }, { by, at }) => {
    const before = new Map(decisions.map((each) => [each.behaviour, each]))
    const added = [...actions].map(
      ([behaviour, action]): SpecEntry => ({
        behaviour,
        action,
        by,
        at: timeAfter(before.get(behaviour), at),
      }),
    )
    return { decisions: [...decisions.filter((each) => !actions.has(each.behaviour)), ...added] }
  }
}
