import type { Guardrails } from '../../../core/match/guardrail.ts'
import { OpenClass } from '../../../core/match/open-class.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'

interface Made {
  readonly openClass: OpenClass
  readonly revision: number
  readonly changes: number
  readonly atMs: number
}

/** What versions of class `open` expect beside their profiles. Versions of no class cost a look-up for each deviation. */
export class OpenClasses {
  readonly #guardrails: Guardrails
  readonly #now: () => number
  readonly #made = new WeakMap<DeployedVersion, Made>()

  constructor(guardrails: Guardrails, now: () => number) {
    this.#guardrails = guardrails
    this.#now = now
  }

  /** Undefined where nobody decided that the version is open. */
  of(version: DeployedVersion): OpenClass | undefined {
    const { profile, revision, life } = version
    if (!profile.isOpen) return undefined
    const known = this.#made.get(version)
    const nowMs = this.#now()
    // A decision counts at once. What a window goes on to show, and what other nodes publish, may wait.
    if (known?.revision === revision) {
      const restMs = life.state === 'learning' ? learningRestMs : settledRestMs
      if (known.changes === profile.changes || nowMs - known.atMs < restMs) return known.openClass
    }
    const openClass = new OpenClass(profile, this.#guardrails)
    this.#made.set(version, { openClass, revision, changes: profile.changes, atMs: nowMs })
    return openClass
  }
}

const learningRestMs = 1_000
const settledRestMs = 10_000
