import { endpointText, parseAddress } from '../behaviour/address-block.ts'
import type { Severity } from '../event/alert-words.ts'
import type { Alert } from '../event/alert.ts'

/**
 * What an alert is to an incident. `grave` begins one and connects containers. `notable` begins one and joins a grave one
 * nearby. The others only join: `novelty` by its process, `loss` by its container, `summary` with the alerts that it
 * stands for.
 */
export type IncidentRole = 'grave' | 'notable' | 'novelty' | 'loss' | 'summary'

/** What decides which incident an alert belongs to. None of it changes but severity, which only rises. */
export interface IncidentFact {
  readonly id: string
  /** Epoch milliseconds of its first event: later repeats count there, and connect nothing. */
  readonly atMs: number
  readonly severity: Severity
  readonly role: IncidentRole
  /** Node and container; absent of what concerns the whole node. */
  readonly container?: string
  readonly session?: string
  readonly pid?: number
  readonly ppid?: number
  /**
   * It is about the start of a program, which is the process of that pid from then on. The first process of a container is
   * the service: whatever it does later does not belong to its start.
   */
  readonly starts: boolean
  /** Equal for this behaviour in each container of an image. */
  readonly act?: string
  /** Address and port outside of all private networks. */
  readonly destination?: string
  /** Ids of the alerts that it stands for, the first few. */
  readonly parts?: readonly string[]
}

/** What a fact is made of. */
export type IncidentSource = Pick<
  Alert,
  | 'id'
  | 'severity'
  | 'container'
  | 'node'
  | 'process'
  | 'image'
  | 'cause'
  | 'behaviour'
  | 'event'
  | 'summary'
  | 'firstSeen'
>

export function incidentFact(alert: IncidentSource): IncidentFact {
  const { id, severity, container, node, process, image, cause, behaviour, event, summary } = alert
  const act = cause?.id ?? behaviour?.id
  const destination = destinationOf(alert)
  return {
    id,
    atMs: Date.parse(alert.firstSeen),
    severity,
    role: roleOf(alert),
    ...(container === undefined ? {} : { container: `${node}/${container.id}` }),
    ...(process?.session === undefined ? {} : { session: process.session }),
    ...(process === undefined ? {} : { pid: process.pid }),
    ...(process?.ppid === undefined ? {} : { ppid: process.ppid }),
    starts: event.kind === 'exec' && (process?.parent ?? process?.session) !== undefined,
    ...(act === undefined || image === undefined ? {} : { act: `${image.repository} ${act}` }),
    ...(destination === undefined ? {} : { destination }),
    ...(summary === undefined ? {} : { parts: summary.first }),
  }
}

function roleOf({ severity, event, summary }: IncidentSource): IncidentRole {
  if (summary !== undefined) return 'summary'
  if (event.kind === 'loss') return 'loss'
  if (severity === 'low') return 'novelty'
  return severity === 'medium' ? 'notable' : 'grave'
}

/** Networks in which an address is another machine elsewhere. */
const local: ReadonlySet<string> = new Set([
  'broadcast',
  'carrierGradeNat',
  'linkLocal',
  'loopback',
  'multicast',
  'private',
  'uniqueLocal',
  'unspecified',
])

function destinationOf({ event, summary }: IncidentSource): string | undefined {
  if (event.kind !== 'connect' || summary !== undefined) return undefined
  const { address, port } = event.connect
  const parsed = parseAddress(address)
  if (parsed === undefined || local.has(parsed.range())) return undefined
  return endpointText(address, port)
}
