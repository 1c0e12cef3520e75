import { origins } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { textsOf } from '../behaviour/language.ts'
import { literalPath } from '../behaviour/shape.ts'
import { sourcesOf } from '../behaviour/shape-pattern.ts'
import { awayGroup, groupOf } from '../behaviour/subject.ts'
import type { LiteralClaim, PatternClaim } from './kernel-claim.ts'
import { type KernelRule, tagOf } from './kernel-profile.ts'

/** Where one name has several rules the first counts. */
interface RenameSource {
  readonly literals: readonly LiteralClaim[]
  readonly patterns: readonly PatternClaim[]
}

/**
 * Rules for renaming a name away, whatever its new name: they can allow a delete.
 *
 * @param shaped the renames that are patterns: rejected ones first, then the most specific first
 * @param few a pattern of at most so many names becomes literal rules
 */
export function renameSource(
  known: ProfileReader,
  shaped: readonly Allowance[],
  now: Micros,
  few: number,
): RenameSource {
  const patterns: PatternClaim[] = []
  const named: LiteralClaim[] = []
  for (const allowance of shaped.filter(isRename)) {
    const { shape } = allowance
    const group = groupOf(allowance)
    if (shape === undefined || group === undefined) continue
    const claim = { allowance, group: awayGroup(group), givesAway: true } as const
    if (allowance.rejected) {
      patterns.push({ ...claim, origin: undefined, pattern: sourcesOf(shape.open) })
      continue
    }
    const refused = known.patterns.refused(group)
    const grants = allowance.grantsAt(now)
    for (const origin of grants.origins) {
      const renames = grants.pattern(origin, shape, allowance.related)
      if (renames === undefined) continue
      const pattern = sourcesOf(renames)
      const texts = textsOf(pattern.language, few)
      if (texts === undefined) patterns.push({ ...claim, origin, pattern })
      for (const path of texts ?? []) {
        if (refused.some((one) => one.mayGiveAway(path))) continue
        named.push(literal(allowance, origin, path))
      }
    }
  }
  return { literals: [...literalRenames(known, now), ...named], patterns }
}

function literalRenames(known: ProfileReader, now: Micros): readonly LiteralClaim[] {
  return [...known.all()]
    .filter((one) => one.shape === undefined && isRename(one))
    .sort((a, b) => Number(b.rejected) - Number(a.rejected) || (a.id < b.id ? -1 : 1))
    .flatMap((one) => {
      const path = one.object.kind === 'file' ? literalPath(one.object.path) : ''
      const granted = one.rejected ? origins : one.grantsAt(now).origins
      return granted.map((origin) => literal(one, origin, path))
    })
}

function isRename({ object }: Allowance): boolean {
  return object.kind === 'file' && object.access === 'rename'
}

function literal(allowance: Allowance, origin: KernelRule['origin'], path: string): LiteralClaim {
  const { actor, uid, id, rejected } = allowance
  const object = { kind: 'rename-source', path } as const
  const rule = { tag: tagOf(id), actor, uid, origin, object }
  return {
    rule: rejected ? { ...rule, deny: true } : rule,
    allowance,
    group: undefined,
    subject: path,
  }
}
