import type { ContainerRef, ImageRef, ProcessRef, SnugEvent, WorkloadRef } from './event.ts'

export const severities = ['low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof severities)[number]

export const alertTypes = ['deviation', 'guardrail', 'loss', 'enforcement'] as const
export type AlertType = (typeof alertTypes)[number]

/** `snug.alert/v1`. The same act repeated is one alert whose count rises. */
export interface Alert {
  readonly schema: 'snug.alert/v1'
  /** Sortable by time of creation. */
  readonly id: string
  readonly time: string
  readonly node: string
  readonly severity: Severity
  readonly type: AlertType
  readonly action: 'alerted' | 'blocked' | 'killed'
  /** Most telling first. */
  readonly reasons: readonly string[]
  readonly nearest: AlertBehaviour | null
  readonly behaviour: AlertBehaviour | null
  readonly image?: ImageRef
  readonly container?: ContainerRef
  readonly workload?: WorkloadRef
  readonly process?: ProcessRef
  /** Of an `enforcement` alert that is about no act: a loss, of blocking and not of sight, with its span. */
  readonly event: SnugEvent
  readonly count: number
  readonly firstSeen: string
  readonly lastSeen: string
  readonly mode: string
  /** Present where several sources told the act: their names. */
  readonly sources?: readonly string[]
  /** Absent: full. `partial`: the evidence behind it has holes, which the reasons name. */
  readonly confidence?: 'partial'
  /** Guardrail ids that fired. */
  readonly guardrails: readonly string[]
  /** MITRE ATT&CK technique ids. */
  readonly attack: readonly string[]
  readonly decision?: AlertDecision
  /** Of an alert that stands for others of its container and type: what they are. Its count is how many. */
  readonly summary?: AlertSummary
  /** Id of the alert that stands for this one. */
  readonly partOf?: string
}

export interface AlertSummary {
  /** Kind of act → how many. */
  readonly kinds: Readonly<Record<string, number>>
  /** Severity → how many. */
  readonly severities: Readonly<Record<string, number>>
  /** The most frequent first reasons. */
  readonly reasons: readonly { readonly text: string; readonly count: number }[]
  /** Ids of the first ones; `snug alert list` has all. */
  readonly first: readonly string[]
}

export interface AlertBehaviour {
  readonly id: string
  readonly kind: string
  readonly object: string
  readonly text: string
}

export interface AlertDecision {
  readonly kind: 'allowed' | 'rejected' | 'acknowledged'
  readonly by: string
  readonly at: string
  readonly reason?: string
  readonly until?: string
  readonly onlyUid?: number
  /** `namespace/kind/name` */
  readonly onlyWorkload?: string
}
