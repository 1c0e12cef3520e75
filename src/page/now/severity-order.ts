import type { Severity as AnySeverity } from '../../core/event/alert-words.ts'

export type Severity = AnySeverity
/** The gravest first. */
export const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low']
