import { createHash } from 'node:crypto'
import type { Alert } from '../../../core/event/alert.ts'
import type { KeptAlert } from '../../records/alerts/kept-alert.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'

/**
 * Identifies the state that a person looked at: it changes with each decision and each change of the version's state.
 * More evidence does not change it, or else nobody could decide on a busy image.
 */
export function revisionOf(versions: readonly DeployedVersion[]): string {
  return digestOf(versions.map(({ key, revision }) => `${key} ${revision}`))
}

/** Changes with each decision on the alert. */
export function alertRevisionOf({ id, decision }: Alert): string {
  return digestOf([id, JSON.stringify(decision ?? null)])
}

/** Changes with the alerts of the incident, their severity, and the decisions on them. */
export function incidentRevisionOf(alerts: readonly KeptAlert[]): string {
  return digestOf(
    alerts.map(({ id, severity, decision }) =>
      [id, severity, JSON.stringify(decision ?? null)].join(' '),
    ),
  )
}

function digestOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 16)
}
