import type { SnugEvent } from '../../../core/event/event.ts'
import type { Access, EventKind } from '../../../core/event/event-words.ts'
import { SnugError } from '../../../errors.ts'
import { containerId, hostId, imageOf } from '../../../agent/pipeline/sources/image-name.ts'
import {
  bagAt,
  type Bag,
  plainEventOf,
  given,
  need,
  numberAt,
  parseObject,
  textAt,
} from '../json-fields.ts'
import type {
  LineContext,
  LineFormat,
  LineMapper,
} from '../../../agent/pipeline/sources/line-format.ts'
import { accessOfFlagNames } from '../open-flags.ts'
import { isRuntime, ProcessTree, type Root } from '../process-tree.ts'
import { sensorTime } from '../sensor-time.ts'

const kinds: readonly EventKind[] = ['exec', 'file', 'connect', 'listen', 'loss']

/**
 * KubeArmor's telemetry and alerts as JSON lines. KubeArmor omits numbers that are 0: a missing
 * `UID` is root.
 */
export const kubearmorFormat: LineFormat = {
  name: 'kubearmor',
  kinds,
  byRule: true,
  follow: true,
  open: (context) => new KubeArmorMapper(context),
}

class KubeArmorMapper implements LineMapper {
  readonly #context: LineContext
  readonly #tree = new ProcessTree()

  constructor(context: LineContext) {
    this.#context = context
  }

  readonly take = (line: string, into: SnugEvent[]): void => {
    const record = parseObject(line)
    const act = actOf(record)
    if (typeof act === 'string') return this.#context.ignore(act)
    const exe = exeOf(record)
    if (
      idOf(record) !== hostId &&
      isRuntime(exe) &&
      isRuntime(textAt(record, 'ParentProcessName'))
    ) {
      return this.#context.ignore('step of the runtime')
    }
    into.push(plainEventOf({ ...this.#basis(record, exe), ...act }))
  }

  #basis(record: Bag, exe: string): Bag {
    const { node, now } = this.#context
    // Some builds write no time at all: their events get the current time.
    const time =
      sensorTime(record['UpdatedTime'] ?? record['Timestamp'], now()) ?? now().toISOString()
    const id = idOf(record)
    const owner = bagAt(record, 'Owner')
    const pod = textAt(record, 'PodName')
    const name = textAt(owner, 'Name') ?? pod
    return {
      v: 1,
      time,
      node,
      source: 'kubearmor',
      container: given({ id, name: textAt(record, 'ContainerName') }),
      image: id === hostId ? undefined : imageOf(textAt(record, 'ContainerImage')),
      workload:
        name === undefined
          ? undefined
          : given({
              name,
              namespace: textAt(record, 'NamespaceName'),
              kind: textAt(owner, 'Ref'),
              pod,
            }),
      process: this.#process(record, exe, id, time),
    }
  }

  #process(record: Bag, exe: string, container: string, time: string): Bag {
    const pid = numberAt(record, 'HostPID') ?? numberAt(record, 'PID') ?? 0
    const ppid = numberAt(record, 'HostPPID') ?? numberAt(record, 'PPID') ?? 0
    const parent = textAt(record, 'ParentProcessName')
    const fromOutside = isRuntime(parent)
    const isExec = record['Operation'] === 'Process'
    const lineage = isExec
      ? this.#tree.ran({
          container,
          pid: String(pid),
          ppid: String(ppid),
          exe,
          fromOutside,
          root: rootOf(record),
          time,
        })
      : this.#tree.of(container, String(pid), String(ppid))
    return given({
      pid,
      ppid,
      vpid: insideOf(record),
      exe,
      args: isExec ? textAt(record, 'Resource')?.split(' ') : undefined,
      uid: numberAt(record, 'UID') ?? 0,
      parent: fromOutside || !isPath(parent) ? undefined : parent,
      tty: textAt(record, 'TTY') === undefined ? undefined : true,
      ...lineage,
    })
  }
}

