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
  if (object.kind !== 'file' || act === undefined || act.parts.length === 0) return undefined
  const acts = knownOf(profile, ref).flatMap((one) => actsOf(one))
  const patterns = new Map<string, PathPattern>()
  let known = acts.filter(({ parts }) => parts.length === act.parts.length)
  for (const [at, part] of act.parts.slice(0, -1).entries()) {
    const within = known.filter(({ parts }) => isOneOf(parts[at] ?? '', part, patterns))
    if (within.length > 0) {
      known = within
      continue
    }
    // In the root, names beside each other are of different programs.
    if (at === 0) return undefined
    const beside = [...new Set(known.map(({ parts }) => parts[at] ?? ''))].slice(0, BESIDE)
    const one = beside.find((name) => isKnownOrOpen(acts, act, at, name))
    if (one === undefined) return undefined
    const above = act.parts.slice(0, at).map((name) => `/${name}`)
    return { folder: `${above.join('')}/${part}/`, beside: `${above.join('')}/${one}/` }
  }
  return undefined
}

/** The act, with another folder there. */
function isKnownOrOpen(known: readonly Act[], act: Act, at: number, name: string): boolean {
  const other = { ...act, parts: act.parts.with(at, name) }
  const patterns = new Map<string, PathPattern>()
  const isKnown = known.some(
    ({ fixed, kind, isRemoval, parts }) =>
      fixed === act.fixed &&
      kind === act.kind &&
      isRemoval === act.isRemoval &&
      parts.length === other.parts.length &&
      parts.every((part, i) => isOneOf(part, other.parts[i] ?? '', patterns)),
  )
  return isKnown || isOpen(known, other)
}
