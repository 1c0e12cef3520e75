import { type Alert, hasStopped } from '../../../../core/event/alert.ts'
import type { ExecEvent, ProcessRef } from '../../../../core/event/event.ts'
import { formatVersions } from '../../../../core/event/format-versions.ts'
import { onlyPerson } from '../../../../core/person/session-person.ts'
import type { OutboundRecord } from '../../../../core/event/outbound-record.ts'
import {
  alertClass,
  baseName,
  classTitle,
  compact,
  epochMs,
  imageName,
  loadedFiles,
  onScale,
  personAddress,
  type Product,
  programHash,
  sentence,
  unhashedOf,
  hostNameOf,
} from './alert-facts.ts'

const severityIds = { low: 2, medium: 3, high: 4, critical: 5 } as const
const severityNames = { low: 'Low', medium: 'Medium', high: 'High', critical: 'Critical' } as const
const sha256Algorithm = { algorithm_id: 3, algorithm: 'SHA-256' } as const
const activityNames = { 1: 'Create', 2: 'Update', 3: 'Close' } as const

/**
 * The alert as a Detection Finding (class 2004), with the profiles `security_control` and `host`. The
 * class has no profile `container`: the container is part of the evidence.
 */
export function toOcsf(alert: Alert, product: Product): Record<string, unknown> {
  const activity = activityOf(alert)
  const stopped = hasStopped(alert.action)
  return compact({
    ...ocsfFinding(2004, 'Detection Finding', activity),
    time: epochMs(alert.lastSeen),
    ...ocsfSeverity(alert),
    status_id: activity === 3 ? 4 : 1,
    status: activity === 3 ? 'Resolved' : 'New',
    message: sentence(alert),
    count: alert.count,
    start_time: epochMs(alert.firstSeen),
    end_time: epochMs(alert.lastSeen),
    is_alert: true,
    // Denied, or observed.
    action_id: stopped ? 2 : 3,
    action: stopped ? 'Denied' : 'Observed',
    disposition_id: stopped ? 2 : 15,
    disposition: stopped ? 'Blocked' : 'Detected',
    metadata: {
      ...ocsfProduct(alert, product),
      correlation_uid: alert.incident,
      profiles: ['security_control', 'host'],
    },
    finding_info: {
      uid: alert.id,
      title: classTitle(alert),
      desc: sentence(alert),
      types: [alertClass(alert)],
      created_time: epochMs(alert.time),
      first_seen_time: epochMs(alert.firstSeen),
      last_seen_time: epochMs(alert.lastSeen),
      analytic: {
        // Rule, or Behavioral.
        type_id: alert.guardrails.length > 0 ? 1 : 2,
        type: alert.guardrails.length > 0 ? 'Rule' : 'Behavioral',
        uid: alert.guardrails[0] ?? alert.behaviour?.id,
        name: alert.guardrails[0] ?? 'profile of the image',
      },
      attacks: ocsfAttacks(alert),
    },
    attacks: ocsfAttacks(alert),
    device: { hostname: alert.node, name: alert.node, type_id: 0, type: 'Unknown' },
    evidences: [compact(evidence(alert))],
    anomaly_analyses: anomalies(alert),
    unmapped: {
      mode: alert.mode,
      type: alert.type,
      action: alert.action,
      confidence: alert.confidence,
      guardrails: alert.guardrails,
      loaded: loadedFiles(alert),
      unhashed: unhashedOf(alert.event),
      files: alert.files,
      sessions: alert.sessions,
      decision: alert.decision,
    },
  })
}

/** The class of a finding, and what became of it: 1 is new, 2 changed, 3 over. */
export function ocsfFinding(
  uid: number,
  name: string,
  activity: keyof typeof activityNames,
): Record<string, unknown> {
  const became = activityNames[activity]
  return {
    category_uid: 2,
    category_name: 'Findings',
    class_uid: uid,
    class_name: name,
    activity_id: activity,
    activity_name: became,
    type_uid: uid * 100 + activity,
    type_name: `${name}: ${became}`,
  }
}

export function ocsfSeverity(record: Pick<OutboundRecord, 'severity'>): Record<string, unknown> {
  return { severity_id: onScale(severityIds, record), severity: onScale(severityNames, record) }
}

/** The part of `metadata` that names the product. */
export function ocsfProduct(
  { id, schema }: Pick<OutboundRecord, 'id' | 'schema'>,
  { name, vendor, version }: Product,
): Record<string, unknown> {
  const product = { name, vendor_name: vendor, version }
  return { version: formatVersions.ocsf, uid: id, log_name: schema, product }
}

/** An alert with a rising count is an update; a decided one is closed. */
function activityOf({ count, decision }: Alert): 1 | 2 | 3 {
  if (decision !== undefined) return 3
  return count > 1 ? 2 : 1
}

