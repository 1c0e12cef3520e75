import type { SnugEvent } from '../event/event.ts'
import { behaviourKinds, type EventKind } from '../event/event-words.ts'

/**
 * Parts of kinds that some sources do not observe. `setattr`: sensors of earlier versions do not. To give a file
 * capabilities belongs to it. `received`: files that another process opened and passed on; without security hooks no
 * sensor does. `server-name`: which server a client names in TLS.
 */
export const partialObservables = ['setattr', 'received', 'server-name'] as const
export type PartialObservable = (typeof partialObservables)[number]

/** What sources differ in, as to what they observe. */
export const observables = [...behaviourKinds, ...partialObservables] as const
export type Observable = EventKind | PartialObservable

/** A set is immutable: a larger one is a new object. */
export type Observed = ReadonlySet<Observable>

export const allObservables: Observed = new Set<Observable>(observables)

const parts: Readonly<
  Record<PartialObservable, { readonly of: EventKind; readonly text: string }>
> = {
  setattr: { of: 'file', text: 'changes of mode, owner and attributes' },
  received: { of: 'file', text: 'files that other processes pass on' },
  'server-name': { of: 'connect', text: 'names of servers in TLS' },
}

/** The kind of events that it is a part of. */
export function kindOfPart(part: PartialObservable): EventKind {
  return parts[part].of
}

/** As part of a sentence. */
export function observableText(observable: Observable): string {
  return observable in parts
    ? parts[observable as PartialObservable].text
    : `events of kind \`${observable}\``
}

/** What a source has to observe for such an event. */
export function observableOf(event: SnugEvent): Observable {
  if (event.kind === 'syscall' && event.syscall.name === 'setxattr') return 'setattr'
  if (event.kind === 'connect' && event.connect.serverName !== undefined) return 'server-name'
  if (event.kind !== 'file') return event.kind
  if (event.file.received === true) return 'received'
  return event.file.access.every((access) => access === 'setattr') ? 'setattr' : 'file'
}
