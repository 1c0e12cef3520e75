import type { Severity as AnySeverity } from '../../core/event/alert.ts'

export type Severity = AnySeverity
/** The gravest first. */
export const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low']
