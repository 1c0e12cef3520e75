import { type Alert, hasStopped } from '../../../../core/event/alert.ts'
import type { ExecEvent, SnugEvent } from '../../../../core/event/event.ts'
import { hashedFileOf } from '../../../../core/event/file-hash.ts'
import { formatVersions } from '../../../../core/event/format-versions.ts'
import { onlyPerson } from '../../../../core/person/session-person.ts'
import type { OutboundRecord } from '../../../../core/event/outbound-record.ts'
import {
  alertClass,
  baseName,
  classTitle,
  compact,
  loadedFiles,
  onScale,
  personAddress,
  type Product,
  programHash,
  sentence,
  unhashedOf,
} from './alert-facts.ts'

export const ecsSeverities = { low: 21, medium: 47, high: 73, critical: 99 } as const

/** The alert as one document of the Elastic Common Schema. */
export function toEcs(alert: Alert, product: Product): Record<string, unknown> {
  const { event, image, container, workload, process } = alert
  return compact({
    ...ecsHead(alert, product),
    message: sentence(alert),
    event: {
      id: alert.id,
      kind: 'alert',
      module: 'snug',
      dataset: 'snug.alert',
      provider: event.source,
      action: alertClass(alert),
      // It allows `denied`, which those of processes and files do not.
      category: ['intrusion_detection', ...categories[event.kind]],
      type: [...types(event), ...(hasStopped(alert.action) ? ['denied'] : [])],
      outcome: hasStopped(alert.action) ? 'failure' : 'unknown',
      severity: onScale(ecsSeverities, alert),
      reason: alert.reasons.join('; '),
      start: alert.firstSeen,
      end: alert.lastSeen,
    },
    labels: { incident: alert.incident },
    rule: { name: classTitle(alert), id: alert.guardrails[0], category: alert.type },
    threat:
      alert.attack.length === 0
        ? undefined
        : { framework: 'MITRE ATT&CK', technique: { id: alert.attack } },
    container: {
      id: container?.id,
      name: container?.name,
      image: {
        name: image?.repository,
        tag: image?.tag === undefined ? undefined : [image.tag],
        hash: { all: image === undefined ? undefined : [image.digest] },
      },
    },
    orchestrator: {
      type: workload?.namespace === undefined ? undefined : 'kubernetes',
      namespace: workload?.namespace,
      resource: {
        type: workload?.pod === undefined ? workload?.kind : 'pod',
        name: workload?.pod ?? workload?.name,
        parent: { type: workload?.pod === undefined ? undefined : workload.kind },
      },
    },
    process: process && {
      pid: process.pid,
      executable: process.exe,
      name: baseName(process.exe),
      args: process.args,
      args_count: process.args?.length,
      command_line: process.args?.join(' '),
      parent: {
        pid: process.ppid,
        executable: process.parent,
        name: process.parent === undefined ? undefined : baseName(process.parent),
      },
      user: { id: String(process.uid) },
      group: { id: process.gid === undefined ? undefined : String(process.gid) },
      hash: { sha256: programHash(event) },
    },
    user: {
      id: process === undefined ? undefined : String(process.uid),
      effective: { id: event.kind === 'identity' ? String(event.identity.to.uid) : undefined },
    },
    ...personOf(alert),
    ...subject(event),
    snug: {
      schema: alert.schema,
      count: alert.count,
      mode: alert.mode,
      type: alert.type,
      action: alert.action,
      confidence: alert.confidence,
      guardrails: alert.guardrails,
      behaviour: alert.behaviour ?? undefined,
      nearest: alert.nearest ?? undefined,
      loaded: loadedFiles(alert),
      unhashed: unhashedOf(event),
      files: alert.files,
      sessions: alert.sessions,
      decision: alert.decision,
    },
  })
}

/** Who began the session. */
function personOf(alert: Alert): Record<string, unknown> {
  const person = onlyPerson(alert.sessions)
  if (person === undefined) return {}
  const { name, as, from, agent } = person
  return {
    source: { ip: personAddress(alert), user: { name } },
    related: {
      user: [name, ...(as === undefined ? [] : [as])],
      ip: from === undefined ? undefined : [from],
    },
    user_agent: { original: agent },
  }
}

/** Fields of every document: time, node and product. */
export function ecsHead(
  { time, node, severity }: Pick<OutboundRecord, 'time' | 'node' | 'severity'>,
  { vendor, name, version }: Product,
): Record<string, unknown> {
  return {
    '@timestamp': time,
    ecs: { version: formatVersions.ecs },
    log: { level: severity },
    host: { name: node },
    observer: { vendor, product: name, version, type: 'ids' },
  }
}

const categories: Readonly<Record<SnugEvent['kind'], readonly string[]>> = {
  exec: ['process'],
  file: ['file'],
  connect: ['network'],
  listen: ['network'],
  identity: ['iam', 'process'],
  capability: ['process'],
  syscall: ['process'],
  loss: ['host'],
}

function types(event: SnugEvent): readonly string[] {
  switch (event.kind) {
    case 'exec':
      return ['start']
    case 'file':
      return [...new Set(event.file.access.map((access) => fileTypes[access]))]
    case 'connect':
      return ['connection', 'start']
    case 'listen':
      return ['connection']
    case 'identity':
    case 'capability':
    case 'syscall':
      return ['change']
    case 'loss':
      return ['info']
  }
}

const fileTypes = {
  read: 'access',
  write: 'change',
  create: 'creation',
  delete: 'deletion',
  rename: 'change',
  setattr: 'change',
  exec: 'access',
} as const

/** With a hash it is the file which has it, be it a script. */
function executed(event: ExecEvent): Record<string, unknown> {
  const [file] = hashedFileOf(event)
  const path = file?.path ?? event.exec.path
  return { path, name: baseName(path), hash: { sha256: event.exec.sha256 } }
}

function subject(event: SnugEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'file':
      return {
        file: {
          path: event.file.path,
          name: baseName(event.file.path),
          target_path: event.file.to,
        },
      }
    case 'exec':
      return { file: executed(event) }
    case 'connect':
      return {
        destination: {
          ip: event.connect.address,
          port: event.connect.port,
          domain: event.connect.name,
        },
        network: { transport: event.connect.protocol, direction: 'egress' },
        ...(event.connect.serverName !== undefined && {
          tls: { client: { server_name: event.connect.serverName } },
        }),
      }
    case 'listen':
      return {
        server: { ip: event.listen.address, port: event.listen.port },
        network: { transport: event.listen.protocol },
      }
    case 'identity':
    case 'capability':
    case 'syscall':
    case 'loss':
      return {}
  }
}
