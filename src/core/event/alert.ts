import type { View } from '../view.ts'
import type * as schema from './alert-schema.ts'
import type { AlertAction } from './alert-words.ts'

/** True where the event had no effect. */
export function hasStopped(action: AlertAction): boolean {
  return action === 'blocked' || action === 'killed'
}

/** `snug.alert/v1`. Repeats of one event are one alert with a rising count. */
export type Alert = View<typeof schema.alert>
export type AlertCause = View<typeof schema.alertCause>
export type AlertCausePart = NonNullable<AlertCause['parts']>[number]
export type AlertComponentPart = NonNullable<AlertCause['component']>[number]
export type AlertSummary = View<typeof schema.alertSummary>
export type AlertBehaviour = View<typeof schema.behaviour>
/** A behaviour with the evidence of one event: enough to decide on it where no profile has it. */
export type BehaviourForm = NonNullable<AlertBehaviour['form']>
export type AlertDecision = View<typeof schema.alertDecision>
/** Every fact that the severity of a deviation depends on. */
export type RiskFacts = View<typeof schema.risk>
