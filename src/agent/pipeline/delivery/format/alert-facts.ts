import type { Severity } from '../../../../core/event/alert-words.ts'
import type { Alert } from '../../../../core/event/alert.ts'
import type { ConnectAct, ImageRef, SnugEvent } from '../../../../core/event/event.ts'
import type { UnhashedReason } from '../../../../core/event/event-words.ts'
import { hiddenServer } from '../../../../core/behaviour/dns-name.ts'
import { onlyPerson, personTexts } from '../../../../core/person/session-person.ts'

/** Texts about an alert that several formats share. */

export interface Product {
  readonly vendor: string
  readonly name: string
  readonly version: string
}

const kindTitles: Readonly<Record<SnugEvent['kind'], string>> = {
  exec: 'program started',
  file: 'file accessed',
  connect: 'connection made',
  listen: 'port opened',
  identity: 'user changed',
  capability: 'capability used',
  syscall: 'system call made',
  loss: 'events lost',
}

/** A stable class that the rules of a SIEM can refer to, such as `deviation.exec`. */
export function alertClass({ type, event }: Alert): string {
  return `${type}.${event.kind}`
}

/** A stable title of the class: `Unexpected: program started`. */
export function classTitle({ type, event }: Alert): string {
  const heads = {
    deviation: 'Unexpected',
    guardrail: 'Forbidden',
    loss: 'Blind spot',
    enforcement: 'Enforcement',
  } as const
  return `${heads[type]}: ${kindTitles[event.kind]}`
}

/** What happened, in one sentence. */
export function sentence(alert: Alert): string {
  const { process, behaviour, event, reasons } = alert
  const act = behaviour?.text ?? (event.kind === 'loss' ? event.loss.reason : event.kind)
  const actor = process === undefined ? '' : `${process.exe}: `
  const because = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
  return `${actor}${act}${because}`
}

/** `repository:tag@digest` */
export function imageName({ repository, tag, digest }: ImageRef): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}@${digest}`
}

/** `namespace/kind/name`, as far as it is known. */
export function workloadName({ workload }: Alert): string | undefined {
  if (workload === undefined) return undefined
  return [workload.namespace, workload.kind, workload.name]
    .filter((part) => part !== undefined)
    .join('/')
}

/** The files that an unexpected program loaded because of its build. */
export function loadedFiles({ loaded }: Alert): readonly string[] | undefined {
  return loaded?.map(({ object }) => object)
}

/** SHA-256 of the program that started, where the image did not ship it. */
export function programHash(event: SnugEvent): string | undefined {
  return event.kind === 'exec' && event.exec.scriptDrift !== true ? event.exec.sha256 : undefined
}

/** Why what was executed has no hash. */
export function unhashedOf(event: SnugEvent): UnhashedReason | undefined {
  return event.kind === 'exec' ? event.exec.unhashed : undefined
}

/** Who began the sessions of the alert, for people. */
export function personsLine({ sessions }: Alert): string | undefined {
  return personTexts(sessions).join('; ') || undefined
}

/** From where they came. A connection has a source already: the container. */
export function personAddress({ sessions, event }: Alert): string | undefined {
  const isNetwork = event.kind === 'connect' || event.kind === 'listen'
  return isNetwork ? undefined : onlyPerson(sessions)?.from
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Epoch milliseconds. */
export function epochMs(time: string): number {
  return Date.parse(time)
}

/** Maps a severity to the scale of a format. */
export function onScale<T>(
  scale: Readonly<Record<Severity, T>>,
  { severity }: { readonly severity: Severity },
): T {
  return scale[severity]
}

/** Removes undefined and empty members at every depth. */
export function compact(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined || (Array.isArray(member) && member.length === 0)) continue
    if (!isPlain(member)) {
      kept[key] = member
      continue
    }
    const inner = compact(member)
    if (Object.keys(inner).length > 0) kept[key] = inner
  }
  return kept
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The peer's name, as far as one is known: which server the client asked for says more than how it found the address. */
export function hostNameOf({ name, serverName }: ConnectAct): string | undefined {
  return serverName === undefined || serverName === hiddenServer ? name : serverName
}
