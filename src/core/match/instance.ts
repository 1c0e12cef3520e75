import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { PathPattern } from '../behaviour/language.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type Act, actOf, actsOf, isOneOf, knownOf } from './act-parts.ts'
import { isOpen } from './slot.ts'

/** A folder, and the one beside it that the window showed. */
export interface Instance {
  readonly folder: string
  readonly beside: string
}

/** Of the folders beside a new one, that many are compared with it. */
const BESIDE = 8

/**
 * The first folder on the way to the file that is new to the actor and user, where the file would be expected, or in open
 * parts, in a folder beside. One value in the window shows no open part: a second repository, tenant or day is new, and
 * all that the program does there as it does beside has one cause.
 */
export function instanceOf(profile: ProfileReader, ref: BehaviourRef): Instance | undefined {
  const { object } = ref
  const act = actOf(object, ref)
  if (object.kind !== 'file' || act === undefined) return undefined
  const patterns = new Map<string, PathPattern>()
  let known = knownOf(profile, ref)
    .flatMap((one) => actsOf(one))
    .filter(({ parts }) => parts.length === act.parts.length)
  for (const [at, part] of act.parts.slice(0, -1).entries()) {
    const within = known.filter(({ parts }) => isOneOf(parts[at] ?? '', part, patterns))
    if (within.length > 0) {
      known = within
      continue
    }
    // In the root, names beside each other are of different programs.
    const beside = at === 0 ? undefined : openBeside(known, act, at)
    if (beside === undefined) return undefined
    const above = act.parts.slice(0, at).map((name) => `/${name}`)
    return { folder: `${above.join('')}/${part}/`, beside: `${above.join('')}/${beside}/` }
  }
  return undefined
}

/** One of the folders there, in which the act would be known or in open parts. */
function openBeside(known: readonly Act[], act: Act, at: number): string | undefined {
  const folders = new Map<string, Act[]>()
  for (const one of known) {
    const name = one.parts[at] ?? ''
    const acts = folders.get(name)
    if (acts !== undefined) acts.push(one)
    else if (folders.size < BESIDE) folders.set(name, [one])
  }
  const found = [...folders].find(([name, acts]) =>
    isOpen(acts, { ...act, parts: act.parts.with(at, name) }),
  )
  return found?.[0]
}
