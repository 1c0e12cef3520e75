import { createHash } from 'node:crypto'
import type { Alert } from '../../core/event/alert.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'

/**
 * Names what a person looked at: it is another once somebody decided on it, or it moved on in its life. What was seen
 * more of it makes no difference, else nobody could decide on a busy image.
 */
export function revisionOf(versions: readonly DeployedVersion[]): string {
  return digestOf(versions.map(({ key, revision }) => `${key} ${revision}`))
}

/** The same of an alert. */
export function alertRevisionOf({ id, decision }: Alert): string {
  return digestOf([id, JSON.stringify(decision ?? null)])
}

function digestOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 16)
}
