import { type Actor, type BehaviourRef, objectKey } from '../behaviour/behaviour.ts'
import { PathPattern } from '../behaviour/language.ts'
import { shapedLanguage } from '../behaviour/shape-pattern.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { LOOKED_AT } from './act-parts.ts'
import { varied } from './cause.ts'

/** Scripts of one form, from which on the next one is expected to do what they did. */
const SIBLINGS_LEAST = 3

/**
 * Scripts in folders whose names are never given twice, as those of builds and jobs are: the actor ran several of that form
 * in the same way, or is one of several that did the same.
 */
export function isAsSiblings(profile: ProfileReader, ref: BehaviourRef): boolean {
  return isRunAsSiblings(profile, ref) || doesAsSiblings(profile, ref)
}

/** The actor ran several scripts of that form in the same way. */
export function isRunAsSiblings(
  profile: ProfileReader,
  { actor, uid, object }: BehaviourRef,
): boolean {
  if (object.kind !== 'exec' || object.script === undefined) return false
  const key = objectKey({ ...object, script: '' })
  const scripts: string[] = []
  for (const one of profile.byActor('exec', actor.exe).slice(0, LOOKED_AT)) {
    if (one.void || one.uid !== uid || one.actor.script !== actor.script) continue
    if (one.object.kind !== 'exec' || one.object.script === undefined) continue
    if (objectKey({ ...one.object, script: '' }) === key) scripts.push(one.object.script)
  }
  return isOneOfForm(object.script, scripts)
}

function doesAsSiblings(profile: ProfileReader, { actor, uid, object }: BehaviourRef): boolean {
  const [program, script] = partsOf(actor)
  const scripts: string[] = []
  for (const one of profile.byObject(object).slice(0, LOOKED_AT)) {
    if (one.void || one.uid !== uid) continue
    const parts = partsOf(one.actor)
    if (parts[0] === program) scripts.push(parts[1])
  }
  return isOneOfForm(script, scripts)
}

/** The interpreter, and the script; for a program that is run by itself, its path alone. */
function partsOf({ exe, script }: Actor): readonly [program: string, script: string] {
  return script === undefined ? ['', exe] : [exe, script]
}

/** Whether enough of the scripts have a form in which a part varies, and this one has it as well. */
function isOneOfForm(script: string, others: readonly string[]): boolean {
  const forms = new Map<string, Set<string>>()
  for (const other of others) {
    const form = varied(other)
    if (form === other) continue
    const scripts = forms.get(form) ?? new Set()
    forms.set(form, scripts.add(other))
  }
  return [...forms].some(
    ([form, scripts]) =>
      scripts.size >= SIBLINGS_LEAST && new PathPattern(shapedLanguage(form)).has(script),
  )
}
