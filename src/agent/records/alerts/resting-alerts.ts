import type { Steps } from '../../../core/steps.ts'
import { PackedJson } from '../../../core/packed-json.ts'
import { type KeptAlert, type PackedAlerts, packedTogether } from './kept-alert.ts'

/** Which alerts have not changed for a while, to be packed together. */
export class RestingAlerts {
  /** New or changed since the last round. */
  #fresh = new Set<KeptAlert>()
  /** New or changed in the rounds before, until they are packed. */
  readonly #old = new Set<KeptAlert>()

  /** The store has another alert in place of one; absent: none. */
  replace(before: KeptAlert | undefined, now: KeptAlert | undefined): void {
    if (before !== undefined && !this.#fresh.delete(before)) this.#old.delete(before)
    if (now !== undefined) this.#fresh.add(now)
  }

  /** A round: packs those that were there at the last one, with pauses. A few may be left for the next one. */
  *steps(): Steps<void> {
    let some: KeptAlert[] = []
    for (const alert of this.#old) {
      some.push(alert)
      if (some.length < packedTogether) continue
      this.#pack(some)
      some = []
      yield
    }
    for (const alert of this.#fresh) this.#old.add(alert)
    this.#fresh = new Set()
  }

  #pack(alerts: readonly KeptAlert[]): void {
    const packed: PackedAlerts = new PackedJson(alerts.map(({ whole }) => whole))
    for (const [at, alert] of alerts.entries()) {
      alert.pack(packed, at)
      this.#old.delete(alert)
    }
  }
}
