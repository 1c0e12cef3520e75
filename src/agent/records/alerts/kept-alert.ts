import type { AlertType, Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertBehaviour, AlertCause, AlertDecision } from '../../../core/event/alert.ts'
import { PackedJson } from '../../../core/packed-json.ts'
import type { ContainerRef, ImageRef, ProcessRef } from '../../../core/event/event.ts'

/** Alerts that are packed together: to open them takes half a millisecond. */
export const packedTogether = 32

export type PackedAlerts = PackedJson<readonly Alert[]>

/** The packed alerts that were opened last: neighbours are asked for one after the other. */
let opened: { readonly packed: PackedAlerts; readonly alerts: readonly Alert[] } | undefined

const none: readonly string[] = []

/**
 * An alert as the store of alerts has it. What views ask of all alerts is at hand. The whole alert may be packed, to an
 * eighth of the memory: most are never looked at again.
 */
export class KeptAlert {
  readonly id: string
  readonly severity: Severity
  readonly type: AlertType
  readonly firstSeen: string
  readonly lastSeen: string
  readonly count: number
  readonly image: ImageRef | undefined
  readonly decision: AlertDecision | undefined
  readonly behaviourId: string | undefined
  /** Of its samples, if it has several. */
  readonly sampleIds: readonly string[]
  readonly causeId: string | undefined
  readonly containerId: string | undefined
  readonly sessions: Alert['sessions']
  #whole: Alert | PackedAlerts
  /** Its place among the packed ones. */
  #at = 0

  /** @param image that of the alert: one object for all alerts of an image */
  constructor(alert: Alert, image: ImageRef | undefined) {
    this.id = alert.id
    this.severity = alert.severity
    this.type = alert.type
    this.firstSeen = alert.firstSeen
    this.lastSeen = alert.lastSeen === alert.firstSeen ? alert.firstSeen : alert.lastSeen
    this.count = alert.count
    this.image = image
    this.decision = alert.decision
    this.behaviourId = alert.behaviour?.id
    this.sampleIds = alert.samples?.map(({ id }) => id) ?? none
    this.causeId = alert.cause?.id
    this.containerId = alert.container?.id
    this.sessions = alert.sessions
    this.#whole = alert
  }

  /** Opens it where it is packed. It stays packed. */
  get whole(): Alert {
    const whole = this.#whole
    if (!(whole instanceof PackedJson)) return whole
    if (opened?.packed !== whole) opened = { packed: whole, alerts: whole.open() }
    return opened.alerts[this.#at] as Alert
  }

  is(alert: Alert): boolean {
    return this.whole === alert
  }

  /** @param at its place among them */
  pack(packed: PackedAlerts, at: number): void {
    this.#whole = packed
    this.#at = at
  }

  get container(): ContainerRef | undefined {
    return this.whole.container
  }

  get process(): ProcessRef | undefined {
    return this.whole.process
  }

  get behaviour(): AlertBehaviour | null {
    return this.whole.behaviour
  }

  get cause(): AlertCause | undefined {
    return this.whole.cause
  }

  get samples(): readonly AlertBehaviour[] | undefined {
    return this.whole.samples
  }

  get loaded(): readonly AlertBehaviour[] | undefined {
    return this.whole.loaded
  }

  get reasons(): readonly string[] {
    return this.whole.reasons
  }

  get guardrails(): readonly string[] {
    return this.whole.guardrails
  }
}
