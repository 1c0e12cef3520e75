import type { Alert } from '../../core/event/alert.ts'
import { severities } from '../../core/event/alert-words.ts'
import { compareText } from '../../core/compare-text.ts'
import type { GateFinding, GateResult, GateRule } from '../../supplychain/findings/finding.ts'

export interface JudgedRun {
  readonly job: string
  /** Behaviours in its profile after the run, and in that of earlier runs. */
  readonly seen: number
  readonly before: number
  readonly lost: number
  readonly alerts: readonly Alert[]
}

/** From this severity on a deviation fails the step. */
const failsFrom = severities.indexOf('medium')

const ruleOfKind: Readonly<Record<string, GateRule>> = {
  connect: 'new-peer',
  listen: 'new-listen',
  exec: 'new-program',
  capability: 'new-capability',
  file: 'new-read',
  identity: 'new-root',
}

/** A run of a job, judged by its profile, in the form of a gate: the writers of reports are the same. */
export function jobResult({ job, seen, before, lost, alerts }: JudgedRun): GateResult {
  const shown = alerts.filter(({ type, summary }) => type !== 'loss' && summary === undefined)
  const findings = [...shown.map(findingOf), ...(lost === 0 ? [] : [lossFinding(lost)])].toSorted(
    (a, b) => levels.indexOf(a.level) - levels.indexOf(b.level) || compareText(a.text, b.text),
  )
  const count = (level: GateFinding['level']): number =>
    findings.filter((finding) => finding.level === level).length
  const counts = {
    approve: count('approve'),
    warn: count('warn'),
    note: count('note'),
    approved: 0,
  }
  return {
    schema: 'snug.gate-result/v1',
    image: job,
    passed: counts.approve === 0,
    behaviours: { seen, asBefore: Math.min(seen, before) },
    counts,
    findings,
  }
}

const levels: readonly GateFinding['level'][] = ['approve', 'warn', 'note']

function findingOf(alert: Alert): GateFinding {
  const { id, behaviour, severity, action, guardrails, reasons, process } = alert
  const actor = process === undefined ? '' : `${process.script ?? process.exe}: `
  const kind = behaviour?.kind ?? ''
  const path = alert.event.kind === 'file' ? alert.event.file.path : undefined
  return {
    id: behaviour?.id ?? id,
    rule: guardrails.length > 0 ? 'guardrail' : (ruleOfKind[kind] ?? 'new-syscall'),
    level: severities.indexOf(severity) >= failsFrom ? 'approve' : 'note',
    text: `${actor}${behaviour?.text ?? ''}`,
    why: [severity, action, ...reasons.slice(0, 1)].join(', '),
    ...(path === undefined ? {} : { path }),
  }
}

function lossFinding(lost: number): GateFinding {
  const text = `${lost} events were lost: the run is incomplete`
  return { id: 'lost-evidence', rule: 'lost-evidence', level: 'warn', text }
}
