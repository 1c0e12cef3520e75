import type { Alert } from '../../../core/event/alert.ts'
import { besideFingerprint } from './cause-fingerprint.ts'
import { wholeCauses } from './cause-fold.ts'

/** Places that a person allowed as a whole, and the alerts that they did it on. */
export class DecidedPlaces {
  /** Fingerprint of a cause → its alert. */
  readonly #decided = new Map<string, string>()

  /** `fingerprint`: that of the alert. */
  add(alert: Alert, fingerprint: string): void {
    for (const cause of wholeCauses(alert)) {
      this.#decided.set(besideFingerprint(fingerprint, cause), alert.id)
    }
  }

  remove(alert: Alert, fingerprint: string): void {
    for (const cause of wholeCauses(alert)) {
      const own = besideFingerprint(fingerprint, cause)
      if (this.#decided.get(own) === alert.id) this.#decided.delete(own)
    }
  }

  /** Those whose alert meets the condition. */
  removeWhere(isMet: (id: string) => boolean): void {
    for (const [fingerprint, id] of this.#decided) {
      if (isMet(id)) this.#decided.delete(fingerprint)
    }
  }

  /** The id of the alert that the place of the cause was allowed on. */
  idOf(fingerprint: string): string | undefined {
    return this.#decided.get(fingerprint)
  }
}
