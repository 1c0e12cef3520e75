import type { ImageRef } from '../event/event.ts'
import { type Actor, type BehaviourObject, behaviourKey } from '../profile/behaviour.ts'
import type { Profile } from '../profile/profile.ts'
import { isPattern } from '../profile/subject.ts'
import type { User } from '../profile/user.ts'

/** One thing that the service may do, for languages that know less than a profile does. */
export interface Allowed {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
  /** Present where the object is a pattern that is not open yet: exactly these are allowed. */
  readonly literals?: readonly string[]
}

/** What is exported: the expected behaviour of one version, and nothing of its exec sessions. */
export interface Exportable {
  readonly image: ImageRef
  readonly allowed: readonly Allowed[]
}

/** What an export says, and what it cannot: the notes are for whoever puts it to use. */
export interface Exported {
  readonly text: string
  readonly notes: readonly string[]
}

export function exportableOf(image: ImageRef, profile: Profile): Exportable {
  const allowed = profile.entries().flatMap((entry): readonly Allowed[] => {
    const state = profile.state(entry.id)
    if (state !== 'learned' && state !== 'approved') return []
    const { actor, uid, object, cells } = entry
    const admission = profile.admission(behaviourKey(actor, uid, object))
    if (admission === undefined || admission.origins.every((origin) => origin === 'exec-in'))
      return []
    if (!isPattern(object) || admission.generalised) return [{ actor, uid, object }]
    const literals = new Set(cells.flatMap(({ witnesses }) => witnesses?.literals ?? []))
    return [{ actor, uid, object, literals: [...literals].sort() }]
  })
  return { image, allowed }
}

/** A name for what is made of an image: lower case letters, digits and hyphens, at most 63. */
export function nameOf({ repository, digest }: ImageRef): string {
  const short = repository.slice(repository.lastIndexOf('/') + 1).toLowerCase()
  const plain = short.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'image'
  return `snug-${plain.slice(0, 40)}-${digest.slice(digest.indexOf(':') + 1).slice(0, 12)}`
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
