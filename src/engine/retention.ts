import { outdatedOf, type RetentionRules } from '../core/lifecycle/retention.ts'
import type { DeployedVersion } from '../state/versions/deployed-version.ts'
import type { RemovalContext } from './contexts.ts'
import { removalFields } from './review/remove-version.ts'

/** Removes the versions that `retention` no longer keeps, with an audit entry for each of them. */
export class Retention {
  /** Since the start. */
  removed = 0
  rules: RetentionRules
  readonly #context: Pick<RemovalContext, 'registry' | 'journal' | 'now' | 'remove'>

  constructor(
    context: Pick<RemovalContext, 'registry' | 'journal' | 'now' | 'remove'>,
    rules: RetentionRules,
  ) {
    this.#context = context
    this.rules = rules
  }

  apply(): void {
    const { registry, journal } = this.#context
    const nowMs = this.#context.now()
    const lineages = new Map<string, DeployedVersion[]>()
    for (const version of registry.versions) {
      const { repository } = version.image
      const lineage = lineages.get(repository)
      if (lineage === undefined) lineages.set(repository, [version])
      else lineage.push(version)
    }
    for (const lineage of lineages.values()) {
      for (const { version, because } of outdatedOf(lineage, this.rules, nowMs)) {
        journal.audit('retention', 'agent', { ...removalFields(version), because })
        this.#context.remove(version)
        this.removed += 1
      }
    }
  }
}
