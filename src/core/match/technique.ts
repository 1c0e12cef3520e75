import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { Alert } from '../event/alert.ts'
import type { ActEvent } from '../event/event.ts'
import { CompiledRules } from './condition.ts'
import type { TechniqueRule, TechniqueRules } from './rules-schema.ts'
import { withChanges } from '../with-changes.ts'

/** The rules of `shipped`, each replaced by the one of `own` with its id, and the others of `own`. */
export function mergedTechniques(shipped: TechniqueRules, own: TechniqueRules): TechniqueRules {
  const replaced = new Set(own.techniques.map(({ id }) => id))
  const kept = shipped.techniques.filter(({ id }) => !replaced.has(id))
  return { ...shipped, techniques: [...kept, ...own.techniques] }
}

type ManyPeers = Pick<TechniqueRule, 'attack' | 'why'> & { readonly least: number }

/** The table of techniques, compiled. Immutable. Applied only to deviations. */
export class Techniques {
  readonly #rules: CompiledRules<readonly string[]>
  readonly #peers: readonly ManyPeers[]

  constructor({ techniques }: TechniqueRules) {
    this.#rules = new CompiledRules(techniques.map(({ attack, when = [] }) => [attack, when]))
    this.#peers = techniques.flatMap(({ attack, why, peers }) =>
      peers === undefined || attack.length === 0 ? [] : [{ attack, why, least: peers }],
    )
  }

  /** Ids of the techniques that the unexpected behaviours of an event show. */
  of(event: ActEvent, unexpected: readonly BehaviourRef[]): readonly string[] {
    return distinct(this.#rules.holding(event, unexpected).flat())
  }

  /** The alert with the techniques that only the number of peers and ports of one actor shows. */
  counted(alert: Alert, peers: number): Alert {
    if (alert.cause?.access !== 'connect') return alert
    let next = alert
    for (const { attack, why, least } of this.#peers) {
      if (peers < least) continue
      const known = next
      next = withTechniques(known, attack)
      if (next !== known) next = withChanges(next, { reasons: [...next.reasons, why] })
    }
    return next
  }
}

/** The alert with more techniques; the same object where it has them. */
export function withTechniques(alert: Alert, more: readonly string[]): Alert {
  const attack = distinct([...alert.attack, ...more])
  return attack.every((id) => alert.attack.includes(id)) ? alert : withChanges(alert, { attack })
}

/** Each id once. A technique is left out where one of its sub-techniques is there. */
export function distinct(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].filter((id) => !ids.some((other) => other.startsWith(`${id}.`)))
}
