import type { ActEvent } from '../../../core/event/event.ts'
import type { Phase } from '../../../core/profile/profile-entry.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { VersionRegistry } from '../../records/versions/version-registry.ts'
import { actionOf } from '../alerts/enforcement-findings.ts'
import type { BehaviourKey } from '../sources/source.ts'
import type { JudgedBy } from './findings.ts'
import type { Response } from './response.ts'

/**
 * Maximum number of behaviours of a version that wait for review; beyond it events still raise
 * alerts but are not recorded individually.
 */
export const laterKept = 5_000
/**
 * Maximum number of behaviours that a version learns, without reads that follow from the image's
 * files. Beyond it, events that no known behaviour or place includes are a loss.
 */
export const learnedKept = 10_000

/** What stays of a judged event: evidence in the profile, and what its key in the kernel stands for. */
export class EventMemory {
  readonly #registry: VersionRegistry
  readonly #alerts: Pick<AlertStore, 'sharedFingerprint'>

  constructor(registry: VersionRegistry, alerts: Pick<AlertStore, 'sharedFingerprint'>) {
    this.#registry = registry
    this.#alerts = alerts
  }

  /** `isTaught`: the event teaches the version. Returns false if the profile had no room for it. */
  record(event: ActEvent, { refs, verdict, version }: JudgedBy, isTaught: boolean): boolean {
    const { profile } = version
    const { behaviours } = this.#registry.bounds
    const phase: Phase = isTaught ? 'learned' : 'later'
    const before = profile.size
    const refused = profile.observe(event, refs, {
      phase,
      isFull: isFull(version, isTaught),
      isNodeFull: behaviours.isFullFor(before),
      ...(verdict.guardrailsByRef === undefined ? {} : { guardrails: verdict.guardrailsByRef }),
    })
    behaviours.grew(profile.size - before)
    return refused === 0
  }

  /** For counts by this key. Returns whether the kernel may only count it from now on. */
  remember(key: BehaviourKey, { event, refs, version }: JudgedBy, response: Response): boolean {
    const { outcome, alert } = response
    const expected = outcome === 'expected' || outcome === 'learned'
    const { origin, session } = event.process
    const meaning = {
      behaviours: refs.map((ref) => version.profile.idOf(ref)),
      origin,
      ...(session === undefined ? {} : { session }),
      source: event.source,
      expected,
    }
    const { id: container } = event.container
    version.remember(key, meaning)
    version.reported.setAction(key, container, actionOf(event))
    if (outcome === 'deviation' || version.life.state === 'learning') {
      const reported = { ...meaning, key, container, action: actionOf(event) }
      const shared = alert && this.#alerts.sharedFingerprint(alert)
      version.rememberReported(
        shared === alert || shared === undefined ? reported : { ...reported, alert: shared },
      )
    }
    // The kernel never gets the keys of exec sessions: each session is reported again.
    return expected && origin !== 'exec-in'
  }
}

function isFull({ profile, life, learnedSize }: DeployedVersion, isTaught: boolean): boolean {
  if (isTaught) return profile.ownSize >= learnedKept
  // While it learns, those that wait for review leave most of the room to what is learned.
  if (life.state === 'learning') return profile.ownSize >= laterKept
  return profile.size >= laterKept + learnedSize
}
