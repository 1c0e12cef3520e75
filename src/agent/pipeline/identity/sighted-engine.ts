import type { Runtimes } from '../../../core/sight/runtimes.ts'
import { changedEngine } from './changed-engine.ts'
import type { IdentityEngine } from './identity.ts'

/** The engine, with the blindness of each container. */
export function sightedEngine(engine: IdentityEngine, runtimes: Runtimes): IdentityEngine {
  return changedEngine(engine, (container) => {
    const blind = runtimes.blindness(container.runtime)
    return blind === undefined ? container : { ...container, blind }
  })
}
