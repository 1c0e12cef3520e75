import type { SnugEvent } from '../event/event.ts'
import { behaviourKinds, type EventKind } from '../event/event-words.ts'

/**
 * Accesses to files that some sources do not observe. `setattr`: sensors of earlier versions do not. To give a file
 * capabilities belongs to it. `received`: files that another process opened and passed on; without security hooks no
 * sensor does.
 */
export const fileObservables = ['setattr', 'received'] as const
export type FileObservable = (typeof fileObservables)[number]

/** What sources differ in, as to what they observe. */
export const observables = [...behaviourKinds, ...fileObservables] as const
export type Observable = EventKind | FileObservable

/** A set is immutable: a larger one is a new object. */
export type Observed = ReadonlySet<Observable>

export const allObservables: Observed = new Set<Observable>(observables)

/** As part of a sentence. */
export function observableText(observable: Observable): string {
  if (observable === 'setattr') return 'changes of mode, owner and attributes'
  if (observable === 'received') return 'files that other processes pass on'
  return `events of kind \`${observable}\``
}

/** What a source has to observe for such an event. */
export function observableOf(event: SnugEvent): Observable {
  if (event.kind === 'syscall' && event.syscall.name === 'setxattr') return 'setattr'
  if (event.kind !== 'file') return event.kind
  if (event.file.received === true) return 'received'
  return event.file.access.every((access) => access === 'setattr') ? 'setattr' : 'file'
}
