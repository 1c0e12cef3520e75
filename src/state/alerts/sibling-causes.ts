import type { Alert, AlertCause } from '../../core/event/alert.ts'
import { mayHoldPlaces } from '../../core/learning/place.ts'
import { nameKind } from '../../core/match/place-class.ts'
import { isOwned } from './cause-fold.ts'

/** Folders differ in one of their last names. */
const namesCompared = 6
/** Forms of folders of one alert: those of ten folders. */
export const formsKept = 60

/** A cause, of which places that vary are shapes. */
type Of = Pick<AlertCause, 'access' | 'placeClass' | 'place'>

/**
 * The open alerts about files that a service owns, by what their folders have in common with those that differ in one
 * name: `/srv/jobs/a/out/` and `/srv/jobs/b/out/`. What a program does in such a row of folders has one cause, unless the
 * kinds of files differ.
 */
export class SiblingCauses {
  /** Key → alert */
  readonly #alerts = new Map<string, string>()
  /** Alert → its keys */
  readonly #keys = new Map<string, string[]>()

  /** @param group scope and group of its causes */
  addAll({ id, cause, behaviour, novelty }: Alert, group: string): void {
    // Novelty shares an alert in any case.
    if (cause === undefined || behaviour === null || novelty === true) return
    for (const { place } of cause.parts ?? [cause]) {
      this.add(id, { ...cause, place }, behaviour.object, group)
    }
  }

  /**
   * @param id an open alert about that cause
   * @param file the object of the behaviour
   */
  add(id: string, cause: Of, file: string, group: string): void {
    for (const key of keysOf(cause, file, group)) {
      const keys = this.#keys.get(id) ?? []
      if (this.#alerts.has(key) || keys.length >= formsKept) continue
      this.#alerts.set(key, id)
      keys.push(key)
      this.#keys.set(id, keys)
    }
  }

  remove(id: string): void {
    for (const key of this.#keys.get(id) ?? []) this.#alerts.delete(key)
    this.#keys.delete(id)
  }

  /** The id of an alert about a folder beside. */
  of(cause: Of, file: string, group: string): string | undefined {
    const key = keysOf(cause, file, group).find((one) => this.#alerts.has(one))
    return key === undefined ? undefined : this.#alerts.get(key)
  }
}

function keysOf(cause: Of, file: string, group: string): readonly string[] {
  if (!isOwned(cause)) return []
  const kind = cause.access === 'change' ? nameKind(file) : ''
  const names = cause.place.split('/').slice(1, -1)
  const first = Math.max(0, names.length - namesCompared)
  return names.slice(first).flatMap((_, index) => {
    const at = first + index
    const above = ['', ...names.slice(0, at), ''].join('/')
    const below = names.slice(at + 1).join('/')
    return mayHoldPlaces(above) ? [[group, kind, above, below].join('\u0000')] : []
  })
}
