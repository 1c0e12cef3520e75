import type { Alert, Severity } from '../../core/event/alert.ts'
import { describeError } from '../../errors.ts'

export interface Grade {
  readonly severity: Severity
  /** One line, which is told with the alert. */
  readonly reason: string
}

/** How grave an alert is to its operator, before anybody is told; undefined: as grave as it is. May throw. */
export type AlertGrade = (alert: Alert) => Grade | undefined

const fault = 'alert policy'

/** The alert as it is graded. A policy that fails changes nothing, and is told among the faults until it works again. */
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
