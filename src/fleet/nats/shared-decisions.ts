import { compareDecisions, type ModeDecision } from '../../core/lifecycle/mode-decision.ts'
import type { SharedClosing } from '../../core/lifecycle/shared-closing.ts'
import type { SharedHold } from '../../core/lifecycle/shared-hold.ts'
import { laterDecision, type ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { Published, PublishedMode } from '../fleet.ts'
import { type FleetImage, profileName } from '../fleet-image.ts'
import { type DecisionContent, type SharedDecision, subjectOf } from './fleet-values.ts'

/** The decisions that stand in the fleet: one on each behaviour of a version, and one on its mode. */
export class SharedDecisions {
  /** Profile name → subject → decision. */
  readonly #profiles = new Map<string, Map<string, SharedDecision>>()

  came(decision: SharedDecision): void {
    const name = profileName(decision.image)
    const standing = this.#profiles.get(name) ?? new Map<string, SharedDecision>()
    this.#profiles.set(name, standing.set(subjectOf(decision), decision))
  }

  went(decision: SharedDecision): void {
    const name = profileName(decision.image)
    const standing = this.#profiles.get(name)
    standing?.delete(subjectOf(decision))
    if (standing?.size === 0) this.#profiles.delete(name)
  }

  /** Those on behaviours, by the node where they were made. */
  published(image: FleetImage): readonly Published[] {
    const nodes = new Map<string, ProfileEntry[]>()
    for (const { node, entry } of this.of(image)) {
      if (entry === undefined) continue
      const entries = nodes.get(node) ?? []
      nodes.set(node, entries)
      entries.push(entry)
    }
    return [...nodes].map(([node, entries]) => ({ node, entries }))
  }

  mode(image: FleetImage): readonly PublishedMode[] {
    return this.of(image).flatMap(({ node, mode }) => (mode === undefined ? [] : { ...mode, node }))
  }

  holds(image: FleetImage): readonly SharedHold[] {
    return this.of(image).flatMap(({ hold }) => (hold === undefined ? [] : [hold]))
  }

  closings(image: FleetImage): readonly SharedClosing[] {
    return this.of(image).flatMap(({ closing }) => (closing === undefined ? [] : [closing]))
  }

  /** Whether it has to be written, since nothing stands that is as late. */
  isNews(image: FleetImage, decision: DecisionContent): boolean {
    const standing = this.#profiles.get(profileName(image))?.get(subjectOf(decision))
    if (standing === undefined) return true
    if (decision.mode !== undefined) return isLaterMode(decision.mode, standing.mode)
    // An incident is closed once.
    if (decision.closing !== undefined) return false
    // A hold is ordered once, and released once.
    if (decision.hold !== undefined)
      return decision.hold.released !== undefined && standing.hold?.released === undefined
    const { entry } = decision
    if (entry === undefined) return false
    const { decision: stands } = standing.entry ?? {}
    return laterDecision(stands, entry.decision) !== stands
  }

  of(image: FleetImage): readonly SharedDecision[] {
    return [...(this.#profiles.get(profileName(image))?.values() ?? [])]
  }
}

function isLaterMode(mode: ModeDecision, stands: ModeDecision | undefined): boolean {
  return stands === undefined || compareDecisions(mode, stands) > 0
}
