import type { SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import { containerId, hostId, imageOf } from '../../../agent/pipeline/sources/image-name.ts'
import {
  asBag,
  asText,
  bagAt,
  type Bag,
  plainEventOf,
  given,
  listAt,
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
import { isRuntime, ProcessTree, type Root } from '../process-tree.ts'
import { sensorTime } from '../sensor-time.ts'
import { traceeAct } from './tracee-act.ts'
import { dataOf } from './tracee-data.ts'

const kinds: readonly EventKind[] = [
  'exec',
  'file',
  'connect',
  'listen',
  'identity',
  'capability',
  'loss',
]

/**
 * Tracee's JSON events, in the current shape (`workload`, `data`) and the previous one (`args`).
 */
export const traceeFormat: LineFormat = {
  name: 'tracee',
  kinds,
  byRule: true,
  follow: true,
  open: (context) => new TraceeMapper(context),
}

/** Facts about the process and its container that both shapes include. */
interface Reported {
  readonly pid: number
  /** Pid within the container. */
  readonly inside: number | undefined
  readonly ppid: number | undefined
  readonly exe: string | undefined
  readonly uid: number | undefined
  readonly parent: string | undefined
  readonly container: string
  readonly containerName: string | undefined
  readonly image: string | undefined
  readonly digest: string | undefined
  readonly pod: string | undefined
  readonly namespace: string | undefined
}

class TraceeMapper implements LineMapper {
  readonly #context: LineContext
  readonly #tree = new ProcessTree()
  /** Older builds omit the acting program: this is the last one that ran under that pid. */
  readonly #exes = new Map<string, string>()

  constructor(context: LineContext) {
    this.#context = context
  }

  readonly take = (line: string, into: SnugEvent[]): void => {
    const event = parseObject(line)
    const name = textAt(event, 'eventName') ?? textAt(event, 'name') ?? 'of no name'
    const record =
      asBag(event['workload']) === undefined ? olderReport(event) : currentReport(event)
    const data = dataOf(event)
    if (name === 'sched_process_exit') {
      this.#tree.ended(record.container, String(record.pid))
      this.#exes.delete(`${record.container}/${record.pid}`)
      return this.#context.ignore('exit')
    }
    const act = traceeAct(name, data)
    if (act === undefined) return this.#context.ignore(`event ${name}`)
    const isExec = act['kind'] === 'exec'
    const exe = isExec ? textAt(data, 'pathname') : this.#exeOf(record)
    const named = need(exe, 'path of the executable')
    if (record.container !== hostId && isRuntime(named) && (isExec || isRuntime(record.parent))) {
      return this.#context.ignore('step of the runtime')
    }
    const { node, now } = this.#context
    const time = need(sensorTime(event['timestamp'], now()), 'time in `timestamp`')
    into.push(
      plainEventOf({
        v: 1,
        time,
        node,
        source: 'tracee',
        container: given({ id: record.container, name: record.containerName }),
        image: record.container === hostId ? undefined : imageOf(record.image, record.digest),
        workload:
          record.pod === undefined
            ? undefined
            : given({ name: record.pod, pod: record.pod, namespace: record.namespace }),
        process: this.#process(record, named, data, isExec, time),
        ...act,
      }),
    )
  }

  #exeOf(record: Reported): string | undefined {
    return record.exe ?? this.#exes.get(`${record.container}/${record.pid}`)
  }

  #process(record: Reported, exe: string, data: Bag, isExec: boolean, time: string): Bag {
    const { container, ppid, parent } = record
    const pid = String(record.pid)
    const root = rootOf(record)
    const fromOutside = root !== undefined || isRuntime(parent)
    if (isExec) this.#remember(`${container}/${pid}`, exe)
    const lineage = isExec
      ? this.#tree.ran({
          container,
          pid,
          ppid: ppid === undefined ? undefined : String(ppid),
          exe,
          fromOutside,
          root,
          time,
        })
      : this.#tree.of(container, pid, ppid === undefined ? undefined : String(ppid))
    const args = isExec ? listAt(data, 'argv').flatMap((arg) => asText(arg) ?? []) : []
    const before =
      isExec && !fromOutside ? (parent ?? this.#exes.get(`${container}/${ppid}`)) : parent
    return given({
      pid: record.pid,
      ppid,
      vpid: record.inside,
      exe,
      args: args.length === 0 ? undefined : args,
      uid: need(record.uid, 'user of the process'),
      parent: fromOutside || isRuntime(before) ? undefined : before,
      ...lineage,
    })
  }

  #remember(key: string, exe: string): void {
    if (this.#exes.size >= 65_536) this.#exes.clear()
    this.#exes.set(key, exe)
  }
}

/**
 * The runtime started a process whose parent is outside of the container. The first process has pid
 * 1.
 */
function rootOf({ container, inside }: Reported): Root | undefined {
  return container !== hostId && inside === 1 ? 'entrypoint' : undefined
}

function currentReport(event: Bag): Reported {
  const workload = bagAt(event, 'workload')
  const process = bagAt(workload, 'process')
  const container = bagAt(workload, 'container')
  const image = bagAt(container, 'image')
  const k8s = bagAt(workload, 'k8s')
  const user = bagAt(process, 'real_user')
  const [nearest] = listAt(process, 'ancestors')
  const parent = asBag(nearest) ?? {}
  return {
    pid: need(numberAt(process, 'host_pid') ?? numberAt(process, 'pid'), '`pid`'),
    inside: numberAt(process, 'pid'),
    ppid: numberAt(parent, 'host_pid') ?? numberAt(parent, 'pid'),
    exe: textAt(bagAt(process, 'executable'), 'path'),
    // Protocol buffers omit a 0: a user without an id is root.
    uid: numberAt(user, 'id') ?? (asBag(process['real_user']) === undefined ? undefined : 0),
    parent: textAt(bagAt(parent, 'executable'), 'path'),
    container: containerId(textAt(container, 'id')),
    containerName: textAt(container, 'name'),
    image: textAt(image, 'name'),
    digest: asText(listAt(image, 'repo_digests')[0]),
    pod: textAt(bagAt(k8s, 'pod'), 'name'),
    namespace: textAt(bagAt(k8s, 'namespace'), 'name'),
  }
}

function olderReport(event: Bag): Reported {
  const container = bagAt(event, 'container')
  const k8s = bagAt(event, 'kubernetes')
  const pid = numberAt(event, 'hostProcessId') ?? numberAt(event, 'processId')
  return {
    pid: need(pid, '`processId`'),
    inside: numberAt(event, 'processId'),
    ppid: numberAt(event, 'hostParentProcessId') ?? numberAt(event, 'parentProcessId'),
    exe: textAt(bagAt(event, 'executable'), 'path'),
    uid: numberAt(event, 'userId'),
    parent: undefined,
    container: containerId(textAt(event, 'containerId') ?? textAt(container, 'id')),
    containerName: textAt(container, 'name') ?? textAt(event, 'containerName'),
    image: textAt(container, 'image') ?? textAt(event, 'containerImage'),
    digest: textAt(container, 'imageDigest'),
    pod: textAt(k8s, 'podName') ?? textAt(event, 'podName'),
    namespace: textAt(k8s, 'podNamespace') ?? textAt(event, 'podNamespace'),
  }
}
