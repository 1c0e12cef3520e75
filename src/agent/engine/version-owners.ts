import type { Guardrails } from '../../core/match/guardrail.ts'
import type { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import type { KernelSide } from '../enforcement/kernel-side.ts'
import type { ImageDerivations } from '../pipeline/identity/image-derivations.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Inflow } from './inflow.ts'
import type { LiveUpdates } from '../reading/live/live-updates.ts'
import { settleClass } from '../decisions/class-service.ts'
import type { HoldService } from '../decisions/hold-service.ts'
import type { Retention } from './retention.ts'

export interface VersionOwners extends AgentState {
  readonly parts: AgentState['parts'] & { readonly guardrails: Guardrails }
  readonly kernel: KernelSide
  readonly enforcement: EnforcementReports
  readonly live: LiveUpdates
  readonly retention: Retention
  readonly inflow: Inflow
  readonly holdService: HoldService
}

/** Who acts on what happens to a version, in this order. Nothing else follows from these events. */
export function subscribeOwners(owners: VersionOwners, derivations: ImageDerivations): void {
  const { registry, kernel, enforcement, live, journal, alerts, retention, inflow, holdService } =
    owners
  const { events } = registry
  const { log } = owners.parts
  /** A client that read the version earlier has to read it again before a decision. */
  const revise = (version: DeployedVersion): void => {
    version.revise(owners.now())
    live.moved(version)
  }

  events.on('container-started', (version, container, seen) => {
    // From its first container on, reads that follow from the image's files are expected as such.
    const { derived } = version.profile
    if (version.identity !== undefined) derived.derivation ??= derivations.of(version.identity)
    kernel.started(container, version, seen)
    holdService.started(container)
    live.moved(version)
  })
  events.on('container-ended', (version, container) => {
    live.moved(version)
    kernel.ended(container, version)
  })
  events.on('learned', (version) => kernel.decided(version, true))
  events.on('decided', (version, expects) => {
    revise(version)
    kernel.decided(version, expects)
  })
  events.on('transition', (version, { from, to, because }) => {
    const image = version.key
    log.info({ image, from, to, because }, 'a version changed its state')
    if (from.state === 'learning') {
      version.reported.forgetExpected()
      settleClass(version, (id) => owners.parts.guardrails.isOfPrograms(id))
    }
    revise(version)
    journal.audit('lifecycle', 'agent', { image, from, to, because })
  })
  events.on('mode-changed', (version, before) => {
    revise(version)
    enforcement.moved(version, before)
    kernel.moved(version)
  })
  events.on('inherited-expired', (version, gone) => {
    const behaviours = gone.map(({ id }) => id)
    revise(version)
    journal.audit('vanished', 'agent', { image: version.key, behaviours })
    kernel.decided(version, true)
  })
  events.on('removed', (version) => {
    registry.remove(version)
    kernel.removed(version)
    alerts.forgetDecisions(version.image)
    inflow.dedup?.forget(version.key)
    journal.removed(version)
    live.removed(version)
  })
  events.on('full', () => retention.makeRoom())
}
