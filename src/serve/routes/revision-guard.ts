import { SnugError } from '../../errors.ts'
import type { Engine } from '../../api/engine.ts'

/** The object of a route, to which its `ETag` and `If-Match` refer. */
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

/** {@link tagOf} after a decision; undefined where the decision removed the object. */
export function tagAfter(engine: Engine, subject: Subject, params: Params): string | undefined {
  try {
    return tagOf(engine, subject, params)
  } catch (error) {
    if (error instanceof SnugError && error.code === 'IMAGE_UNKNOWN') return undefined
    throw error
  }
}

/**
 * A decision applies to the state that a person looked at: `If-Match` identifies it, and the server refuses the
 * decision if the state has changed. `*` is any state. On the admin socket it may be left out.
 *
 * Errors: REVISION_MISSING, REVISION_STALE; IMAGE_UNKNOWN, ALERT_UNKNOWN where there is no such object.
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
