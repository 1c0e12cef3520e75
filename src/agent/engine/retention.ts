import { lineageName } from '../../core/event/image-key.ts'
import { leastRecent, outdatedOf, type RetentionRules } from '../../core/lifecycle/retention.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { versionsKept } from '../records/versions/version-registry.ts'
import type { AgentState } from '../records/agent-state.ts'
import { removalFields } from '../decisions/remove-version.ts'

/** Names in the audit entry about versions that were removed together. */
const imagesNamed = 20

/** Removes the versions that `retention` no longer keeps, with an audit entry for each of them. */
export class Retention {
  /** Since the start. */
  removed = 0
  rules: RetentionRules
  readonly #context: AgentState

  constructor(context: AgentState, rules: RetentionRules) {
    this.#context = context
    this.rules = rules
  }

  /** Removes a tenth of all versions at once, so that a flood of images writes few audit entries. */
  makeRoom(): void {
    const { registry, journal } = this.#context
    const gone = leastRecent(registry.index, Math.ceil(versionsKept / 10))
    if (gone.length === 0) return
    const images = gone.slice(0, imagesNamed).map(({ key }) => key)
    const because = `the node has ${versionsKept} versions, which is the maximum`
    journal.audit('retention', 'agent', { count: gone.length, images, because })
    for (const version of gone) this.#context.registry.events.emit('removed', version)
    this.removed += gone.length
  }

  apply(): void {
    const { registry, journal } = this.#context
    const nowMs = this.#context.now()
    const lineages = new Map<string, DeployedVersion[]>()
    for (const version of registry.index) {
      const name = lineageName(version.image)
      const lineage = lineages.get(name)
      if (lineage === undefined) lineages.set(name, [version])
      else lineage.push(version)
    }
    for (const lineage of lineages.values()) {
      for (const { version, because } of outdatedOf(lineage, this.rules, nowMs)) {
        journal.audit('retention', 'agent', { ...removalFields(version), because })
        this.#context.registry.events.emit('removed', version)
        this.removed += 1
      }
    }
  }
}
