import { type Hold, targetText } from '../../core/lifecycle/hold.ts'
import {
  type HoldProgress,
  isSameOrder,
  type StandingHold,
} from '../../core/lifecycle/shared-hold.ts'
import { imageKey, isSameImage, unscoped } from '../../core/event/image-key.ts'
import { describeError } from '../../errors.ts'
import type { Agent } from '../engine/agent.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { HoldService } from './hold-service.ts'

/** Follows the holds that people ordered for the whole fleet, and reports how far they have come here. */
export class SharedHolds {
  readonly #agent: Agent
  readonly #holds: HoldService
  /** By id: those that cannot be had on this node, and why. */
  readonly #refused = new Map<string, { readonly hold: Hold; readonly because: string }>()

  constructor(agent: Agent, holds: HoldService) {
    this.#agent = agent
    this.#holds = holds
  }

  /**
   * Begins and ends what is due, without waiting for kernel or engines: what they do is in {@link progress}.
   *
   * @param standing all that stand for the versions of this node
   */
  follow(standing: readonly StandingHold[]): void {
    const { holds } = this.#agent
    const nowMs = this.#agent.now()
    const ordered = new Map(standing.map((each) => [each.hold.id, each]))
    for (const id of this.#refused.keys()) if (!ordered.has(id)) this.#refused.delete(id)
    for (const hold of holds.shared) {
      const stands = ordered.get(hold.id)
      const isOrdered = stands !== undefined && stands.released === undefined
      if (isOrdered && isSameOrder(stands.hold, hold)) continue
      const { by = stands?.hold.by ?? 'fleet', reason } = stands?.released ?? {}
      void this.#holds.end(hold, by, reason)
    }
    const present = new Set(holds.shared.map(({ id }) => id))
    for (const { hold, released } of standing) {
      const isDue = released === undefined && hold.until > nowMs
      if (isDue && !present.has(hold.id)) this.#begin(hold)
    }
  }

  #begin(hold: Hold): void {
    try {
      const confirmed = this.#holds.begin(hold)
      this.#refused.delete(hold.id)
      confirmed.catch((error: unknown) => {
        const fields = { hold: hold.id, error: describeError(error) }
        this.#agent.parts.log.error(fields, 'a hold of the fleet may not be confirmed')
      })
    } catch (error) {
      this.#refuse(hold, describeError(error))
    }
  }

  #refuse(hold: Hold, because: string): void {
    if (this.#refused.get(hold.id)?.because !== because) {
      const fields = { hold: hold.id, target: targetText(hold.target), because }
      this.#agent.parts.log.error(fields, 'a hold of the fleet cannot be had on this node')
    }
    this.#refused.set(hold.id, { hold, because })
  }

  /** Of the holds on the version, those that concern containers of it here. */
  progress({ image }: DeployedVersion): readonly HoldProgress[] {
    const { holds, registry } = this.#agent
    if (holds.shared.length === 0 && this.#refused.size === 0) return []
    const refs = [imageKey(image), imageKey(unscoped(image))]
    const refused = [...this.#refused.values()].map(({ hold }) => hold)
    return [...holds.shared, ...refused].flatMap((hold) => {
      const { ref, id } = hold.shared ?? { ref: '', id: '' }
      if (!refs.includes(ref)) return []
      const standings = this.#holds
        .containersOf(hold)
        .filter((each) => isSameImage(registry.versionOfContainer(each.container.id)?.image, image))
        .map(({ standing }) => standing)
      if (standings.length === 0) return []
      const because = this.#because(hold) ?? standings.find((each) => each.because)?.because
      const held = standings.filter(({ state }) => state === 'held').length
      const why = because === undefined ? {} : { because }
      return [{ id, containers: standings.length, held, ...why }]
    })
  }

  #because({ id, isReleased }: Hold): string | undefined {
    if (isReleased === true) return 'a person has released it on this node'
    return this.#refused.get(id)?.because
  }
}
