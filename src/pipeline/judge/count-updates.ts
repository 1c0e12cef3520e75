import { microsOf } from '../../core/event/time.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import type { Phase } from '../../core/profile/profile-entry.ts'
import type { AlertBook } from '../../state/alerts/alert-store.ts'
import { stoppedFingerprint, stoppedThough } from '../alerts/enforcement-findings.ts'
import type { Sighting } from '../sources/source.ts'
import type { DeployedVersion, KeyMeaning } from '../../state/versions/deployed-version.ts'
import { actName } from './findings.ts'
import { actNameOfObject, type TwiceTold } from './cross-source-dedup.ts'
import type { VersionShelf } from '../../state/versions/version-registry.ts'

export interface SightingsOptions {
  readonly shelf: VersionShelf
  readonly alerts: AlertBook
  /** Absent where there is one source only. */
  readonly twice?: TwiceTold | undefined
}

/** Counts that a source kept back find the behaviours, and the alerts, that they are of. */
export class Sightings {
  readonly #options: SightingsOptions

  constructor(options: SightingsOptions) {
    this.#options = options
  }

  take(sighting: Sighting, source: string): void {
    const { shelf, alerts } = this.#options
    const { key, containerId, count, last, expected: allowed } = sighting
    const version = shelf.versionOfContainer(containerId)
    if (version !== undefined && allowed !== undefined) {
      const ids = allowed.tags.map((tag) => version.tagged(tag)).filter((id) => id !== undefined)
      if (ids.length < allowed.tags.length) shelf.unplacedSightings += count
      this.#count(version, ids, { ...sighting, ...allowed }, source)
      return
    }
    const meaning = version?.meaning(key)
    if (version === undefined || meaning === undefined) {
      // Counts from before a restart of the daemon: the acts themselves will come up again.
      shelf.unplacedSightings += count
      return
    }
    const { behaviours, origin, expected } = meaning
    const fresh = this.#count(version, behaviours, { ...sighting, ...meaning }, source)
    const action = version.actionOf(key, containerId)
    if (expected) {
      if (action === 'alerted' || fresh === 0) return
      const act = actName(version, containerId, origin, behaviours, 'alerted')
      for (const why of stoppedThough) alerts.repeat(stoppedFingerprint(why, act), fresh, last)
      return
    }
    if (fresh > 0) {
      alerts.repeat(actName(version, containerId, origin, behaviours, action), fresh, last)
    }
  }

  /** Of acts that were counted, how many no other source had told. */
  #freshOf(
    { key, profile }: DeployedVersion,
    behaviours: readonly BehaviourId[],
    { containerId, count, last }: Pick<Sighting, 'containerId' | 'count' | 'last'>,
    source: string,
  ): number {
    const { twice } = this.#options
    if (twice === undefined) return count
    const acts = behaviours.flatMap((id) => {
      const known = profile.subject(id)
      return known === undefined ? [] : actNameOfObject(known.actor.exe, known.uid, known.object)
    })
    const told = { version: key, container: containerId, source, when: microsOf(last), count, acts }
    return acts.length === 0 ? count : twice.told(told).fresh
  }

  /** Gives how many of them no other source had told. */
  #count(
    version: DeployedVersion,
    behaviours: readonly BehaviourId[],
    seen: Pick<Sighting, 'containerId' | 'count' | 'first' | 'last'> &
      Pick<KeyMeaning, 'origin' | 'session'>,
    source: string,
  ): number {
    const { containerId, first, last, origin, session } = seen
    const phase: Phase = version.life.state === 'learning' ? 'learned' : 'later'
    const count = this.#freshOf(version, behaviours, seen, source)
    for (const id of behaviours) {
      version.profile.addSighting(
        id,
        {
          container: containerId,
          origin,
          count,
          first,
          last,
          source,
          ...(session === undefined ? {} : { session }),
          node: this.#options.shelf.node,
        },
        phase,
      )
    }
    return count
  }
}
