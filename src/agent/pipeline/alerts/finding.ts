import type { AlertType, Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertBehaviour, RiskFacts } from '../../../core/event/alert.ts'
import type { SnugEvent } from '../../../core/event/event.ts'
import type { Cause } from '../../../core/match/cause.ts'

/** A result of the judge, before it becomes an alert or raises the count of one. */
export interface Finding {
  /** Events with the same fingerprint are the same event: the count of the alert rises. */
  readonly fingerprint: string
  readonly type: AlertType
  readonly severity: Severity
  readonly reasons: readonly string[]
  readonly nearest: AlertBehaviour | null
  readonly behaviour: AlertBehaviour | null
  /** The behaviour with the names of the event, where its own are shapes: what an alert has as a sample. */
  readonly sample?: AlertBehaviour
  readonly guardrails: readonly string[]
  readonly attack: readonly string[]
  readonly mode: string
  readonly confidence?: Alert['confidence']
  readonly event: SnugEvent
  /** Absent: the agent only reported the event. */
  readonly action?: Alert['action']
  readonly cause?: FindingCause
  /** Of a program of the image that ran: the name of this run, for {@link AlertStore.addLoaded}. */
  readonly run?: string
  /** For a deviation without a guardrail: the facts that its severity follows from. */
  readonly risk?: RiskFacts
}

/** Findings of one cause and scope share one alert. */
export interface FindingCause {
  readonly cause: Cause
  /** Fields that must also be equal: version, container, origin, action, guardrails. */
  readonly scope: string
  /** The version: its containers are replicas. */
  readonly replicasOf: string
  /** Containers of the version that run now. */
  readonly running: number
  /** The cause is a component of the version ({@link AlertCause.component}): the act of it. */
  readonly part?: Cause
  /** That component is a script which ran for the first time since the window ({@link AlertCause.firstRun}). */
  readonly isFirstRun?: true
  /** All that the actor does below this folder has one cause ({@link AlertCause.instance}), and `cause` is in its group. */
  readonly instance?: string
}
