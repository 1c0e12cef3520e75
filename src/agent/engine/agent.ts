import type { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import type { Guardrails } from '../../core/match/guardrail.ts'
import type { Holds } from '../enforcement/holds.ts'
import type { SessionPersons } from '../evidence/session-persons.ts'
import type { KernelSide } from '../enforcement/kernel-side.ts'
import type { IdentityEngine } from '../pipeline/identity/identity.ts'
import type { EventSource } from '../pipeline/sources/source.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { Inflow } from './inflow.ts'
import type { LiveUpdates } from '../reading/live/live-updates.ts'

/** The agent at work, as the use cases see it. */
export interface Agent extends AgentState {
  readonly parts: AgentState['parts'] & {
    readonly sources: readonly EventSource[]
    readonly engines: readonly IdentityEngine[]
    readonly guardrails: Guardrails
    /** Whether a process of the cgroup is found that the kernel of this host runs; absent: none is. */
    readonly runsOnHost?: (cgroup: string) => boolean
  }
  readonly state: 'starting' | 'running' | 'stopping'
  readonly inflow: Inflow
  readonly kernel: KernelSide
  readonly holds: Holds
  readonly enforcement: EnforcementReports
  readonly persons: SessionPersons
  readonly live: LiveUpdates
  /** Resolves once all is judged that the sources have observed until now. */
  caughtUp(): Promise<void>
}
