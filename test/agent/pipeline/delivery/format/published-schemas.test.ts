import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Alert } from '../../../../../src/core/event/alert.ts'
import { formatVersions } from '../../../../../src/core/event/format-versions.ts'
import type { OutboundRecord } from '../../../../../src/core/event/outbound-record.ts'
import { auditToEcs } from '../../../../../src/agent/pipeline/delivery/format/audit.ts'
import { incidentToEcs } from '../../../../../src/agent/pipeline/delivery/format/incident.ts'
import { toEcs } from '../../../../../src/agent/pipeline/delivery/format/ecs.ts'
import { renderer } from '../../../../../src/agent/pipeline/delivery/format/format.ts'
import { toOcsf } from '../../../../../src/agent/pipeline/delivery/format/ocsf.ts'
import { toOtlp } from '../../../../../src/agent/pipeline/delivery/format/otlp.ts'
import { anyText } from '../../../../fixtures/any-text.ts'
import {
  executedAlerts,
  sessionAlerts,
  hostile,
  hostileAlert,
  product,
  sampleAlerts,
  sampleAudits,
  sampleIncidents,
} from '../../../../fixtures/format-alerts.ts'
import { ecsFaults, ocsfFaults, otelFaults } from '../../../../fixtures/published-schemas.ts'
import { cases } from '../../../../fixtures/random-cases.ts'

/** Each sample as sources report it: with everything, and with no more than they must. */
const alerts: readonly Alert[] = [...sampleAlerts, ...executedAlerts, ...sessionAlerts].flatMap(
  (alert) => {
    const { process, ...rest } = alert
    if (process === undefined) return [alert]
    const { args: _, gid: __, ppid: ___, ancestors: ____, ...least } = process
    const { parent: _____, ...alone } = least
    return [alert, { ...rest, process: least }, { ...rest, process: alone }, rest]
  },
)
const named = alerts.map((alert, at) => [`${at} ${alert.id}`, alert] as const)

it.each(named)('alert %s is a Detection Finding by the schema of OCSF', (_, alert) => {
  const finding = toOcsf(alert, product)
  expect(ocsfFaults(finding)).toEqual([])
  expect(finding).toMatchObject({ metadata: { version: formatVersions.ocsf } })
})

it.each(named)('alert %s has the fields and values of ECS', (_, alert) => {
  const document = toEcs(alert, product)
  expect(ecsFaults(document)).toEqual([])
  expect(document).toMatchObject({ ecs: { version: formatVersions.ecs } })
})

it('an entry of the audit trail has the fields and values of ECS', () => {
  for (const record of sampleAudits()) expect(ecsFaults(auditToEcs(record, product))).toEqual([])
})

it('an incident, and an alert of one, have the fields and values of the schemas', () => {
  for (const record of [...sampleIncidents(), ...sampleIncidents(hostile)]) {
    expect(ecsFaults(incidentToEcs(record, product))).toEqual([])
  }
  for (const alert of alerts) {
    const joined = { ...alert, incident: alert.id }
    expect(ocsfFaults(toOcsf(joined, product))).toEqual([])
    expect(ecsFaults(toEcs(joined, product))).toEqual([])
  }
})

it('any text of a container leaves findings and documents valid', () => {
  fc.assert(
    fc.property(anyText(40), (text) => {
      const alert = hostileAlert(text)
      expect(ocsfFaults(toOcsf(alert, product))).toEqual([])
      expect(ecsFaults(toEcs(alert, product))).toEqual([])
    }),
    { numRuns: cases(30) },
  )
})

interface Exported {
  readonly schemaUrl: string
  readonly resource: { readonly attributes: readonly { readonly key: string }[] }
  readonly scopeLogs: readonly {
    readonly logRecords: readonly { readonly attributes: readonly { readonly key: string }[] }[]
  }[]
}

it('logs have attributes of the semantic conventions of OpenTelemetry, and name their version', () => {
  const records: readonly OutboundRecord[] = [...alerts, ...sampleAudits(), ...sampleIncidents()]
  const request = toOtlp(records, product, renderer('json', product))
  const [logs] = request['resourceLogs'] as readonly Exported[]
  expect(logs?.schemaUrl).toBe(`https://opentelemetry.io/schemas/${formatVersions.opentelemetry}`)
  const found = logs?.scopeLogs.flatMap(({ logRecords }) => logRecords) ?? []
  expect(found).toHaveLength(records.length)
  expect(otelFaults(logs?.resource.attributes ?? [])).toEqual([])
  for (const { attributes } of found) expect(otelFaults(attributes)).toEqual([])
})

it('the checks find what is not of a schema', () => {
  const [alert] = sampleAlerts
  if (alert === undefined) throw new Error('there is no sample')
  const finding = toOcsf(alert, product)
  expect(ocsfFaults({ ...finding, evidence: 1 })).toEqual([
    ' must NOT have additional properties {"additionalProperty":"evidence"}',
  ])
  expect(ocsfFaults({ ...finding, anomaly_analyses: [{ anomalies: [] }] })).toEqual([
    '/anomaly_analyses/0 must have required property \'analysis_targets\' {"missingProperty":"analysis_targets"}',
  ])
  const document = toEcs(alert, product)
  expect(ecsFaults({ ...document, process: { pid: 'one', exe: '/x' } })).toEqual([
    'process.pid: "one" is no long of it',
    'process.exe is no field',
  ])
  const event = { category: ['process'], type: ['start', 'denied'], kind: 'alarm' }
  expect(ecsFaults({ ...document, event })).toEqual([
    'event.kind: "alarm" is no keyword of it',
    'unexpected denied',
  ])
  expect(otelFaults([{ key: 'threat.technique.id' }, { key: 'container.id' }])).toEqual([
    'threat.technique.id',
  ])
})
