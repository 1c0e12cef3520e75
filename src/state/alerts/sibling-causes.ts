import { LRUCache } from 'lru-cache'
import type { Alert } from '../../core/event/alert.ts'
import { mayHoldPlaces } from '../../core/learning/place.ts'
import { nameKind } from '../../core/match/place-class.ts'
import { isOwned } from './cause-fold.ts'
import type { About } from './finding.ts'

/** Folders differ in some of their last names. */
const namesCompared = 6
/** Of folders with so many names, two may differ. */
const twoFrom = 4
/** Forms of folders, of all alerts together. */
export const formsKept = 20_000

/**
 * Which alert is about files that a service owns, by what their folders have in common with those that differ in a name:
 * `/srv/jobs/a/out/` and `/srv/jobs/b/out/`. What a program does in such a row of folders has one cause, unless the
 * kinds of files or the severities differ.
 */
export class SiblingCauses {
  readonly #alerts = new LRUCache<string, string>({ max: formsKept })

  addAlert({ id, cause, behaviour, severity, novelty }: Alert, group: string): void {
    // Novelty shares an alert in any case.
    if (cause === undefined || behaviour === null || novelty === true) return
    for (const { place } of cause.parts ?? [cause]) {
      this.add(id, { cause: { ...cause, place }, file: behaviour.object, severity, group })
    }
  }

  add(id: string, about: About): void {
    for (const form of formsOf(about)) this.#alerts.set(form, id)
  }

  /** The id of an alert about a folder beside, which may have a decision by now. */
  of(about: About): string | undefined {
    const form = formsOf(about).find((one) => this.#alerts.has(one))
    return form === undefined ? undefined : this.#alerts.get(form)
  }
}

function formsOf({ cause, file, severity, group }: About): readonly string[] {
  if (!isOwned(cause)) return []
  const kind = cause.access === 'change' ? nameKind(file) : ''
  const names = cause.place.split('/').slice(1, -1)
  const first = Math.max(0, names.length - namesCompared)
  const may = names.slice(first).flatMap((_, index) => {
    const at = first + index
    return mayHoldPlaces(['', ...names.slice(0, at), ''].join('/')) ? [at] : []
  })
  const pairs =
    names.length < twoFrom
      ? []
      : may.flatMap((at, index) => may.slice(index + 1).map((other) => [at, other]))
  const from = [group, severity, kind].join('\u0000')
  // No name has a slash.
  return [...may.map((at) => [at]), ...pairs].map(
    (open) => `${from}\u0000${names.map((name, at) => (open.includes(at) ? '/' : name)).join('/')}`,
  )
}
