import { type Hold, targetText } from '../../core/lifecycle/hold.ts'
import type { HoldProgress, StandingHold } from '../../core/lifecycle/shared-hold.ts'
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

  /** @param standing all that stand for the versions of this node */
  async follow(standing: readonly StandingHold[]): Promise<void> {
    const { holds } = this.#agent
    const nowMs = this.#agent.now()
    const current = new Map(
      standing
        .filter(({ hold, released }) => released === undefined && hold.until > nowMs)
        .map(({ hold }) => [hold.id, hold]),
    )
    for (const id of this.#refused.keys()) if (!current.has(id)) this.#refused.delete(id)
    for (const hold of holds.shared) {
      if (current.has(hold.id)) continue
      const released = standing.find((each) => each.hold.id === hold.id)?.released
      await this.#holds.end(hold, released?.by ?? 'fleet')
    }
    for (const hold of current.values()) {
      if (holds.shared.some(({ id }) => id === hold.id)) continue
      try {
        await this.#holds.begin(hold)
        this.#refused.delete(hold.id)
      } catch (error) {
        this.#refuse(hold, describeError(error))
      }
    }
  }

  #refuse(hold: Hold, because: string): void {
    if (this.#refused.get(hold.id)?.because !== because) {
      const fields = { hold: hold.id, target: targetText(hold.target), because }
      this.#agent.parts.log.error(fields, 'a hold of the fleet cannot be had on this node')
    }
    this.#refused.set(hold.id, { hold, because })
  }

  /** Those that concern containers of the version. */
  progress(version: DeployedVersion): readonly HoldProgress[] {
    const { holds, registry } = this.#agent
    if (holds.shared.length === 0 && this.#refused.size === 0) return []
    const found: HoldProgress[] = []
    const refused = [...this.#refused.values()].map(({ hold }) => hold)
    for (const hold of [...holds.shared, ...refused]) {
      const standings = this.#holds
        .containersOf(hold)
        .filter(({ container }) => registry.versionOfContainer(container.id) === version)
        .map(({ standing }) => standing)
      if (standings.length === 0) continue
      const because =
        hold.isReleased === true
          ? 'a person has released it on this node'
          : (this.#refused.get(hold.id)?.because ?? standings.find((each) => each.because)?.because)
      found.push({
        id: hold.id,
        containers: standings.length,
        held: standings.filter(({ state }) => state === 'held').length,
        ...(because === undefined ? {} : { because }),
      })
    }
    return found
  }
}
