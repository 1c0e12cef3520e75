import { LRUCache } from 'lru-cache'
import type { Alert } from '../../../core/event/alert.ts'
import { mayHoldPlaces } from '../../../core/learning/place.ts'
import { decidedKind, nameKind } from '../../../core/match/place-class.ts'
import { isOwned } from './cause-fold.ts'
import { type About, isRemoval } from './finding.ts'

/** Folders differ in some of their last names. */
const namesCompared = 6
/** Of folders with so many names, two may differ. */
const twoFrom = 4
/** Forms of folders, of all alerts together. */
export const formsKept = 20_000
/** Alerts of one form: the next event joins the latest that is open. */
export const alertsOfForm = 16

/**
 * Which alert is about files that a service owns, by what their folders have in common with those that differ in a name:
 * `/srv/jobs/a/out/` and `/srv/jobs/b/out/`. What a program does in such a row of folders has one cause, unless the
 * severities differ, or kinds of files that a person decides on one by one.
 */
export class SiblingCauses {
  readonly #openAlert: (id: string) => Alert | undefined
  /** Form → alerts, the latest last. */
  readonly #alerts = new LRUCache<string, readonly string[]>({ max: formsKept })

  /** `openAlert`: the alert with that id, if it is open. */
  constructor(openAlert: (id: string) => Alert | undefined) {
    this.#openAlert = openAlert
  }

  addAlert({ id, cause, behaviour, event, severity, novelty }: Alert, group: string): void {
    // Novelty shares an alert in any case.
    if (cause === undefined || behaviour === null || novelty === true) return
    for (const { place } of cause.parts ?? [cause]) {
      const about = { cause: { ...cause, place }, file: behaviour.object, severity, group }
      this.add(id, { ...about, isRemoved: isRemoval(event) })
    }
  }

  add(id: string, about: About): void {
    for (const form of formsOf(about)) {
      const known = this.#alerts.get(form) ?? []
      if (known.at(-1) === id) continue
      const others = known.filter((one) => one !== id && this.#openAlert(one) !== undefined)
      this.#alerts.set(form, [...others, id].slice(-alertsOfForm))
    }
  }

  /** The latest open alert about a folder beside, of the same severity. */
  of(about: About): Alert | undefined {
    for (const form of formsOf(about)) {
      for (const id of this.#alerts.get(form)?.toReversed() ?? []) {
        const alert = this.#openAlert(id)
        if (alert?.severity === about.severity) return alert
      }
    }
    return undefined
  }
}

/** The kind of files of a row of folders; empty for reads. */
export function rowKind({ cause, file, isRemoved }: About): string {
  return cause.access === 'change' ? decidedKind(nameKind(file), isRemoved) : ''
}

function formsOf(about: About): readonly string[] {
  const { cause, severity, group } = about
  if (!isOwned(cause)) return []
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
  const from = [group, severity, rowKind(about)].join('\u0000')
  // No name has a slash.
  return [...may.map((at) => [at]), ...pairs].map(
    (open) => `${from}\u0000${names.map((name, at) => (open.includes(at) ? '/' : name)).join('/')}`,
  )
}
