import type { Severity } from '../../../core/event/alert-words.ts'
import type { Cause } from '../../../core/match/cause.ts'

/** The name of a cause, by which a place is decided on. */
export function causeFingerprint({ group, id }: Cause, scope: string): string {
  return `cause/${scope}${group}/${id}`
}

/**
 * `cause/<scope and group>/<cause>~<severity>`, or `/*<severity>` if many causes share it. What is graver never joins an
 * alert.
 */
export function ownFingerprint(cause: Cause, scope: string, severity: Severity): string {
  return `${causeFingerprint(cause, scope)}~${severity}`
}

export function wideFingerprint({ group }: Cause, scope: string, severity: Severity): string {
  return `cause/${scope}${group}/*${severity}`
}

/** The one for a row of folders, with files of that kind. */
export function rowFingerprint(
  cause: Cause,
  scope: string,
  severity: Severity,
  kind: string,
): string {
  return `${wideFingerprint(cause, scope, severity)}~${kind}`
}

/** The id of what the causes of one alert have in common: their group, or a kind of files in a row of folders. */
export function wideId({ group }: Pick<Cause, 'group'>, kind?: string): string {
  return kind === undefined ? `w${group}` : `w${group}~${kind}`
}

/** Of another cause of the same scope and group as the alert with that fingerprint. */
export function besideFingerprint(fingerprint: string, id: string): string {
  return `${fingerprint.slice(0, fingerprint.lastIndexOf('/'))}/${id}`
}

/** With the first cause of an alert that a second one joined. */
export function storedFingerprint(stored: string): {
  readonly fingerprint: string
  readonly first?: string
} {
  const [kind, group, cause, first] = stored.split('/')
  const isJoined = kind === 'cause' && cause?.startsWith('*') === true && first !== undefined
  return isJoined ? { fingerprint: `cause/${group}/${cause}`, first } : { fingerprint: stored }
}

/** Scope and group of its causes; empty for an alert without one. */
export function anyGroupOf(fingerprint: string): string {
  const [kind, group] = fingerprint.split('/')
  return kind === 'cause' ? (group ?? '') : ''
}

/** Scope and group of a cause that has a separate alert. */
export function groupOf(fingerprint: string): string | undefined {
  const [kind, group, cause] = fingerprint.split('/')
  return kind !== 'cause' || cause?.startsWith('*') === true ? undefined : group
}

/** Whether several causes share the alert with that fingerprint. */
export function isWide(fingerprint: string): boolean {
  return fingerprint.startsWith('cause/') && groupOf(fingerprint) === undefined
}
