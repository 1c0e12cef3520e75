import { dirname } from 'node:path'
import type { Alert } from './snug.ts'
import type { Finding, Protocol } from './result.ts'

/** Alerts by cause: actor, access and folder. */
export function findingsOf(
  alerts: readonly Alert[],
  protocol: Protocol,
  version: Finding['version'],
): readonly Finding[] {
  const found = new Map<string, Finding>()
  for (const alert of alerts) {
    const cause = causeOf(alert, protocol, version)
    const key = [cause.actor, cause.access, cause.folder, cause.severity].join(' ')
    found.set(key, { ...cause, count: (found.get(key)?.count ?? 0) + 1 })
  }
  return [...found.values()].sort((a, b) => b.count - a.count)
}

function causeOf(alert: Alert, protocol: Protocol, version: Finding['version']): Finding {
  const { event, severity, process, behaviour } = alert
  const isFile = event.kind === 'file'
  return {
    protocol,
    version,
    actor: process?.exe ?? '',
    access: isFile ? event.file.access.join('+') : event.kind,
    folder: isFile ? dirname(event.file.path) : event.kind === 'exec' ? event.exec.path : '',
    severity,
    count: 1,
    sample: `${process?.args?.slice(0, 3).join(' ') ?? ''}: ${behaviour?.text ?? event.kind}`.slice(
      0,
      200,
    ),
  }
}
