import type { Alert } from '../../../../core/event/alert.ts'
import type { SnugEvent } from '../../../../core/event/event.ts'
import { foreignPath } from '../../../../core/event/file-hash.ts'
import { onlyPerson } from '../../../../core/person/session-person.ts'
import {
  baseName,
  classTitle,
  compact,
  onScale,
  personsLine,
  sentence,
  hostNameOf,
} from './alert-facts.ts'

export const falcoPriorities = {
  low: 'Notice',
  medium: 'Warning',
  high: 'Error',
  critical: 'Critical',
} as const
/** Falco shortens container ids to this length, and tools that join its data expect it. */
const shortId = 12

/** The alert as Falco would print it in JSON, under Falco's field names. */
export function toFalco(alert: Alert): Record<string, unknown> {
  const { container, image, workload, process, event } = alert
  return {
    uuid: alert.id,
    hostname: alert.node,
    priority: onScale(falcoPriorities, alert),
    rule: `Snug ${classTitle(alert)}`,
    source: 'syscall',
    tags: ['snug', alert.type, ...alert.guardrails, ...alert.attack],
    time: alert.time,
    output: `${alert.time} ${onScale(falcoPriorities, alert)} ${sentence(alert)}`,
    output_fields: compact({
      'evt.type': evtTypes[event.kind],
      'evt.time.iso8601': event.time,
      'container.id': container === undefined ? 'host' : container.id.slice(0, shortId),
      'container.full_id': container?.id,
      'container.name': container?.name,
      'container.image.repository': image?.repository,
      'container.image.tag': image?.tag,
      'container.image.digest': image?.digest,
      'k8s.ns.name': workload?.namespace,
      'k8s.pod.name': workload?.pod,
      'proc.name': process && baseName(process.exe),
      'proc.exepath': process?.exe,
      'proc.cmdline': process && (process.args?.join(' ') ?? process.exe),
      'proc.pid': process?.pid,
      'proc.ppid': process?.ppid,
      'proc.pname': process?.parent === undefined ? undefined : baseName(process.parent),
      'proc.pexepath': process?.parent,
      'user.uid': process?.uid,
      'group.gid': process?.gid,
      ...subject(event),
      'snug.id': alert.id,
      'snug.severity': alert.severity,
      'snug.action': alert.action,
      'snug.mode': alert.mode,
      'snug.count': alert.count,
      'snug.reasons': alert.reasons.join('; '),
      'snug.behaviour': alert.behaviour?.text,
      'ka.user.name': onlyPerson(alert.sessions)?.name,
      'snug.persons': personsLine(alert),
      'snug.incident': alert.incident,
    }),
  }
}

const evtTypes: Readonly<Record<SnugEvent['kind'], string>> = {
  exec: 'execve',
  file: 'openat',
  connect: 'connect',
  listen: 'listen',
  identity: 'setuid',
  capability: 'capset',
  syscall: 'syscall',
  loss: 'drop',
}

function subject(event: SnugEvent): Record<string, unknown> {
  switch (event.kind) {
    case 'exec':
      return {
        'evt.arg.filename': event.exec.path,
        'snug.file.path': foreignPath(event),
        'snug.file.sha256': event.exec.sha256,
        'snug.file.unhashed': event.exec.unhashed,
      }
    case 'file':
      return {
        'fd.name': event.file.path,
        'fs.path.name': event.file.path,
        'fs.path.target': event.file.to,
      }
    case 'connect': {
      const { address, port, protocol } = event.connect
      return {
        'fd.name': `->${address}:${port}`,
        'fd.rip': address,
        'fd.rport': port,
        'fd.sip': address,
        'fd.sport': port,
        'fd.l4proto': protocol,
        'fd.sip.name': hostNameOf(event.connect),
      }
    }
    case 'listen': {
      const { address, port, protocol } = event.listen
      return {
        'fd.name': `${address}:${port}`,
        'fd.lip': address,
        'fd.lport': port,
        'fd.l4proto': protocol,
      }
    }
    case 'syscall':
      return { 'evt.type': event.syscall.name, 'evt.arg.target': event.syscall.target }
    case 'identity':
      return { 'evt.arg.uid': event.identity.to.uid, 'evt.arg.gid': event.identity.to.gid }
    case 'capability':
      return { 'evt.arg.cap': event.capability.name }
    case 'loss':
      return { 'snug.loss.reason': event.loss.reason, 'snug.loss.count': event.loss.count }
  }
}
