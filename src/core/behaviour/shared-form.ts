import { grants } from '../profile/cell-kind.ts'
import { type EvidenceCell, type ProfileEntry, sameDecision } from '../profile/profile-entry.ts'

/**
 * The part of a behaviour that one node shares with the fleet: that it was learned with enough
 * evidence, and a person's decision. It excludes exec sessions, behaviours that wait for review,
 * and quarantined ones: these allow nothing on any node. Undefined if there is nothing to share.
 */
export function sharedForm(entry: ProfileEntry, node: string): ProfileEntry | undefined {
  const { schema, id, actor, uid, object, decision } = entry
  const own = entry.cells.filter((cell) => cell.nodes.includes(node) && grants(cell))
  const cells: EvidenceCell[] = []
  // One cell of each origin is enough, and each further one only where it was shown another witness.
  for (const cell of own) {
    const { buckets: _, ...reported } = cell
    if (!isCovered(reported, cells)) cells.push(reported)
  }
  if (cells.length === 0 && decision === undefined) return undefined
  return { schema, id, actor, uid, object, cells, ...(decision === undefined ? {} : { decision }) }
}

/** Whether others have already shared everything that this node would. */
export function isReported(own: ProfileEntry, others: readonly ProfileEntry[]): boolean {
  const { decision } = own
  const cells = others.flatMap((other) => other.cells)
  return (
    (decision === undefined || others.some((other) => sameDecision(other.decision, decision))) &&
    own.cells.every((cell) => isCovered(cell, cells))
  )
}

function isCovered(cell: EvidenceCell, by: readonly EvidenceCell[]): boolean {
  const alike = by.filter(({ origin }) => origin === cell.origin)
  if (alike.length === 0) return false
  const { witnesses } = cell
  if (witnesses === undefined) return true
  return (
    witnesses.literals.every((text) =>
      alike.some((reported) => reported.witnesses?.literals.includes(text)),
    ) &&
    witnesses.places.every((values, at) =>
      values.every((value) =>
        alike.some((reported) => reported.witnesses?.places[at]?.includes(value)),
      ),
    )
  )
}
