import type { Actor, BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import type { RiskFacts } from '../event/alert.ts'
import type { ActEvent } from '../event/event.ts'
import { changedByCall } from '../match/cause.ts'
import { graver } from '../match/guardrail.ts'
import { type FileClass, fileClassOf, nameKind, placeClassOf } from '../match/place-class.ts'
import { riskOf } from '../match/risk.ts'
import { change, type Shipped } from './inheritance.ts'

/**
 * The program or script of the actor, if the new image brings it. An interpreter that is new does not make its scripts new.
 * Only the two images decide.
 */
export function componentOf(actor: Actor, now: Shipped, before: Shipped): string | undefined {
  const path = programOf(actor)
  return change(path, now, before) === 'brings' ? path : undefined
}

/** {@link componentOf} of a behaviour: of its actor, or of the program of the image that it runs. */
export function componentIn(
  { actor, object }: { readonly actor: Actor; readonly object: BehaviourObject },
  now: Shipped,
  before: Shipped,
): string | undefined {
  const own = componentOf(actor, now, before)
  if (own !== undefined || object.kind !== 'exec') return own
  const { path, script, drift, socketStdio } = object
  if (drift === true || socketStdio === true) return undefined
  return componentOf({ exe: path, ...(script === undefined ? {} : { script }) }, now, before)
}

/** What an actor is named by: its script, if it has one. */
export function programOf({ exe, script }: Actor): string {
  return script ?? exe
}

/** Kinds of files that a part of a component may change. */
const plainKinds: ReadonlySet<FileClass> = new Set(['data'])
/** Of some programs the kind of what they write is never known. */
const anyPlainKinds: ReadonlySet<FileClass> = new Set(['data', 'unknown'])

/**
 * Whether an act is a part of the component that does it, and is reported with it. What is graver than the start of a new
 * program has an alert of its own: code that the image did not ship, secrets, code and settings that it changes, more
 * rights, and what the kernel was to stop. `unknown`: files of unknown kinds may be among those that it changes.
 */
export function isPart(
  event: ActEvent,
  refs: readonly BehaviourRef[],
  risks: readonly RiskFacts[],
  unknown = false,
): boolean {
  if (event.enforced !== undefined || event.process.drift === true) return false
  if (risks.some((facts) => graver(riskOf(facts), 'medium') > 0)) return false
  const kinds = unknown ? anyPlainKinds : plainKinds
  return refs.every(({ object }) => isPlain(object, event, kinds))
}

function isPlain(object: BehaviourObject, event: ActEvent, kinds: ReadonlySet<FileClass>): boolean {
  switch (object.kind) {
    case 'exec': {
      const isScriptDrift = event.kind === 'exec' && event.exec.scriptDrift === true
      return object.drift !== true && object.socketStdio !== true && !isScriptDrift
    }
    case 'file':
      return event.kind === 'file' && isPlainFile(object, event.file, kinds)
    case 'connect':
    case 'listen':
    case 'capability':
      return true
    case 'identity':
      return object.from.uid === 0
    case 'syscall': {
      const changed = changedByCall(object)
      return changed !== undefined && isPlainChange(changed, false, kinds)
    }
  }
}

function isPlainFile(
  { access, path, to }: Extract<BehaviourObject, { kind: 'file' }>,
  file: Extract<ActEvent, { kind: 'file' }>['file'],
  kinds: ReadonlySet<FileClass>,
): boolean {
  const names = [path, to, file.to].filter((name) => name !== undefined)
  if (names.some((name) => placeClassOf(name) === 'secret') || file.received === true) return false
  if (access === 'read') return true
  if (access === 'exec') return file.shipped === true
  // A hard link is a further name of what is elsewhere.
  if (file.to !== undefined && !file.access.includes('rename')) return false
  return names.every((name) => isPlainChange(name, access === 'delete', kinds))
}

function isPlainChange(path: string, isRemoved: boolean, kinds: ReadonlySet<FileClass>): boolean {
  const place = placeClassOf(path)
  if (place !== 'data' && place !== 'temporary') return false
  return kinds.has(fileClassOf(nameKind(path), isRemoved))
}
