import type { Severity } from '../../../core/event/alert-words.ts'
import type { Alert } from '../../../core/event/alert.ts'
import { describeError } from '../../../errors.ts'

export interface Grade {
  readonly severity: Severity
  /** One line, delivered with the alert. */
  readonly reason: string
}

/**
 * Sets the severity of an alert for its operator before delivery; undefined: unchanged. May throw.
 */
export type AlertGrade = (alert: Alert) => Grade | undefined

const fault = 'alert policy'

/**
 * The alert after the policy. A failing policy changes nothing, and is listed as a fault until it
 * works again.
 */
export function graded(
  alert: Alert,
  grade: AlertGrade | undefined,
  faults: Map<string, string>,
): Alert {
  if (grade === undefined) return alert
  try {
    const given = grade(alert)
    faults.delete(fault)
    if (given === undefined) return alert
    const { severity, reason } = given
    return { ...alert, severity, reasons: [...alert.reasons, `by the policy: ${reason}`] }
  } catch (error) {
    faults.set(fault, describeError(error))
    return alert
  }
}
