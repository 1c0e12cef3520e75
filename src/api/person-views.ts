import type { Severity } from '../core/event/alert.ts'

/** What one person did in which containers, as far as there are alerts of it. */
export interface PersonView {
  /** The user, as the API server authenticated them. */
  readonly name: string
  /** Users whom they impersonated. */
  readonly as: readonly string[]
  /** Addresses of their connections to the API server. */
  readonly from: readonly string[]
  readonly sessions: number
  readonly alerts: number
  /** Of the gravest alert. */
  readonly severity: Severity
  readonly firstSeen: string
  readonly lastSeen: string
  /** The latest first. */
  readonly containers: readonly PersonContainer[]
}

export interface PersonContainer {
  /** 64 hex digits. */
  readonly id: string
  readonly name?: string
  /** Its workload, or itself. */
  readonly place: string
  /** Repository */
  readonly image?: string
  readonly sessions: number
  readonly alerts: number
  readonly severity: Severity
  readonly firstSeen: string
  readonly lastSeen: string
  /** What their latest alerts there are about. */
  readonly acts: readonly string[]
}
