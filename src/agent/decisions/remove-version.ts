import { isSameImage } from '../../core/event/image-key.ts'
import { removalRefusal } from '../../core/lifecycle/retention.ts'
import { SnugError } from '../../errors.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Decider } from '../../api/engine.ts'
import type { RemovalResult } from '../../api/review-views.ts'
import type { Agent } from '../engine/agent.ts'
import { finish } from '../../core/steps.ts'
import { versionView } from '../reading/views.ts'
import { enforcementSnapshot } from './commit-decision.ts'

/**
 * Removes the version that IMAGE names, as if it had never been observed. Its alerts stay.
 *
 * Errors: IMAGE_UNKNOWN; IMAGE_AMBIGUOUS where IMAGE names several versions; REMOVE_REFUSED
 */
export async function removeVersion(
  context: Agent,
  ref: string,
  by: Decider,
  dryRun = false,
): Promise<RemovalResult> {
  const { registry, alerts, kernel, journal } = context
  const version = onlyVersion(ref, registry.index.findLineage(ref))
  const refusal = removalRefusal(version, registry.index.lineageOf(version))
  if (refusal !== undefined) {
    throw new SnugError('REMOVE_REFUSED', `\`${ref}\` cannot be removed: ${refusal}`)
  }
  const { image } = version
  const open = alerts.newestFirst.filter(
    (alert) => alert.decision === undefined && isSameImage(alert.image, image),
  )
  const view = finish(versionView(version, registry, kernel.profiles, context.now()))
  const result = { version: view, openAlerts: open.map(({ id }) => id) }
  if (dryRun) return result
  const reason = by.reason === undefined ? {} : { reason: by.reason }
  journal.audit('image-remove', by.who, { ...removalFields(version), ...reason })
  registry.events.emit('removed', version)
  await journal.decided()
  return result
}

/** What the audit log keeps of a removed version. */
export function removalFields(version: DeployedVersion): Readonly<Record<string, unknown>> {
  const { key, profile, runsSeen, firstSeen, lastSeen } = version
  return {
    image: key,
    ...enforcementSnapshot(version),
    behaviours: profile.shown,
    containers: runsSeen,
    firstSeen,
    lastSeen,
  }
}

/** A repository or tag with several versions does not say which one. */
function onlyVersion(ref: string, found: readonly DeployedVersion[]): DeployedVersion {
  const [version, ...others] = found
  if (version !== undefined && others.length === 0) return version
  const digests = found.map(({ image }) => image.digest.slice(0, 19)).join(', ')
  throw new SnugError('IMAGE_AMBIGUOUS', `\`${ref}\` names several versions: ${digests}`)
}
