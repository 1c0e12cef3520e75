import {
  type Actor,
  behaviourId,
  behaviourKey,
  type BehaviourObject,
} from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import { programOf } from './component.ts'
import { fromStarter, type Grant, type ProfileEntry } from '../profile/profile-entry.ts'

/**
 * What the programs of some packages do, as another build of them was observed. A prior: no evidence of any image, and
 * not enough for block mode.
 */
export interface Starter {
  readonly name: string
  /** The packages that ship these programs. */
  readonly packages: ReadonlySet<string>
  readonly behaviours: readonly StarterBehaviour[]
}

export interface StarterBehaviour {
  readonly actor: Actor
  /** Which uid a package gives its account differs between builds. Root is root. */
  readonly as: 'root' | 'account'
  readonly object: BehaviourObject
  readonly grants: readonly Grant[]
}

/** A program that the window of an image showed, and its user. */
export interface Shown {
  readonly actor: Actor
  readonly uid: User
}

/**
 * The behaviours that a starter profile gives to an image after its window, for `Profile.merge`. None where the window
 * showed no program of it. `ownerOf` names the package that brought a file of the image: programs of others get nothing,
 * and none is run. No user gets anything that did not run one of these programs.
 */
export function starterEntries(
  { name, packages, behaviours }: Starter,
  shown: readonly Shown[],
  ownerOf: (path: string) => string | undefined,
): readonly ProfileEntry[] {
  const programs = new Set(behaviours.map(({ actor }) => programOf(actor)))
  const ran = shown.filter(({ actor }) => programs.has(programOf(actor)))
  if (ran.length === 0) return []
  const isOwned = (path: string): boolean => packages.has(ownerOf(path) ?? '')
  const isOwn = (actor: Actor): boolean => isOwned(programOf(actor))
  const users = new Set(ran.filter(({ actor }) => isOwn(actor)).map(({ uid }) => uid))
  const from = fromStarter(name)
  return behaviours.flatMap(({ actor, as, object, grants }) => {
    if (!isOwn(actor)) return []
    if (object.kind === 'exec' && !isOwned(object.script ?? object.path)) return []
    return [...users]
      .filter((uid) => (uid === 0) === (as === 'root'))
      .map((uid): ProfileEntry => {
        const id = behaviourId(behaviourKey(actor, uid, object))
        const inherited = { from, grants }
        return { schema: 'snug.behaviour/v1', id, actor, uid, object, cells: [], inherited }
      })
  })
}
