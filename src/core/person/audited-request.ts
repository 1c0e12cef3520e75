import { canonicalAddress } from '../event/canonical.ts'

export const requestKinds = ['exec', 'attach', 'portforward', 'ephemeral'] as const
export type RequestKind = (typeof requestKinds)[number]

/** A request to the API server that lets a person into a pod, as its audit log has it. */
export interface AuditedRequest {
  /** Of the request in the log. A client may choose it. */
  readonly id: string
  /** In each line of the request, and in no other. */
  readonly key: string
  readonly kind: RequestKind
  readonly namespace: string
  readonly pod: string
  /** Absent: the only container of the pod. */
  readonly container?: string
  /** Of `exec`: program and arguments. */
  readonly command: readonly string[]
  readonly commandCut?: true
  /** Of `ephemeral`: the containers that it is about, where the audit policy records the body of requests. */
  readonly adds?: readonly string[]
  readonly name: string
  readonly as?: string
  readonly from?: string
  readonly agent?: string
  readonly receivedMs: number
  /** When the answer began, and when it was done. */
  readonly startedMs?: number
  readonly endedMs?: number
  /** Status of the answer, once there is one. 101 also where the kubelet refused to switch protocols. */
  readonly code?: number
  /** It asked for a WebSocket: kubectl asks again by `POST` where that is refused. */
  readonly isGet?: true
}

/** Code units; text of others has these bounds. A longer name makes the line unreadable: names with one beginning differ. */
export const auditBounds = {
  id: 128,
  name: 512,
  agent: 200,
  command: 4_096,
  args: 256,
  adds: 64,
} as const

/** Cheap, and true of each line that {@link auditedRequest} takes: most lines are about something else. */
export function mayBeRequest(line: string): boolean {
  return /"subresource"\s*:\s*"(?:exec|attach|portforward|ephemeralcontainers|proxy)"/.test(line)
}

/**
 * The request that an event of `audit.k8s.io/v1` is about; `other`: none that lets anybody into a pod. `unreadable`: it
 * is about one, and not in the form that the API server writes.
 */
export function auditedRequest(value: unknown): AuditedRequest | 'other' | 'unreadable' {
  const event = objectOf(value)
  const uri = textOf(event['requestURI'])
  if (event['kind'] !== 'Event' || uri === undefined) return 'unreadable'
  const target = targetOf(objectOf(event['objectRef']), uri)
  if (target === undefined) return 'other'
  const id = textOf(event['auditID'])
  const name = nameOf(event['user'])
  const receivedMs = timeOf(event['requestReceivedTimestamp'])
  if (id === undefined || id.length > auditBounds.id) return 'unreadable'
  if (name === undefined || receivedMs === undefined) return 'unreadable'
  const impersonated = event['impersonatedUser']
  const as = impersonated === undefined ? undefined : nameOf(impersonated)
  if (impersonated !== undefined && as === undefined) return 'unreadable'
  const adds = target.kind === 'ephemeral' ? addsOf(event['requestObject']) : undefined
  const from = fromOf(event['sourceIPs'])
  const agent = textOf(event['userAgent'])?.slice(0, auditBounds.agent)
  const key = JSON.stringify([id, event['requestReceivedTimestamp'], name, as, uri.slice(0, 512)])
  return {
    id,
    key,
    ...target,
    name,
    receivedMs,
    ...(as === undefined ? {} : { as }),
    ...(adds === undefined ? {} : { adds }),
    ...(from === undefined ? {} : { from }),
    ...(agent === undefined || agent === '' ? {} : { agent }),
    ...(event['verb'] === 'get' ? { isGet: true as const } : {}),
    ...stageOf(event),
  }
}

/** What both lines of one request have, in whichever order they come. */
export function joined(one: AuditedRequest, other: AuditedRequest): AuditedRequest {
  return { ...one, ...other }
}

type Target = Pick<
  AuditedRequest,
  'kind' | 'namespace' | 'pod' | 'container' | 'command' | 'commandCut'
>

