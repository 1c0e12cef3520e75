import type { Micros } from '../event/time.ts'
import type { Admission } from '../profile/admission.ts'
import type { Known } from '../profile/known.ts'
import type { BehaviourObject } from '../profile/behaviour.ts'
import { isShaped, literalPath } from '../profile/shape.ts'
import { origins } from '../event/event.ts'
import { type KernelProfile, type KernelRule, type PathAutomaton, tagOf } from './kernel-profile.ts'

export interface KernelLimits {
  readonly rules: number
  readonly states: number
}

export const kernelLimits: KernelLimits = { rules: 65_536, states: 8_192 }

export interface KernelOptions {
  /** Approvals that have ended by then do not count. */
  readonly now: Micros
  /** Paths of files that the image ships and the automaton takes, whatever set they end in; may be asked twice. */
  readonly shippedMatching: (automaton: PathAutomaton) => readonly string[]
  /** What the kernel's maps hold. */
  readonly limits?: KernelLimits
}

export interface CompiledKernel {
  readonly profile: KernelProfile
  /** When the first of its approvals ends, so that it has to be compiled again; undefined where none does. */
  readonly ends: Micros | undefined
}

/**
 * The kernel's form of what is expected, and of what was rejected.
 *
 * @throws SnugError `PROFILE_TOO_LARGE` where it cannot be made to fit
 */
export function compileKernel(known: Known, options: KernelOptions): CompiledKernel {
  const { now } = options
  const rules: KernelRule[] = []
  let ends: Micros | undefined
  for (const admission of known.all()) {
    const end = admission.endsAfter(now)
    if (end !== undefined && (ends === undefined || end < ends)) ends = end
    rules.push(...literalRules(admission, now))
  }
  const automaton = { next: new Uint16Array(512), accept: new Uint16Array(2) }
  return { profile: { rules, automaton, prefixes: [], shipped: [], widened: [] }, ends }
}

function literalRules(admission: Admission, now: Micros): readonly KernelRule[] {
  const object = literalObject(admission.object)
  if (object === undefined) return []
  const { actor, uid } = admission
  const tag = tagOf(admission.id)
  if (admission.rejected) {
    return origins.map((origin) => ({ tag, deny: true, actor, uid, origin, object }))
  }
  return admission.grantsAt(now).origins.map((origin) => ({ tag, actor, uid, origin, object }))
}

/** Paths as they are, no `<lt>`; undefined where the object stands for more than one. */
function literalObject(object: BehaviourObject): BehaviourObject | undefined {
  if (object.kind === 'file') {
    const { path, to } = object
    if (isShaped(path) || (to !== undefined && isShaped(to))) return undefined
    return {
      ...object,
      path: literalPath(path),
      ...(to === undefined ? {} : { to: literalPath(to) }),
    }
  }
  if (object.kind === 'syscall' && object.target !== undefined) {
    if (isShaped(object.target)) return undefined
    return { ...object, target: literalPath(object.target) }
  }
  return object
}