function idOf(record: Bag): string {
  return containerId(textAt(record, 'ContainerID'))
}

function isPath(text: string | undefined): text is string {
  return text?.startsWith('/') === true
}

/** `ProcessName` is a path. `Source` is too, but for the entrypoint it is the runtime's. */
function exeOf(record: Bag): string {
  const name = textAt(record, 'ProcessName') ?? textAt(record, 'Source')?.split(' ')[0]
  return need(isPath(name) ? name : undefined, 'path in `ProcessName`')
}

/** `PID` is the number of the process within its container if `HostPID` is the one on the host. */
function insideOf(record: Bag): number | undefined {
  return numberAt(record, 'HostPID') === undefined ? undefined : numberAt(record, 'PID')
}

function rootOf(record: Bag): Root | undefined {
  const inside = insideOf(record)
  return inside === undefined ? undefined : inside === 1 ? 'entrypoint' : 'exec-in'
}

/** The decoded event. A text gives the reason why the line has none. */
function actOf(record: Bag): Bag | string {
  const operation = textAt(record, 'Operation') ?? 'of no name'
  const isDenied = textAt(record, 'Result') !== undefined && record['Result'] !== 'Passed'
  switch (operation) {
    case 'Process':
      if (isDenied) return 'exec that was refused'
      return { kind: 'exec', exec: { path: exeOf(record), drift: false } }
    case 'File':
      return fileAct(record, isDenied)
    case 'Network':
      return networkAct(record)
    default:
      return `operation ${operation}`
  }
}

function fileAct(record: Bag, isDenied: boolean): Bag {
  const [path = '', to] = (textAt(record, 'Resource') ?? '').split(' -> ')
  const data = textAt(record, 'Data') ?? ''
  const access = fileAccess(data, to)
  return {
    kind: 'file',
    file: given({
      path,
      access,
      to: access.includes('rename') ? to : undefined,
      denied: isDenied || undefined,
    }),
  }
}

function fileAccess(data: string, to: string | undefined): readonly Access[] {
  if (/SYS_(?:UNLINK|RMDIR)/.test(data)) return ['delete']
  if (to !== undefined && data.includes('SYS_RENAME')) return ['rename']
  if (/SYS_(?:CHMOD|CHOWN|FCHMODAT|FCHOWNAT|TRUNCATE)/.test(data)) return ['write']
  return accessOfFlagNames(data)
}

function networkAct(record: Bag): Bag | string {
  const data = pairs(textAt(record, 'Data') ?? '')
  const resource = pairs(textAt(record, 'Resource') ?? '')
  const call = (data.get('syscall') ?? data.get('kprobe') ?? '').replace(/^SYS_/, '').toLowerCase()
  const kind = call.includes('connect')
    ? 'connect'
    : /bind|listen/.test(call)
      ? 'listen'
      : undefined
  if (kind === undefined) return `network ${call || 'of no name'}`
  const path = resource.get('sun_path')
  if (path !== undefined && path !== '') {
    return { kind, [kind]: { protocol: 'unix', address: path, port: 0 } }
  }
  const address = resource.get('remoteip') ?? resource.get('sin_addr') ?? resource.get('sin6_addr')
  const port = resource.get('port') ?? resource.get('sin_port') ?? resource.get('sin6_port')
  if (address === undefined || port === undefined) {
    throw new SnugError('EVENT_INVALID', 'there is no address in `Resource`')
  }
  const protocol = (resource.get('protocol') ?? 'tcp').replace(/(?:v6)$/i, '').toLowerCase()
  return { kind, [kind]: { protocol, address, port: Number(port) } }
}

/** `k=v` text, separated by spaces or commas. */
function pairs(text: string): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  for (const part of text.split(/[\s,]+/)) {
    const at = part.indexOf('=')
    if (at > 0) map.set(part.slice(0, at), part.slice(at + 1))
  }
  return map
}