const kinds: Readonly<Record<string, RequestKind>> = {
  exec: 'exec',
  attach: 'attach',
  portforward: 'portforward',
  ephemeralcontainers: 'ephemeral',
}

function targetOf(ref: Members, uri: string): Target | undefined {
  const subresource = textOf(ref['subresource']) ?? ''
  const [path = '', query = ''] = split(uri, '?')
  if (ref['resource'] === 'nodes' && subresource === 'proxy') return proxied(path, query)
  const kind = Object.hasOwn(kinds, subresource) ? kinds[subresource] : undefined
  const [namespace, pod] = [textOf(ref['namespace']), textOf(ref['name'])]
  if (ref['resource'] !== 'pods' || kind === undefined) return undefined
  if (namespace === undefined || pod === undefined) return undefined
  const asked = new URLSearchParams(query)
  const container = asked.get('container') ?? ''
  const command = kind === 'exec' ? asked.getAll('command') : []
  return { kind, namespace, pod, ...containerOf(container), ...bounded(command) }
}

/** The kubelet lets those in who may use it through the API server. Its paths name the pod. */
function proxied(path: string, query: string): Target | undefined {
  const [, rest = ''] = split(path, '/proxy/')
  const [what = '', namespace, pod, ...more] = rest.split('/').map(decoded)
  const container = more.at(-1) ?? ''
  const kind = { exec: 'exec', run: 'exec', attach: 'attach', portForward: 'portforward' }[what]
  if (kind === undefined || namespace === undefined || pod === undefined) return undefined
  const asked = new URLSearchParams(query)
  const command = what === 'run' ? (asked.get('cmd') ?? '').split(' ') : asked.getAll('command')
  const isExec = kind === 'exec'
  return {
    kind: kind as RequestKind,
    namespace,
    pod,
    ...(kind === 'portforward' ? {} : containerOf(container)),
    ...bounded(isExec ? command : []),
  }
}

function containerOf(container: string): Pick<Target, 'container'> {
  return container === '' ? {} : { container }
}

function bounded(command: readonly string[]): Pick<Target, 'command' | 'commandCut'> {
  const kept: string[] = []
  let left: number = auditBounds.command
  for (const part of command.slice(0, auditBounds.args)) {
    if (part.length > left) return { command: [...kept, part.slice(0, left)], commandCut: true }
    kept.push(part)
    left -= part.length
  }
  return kept.length < command.length ? { command: kept, commandCut: true } : { command: kept }
}

/** All addresses before the last one come from headers, which the client writes. */
function fromOf(addresses: unknown): string | undefined {
  const last: unknown = Array.isArray(addresses) ? addresses.at(-1) : undefined
  return typeof last === 'string' ? canonicalAddress(last) : undefined
}

/** Names in the body of a patch or an update of ephemeral containers, which up to 1.21 had a separate kind. */
function addsOf(body: unknown): readonly string[] | undefined {
  const { spec, ephemeralContainers } = objectOf(body)
  const listed = ephemeralContainers ?? objectOf(spec)['ephemeralContainers']
  if (!Array.isArray(listed)) return undefined
  return listed.slice(0, auditBounds.adds).flatMap((each) => textOf(objectOf(each)['name']) ?? [])
}

function stageOf(event: Members): Pick<AuditedRequest, 'startedMs' | 'endedMs' | 'code'> {
  const atMs = timeOf(event['stageTimestamp'])
  const code = objectOf(event['responseStatus'])['code']
  const answered = typeof code === 'number' ? { code } : {}
  if (atMs === undefined) return answered
  if (event['stage'] === 'ResponseStarted') return { ...answered, startedMs: atMs }
  const isDone = event['stage'] === 'ResponseComplete' || event['stage'] === 'Panic'
  return isDone ? { ...answered, endedMs: atMs } : answered
}

function nameOf(user: unknown): string | undefined {
  const name = textOf(objectOf(user)['username'])
  return name === undefined || name === '' || name.length > auditBounds.name ? undefined : name
}

type Members = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

function split(text: string, at: string): readonly string[] {
  const index = text.indexOf(at)
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + at.length)]
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
