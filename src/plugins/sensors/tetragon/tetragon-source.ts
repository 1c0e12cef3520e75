import type { SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import { containerId, hostId, imageOf } from '../../../agent/pipeline/sources/image-name.ts'
import {
  asBag,
  bagAt,
  type Bag,
  plainEventOf,
  given,
  need,
  numberAt,
  parseObject,
  textAt,
} from '../json-fields.ts'
import {
  type LineContext,
  type LineFormat,
  type LineMapper,
  reportedLoss,
} from '../../../agent/pipeline/sources/line-format.ts'
import { isRuntime, ProcessTree, type Root } from '../process-tree.ts'
import { sensorTime } from '../sensor-time.ts'
import { hookAct } from './hook-act.ts'

const kinds: readonly EventKind[] = ['exec', 'file', 'connect', 'listen', 'capability', 'loss']

/**
 * Tetragon's JSON export: all processes, and files and connections that a TracingPolicy selects.
 */
export const tetragonFormat: LineFormat = {
  name: 'tetragon',
  kinds,
  byRule: true,
  follow: true,
  open: (context) => new TetragonMapper(context),
}

const hooks = ['process_kprobe', 'process_lsm', 'process_tracepoint'] as const
const notEvents: ReadonlySet<string> = new Set([
  'node_name',
  'time',
  'aggregation_info',
  'cluster_name',
  'node_labels',
])

class TetragonMapper implements LineMapper {
  readonly #context: LineContext
  readonly #tree = new ProcessTree()

  constructor(context: LineContext) {
    this.#context = context
  }

  readonly take = (line: string, into: SnugEvent[]): void => {
    const record = parseObject(line)
    const exec = asBag(record['process_exec'])
    if (exec !== undefined) return this.#exec(record, exec, into)
    const exit = asBag(record['process_exit'])
    if (exit !== undefined) return this.#exit(exit)
    for (const name of hooks) {
      const hook = asBag(record[name])
      if (hook !== undefined) return this.#hook(record, hook, into)
    }
    const limit = asBag(record['rate_limit_info'])
    if (limit !== undefined) {
      const count = numberAt(limit, 'number_of_dropped_process_events') ?? 0
      into.push(this.#loss(record, 'dropped by the rate limit of tetragon', count))
      return
    }
    if (asBag(record['process_throttle']) !== undefined) {
      into.push(this.#loss(record, 'throttled by tetragon', 0))
      return
    }
    const kind = Object.keys(record).find((key) => !notEvents.has(key))
    this.#context.ignore(`event ${kind ?? 'of no kind'}`)
  }

  #exec(record: Bag, exec: Bag, into: SnugEvent[]): void {
    const process = bagAt(exec, 'process')
    const exe = binaryOf(process)
    const parent = textAt(bagAt(exec, 'parent'), 'binary')
    if (isStepOfRuntime(process, exe, parent)) return this.#context.ignore('step of the runtime')
    const basis = this.#basis(record, exec, true)
    const inode = bagAt(bagAt(bagAt(process, 'binary_properties'), 'file'), 'inode')
    // A file without a name: a memory file, or one that was deleted while it ran.
    const isNameless = numberAt(inode, 'links') === 0 || exe.startsWith('memfd:')
    const drift = isNameless ? { drift: true, driftKind: 'memfd' } : { drift: false }
    into.push(plainEventOf({ ...basis, kind: 'exec', exec: { path: exe, ...drift } }))
  }

  #exit(exit: Bag): void {
    const process = bagAt(exit, 'process')
    this.#tree.ended(containerOf(process), idOf(process))
    this.#context.ignore('exit')
  }

  #hook(record: Bag, hook: Bag, into: SnugEvent[]): void {
    const name = textAt(hook, 'function_name') ?? textAt(hook, 'event') ?? 'unnamed'
    const process = bagAt(hook, 'process')
    const act = hookAct(name, hook)
    if (act === undefined) return this.#context.ignore(`hook ${name}`)
    if (isStepOfRuntime(process, binaryOf(process), textAt(bagAt(hook, 'parent'), 'binary'))) {
      return this.#context.ignore('step of the runtime')
    }
    into.push(plainEventOf({ ...this.#basis(record, hook, false), ...act }))
  }

  #basis(record: Bag, event: Bag, isExec: boolean): Bag {
    const { node, now } = this.#context
    const process = bagAt(event, 'process')
    const pod = asBag(process['pod'])
    const container = pod === undefined ? {} : bagAt(pod, 'container')
    const image = bagAt(container, 'image')
    const time = need(sensorTime(record['time'] ?? process['start_time'], now()), 'time')
    const id = containerOf(process)
    return {
      v: 1,
      time,
      node: textAt(record, 'node_name') ?? node,
      source: 'tetragon',
      container: given({ id, name: textAt(container, 'name') }),
      image:
        id === hostId
          ? undefined
          : imageOf(textAt(image, 'id'), undefined, tagOf(textAt(image, 'name'))),
      workload: workloadOf(pod),
      process: this.#process(event, id, time, isExec),
    }
  }

  #process(event: Bag, container: string, time: string, isExec: boolean): Bag {
    const process = bagAt(event, 'process')
    const parentProcess = bagAt(event, 'parent')
    const exe = binaryOf(process)
    const parent = textAt(parentProcess, 'binary')
    const fromOutside = isRuntime(parent)
    // Tetragon never reuses its process ids, unlike pids.
    const pid = idOf(process)
    const ppid = textAt(process, 'parent_exec_id')
    const lineage = isExec
      ? this.#tree.ran({ container, pid, ppid, exe, fromOutside, root: rootOf(process), time })
      : this.#tree.of(container, pid, ppid)
    return given({
      pid: need(numberAt(process, 'pid'), '`pid`'),
      ppid: numberAt(parentProcess, 'pid'),
      exe,
      args: argsOf(exe, textAt(process, 'arguments')),
      argsCut: textAt(process, 'flags')?.includes('truncArgs') === true ? true : undefined,
      uid: need(numberAt(process, 'uid'), '`uid`'),
      parent: fromOutside ? undefined : parent,
      tty: (numberAt(process, 'tty') ?? 0) === 0 ? undefined : true,
      ...lineage,
    })
  }

  #loss(record: Bag, reason: string, count: number): SnugEvent {
    const { now } = this.#context
    const time = sensorTime(record['time'], now()) ?? now().toISOString()
    return reportedLoss(this.#context, time, reason, count)
  }
}

function binaryOf(process: Bag): string {
  return need(textAt(process, 'binary'), '`binary`')
}

function idOf(process: Bag): string {
  return textAt(process, 'exec_id') ?? String(numberAt(process, 'pid') ?? 0)
}

/** The pod field has the whole id; `docker` is cut to 31 characters. */
function containerOf(process: Bag): string {
  const inPod = textAt(bagAt(bagAt(process, 'pod'), 'container'), 'id')
  return containerId(inPod ?? textAt(process, 'docker'))
}

function isStepOfRuntime(process: Bag, exe: string, parent: string | undefined): boolean {
  return containerOf(process) !== hostId && isRuntime(exe) && isRuntime(parent)
}

function rootOf(process: Bag): Root | undefined {
  const inTree = process['in_init_tree']
  if (typeof inTree === 'boolean') return inTree ? 'entrypoint' : 'exec-in'
  const container = bagAt(bagAt(process, 'pod'), 'container')
  if (container['maybe_exec_probe'] === true) return 'probe'
  const inside = numberAt(container, 'pid')
  return inside === undefined ? undefined : inside === 1 ? 'entrypoint' : 'exec-in'
}

function workloadOf(pod: Bag | undefined): Bag | undefined {
  if (pod === undefined) return undefined
  const name = textAt(pod, 'workload') ?? textAt(pod, 'name')
  if (name === undefined) return undefined
  return given({
    name,
    namespace: textAt(pod, 'namespace'),
    kind: textAt(pod, 'workload_kind'),
    pod: textAt(pod, 'name'),
  })
}

function tagOf(name: string | undefined): string | undefined {
  if (name === undefined || name.includes('@')) return undefined
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  return colon === -1 ? undefined : name.slice(colon + 1)
}

/** One text, with quotes around an argument that has a space. Tetragon omits the first argument. */
function argsOf(exe: string, text: string | undefined): readonly string[] {
  const rest = text?.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []
  return [
    exe,
    ...rest.map((arg) => (arg.startsWith('"') && arg.endsWith('"') ? arg.slice(1, -1) : arg)),
  ]
}
