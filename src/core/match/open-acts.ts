import type { BehaviourRef } from '../behaviour/behaviour.ts'
import type { ActEvent, ProcessRef } from '../event/event.ts'
import { withChanges } from '../with-changes.ts'
import type { Guardrails } from './guardrail.ts'
import { isLocal } from './risk-facts.ts'
import { forFiles } from './act-parts.ts'

/**
 * What differs in every run of a job of CI: it runs programs, works on files and listens. Only a guardrail makes a finding
 * of these. Connections to other machines, changes of identity and sensitive system calls stay strict.
 */
export function isOpenAct(
  event: ActEvent,
  refs: readonly BehaviourRef[],
  guardrails: Pick<Guardrails, 'fired' | 'guards'>,
): boolean {
  return refs.every(
    (ref) =>
      isRightToFiles(ref) ||
      (isOpen(ref, guardrails) && guardrails.fired(ref, event, false).length === 0),
  )
}

/** The files are acts of their own. */
export function isRightToFiles({ object }: BehaviourRef): boolean {
  return object.kind === 'capability' && forFiles.has(object.name)
}

/** System calls that a file is the object of. */
export const callsOnFiles: ReadonlySet<string> = new Set([
  'utimensat',
  'truncate',
  'mknod',
  'memfd_create',
])

function isOpen(ref: BehaviourRef, guardrails: Pick<Guardrails, 'guards'>): boolean {
  switch (ref.object.kind) {
    case 'exec':
    case 'file':
    case 'listen':
    case 'capability':
      return true
    case 'connect':
      return isLocal(ref)
    case 'identity':
      // What root gives up is no gain.
      return ref.object.from.uid === 0
    case 'syscall':
      return callsOnFiles.has(ref.object.name) && !guardrails.guards(ref.object.target ?? '')
  }
}

/** A job has no image: whatever it built or fetched is as much its own as the rest. Anonymous memory stays foreign. */
export function withoutImage(event: ActEvent): ActEvent {
  const process = plainProcess(event.process)
  if (event.kind === 'exec' && event.exec.driftKind !== 'memfd') {
    const { driftKind: _, scriptDrift: __, ...exec } = event.exec
    return withChanges(event, { process, exec: { ...exec, drift: false } })
  }
  if (event.kind === 'file' && event.file.layer !== undefined && event.file.path.startsWith('/')) {
    const { layer: _, ...file } = event.file
    return withChanges(event, { process, file })
  }
  return process === event.process ? event : withChanges(event, { process })
}

function plainProcess(process: ProcessRef): ProcessRef {
  if (process.drift !== true) return process
  const { drift: _, ...plain } = process
  return plain
}
