import type { ImageRef } from '../event/event.ts'
import { type Actor, type BehaviourObject, behaviourKey } from '../profile/behaviour.ts'
import { behaviourKinds } from '../profile/coverage-report.ts'
import type { Profile } from '../profile/profile.ts'
import type { EvidenceCell, ProfileEntry } from '../profile/profile-entry.ts'
import { anyArguments, isPattern } from '../profile/subject.ts'
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
  readonly seen: Seen
}

/** By whom and where the service was watched, without its exec sessions. */
export interface Seen {
  /** Kinds of acts that were watched for. */
  readonly kinds: readonly string[]
  readonly nodes: readonly string[]
  readonly sources: readonly string[]
  /** How many. */
  readonly containers: number
  /** The first and the last act, RFC 3339; absent where there was none. */
  readonly span?: { readonly first: string; readonly last: string }
}

/** What an export says, and what it cannot: the notes are for whoever puts it to use. */
export interface Exported {
  readonly text: string
  readonly notes: readonly string[]
}

/** @param kinds of acts that were watched for while it was learned */
export function exportableOf(
  image: ImageRef,
  profile: Profile,
  kinds: readonly string[] = behaviourKinds,
): Exportable {
  const entries = profile.entries()
  const allowed = entries.flatMap((entry): readonly Allowed[] => {
    const state = profile.state(entry.id)
    if (state !== 'learned' && state !== 'approved') return []
    const { actor, uid, object, cells } = entry
    const admission = profile.admission(behaviourKey(actor, uid, object))
    if (admission === undefined || admission.origins.every((origin) => origin === 'exec-in'))
      return []
    if (object.kind === 'exec') return [{ actor, uid, object: anyArguments(object) }]
    if (!isPattern(object) || admission.generalised) return [{ actor, uid, object }]
    const literals = new Set(cells.flatMap(({ witnesses }) => witnesses?.literals ?? []))
    return [{ actor, uid, object, literals: [...literals].sort() }]
  })
  return { image, allowed, seen: seenOf(entries, kinds) }
}

function seenOf(entries: readonly ProfileEntry[], kinds: readonly string[]): Seen {
  const cells = entries
    .flatMap((entry) => entry.cells)
    .filter(({ origin, phase }) => origin !== 'exec-in' && phase === 'learned')
  const union = (pick: (cell: EvidenceCell) => readonly string[]): readonly string[] =>
    [...new Set(cells.flatMap(pick))].sort(compareText)
  const times = union(({ first, last }) => [first, last])
  const [first, last] = [times.at(0), times.at(-1)]
  return {
    kinds,
    nodes: union(({ nodes }) => nodes),
    sources: union(({ sources }) => sources),
    containers: union(({ container }) => [container]).length,
    ...(first === undefined || last === undefined ? {} : { span: { first, last } }),
  }
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
