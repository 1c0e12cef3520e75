import type { Severity } from '../../../core/event/alert-words.ts'
import type { Alert, AlertCause } from '../../../core/event/alert.ts'
import type { SnugEvent } from '../../../core/event/event.ts'
import { type Cause, isOfFiles } from '../../../core/match/cause.ts'
import type { Finding } from '../../pipeline/alerts/finding.ts'
import { isWide } from './cause-fingerprint.ts'
import { causeView } from './cause-fold.ts'

/** What an alert or a finding is about. */
export interface About {
  /** Names in its place that vary are shapes. */
  readonly cause: Pick<AlertCause, 'access' | 'placeClass' | 'place'>
  /** The object of the behaviour. */
  readonly file: string
  /** It is deleted. */
  readonly isRemoved: boolean
  readonly severity: Severity
  /** Scope and group of the cause. */
  readonly group: string
}

export function aboutOf({ cause: found, behaviour, severity, event }: Finding): About | undefined {
  if (found === undefined || behaviour === null) return undefined
  const { cause, scope } = found
  const group = `${scope}${cause.group}`
  return { cause, file: behaviour.object, isRemoved: isRemoval(event), severity, group }
}

/** Whether the event deletes a file, and does nothing else to it. */
export function isRemoval(event: SnugEvent): boolean {
  return event.kind === 'file' && event.file.access.every((access) => access === 'delete')
}

/** Novelty of the service itself. */
export function isNovelty({ severity, event }: Finding): boolean {
  return severity === 'low' && event.kind !== 'loss' && event.process.origin !== 'exec-in'
}

/** Novelty about files shares one alert. Another program, peer or identity is not hidden in an earlier alert. */
export function joinsOthers(finding: Finding, { access }: Cause): boolean {
  return isOfFiles(access) && isNovelty(finding)
}

/** The alert that the finding begins, and what only its store gives it. `nowMs`: epoch milliseconds. */
export function firstAlert(
  finding: Finding,
  {
    id,
    node,
    fingerprint,
    nowMs,
    count,
  }: Pick<Alert, 'id' | 'node' | 'count'> & {
    readonly fingerprint: string
    readonly nowMs: number
  },
): Alert {
  const { event, cause, risk } = finding
  const act = event.kind === 'loss' ? undefined : event
  return {
    schema: 'snug.alert/v1',
    id,
    time: new Date(nowMs).toISOString(),
    node,
    severity: finding.severity,
    type: finding.type,
    action: finding.action ?? 'alerted',
    reasons: finding.reasons,
    nearest: finding.nearest,
    behaviour: finding.behaviour,
    ...(event.image === undefined ? {} : { image: event.image }),
    ...(event.container === undefined ? {} : { container: event.container }),
    ...(act?.workload === undefined ? {} : { workload: act.workload }),
    ...(act === undefined ? {} : { process: act.process }),
    event,
    count,
    firstSeen: event.time,
    lastSeen: event.time,
    mode: finding.mode,
    ...(finding.confidence === undefined ? {} : { confidence: finding.confidence }),
    guardrails: finding.guardrails,
    attack: finding.attack,
    ...(cause === undefined ? {} : { cause: causeView(cause, isWide(fingerprint)) }),
    ...(risk === undefined ? {} : { risk }),
  }
}
