import { SnugError } from '../../../errors.ts'
import type { Engine } from '../../../engine/api/engine.ts'

/** What a route shows or decides on: the thing that its `ETag` and `If-Match` are of. */
export type Subject = 'image' | 'alert'

type Params = Readonly<Record<string, string>>

/** The `ETag` of it as it is now. */
export function tagOf(engine: Engine, subject: Subject, params: Params): string {
  const revision =
    subject === 'image'
      ? engine.revision(params['ref'] ?? '')
      : engine.alertRevision(params['id'] ?? '')
  return `"${revision}"`
}

/**
 * A decision is made on what somebody looked at: it names that by `If-Match`, and is refused where it is not what
 * stands any more. `*` is whatever stands. On the admin socket it may be left out.
 *
 * Errors: REVISION_MISSING, REVISION_STALE; IMAGE_UNKNOWN, ALERT_UNKNOWN where there is no such thing.
 */
export function checkRevision(
  engine: Engine,
  subject: Subject,
  params: Params,
  ifMatch: string | undefined,
  needed: boolean,
): void {
  const tag = tagOf(engine, subject, params)
  if (ifMatch === undefined) {
    if (!needed) return
    throw new SnugError('REVISION_MISSING', `a decision on this ${subject} needs \`If-Match\``)
  }
  const named = ifMatch.split(',').map((each) => each.trim())
  if (named.includes('*') || named.includes(tag)) return
  throw new SnugError('REVISION_STALE', `this ${subject} changed after you read it`)
}
