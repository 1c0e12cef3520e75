import type { EventKind, SnugEvent } from '../event/event.ts'
import { behaviourKinds } from './coverage-report.ts'

/**
 * What sources differ in, as to what they observe: kinds of events, and `setattr`, an access to files that sensors of
 * earlier versions did not report. To give a file capabilities belongs to it.
 */
export const observables = [...behaviourKinds, 'setattr'] as const
export type Observable = EventKind | 'setattr'

/** A set is immutable: a larger one is a new object. */
export type Observed = ReadonlySet<Observable>

export const allObservables: Observed = new Set<Observable>(observables)

/** As part of a sentence. */
export function observableText(observable: Observable): string {
  return observable === 'setattr'
    ? 'changes of mode, owner and attributes'
    : `events of kind \`${observable}\``
}

/** What a source has to observe for such an event. */
export function observableOf(event: SnugEvent): Observable {
  if (event.kind === 'syscall' && event.syscall.name === 'setxattr') return 'setattr'
  if (event.kind !== 'file') return event.kind
  return event.file.access.every((access) => access === 'setattr') ? 'setattr' : 'file'
}
