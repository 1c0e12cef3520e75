import { actorText, objectLine } from '../../core/behaviour/describe.ts'
import { sorted, type Steps } from '../../core/steps.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Profile } from '../../core/profile/profile.ts'

/** A behaviour as lists and pictures need it: its evidence is looked up when it is shown. */
export interface Outlined {
  readonly entry: Readonly<LiveEntry>
  readonly actor: string
  readonly text: string
}

interface Kept {
  readonly size: number
  readonly openings: number
  readonly rows: readonly Outlined[]
}

/**
 * The behaviours of a profile by actor, kind and object. A profile of a hundred thousand takes a moment to sort, and a
 * scrolling reader requests it again and again. The order is cached until behaviours come or go.
 */
export class Outlines {
  #last: { readonly profile: WeakRef<Profile>; readonly kept: Kept } | undefined;

  *of(profile: Profile): Steps<readonly Outlined[]> {
    const last = this.#last
    if (last?.profile.deref() === profile && isOf(last.kept, profile)) return last.kept.rows
    yield* profile.settleSteps()
    const { size } = profile
    const all: Outlined[] = []
    for (const entry of profile.outline()) {
      yield
      const { actor, object, within } = entry
      if (within !== undefined) continue
      all.push({ entry, actor: actorText(actor), text: objectLine(object) })
    }
    const rows = yield* sorted(all, byActorKindText)
    const { openings } = profile
    this.#last = { profile: new WeakRef(profile), kept: { size, openings, rows } }
    return rows
  }
}

function isOf({ size, openings }: Kept, profile: Profile): boolean {
  return size === profile.size && openings === profile.openings
}

function byActorKindText(a: Outlined, b: Outlined): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1
  const [kindA, kindB] = [a.entry.object.kind, b.entry.object.kind]
  if (kindA !== kindB) return kindA < kindB ? -1 : 1
  if (a.text !== b.text) return a.text < b.text ? -1 : 1
  return a.entry.id < b.entry.id ? -1 : 1
}
