import { microsOf } from '../../../core/event/time.ts'
import type { BehaviourId } from '../../../core/behaviour/behaviour.ts'
import type { Phase } from '../../../core/profile/profile-entry.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import { stoppedFingerprint, stoppedThough } from '../alerts/enforcement-findings.ts'
import type { CountUpdate } from '../sources/source.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { KeyMeaning } from '../../records/versions/key-meanings.ts'
import { actName } from './findings.ts'
import { actNameOfObject, type CrossSourceDedup } from './cross-source-dedup.ts'
import type { VersionRegistry } from '../../records/versions/version-registry.ts'

export interface CountUpdatesOptions {
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  /** Absent if there is only one source. */
  readonly dedup?: CrossSourceDedup | undefined
}

/** Attributes counts that a source folded to their behaviours and alerts. */
export class CountUpdates {
  readonly #options: CountUpdatesOptions

  constructor(options: CountUpdatesOptions) {
    this.#options = options
  }

  take(countUpdate: CountUpdate, source: string): void {
    const { registry, alerts } = this.#options
    const { key, containerId, count, last, expected: allowed } = countUpdate
    const version = registry.versionOfContainer(containerId)
    if (version !== undefined && allowed !== undefined) {
      const ids = allowed.tags.map((tag) => version.tagged(tag)).filter((id) => id !== undefined)
      // The profile need not record behaviours derived from the image's files.
      const isDerived = allowed.tags.every((tag) => version.derivedTags.has(tag))
      if (ids.length < allowed.tags.length && !isDerived) {
        registry.unplacedCountUpdates += count
      }
      this.#count(version, ids, { ...countUpdate, ...allowed }, source)
      return
    }
    const meaning = version?.meaning(key)
    if (version === undefined || meaning === undefined) {
      // These counts precede a restart of the daemon, and their event is one of too many to be stored.
      registry.unplacedCountUpdates += count
      return
    }
    const { behaviours, origin, expected } = meaning
    const fresh = this.#count(version, behaviours, { ...countUpdate, ...meaning }, source)
    const action = version.reported.actionOf(key, containerId)
    if (expected) {
      if (action === 'alerted' || fresh === 0) return
      const act = actName(version, containerId, origin, behaviours, 'alerted')
      for (const why of stoppedThough) alerts.repeat(stoppedFingerprint(why, act), fresh, last)
      return
    }
    if (fresh === 0) return
    const act = actName(version, containerId, origin, behaviours, action)
    if (alerts.repeat(act, fresh, last) !== undefined) return
    // After a restart of the daemon, the version still records which alert the event shares.
    const shared = version.reported.alertOf(key, containerId)
    if (shared !== undefined) alerts.repeat(shared, fresh, last)
  }

  /** How many of the counted events no other source has reported. */
  #freshOf(
    { key, profile }: DeployedVersion,
    behaviours: readonly BehaviourId[],
    { containerId, count, last }: Pick<CountUpdate, 'containerId' | 'count' | 'last'>,
    source: string,
  ): number {
    const { dedup } = this.#options
    if (dedup === undefined) return count
    const acts = behaviours.flatMap((id) => {
      const known = profile.subject(id)
      return known === undefined ? [] : actNameOfObject(known.actor.exe, known.uid, known.object)
    })
    const reported = {
      version: key,
      container: containerId,
      source,
      when: microsOf(last),
      count,
      acts,
    }
    return acts.length === 0 ? count : dedup.reported(reported).fresh
  }

  /** Returns how many of them no other source has reported. */
  #count(
    version: DeployedVersion,
    behaviours: readonly BehaviourId[],
    seen: Pick<CountUpdate, 'containerId' | 'count' | 'first' | 'last'> &
      Pick<KeyMeaning, 'origin' | 'session'>,
    source: string,
  ): number {
    const { containerId, first, last, origin, session } = seen
    const isTaught = version.life.state === 'learning' && version.learnsFrom(containerId)
    const phase: Phase = isTaught ? 'learned' : 'later'
    const count = this.#freshOf(version, behaviours, seen, source)
    for (const id of behaviours) {
      version.profile.addCountUpdate(
        id,
        {
          container: containerId,
          origin,
          count,
          first,
          last,
          source,
          ...(session === undefined ? {} : { session }),
          node: this.#options.registry.node,
        },
        phase,
      )
    }
    return count
  }
}
