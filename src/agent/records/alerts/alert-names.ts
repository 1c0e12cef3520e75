import type { Alert } from '../../../core/event/alert.ts'

/** Behaviours of one alert that are kept apart. Each further one counts as a new name. */
export const namesKept = 512
/** Of all alerts together. */
export const allNamesKept = 65_536

/** Ids of the behaviours that share each alert, as far as they are kept apart. */
export class AlertNames {
  readonly #names = new Map<string, Set<string>>()
  #total = 0

  /** Whether the behaviour is new to the alert, or no longer kept apart. */
  add({ id, samples = [], behaviour }: Alert, added: string): boolean {
    let names = this.#names.get(id)
    if (names === undefined) {
      names = new Set([
        ...samples.map((sample) => sample.id),
        ...(behaviour === null ? [] : [behaviour.id]),
      ])
      this.#names.set(id, names)
      this.#total += names.size
    }
    if (names.has(added)) return false
    if (names.size < namesKept && this.#total < allNamesKept) {
      names.add(added)
      this.#total += 1
    }
    return true
  }

  drop(id: string): void {
    this.#total -= this.#names.get(id)?.size ?? 0
    this.#names.delete(id)
  }
}
