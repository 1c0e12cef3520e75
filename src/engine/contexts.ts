import type { AlertStore } from '../state/alerts/alert-store.ts'
import type { DeployedVersion } from '../state/versions/deployed-version.ts'
import type { Journal } from '../state/persistence/journal.ts'
import type { JudgeStage } from '../pipeline/judge/judge-stage.ts'
import type { EnforcementReports } from '../enforcement/enforcement-reports.ts'
import type { KernelSide } from '../enforcement/kernel-side.ts'
import type { Log } from '../support/telemetry/log.ts'
import type { Slices } from '../support/slices.ts'
import type { LiveUpdates } from './live/live-updates.ts'
import type { HealthFacts } from './status/health.ts'
import type { VersionRegistry } from '../state/versions/version-registry.ts'

/** The agent's clock. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
}

/** Writes an audit entry, and waits until it is stored. */
export interface AuditContext extends Clock {
  readonly journal: Pick<Journal, 'audit' | 'persist'>
}

/** What follows a decision on a version: the kernel, the audit log, and a new revision. */
export interface DecisionContext extends AuditContext {
  readonly registry: VersionRegistry
  readonly kernel: Pick<KernelSide, 'decided' | 'profiles'>
  /** Readers of the version must look again before they decide on it. */
  revise(version: DeployedVersion): void
}

/** What removes versions. */
export interface RemovalContext extends AuditContext {
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly kernel: Pick<KernelSide, 'profiles'>
  remove(version: DeployedVersion): void
}

/** Decisions on alerts, and on the behaviours that raised them. */
export interface ReviewContext extends DecisionContext {
  readonly alerts: AlertStore
  readonly journal: Pick<Journal, 'audit' | 'persist' | 'trail'>
  /** For decisions on many behaviours. */
  readonly slices: Pick<Slices, 'run'>
}

/** Decisions on modes, and on windows of learning. */
export interface ModeContext extends DecisionContext {
  readonly kernel: Pick<KernelSide, 'decided' | 'profiles' | 'refusal'>
  readonly enforcement: Pick<EnforcementReports, 'glassBroken'>
  readonly slices: Pick<Slices, 'run'>
  caughtUp(): Promise<void>
}

/** The data of the page: versions, alerts, the audit log, and why a behaviour is new. */
export interface QueryContext extends Clock {
  readonly registry: VersionRegistry
  readonly alerts: AlertStore
  readonly journal: Pick<Journal, 'trail'>
  readonly kernel: Pick<KernelSide, 'profiles'>
  readonly stage: Pick<JudgeStage, 'delta'>
  /** For work that grows with a profile, or with the alerts. */
  readonly slices: Slices
}

/** Signed profiles that come with images: each is applied as a decision, or raises an alert that explains why not. */
export interface TrustContext extends DecisionContext {
  readonly alerts: AlertStore
  readonly parts: { readonly node: string; readonly log: Log }
}

/** What is due to time. */
export interface TickContext extends DecisionContext, HealthFacts {
  readonly alerts: AlertStore
  readonly journal: Pick<Journal, 'audit' | 'persist' | 'changed' | 'observedUntil'>
  readonly kernel: Pick<KernelSide, 'decided' | 'profiles' | 'tick'>
  readonly live: LiveUpdates
  readonly slices: Pick<Slices, 'run'>
  readonly parts: HealthFacts['parts'] & { readonly node: string }
}

/** What a node shares with its fleet, and applies from it. */
export interface FleetContext extends DecisionContext {
  /** For what it shares of a profile. */
  readonly slices: Pick<Slices, 'run'>
  readonly faults: Map<string, string>
  readonly parts: { readonly node: string; readonly log: Log }
}
