import type { BehaviourId } from '../behaviour/behaviour.ts'
import type { Steps } from '../steps.ts'
import type { EntryKeeper } from './entry-keeper.ts'
import type { LiveEntry } from './live-entry.ts'
import type { Decision, Grant } from './profile-entry.ts'

/** What was seen of each behaviour that a decision is about. */
export type PreparedDecision = ReadonlyMap<BehaviourId, readonly Grant[]>

const noneSeen: PreparedDecision = new Map()

/** What a person decided; the grants are filled in from what was seen. */
export type DecisionInput = Omit<Decision, 'grants' | 'kind'> & {
  readonly kind: Exclude<Decision['kind'], 'withdrawn'>
}

export type Withdrawal = Pick<Decision, 'by' | 'at' | 'reason'>

/**
 * Records a person's decision on these behaviours, as one step: places are derived once. It covers the evidence so far.
 * Returns how many of them exist.
 *
 * @param prepared by {@link prepareDecision}
 */
export function decideAll(
  entries: EntryKeeper,
  ids: Iterable<BehaviourId>,
  decision: DecisionInput,
  prepared: PreparedDecision = noneSeen,
): number {
  let decided = 0
  for (const id of ids) {
    const entry = entries.table.byId.get(id)
    if (entry === undefined) continue
    const grants = prepared.get(id) ?? entry.seen().toJSON()
    decide(entries, entry, { ...decision, grants })
    decided += 1
  }
  if (decided > 0) entries.settle()
  return decided
}

/** What a decision on many covers, with pauses, before the decision itself. */
export function* prepareDecision(
  entries: EntryKeeper,
  ids: Iterable<BehaviourId>,
): Steps<PreparedDecision> {
  const seen = new Map<BehaviourId, readonly Grant[]>()
  for (const id of ids) {
    const entry = entries.table.byId.get(id)
    if (entry !== undefined) {
      seen.set(id, entry.seen().toJSON())
      // Of what waits for review there is none yet. It allows nothing.
      if (entries.known.allowance(entry.key) === undefined) entries.refresh(entry)
    }
    yield
  }
  return seen
}

function decide(entries: EntryKeeper, entry: LiveEntry, decision: Decision): void {
  // Of what waits for review, no place was derived.
  const isOfPlace = entry.place !== undefined || entry.within !== undefined
  if (isOfPlace || entry.isGranted) entries.places.touch(entry)
  entries.table.changes(entry)
  entry.decision = decision
  if (entry.isSuperseded || !entries.known.decide(entry.key, decision)) entries.refresh(entry)
  entries.table.changed(entry)
}

/**
 * Withdraws the last decision on each of them, as one step, and removes entries that rest on that decision alone. Returns
 * how many of them were decided.
 */
export function withdrawAll(
  entries: EntryKeeper,
  ids: Iterable<BehaviourId>,
  withdrawal: Withdrawal,
): number {
  let withdrawn = 0
  for (const id of ids) {
    const entry = entries.table.byId.get(id)
    if (entry?.isDecided !== true) continue
    withdrawn += 1
    if (entry.isWithoutEvidence && entry.inherited === undefined) entries.remove(entry)
    else decide(entries, entry, { ...withdrawal, kind: 'withdrawn', grants: [] })
  }
  if (withdrawn > 0) entries.settle()
  return withdrawn
}
