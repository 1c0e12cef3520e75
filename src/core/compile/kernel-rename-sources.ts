import { origins } from '../event/event.ts'
import type { Micros } from '../event/time.ts'
import type { Admission } from '../profile/allowance.ts'
import type { Known } from '../profile/profile-reader.ts'
import { textsOf } from '../behaviour/language.ts'
import { literalPath } from '../behaviour/shape.ts'
import { sourcesOf } from '../behaviour/shape-pattern.ts'
import { groupOf } from '../behaviour/subject.ts'
import type { LiteralClaim, PatternClaim } from './kernel-claim.ts'
import { type KernelRule, tagOf } from './kernel-profile.ts'

/** Where one name has several rules the first counts. */
interface GivingAway {
  readonly literals: readonly LiteralClaim[]
  readonly patterns: readonly PatternClaim[]
}

/**
 * Of renames, that they give a name away, whatever to: by that a delete may be allowed.
 *
 * @param shaped the renames that are patterns, what was rejected first, then the most specific first
 * @param few a pattern of so few names is told by them
 */
export function givingAway(
  known: Known,
  shaped: readonly Admission[],
  now: Micros,
  few: number,
): GivingAway {
  const patterns: PatternClaim[] = []
  const named: LiteralClaim[] = []
  for (const admission of shaped.filter(isRename)) {
    const { shape } = admission
    const group = groupOf(admission)
    if (shape === undefined || group === undefined) continue
    const claim = { admission, group: `${group} away`, givesAway: true } as const
    if (admission.rejected) {
      patterns.push({ ...claim, origin: undefined, pattern: sourcesOf(shape.open) })
      continue
    }
    const refused = known.patterns.refused(group)
    const grants = admission.grantsAt(now)
    for (const origin of grants.origins) {
      const renames = grants.pattern(origin, shape, admission.kin)
      if (renames === undefined) continue
      const pattern = sourcesOf(renames)
      const texts = textsOf(pattern.language, few)
      if (texts === undefined) patterns.push({ ...claim, origin, pattern })
      for (const path of texts ?? []) {
        if (refused.some((one) => one.mayGiveAway(path))) continue
        named.push(literal(admission, origin, path))
      }
    }
  }
  return { literals: [...literalRenames(known, now), ...named], patterns }
}

function literalRenames(known: Known, now: Micros): readonly LiteralClaim[] {
  return [...known.all()]
    .filter((one) => one.shape === undefined && isRename(one))
    .sort((a, b) => Number(b.rejected) - Number(a.rejected) || (a.id < b.id ? -1 : 1))
    .flatMap((one) => {
      const path = one.object.kind === 'file' ? literalPath(one.object.path) : ''
      const granted = one.rejected ? origins : one.grantsAt(now).origins
      return granted.map((origin) => literal(one, origin, path))
    })
}

function isRename({ object }: Admission): boolean {
  return object.kind === 'file' && object.access === 'rename'
}

function literal(admission: Admission, origin: KernelRule['origin'], path: string): LiteralClaim {
  const { actor, uid, id, rejected } = admission
  const object = { kind: 'giving-away', path } as const
  const rule = { tag: tagOf(id), actor, uid, origin, object }
  return {
    rule: rejected ? { ...rule, deny: true } : rule,
    admission,
    group: undefined,
    subject: path,
  }
}
