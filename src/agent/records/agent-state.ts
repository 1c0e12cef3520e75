import type { Slices } from '../../support/slices.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { AlertStore } from './alerts/alert-store.ts'
import type { Journal } from './persistence/journal.ts'
import type { VersionRegistry } from './versions/version-registry.ts'

/** What the agent keeps, for those who read it or decide on it. */
export interface AgentState {
  readonly parts: { readonly node: string; readonly log: Log }
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly journal: Journal
  /** For work that grows with a profile, or with the alerts. */
  readonly slices: Slices
  /** Current faults, as text. */
  readonly faults: Map<string, string>
  /** Epoch milliseconds. */
  now(): number
}
