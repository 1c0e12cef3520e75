import { type Bag, given, need } from '../json-fields.ts'
import { accessOfFlags } from '../open-flags.ts'
import { socketAddress } from '../socket-address.ts'
import { auditCall, callName } from './audit-calls.ts'
import { type AuditRecord, numberOf, textOf } from './audit-record.ts'

/** All records of one event, in order. */
export type AuditEvent = readonly AuditRecord[]

/** A refused call is also an event. Calls that failed for other reasons are not. */
const refusedCodes: ReadonlySet<string> = new Set(['-1', '-13'])
const inProgress = '-115'

/** The decoded event. A text gives the reason why there is none. */
export function auditAct(event: AuditEvent): Bag | string {
  const call = event.find(({ type }) => type === 'SYSCALL')
  if (call === undefined) return `record ${event[0]?.type ?? 'of no type'}`
  const name = callName(call.fields)
  const way = auditCall(name)
  if (way === undefined) return `call ${name}`
  const isDenied = refusedCodes.has(call.fields.get('exit') ?? '')
  const isDone = call.fields.get('success') === 'yes' || call.fields.get('exit') === inProgress
  if (!isDone && !(isDenied && (way.does === 'open' || way.does === 'sensitive'))) {
    return 'failed system call'
  }
  switch (way.does) {
    case 'exec':
      return execAct(call, event)
    case 'open': {
      const flags = way.flags === 'none' ? undefined : numberOf(call.fields.get(way.flags), 16)
      return openAct(event, flags ?? 0, isDenied)
    }
    case 'delete':
      return fileAct(named(event, 'DELETE') ?? last(event), ['delete'], event)
    case 'rename':
      return renameAct(event)
    case 'connect':
      return connectAct(event)
    case 'sensitive':
      return { kind: 'syscall', syscall: given({ name, denied: isDenied || undefined }) }
  }
}

function execAct(call: AuditRecord, event: AuditEvent): Bag {
  const path = need(textOf(call.fields.get('exe')), '`exe`')
  // The first path is the requested one: the script, while `exe` is its interpreter.
  const asked = fullPath(paths(event)[0], event)
  const args = event.find(({ type }) => type === 'EXECVE')
  const isScript = asked !== undefined && args !== undefined && isArgument(args, asked, path)
  return { kind: 'exec', exec: given({ path, drift: false, script: isScript ? asked : undefined }) }
}

/** An interpreter gets its script as an argument. */
function isArgument({ fields }: AuditRecord, asked: string, exe: string): boolean {
  if (asked === exe) return false
  const [second, third] = [textOf(fields.get('a1')), textOf(fields.get('a2'))]
  return second === asked || third === asked
}

function openAct(event: AuditEvent, flags: number, isDenied: boolean): Bag {
  const created = named(event, 'CREATE')
  const access = accessOfFlags(flags).filter((each) => each !== 'create')
  const act = fileAct(
    created ?? last(event),
    created === undefined ? access : [...access, 'create'],
    event,
  )
  return isDenied ? { ...act, file: { ...(act['file'] as Bag), denied: true } } : act
}

function renameAct(event: AuditEvent): Bag {
  const path = need(fullPath(named(event, 'DELETE'), event), 'record of the old path')
  const to = need(fullPath(named(event, 'CREATE'), event), 'record of the new path')
  return { kind: 'file', file: { path, access: ['rename'], to, unresolved: true } }
}

function fileAct(
  record: AuditRecord | undefined,
  access: readonly string[],
  event: AuditEvent,
): Bag {
  const path = need(fullPath(record, event), 'record of the path')
  return { kind: 'file', file: { path, access, unresolved: true } }
}

function paths(event: AuditEvent): readonly AuditRecord[] {
  return event.filter(({ type }) => type === 'PATH')
}

function named(event: AuditEvent, nametype: string): AuditRecord | undefined {
  return paths(event).findLast(({ fields }) => fields.get('nametype') === nametype)
}

function last(event: AuditEvent): AuditRecord | undefined {
  return paths(event).findLast(({ fields }) => fields.get('nametype') !== 'PARENT')
}

/** A path as the program gave it, made absolute. */
function fullPath(record: AuditRecord | undefined, event: AuditEvent): string | undefined {
  const name = textOf(record?.fields.get('name'))
  if (name === undefined || name.startsWith('/')) return name
  const folder = textOf(event.find(({ type }) => type === 'CWD')?.fields.get('cwd'))
  return folder === undefined ? undefined : `${folder}/${name}`
}

function connectAct(event: AuditEvent): Bag | string {
  const record = event.find(({ type }) => type === 'SOCKADDR')
  const hex = need(record?.fields.get('saddr'), 'record of the address')
  // The record omits the type of the socket.
  const address = socketAddress(Buffer.from(hex, 'hex'), 'tcp')
  return address === undefined ? 'connect without address' : { kind: 'connect', connect: address }
}
