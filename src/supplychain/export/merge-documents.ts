import { SnugError } from '../../errors.ts'
import { type Observable, observables } from '../../core/coverage/observable.ts'
import { mergeEntries } from '../../core/profile/merge.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import { compareText } from '../../core/compare-text.ts'
import { observedOf, type ProfileDocument, type Recording } from './profile-document.ts'

/**
 * Adds up two profiles of one image: runs of its tests, shards, nodes. INVARIANT: commutative, associative, idempotent.
 *
 * Errors: PROFILE_INVALID where they are of different images
 */
export function mergeDocuments(
  a: ProfileDocument,
  b: ProfileDocument,
  shaper: Shaper,
): ProfileDocument {
  const { repository, digest } = a.image
  if (repository !== b.image.repository || digest !== b.image.digest) {
    const other = `${b.image.repository}@${b.image.digest}`
    throw new SnugError(
      'PROFILE_INVALID',
      `\`${repository}@${digest}\` and \`${other}\` are two images`,
    )
  }
  const tag = [a.image.tag, b.image.tag]
    .filter((each) => each !== undefined)
    .sort(compareText)
    .at(-1)
  const all = new Set<Observable>([...observedOf(a), ...observedOf(b)])
  const observed = observables.filter((one) => all.has(one))
  const recordings = joined(a.recordings ?? [], b.recordings ?? [])
  return {
    schema: 'snug.profile/v1',
    image: { repository, ...(tag === undefined ? {} : { tag }), digest },
    behaviours: mergeEntries(a.behaviours, b.behaviours, shaper),
    observed,
    ...(recordings.length === 0 ? {} : { recordings }),
  }
}

/** Each once, in an order of their own. */
function joined(a: readonly Recording[], b: readonly Recording[]): readonly Recording[] {
  const all = new Map([...a, ...b].map((one) => [JSON.stringify(one), one]))
  return [...all].sort(([x], [y]) => compareText(x, y)).map(([, one]) => one)
}
