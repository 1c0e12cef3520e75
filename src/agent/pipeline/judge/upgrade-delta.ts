import { type BehaviourRef, runtime } from '../../../core/behaviour/behaviour.ts'
import { eventKinds } from '../../../core/event/event-words.ts'
import { componentIn, componentOf, isPart } from '../../../core/lifecycle/component.ts'
import { explainDelta } from '../../../core/lifecycle/inheritance.ts'
import { gravestOf, mainRef, riskFactsOf } from '../../../core/match/risk.ts'
import type { Techniques } from '../../../core/match/technique.ts'
import type { Verdict } from '../../../core/match/verdict.ts'
import type { AlertStore } from '../../records/alerts/alert-store.ts'
import type { Finding } from '../alerts/finding.ts'
import type { DeployedVersion } from '../../records/versions/deployed-version.ts'
import type { ShippedPair } from '../../records/versions/image-delta.ts'
import type { VersionRegistry } from '../../records/versions/version-registry.ts'
import { componentCauseOf, componentFinding, type JudgedBy } from './findings.ts'

export interface UpgradeOptions {
  readonly registry: Pick<VersionRegistry, 'index'>
  readonly alerts: Pick<AlertStore, 'takesPart'>
  readonly techniques: Techniques
  /**
   * The files of two versions' images, to explain a delta. Undefined if their files are unreadable.
   */
  readonly shippedBy: (now: DeployedVersion, before: DeployedVersion) => ShippedPair | undefined
}

type Behaviour = Pick<BehaviourRef, 'actor' | 'object'>

/** The differences between a version and its predecessor, as far as the files of their images account for them. */
export class UpgradeDelta {
  readonly #options: UpgradeOptions

  constructor(options: UpgradeOptions) {
    this.#options = options
  }

  /** Why `version` shows a behaviour that `before` did not. */
  explain(
    behaviour: Behaviour,
    version: DeployedVersion,
    before: DeployedVersion,
  ): string | undefined {
    const pair = this.#options.shippedBy(version, before)
    return pair && explainDelta(behaviour, pair.now, pair.before, pair.about)
  }

  /** The program or script that only the image of `version` ships, of a behaviour by it or of its start. */
  componentOf(
    behaviour: Behaviour,
    version: DeployedVersion,
    before: DeployedVersion,
  ): string | undefined {
    const pair = this.#options.shippedBy(version, before)
    return pair && componentIn(behaviour, pair.now, pair.before)
  }

  isExplained({ unexpected }: Verdict, version: DeployedVersion): boolean {
    const pair = this.#pairOf(version)
    if (pair === undefined) return false
    return unexpected.every((ref) => explainDelta(ref, pair.now, pair.before) !== undefined)
  }

  /**
   * The finding of a component that did this: all that a program or script does which only the new image ships is one
   * alert, until a person decides on any of it or the window of the version ends. Undefined if it has a separate alert.
   */
  componentFinding(judged: JudgedBy): Finding | undefined {
    const { event, verdict, version } = judged
    const { alerts, techniques } = this.#options
    const pair = this.#pairOf(version)
    const ref = mainRef(verdict.unexpected)
    if (pair === undefined || ref === undefined) return undefined
    const component = componentOf(ref.actor, pair.now, pair.before)
    if (component === undefined || isDecidedOn(version, ref)) return undefined
    const risks = verdict.unexpected.map((each) => riskFactsOf(version.profile, event, each))
    const cause = componentCauseOf(ref, component, version)
    if (!isPart(event, verdict.unexpected, risks) || !alerts.takesPart(cause, cause.part))
      return undefined
    const start = { actor: runtime, object: { kind: 'exec', path: component } } as const
    const why = explainDelta(start, pair.now, pair.before, pair.about)
    return componentFinding(judged, {
      reasons: why === undefined ? [] : [why],
      cause,
      severity: gravestOf(risks),
      techniques,
    })
  }

  #pairOf(version: DeployedVersion): ShippedPair | undefined {
    const before = this.#options.registry.index.predecessorOf(version)
    return before && this.#options.shippedBy(version, before)
  }
}

/** A person decided on something that the program or script does. */
function isDecidedOn({ profile }: DeployedVersion, { actor }: BehaviourRef): boolean {
  return eventKinds.some((kind) =>
    profile
      .byActor(kind, actor.exe)
      .some((known) => known.decision !== undefined && known.actor.script === actor.script),
  )
}
