import type { Alert } from '../../../../core/event/alert.ts'
import type { ExecEvent, SnugEvent } from '../../../../core/event/event.ts'
import { hashedFileOf } from '../../../../core/event/file-hash.ts'
import { onlyPerson } from '../../../../core/person/session-person.ts'
import {
  epochMs,
  imageName,
  loadedFiles,
  personAddress,
  personsLine,
  workloadName,
  hostNameOf,
} from './alert-facts.ts'

/** The alert as flat fields, for formats of keys and values. Times are epoch milliseconds. */
export interface FlatFields {
  readonly timeMs: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  readonly image?: string
  readonly container?: string
  readonly workload?: string
  readonly exe?: string
  readonly pid?: number
  readonly uid?: number
  readonly commandLine?: string
  /** Object of the event. */
  readonly path?: string
  readonly address?: string
  readonly port?: number
  readonly protocol?: string
  readonly hostName?: string
  /** SHA-256 of what was executed and the image did not ship. */
  readonly hash?: string
  /** Why there is none. */
  readonly unhashed?: string
  /** Files that the program loaded because of its build, with commas between them. */
  readonly loaded?: string
  /** Who began its sessions, for people. */
  readonly persons?: string
  /** The one who did, and from where. */
  readonly person?: string
  readonly personAddress?: string
}

export function flatFields(alert: Alert): FlatFields {
  const { image, container, process } = alert
  const workload = workloadName(alert)
  const loaded = loadedFiles(alert)?.join(',')
  const persons = personsLine(alert)
  const person = onlyPerson(alert.sessions)
  const from = personAddress(alert)
  return {
    timeMs: epochMs(alert.time),
    firstSeenMs: epochMs(alert.firstSeen),
    lastSeenMs: epochMs(alert.lastSeen),
    ...(image === undefined ? {} : { image: imageName(image) }),
    ...(container === undefined ? {} : { container: container.name ?? container.id }),
    ...(workload === undefined ? {} : { workload }),
    ...(process === undefined ? {} : { exe: process.exe, pid: process.pid, uid: process.uid }),
    ...(process?.args === undefined ? {} : { commandLine: process.args.join(' ') }),
    ...subject(alert.event),
    ...(loaded === undefined ? {} : { loaded }),
    ...(persons === undefined ? {} : { persons }),
    ...(person === undefined ? {} : { person: person.name }),
    ...(from === undefined ? {} : { personAddress: from }),
  }
}

/** With a hash the path is that of the file which has it, be it a script. */
function executed(event: ExecEvent): Partial<FlatFields> {
  const [file] = hashedFileOf(event)
  if (file === undefined) return { path: event.exec.path }
  return 'sha256' in file
    ? { path: file.path, hash: file.sha256 }
    : { path: file.path, unhashed: file.unhashed }
}

function subject(event: SnugEvent): Partial<FlatFields> {
  switch (event.kind) {
    case 'exec':
      return executed(event)
    case 'file':
      return { path: event.file.path }
    case 'connect': {
      const { address, port, protocol } = event.connect
      const hostName = hostNameOf(event.connect)
      return { address, port, protocol, ...(hostName === undefined ? {} : { hostName }) }
    }
    case 'listen': {
      const { address, port, protocol } = event.listen
      return { address, port, protocol }
    }
    case 'identity':
    case 'capability':
    case 'syscall':
    case 'loss':
      return {}
  }
}
