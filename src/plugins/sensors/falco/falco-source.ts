import type { SnugEvent } from '../../../core/event/event.ts'
import type { Access, EventKind } from '../../../core/event/event-words.ts'
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
import {
  type LineContext,
  type LineFormat,
  type LineMapper,
  reportedLoss,
} from '../../../agent/pipeline/sources/line-format.ts'
import { accessOf } from '../open-flags.ts'
import { isRuntime, type Lineage, ProcessTree, type Root } from '../process-tree.ts'
import { sensorTime } from '../sensor-time.ts'

const kinds: readonly EventKind[] = ['exec', 'file', 'connect', 'listen', 'loss']

/**
 * Falco's JSON lines (`json_output: true`). Falco reports only events that match a rule, with only
 * the fields that the rule names. `deploy/falco/snug-feed.yaml` has rules for every event that this
 * source supports. `evt.type` decides the kind of the event, not the name of the rule. The source
 * counts an alert without it and reports no event.
 */
export const falcoFormat: LineFormat = {
  name: 'falco',
  kinds,
  byRule: true,
  follow: true,
  open: (context) => new FalcoMapper(context),
}

type Does = 'exec' | 'open' | 'delete' | 'rename' | 'connect' | 'listen'
const acts: Readonly<Record<string, Does>> = {
  execve: 'exec',
  execveat: 'exec',
  open: 'open',
  openat: 'open',
  openat2: 'open',
  creat: 'open',
  open_by_handle_at: 'open',
  unlink: 'delete',
  unlinkat: 'delete',
  rmdir: 'delete',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  connect: 'connect',
  sendto: 'connect',
  sendmsg: 'connect',
  bind: 'listen',
  listen: 'listen',
}

const dropRule = 'Falco internal: syscall event drop'
const refused: ReadonlySet<string> = new Set(['EACCES', 'EPERM'])

class FalcoMapper implements LineMapper {
  readonly #context: LineContext
  readonly #tree = new ProcessTree()

  constructor(context: LineContext) {
    this.#context = context
  }

  readonly take = (line: string, into: SnugEvent[]): void => {
    const alert = parseObject(line)
    const fields = bagAt(alert, 'output_fields')
    if (textAt(alert, 'rule') === dropRule) {
      into.push(this.#drop(alert, fields))
      return
    }
    const does = acts[textAt(fields, 'evt.type') ?? '']
    if (does === undefined) {
      this.#context.ignore(`event ${textAt(fields, 'evt.type') ?? 'without evt.type'}`)
      return
    }
    const result = textAt(fields, 'evt.res') ?? 'SUCCESS'
    const isDenied = refused.has(result)
    if (result !== 'SUCCESS' && result !== 'EINPROGRESS' && !(isDenied && does === 'open')) {
      this.#context.ignore('failed system call')
      return
    }
    const exe = need(textAt(fields, 'proc.exepath'), 'field `proc.exepath`')
    if (isRuntime(exe) && isRuntime(textAt(fields, 'proc.pexepath'))) {
      // The runtime's own steps into a container; on the host it is an ordinary process.
      if (containerOf(fields) !== hostId) return this.#context.ignore('step of the runtime')
    }
    into.push(
      plainEventOf({
        ...this.#basis(alert, fields, does, exe),
        ...actOf(does, fields, exe, isDenied),
      }),
    )
  }

  #basis(alert: Bag, fields: Bag, does: Does, exe: string): Bag {
    const { node, now } = this.#context
    const time = need(sensorTime(alert['time'] ?? fields['evt.time'], now()), 'time')
    const container = containerOf(fields)
    const repository = textAt(fields, 'container.image.repository')
    const pod = textAt(fields, 'k8s.pod.name')
    const image = imageOf(
      repository,
      textAt(fields, 'container.image.digest'),
      textAt(fields, 'container.image.tag'),
    )
    return {
      v: 1,
      time,
      node,
      source: 'falco',
      container: given({ id: container, name: textAt(fields, 'container.name') }),
      image: container === hostId ? undefined : image,
      workload:
        pod === undefined
          ? undefined
          : given({ name: pod, pod, namespace: textAt(fields, 'k8s.ns.name') }),
      process: this.#process(fields, does, exe, container, time),
    }
  }

