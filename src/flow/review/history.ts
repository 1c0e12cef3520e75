import type { Alert } from '../../event/alert.ts'
import type { Origin } from '../../event/event.ts'
import {
  type BehaviourObject,
  type BehaviourRef,
  behaviourKey,
  behavioursOf,
  type Literal,
} from '../../profile/behaviour.ts'
import type { EvidenceCell, ProfileEntry } from '../../profile/profile-entry.ts'
import { literalPath, type Shaper } from '../../profile/shape.ts'
import { RENAMES_TO, SUBJECT_TO } from '../../profile/shape-pattern.ts'
import { shapedSubject } from '../../profile/subject.ts'

/** An act that is on record: one behaviour as it was seen, with its origin. */
export interface PastAct {
  readonly ref: BehaviourRef
  readonly count: number
}

/**
 * What is on record of a version, each different act once: its evidence, as far as witnesses were kept, and the acts of
 * its alerts.
 */
export function historyOf(
  entries: Iterable<ProfileEntry>,
  alerts: Iterable<Alert>,
  shaper: Shaper,
): readonly PastAct[] {
  const acts = new Map<string, PastAct>()
  const add = (ref: BehaviourRef, count: number): void => {
    const name = `${ref.key}\u0001${ref.origin}\u0001${ref.literal?.text ?? ''}`
    const known = acts.get(name)
    acts.set(name, { ref: known?.ref ?? ref, count: (known?.count ?? 0) + count })
  }
  for (const entry of entries) {
    for (const cell of entry.cells)
      for (const ref of refsOf(entry, cell, shaper)) add(ref, cell.count)
  }
  const shown = new Set(acts.keys())
  for (const { event, count } of alerts) {
    if (event.kind === 'loss') continue
    for (const ref of behavioursOf(event, shaper)) {
      // What the evidence shows already was counted there.
      if (shown.has(`${ref.key}\u0001${ref.origin}\u0001${ref.literal?.text ?? ''}`)) continue
      add(ref, count)
    }
  }
  return [...acts.values()]
}

function refsOf(
  { actor, uid, object }: ProfileEntry,
  { origin, witnesses }: EvidenceCell,
  shaper: Shaper,
): readonly BehaviourRef[] {
  const key = behaviourKey(actor, uid, object)
  const base = { key, actor, uid, object, origin: origin as Origin }
  // Also what only looks like a shape has its literals on record.
  if (witnesses === undefined) return [{ ...base, ...plainFacts(object, shaper) }]
  return witnesses.literals.map((text) => ({
    ...base,
    literal: literalOf(object, text, shaper),
  }))
}

function plainFacts(object: BehaviourObject, shaper: Shaper): Partial<BehaviourRef> {
  if (object.kind === 'connect') return { address: object.peer }
  const subject = shapedSubject(object)
  if (subject === undefined) return {}
  // What has a shape and is on record without it is that very file.
  const paths = subject.split(SUBJECT_TO).map(literalPath)
  return paths.some((path) => shaper.shape(path) !== undefined) ? { fixed: true } : {}
}

function literalOf(object: BehaviourObject, text: string, shaper: Shaper): Literal {
  const valuesOf = (path: string): readonly string[] => shaper.shape(path)?.values ?? []
  if (object.kind !== 'file' || object.to === undefined) return { text, values: valuesOf(text) }
  const at = text.indexOf(RENAMES_TO)
  const [from, to] = [text.slice(0, at), text.slice(at + RENAMES_TO.length)]
  const values = shaper.foldPlaces([...valuesOf(from), ...valuesOf(to)])
  return { text, values, subject: `${from}${SUBJECT_TO}${to}` }
}
