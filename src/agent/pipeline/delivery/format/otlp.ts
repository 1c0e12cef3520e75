import type { Alert } from '../../../../core/event/alert.ts'
import { formatVersions } from '../../../../core/event/format-versions.ts'
import { onlyPerson } from '../../../../core/person/session-person.ts'
import {
  type AuditRecord,
  isAudit,
  isIncident,
  type OutboundRecord,
} from '../../../../core/event/outbound-record.ts'
import {
  alertClass,
  epochMs,
  loadedFiles,
  onScale,
  personsLine,
  type Product,
  unhashedOf,
} from './alert-facts.ts'
import type { IncidentRecord } from '../../../../core/incident/incident-record.ts'
import { auditClass } from './audit.ts'
import { incidentClass } from './incident.ts'
import type { Render } from './format.ts'

const severityNumbers = { low: 9, medium: 13, high: 17, critical: 21 } as const
const severityTexts = { low: 'INFO', medium: 'WARN', high: 'ERROR', critical: 'FATAL' } as const

/** Of the semantic conventions that names of attributes follow. */
export const otelSchemaUrl = `https://opentelemetry.io/schemas/${formatVersions.opentelemetry}`

type Value = string | number | readonly string[] | undefined

/** A batch as an export request for logs, in the JSON encoding of OTLP; the body of each record is its line. */
export function toOtlp(
  outbound: readonly OutboundRecord[],
  product: Product,
  render: Render,
): Record<string, unknown> {
  const resource = {
    'service.name': product.name,
    'service.version': product.version,
    'host.name': outbound[0]?.node,
  }
  return {
    resourceLogs: [
      {
        resource: { attributes: attributes(resource) },
        schemaUrl: otelSchemaUrl,
        scopeLogs: [
          {
            scope: { name: product.name, version: product.version },
            schemaUrl: otelSchemaUrl,
            logRecords: outbound.map((each) =>
              isAudit(each)
                ? auditRecord(each, render)
                : isIncident(each)
                  ? incidentRecord(each, render)
                  : record(each, render),
            ),
          },
        ],
      },
    ],
  }
}

function record(alert: Alert, render: Render): Record<string, unknown> {
  return {
    timeUnixNano: nanos(alert.lastSeen),
    observedTimeUnixNano: nanos(alert.time),
    severityNumber: onScale(severityNumbers, alert),
    severityText: onScale(severityTexts, alert),
    eventName: 'snug.alert',
    body: { stringValue: render(alert) },
    attributes: attributes({
      'log.record.uid': alert.id,
      'snug.class': alertClass(alert),
      'snug.type': alert.type,
      'snug.action': alert.action,
      'snug.severity': alert.severity,
      'snug.count': alert.count,
      'snug.mode': alert.mode,
      'snug.guardrails': alert.guardrails,
      'snug.attack': alert.attack,
      'snug.loaded': loadedFiles(alert),
      'snug.file.sha256': alert.event.kind === 'exec' ? alert.event.exec.sha256 : undefined,
      'snug.file.unhashed': unhashedOf(alert.event),
      'snug.person': onlyPerson(alert.sessions)?.name,
      'snug.persons': personsLine(alert),
      'snug.incident': alert.incident,
      'container.id': alert.container?.id,
      'container.name': alert.container?.name,
      'container.image.name': alert.image?.repository,
      'container.image.tags': alert.image?.tag === undefined ? undefined : [alert.image.tag],
      'container.image.id': alert.image?.digest,
      'k8s.namespace.name': alert.workload?.namespace,
      'k8s.pod.name': alert.workload?.pod,
      'process.pid': alert.process?.pid,
      'process.executable.path': alert.process?.exe,
      'process.command_args': alert.process?.args,
      'user.id': alert.process === undefined ? undefined : String(alert.process.uid),
    }),
  }
}

function auditRecord(each: AuditRecord, render: Render): Record<string, unknown> {
  const { entry, hash } = each
  return {
    timeUnixNano: nanos(each.time),
    observedTimeUnixNano: nanos(each.time),
    severityNumber: onScale(severityNumbers, each),
    severityText: onScale(severityTexts, each),
    eventName: 'snug.audit',
    body: { stringValue: render(each) },
    attributes: attributes({
      'log.record.uid': each.id,
      'snug.class': auditClass(each),
      'snug.type': each.type,
      'snug.severity': each.severity,
      'snug.audit.seq': entry.seq,
      'snug.audit.previous': entry.previous,
      'snug.audit.hash': hash,
      'user.name': entry.who,
    }),
  }
}

function incidentRecord(each: IncidentRecord, render: Render): Record<string, unknown> {
  return {
    timeUnixNano: nanos(each.lastSeen),
    observedTimeUnixNano: nanos(each.time),
    severityNumber: onScale(severityNumbers, each),
    severityText: onScale(severityTexts, each),
    eventName: 'snug.incident',
    body: { stringValue: render(each) },
    attributes: attributes({
      'log.record.uid': each.id,
      'snug.class': incidentClass,
      'snug.type': each.type,
      'snug.severity': each.severity,
      'snug.incident': each.incident,
      'snug.incident.revision': each.revision,
      'snug.incident.state': each.state,
      'snug.incident.alerts': each.alerts,
      'snug.incident.into': each.into,
      'snug.guardrails': each.guardrails,
      'snug.attack': each.attack,
      'snug.persons': each.persons,
    }),
  }
}

/** Text, as in OTLP's JSON: the value exceeds the range of a number. */
function nanos(time: string): string {
  return `${epochMs(time)}000000`
}

function attributes(values: Readonly<Record<string, Value>>): readonly object[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return []
    return [{ key, value: encoded(value) }]
  })
}

function encoded(value: string | number | readonly string[]): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'number') return { intValue: String(value) }
  return { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } }
}
