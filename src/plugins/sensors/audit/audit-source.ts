import { readFileSync } from 'node:fs'
import type { SnugEvent } from '../../../core/event/event.ts'
import type { EventKind } from '../../../core/event/event-words.ts'
import { isoOf } from '../../../core/event/time.ts'
import { describeError, SnugError } from '../../../errors.ts'
import { hostId } from '../../../agent/pipeline/sources/image-name.ts'
import { type Bag, eventOf, given, need } from '../json-fields.ts'
import type {
  LineContext,
  LineFormat,
  LineMapper,
} from '../../../agent/pipeline/sources/line-format.ts'
import { isRuntime, ProcessTree } from '../process-tree.ts'
import { auditAct } from './audit-act.ts'
import { type AuditRecord, numberOf, parseAuditLine, textOf } from './audit-record.ts'

const kinds: readonly EventKind[] = ['exec', 'file', 'connect', 'syscall', 'loss']

/** Maximum number of events with interleaved records. */
const maxPending = 64
/** Maximum number of records of one event: the kernel writes fewer. */
const maxRecords = 256
/** An event without an end record is complete once a record that much later arrives. */
const settleSeconds = 2
/**
 * The container of a process can be looked up only while it lives, so older records get no lookup.
 */
const liveSeconds = 30

/** The log of auditd, or of its dispatcher: records joined to events by time and serial. */
export const auditFormat: LineFormat = {
  name: 'audit',
  kinds,
  byRule: true,
  follow: true,
  open: (context) => new AuditMapper(context, containerOfPid),
}

/**
 * The container of a process of this host; `host` outside of containers, undefined if it has ended.
 */
export type ContainerOfPid = (pid: number) => string | undefined

export class AuditMapper implements LineMapper {
  readonly #context: LineContext
  readonly #containerOf: ContainerOfPid
  readonly #pending = new Map<string, AuditRecord[]>()
  readonly #tree = new ProcessTree()

  constructor(context: LineContext, containerOf: ContainerOfPid) {
    this.#context = context
    this.#containerOf = containerOf
  }

  readonly take = (line: string, into: SnugEvent[]): void => {
    const record = parseAuditLine(line)
    const key = `${record.time}:${record.serial}`
    if (record.type === 'EOE') {
      this.#finish(key, into)
      return
    }
    const records = this.#pending.get(key)
    if (records === undefined) this.#pending.set(key, [record])
    else if (records.length < maxRecords) records.push(record)
    // The last record of a system call, even if the log has no end record.
    if (record.type === 'PROCTITLE') this.#finish(key, into)
    this.#finishOlder(Number(record.time), into)
  }

  readonly holds = (): boolean => this.#pending.size > 0

  readonly settle = (into: SnugEvent[], end: boolean): void => {
    const before = end ? Number.POSITIVE_INFINITY : this.#context.now().getTime() / 1_000
    this.#finishOlder(before, into)
  }

  #finishOlder(time: number, into: SnugEvent[]): void {
    for (const [key, records] of this.#pending) {
      const isOld = Number(records[0]?.time ?? 0) + settleSeconds <= time
      if (isOld || this.#pending.size > maxPending) this.#finish(key, into)
      else return
    }
  }

  /** An event that cannot be decoded is a loss of one, named by its serial. Its lines are gone. */
  #finish(key: string, into: SnugEvent[]): void {
    const records = this.#pending.get(key)
    if (records === undefined) return
    this.#pending.delete(key)
    try {
      const act = auditAct(records)
      if (typeof act === 'string') this.#context.ignore(act)
      else into.push(eventOf({ ...this.#basis(records, act), ...act }))
    } catch (error) {
      if (!(error instanceof SnugError)) throw error
      into.push(this.#loss(records, `undecodable: ${describeError(error)}`))
    }
  }

  #basis(records: readonly AuditRecord[], act: Bag): Bag {
    const call = need(records.find(({ type }) => type === 'SYSCALL')?.fields, '`SYSCALL` record')
    const pid = need(numberOf(call.get('pid')), '`pid`')
    const ppid = numberOf(call.get('ppid'))
    const time = timeOf(records)
    const container = this.#container(records, pid, ppid)
    const exe = need(textOf(call.get('exe')), '`exe`')
    const names = {
      container,
      pid: String(pid),
      ppid: ppid === undefined ? undefined : String(ppid),
    }
    const isExec = act['kind'] === 'exec'
    const parent = isExec ? this.#exes.get(names.ppid ?? '') : undefined
    const lineage = isExec
      ? this.#tree.ran({ ...names, exe, fromOutside: isRuntime(parent), root: undefined, time })
      : this.#tree.of(names.container, names.pid, names.ppid)
    if (isExec) this.#remember(names.pid, exe)
    return {
      v: 1,
      time,
      node: this.#context.node,
      source: 'audit',
      container: { id: container },
      process: given({
        pid,
        ppid,
        exe,
        args: isExec ? argsOf(records) : undefined,
        uid: need(numberOf(call.get('euid') ?? call.get('uid')), '`euid`'),
        gid: numberOf(call.get('egid') ?? call.get('gid')),
        parent: isRuntime(parent) ? undefined : parent,
        tty: call.get('tty') === '(none)' ? undefined : true,
        ...lineage,
      }),
    }
  }

  readonly #exes = new Map<string, string>()

  #remember(pid: string, exe: string): void {
    if (this.#exes.size >= 65_536) this.#exes.clear()
    this.#exes.set(pid, exe)
  }

  #container(records: readonly AuditRecord[], pid: number, ppid: number | undefined): string {
    const age = this.#context.now().getTime() / 1_000 - Number(records[0]?.time ?? 0)
    if (age > liveSeconds) return hostId
    return (
      this.#containerOf(pid) ?? (ppid === undefined ? undefined : this.#containerOf(ppid)) ?? hostId
    )
  }

  #loss(records: readonly AuditRecord[], reason: string): SnugEvent {
    const { node, source } = this.#context
    const time = timeOf(records)
    const serial = records[0]?.serial ?? ''
    return eventOf({
      v: 1,
      kind: 'loss',
      time,
      node,
      source,
      loss: {
        reason: 'undecodable',
        count: 1,
        from: time,
        to: time,
        note: `event ${serial}: ${reason}`,
      },
    })
  }
}

function timeOf(records: readonly AuditRecord[]): string {
  return isoOf(Math.round(Number(records[0]?.time ?? 0) * 1e6))
}

function argsOf(records: readonly AuditRecord[]): readonly string[] | undefined {
  const fields = records.find(({ type }) => type === 'EXECVE')?.fields
  const count = numberOf(fields?.get('argc'))
  if (fields === undefined || count === undefined) return undefined
  const args: string[] = []
  for (let n = 0; n < Math.min(count, 256); n++) args.push(textOf(fields.get(`a${n}`)) ?? '')
  return args
}

const inCgroup = /([0-9a-f]{64})(?:\.scope)?$/m

function containerOfPid(pid: number): string | undefined {
  try {
    return inCgroup.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? hostId
  } catch {
    return undefined
  }
}
