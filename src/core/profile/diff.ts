import type { ProfileEntry } from './profile-entry.ts'
import { compareText } from '../compare-text.ts'
import { actorText, objectLine } from '../behaviour/describe.ts'
import type { User } from '../behaviour/user.ts'

export interface DiffLine {
  readonly id: string
  /** The behaviour, as one line for people, without the actor, which is in `actor`. */
  readonly text: string
  readonly actor: string
  readonly uid: User
  readonly kind: string
}

export interface EntriesDiff {
  readonly added: readonly DiffLine[]
  readonly removed: readonly DiffLine[]
  readonly unchanged: number
}

type Named = Pick<ProfileEntry, 'id' | 'actor' | 'uid' | 'object'>

function lineOf(entry: Named): DiffLine {
  const { id, actor, uid, object } = entry
  return { id, text: objectLine(object), actor: actorText(actor), uid, kind: object.kind }
}

function only(a: ReadonlyMap<string, Named>, b: ReadonlyMap<string, Named>) {
  return [...a.values()]
    .filter((entry) => !b.has(entry.id))
    .map(lineOf)
    .sort(
      (x, y) =>
        compareText(x.actor, y.actor) || compareText(x.text, y.text) || compareText(x.id, y.id),
    )
}

/**
 * What `to` does that `from` does not, and the other way round. What a version merely inherited it has not
 * done: leave such entries out, or in, as the question is.
 */
export function diffEntries(from: Iterable<Named>, to: Iterable<Named>): EntriesDiff {
  const old = new Map([...from].map((entry) => [entry.id as string, entry]))
  const now = new Map([...to].map((entry) => [entry.id as string, entry]))
  const added = only(now, old)
  return { added, removed: only(old, now), unchanged: now.size - added.length }
}