export function ocsfAttacks({ attack }: Pick<Alert, 'attack'>): readonly object[] {
  return attack.map((uid) => ({ technique: { uid } }))
}

function containerOf({ container, image, workload }: Alert): Record<string, unknown> | undefined {
  if (container === undefined) return undefined
  return {
    uid: container.id,
    name: container.name,
    image: image && { uid: image.digest, name: image.repository, tag: image.tag },
    orchestrator: workload?.namespace === undefined ? undefined : 'kubernetes',
    labels: workload?.pod === undefined ? undefined : [`pod:${workload.pod}`],
  }
}

function evidence(alert: Alert): Record<string, unknown> {
  const { event, process, sessions } = alert
  const person = onlyPerson(sessions)
  const actor = process && {
    process: processOf(process, programHash(event)),
    user: person && { name: person.name, type_id: 1, type: 'User' },
  }
  return {
    uid: alert.behaviour?.id,
    name: event.kind,
    actor,
    container: containerOf(alert),
    src_endpoint: { ip: personAddress(alert) },
    ...subject(alert),
  }
}

function processOf(process: ProcessRef, sha256: string | undefined): Record<string, unknown> {
  return {
    pid: process.pid,
    name: baseName(process.exe),
    path: process.exe,
    cmd_line: process.args?.join(' '),
    file: fileOf(process.exe, sha256),
    user: { uid: String(process.uid), type_id: process.uid === 0 ? 2 : 1 },
    session: process.session === undefined ? undefined : { uid: process.session },
    ...parentOf(process),
  }
}

/** A process has its pid; without it, the program is part of the ancestry. */
function parentOf({ parent, ppid }: ProcessRef): Record<string, unknown> {
  if (parent === undefined) return {}
  const names = { name: baseName(parent), path: parent }
  return ppid === undefined
    ? { ancestry: [names] }
    : { parent_process: { pid: ppid, ...names, file: fileOf(parent) } }
}

function fileOf(path: string, sha256?: string): Record<string, unknown> {
  const hashes = sha256 === undefined ? undefined : [{ ...sha256Algorithm, value: sha256 }]
  return { name: baseName(path) || path, path, type_id: 1, hashes }
}

function subject({ event, process }: Alert): Record<string, unknown> {
  switch (event.kind) {
    case 'exec':
      return startedProgram(event, process)
    case 'file':
      // The event does not include the type of the file.
      return { file: { ...fileOf(event.file.path), type_id: 0 }, data: { file: event.file } }
    case 'connect':
      return {
        dst_endpoint: {
          ip: event.connect.address,
          port: event.connect.port,
          hostname: hostNameOf(event.connect),
        },
        connection_info: {
          direction_id: 2,
          direction: 'Outbound',
          protocol_name: event.connect.protocol,
        },
      }
    case 'listen':
      return {
        src_endpoint: { ip: event.listen.address, port: event.listen.port },
        connection_info: {
          direction_id: 1,
          direction: 'Inbound',
          protocol_name: event.listen.protocol,
        },
      }
    case 'identity':
      return { data: { identity: event.identity } }
    case 'capability':
      return { data: { capability: event.capability } }
    case 'syscall':
      return { data: { syscall: event.syscall } }
    case 'loss':
      return { data: { loss: event.loss } }
  }
}

/** A program that starts has the pid of the process that started it. A script is a file of its own. */
function startedProgram(
  event: ExecEvent,
  process: ProcessRef | undefined,
): Record<string, unknown> {
  const { path, scriptDrift, script, sha256 } = event.exec
  const file = fileOf(path, programHash(event))
  const ofScript =
    scriptDrift === true && script !== undefined ? { file: fileOf(script, sha256) } : {}
  return process === undefined
    ? { file, ...ofScript }
    : { process: { pid: process.pid, name: baseName(path), path, file }, ...ofScript }
}

/** The deviation, and the profile it departs from. */
function anomalies(alert: Alert): readonly object[] {
  const { behaviour, nearest, image, count, type } = alert
  if (type !== 'deviation' || behaviour === null || image === undefined) return []
  const observation_type = 'Deviation Analysis'
  return [
    compact({
      analysis_targets: [{ name: imageName(image), type: 'container image' }],
      anomalies: [
        {
          observation_type,
          observation_parameter: behaviour.kind,
          observed_pattern: 'UNSEEN',
          observations: [{ value: behaviour.object, count }],
        },
      ],
      baselines:
        nearest === null
          ? []
          : [
              {
                observation_type,
                observation_parameter: nearest.kind,
                observed_pattern: 'KNOWN',
                observations: [{ value: nearest.object }],
              },
            ],
    }),
  ]
}