  #process(fields: Bag, does: Does, exe: string, container: string, time: string): Bag {
    const pid = need(numberAt(fields, 'proc.pid'), 'field `proc.pid`')
    const ppid = numberAt(fields, 'proc.ppid')
    const parent = textAt(fields, 'proc.pexepath')
    const fromOutside = isRuntime(parent)
    const record = {
      container,
      pid: String(pid),
      ppid: ppid === undefined ? undefined : String(ppid),
    }
    const lineage: Lineage =
      does === 'exec'
        ? this.#tree.ran({ ...record, exe, fromOutside, root: rootOf(fields), time })
        : this.#tree.of(record.container, record.pid, record.ppid)
    return given({
      pid,
      ppid,
      vpid: numberAt(fields, 'proc.vpid'),
      exe,
      args: argsOf(textAt(fields, 'proc.cmdline')),
      uid: need(numberAt(fields, 'user.uid'), 'field `user.uid`'),
      gid: numberAt(fields, 'group.gid'),
      parent: fromOutside ? undefined : parent,
      tty: (numberAt(fields, 'proc.tty') ?? 0) === 0 ? undefined : true,
      ...lineage,
    })
  }

  #drop(alert: Bag, fields: Bag): SnugEvent {
    const { now } = this.#context
    const time = sensorTime(alert['time'], now()) ?? now().toISOString()
    return reportedLoss(this.#context, time, 'dropped by falco', numberAt(fields, 'n_drops') ?? 0)
  }
}

function containerOf(fields: Bag): string {
  return containerId(textAt(fields, 'container.full_id') ?? textAt(fields, 'container.id'))
}

function rootOf(fields: Bag): Root | undefined {
  const checks = [
    'proc.is_container_healthcheck',
    'proc.is_container_liveness_probe',
    'proc.is_container_readiness_probe',
  ]
  if (checks.some((check) => fields[check] === true)) return 'probe'
  const inside = numberAt(fields, 'proc.vpid')
  return inside === undefined ? undefined : inside === 1 ? 'entrypoint' : 'exec-in'
}

/**
 * One text in which spaces separate arguments and may occur in them: readable, but not comparable.
 */
function argsOf(commandLine: string | undefined): readonly string[] | undefined {
  return commandLine?.split(' ')
}

function actOf(does: Does, fields: Bag, exe: string, isDenied: boolean): Bag {
  switch (does) {
    case 'exec': {
      const isMemory = fields['proc.is_exe_from_memfd'] === true
      const isUpper = fields['proc.is_exe_upper_layer'] === true
      const driftKind = isMemory ? 'memfd' : isUpper ? 'upper' : undefined
      return { kind: 'exec', exec: given({ path: exe, drift: isMemory || isUpper, driftKind }) }
    }
    case 'open':
      return {
        kind: 'file',
        file: given({
          path: pathOf(fields),
          access: openAccess(fields),
          denied: isDenied || undefined,
        }),
      }
    case 'delete':
      return { kind: 'file', file: { path: pathOf(fields), access: ['delete'] } }
    case 'rename':
      return {
        kind: 'file',
        file: {
          path: need(textAt(fields, 'fs.path.source'), 'field `fs.path.source`'),
          access: ['rename'],
          to: need(textAt(fields, 'fs.path.target'), 'field `fs.path.target`'),
        },
      }
    case 'connect':
      return { kind: 'connect', connect: addressOf(fields) }
    case 'listen':
      return { kind: 'listen', listen: addressOf(fields) }
  }
}

function pathOf(fields: Bag): string {
  return need(textAt(fields, 'fd.name') ?? textAt(fields, 'fs.path.name'), 'path in `fd.name`')
}

function openAccess(fields: Bag): readonly Access[] {
  const writes = fields['evt.is_open_write'] === true
  const reads = fields['evt.is_open_read'] ?? !writes
  return accessOf({ reads: reads === true, writes, creates: fields['evt.is_open_create'] === true })
}

/**
 * The destination, or the address that it listens on: both are the server side of Falco's tuple.
 */
function addressOf(fields: Bag): Bag {
  const address = textAt(fields, 'fd.sip') ?? textAt(fields, 'fd.rip')
  if (address !== undefined) {
    const port = need(numberAt(fields, 'fd.sport') ?? numberAt(fields, 'fd.rport'), 'port')
    return { protocol: textAt(fields, 'fd.l4proto') ?? 'other', address, port }
  }
  // The name of a unix socket is its path, after the addresses of both ends if Falco has them.
  const path = /(?:^|\s)(\/.*)$/.exec(textAt(fields, 'fd.name') ?? '')?.[1]
  return { protocol: 'unix', address: need(path, 'address in `fd.sip`'), port: 0 }
}
