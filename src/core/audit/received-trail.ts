import type { AuditEntry, AuditRecord } from '../event/outbound-record.ts'
import { genesis, hashOf } from './audit-chain.ts'

/** The part of one node's audit trail that a receiver has. */
export interface ReceivedTrail {
  readonly node: string
  readonly ok: boolean
  /** Different ones, however often each was received. */
  readonly entries: number
  readonly first: number
  readonly last: number
  /**
   * Hash of the last entry: equals that of `snug audit verify` on the node, if no entry followed.
   */
  readonly head: string
  /** Sentences about faults; empty if the chain is sound. */
  readonly faults: readonly string[]
}

const faultsShown = 20
const schema = '"snug.audit/v1"'

/**
 * Proves of lines that a sink received as `json`, in any order, with whatever stands before and between them, that of
 * each node's audit trail no entry is missing between the first and the last, and that none was changed.
 */
export class ReceivedTrails {
  readonly #nodes = new Map<string, Map<number, AuditRecord>>()
  #unread = 0

  add(line: string): void {
    if (!line.includes(schema)) return
    const record = recordIn(line)
    if (record === undefined) {
      this.#unread += 1
      return
    }
    const { node, entry } = record
    const known = this.#nodes.get(node) ?? new Map<number, AuditRecord>()
    this.#nodes.set(node, known)
    const before = known.get(entry.seq)
    // Of two entries that differ, the chain shows later which one is right.
    if (before === undefined || before.hash === record.hash) known.set(entry.seq, record)
    else known.set(entry.seq, { ...record, hash: 'two that differ' })
  }

  finish(): readonly ReceivedTrail[] {
    const trails = [...this.#nodes].map(([node, entries]) => follow(node, entries))
    if (this.#unread === 0) return trails
    const faults = [`${this.#unread} lines hold an entry that does not read`]
    const none = { entries: 0, first: 0, last: 0, head: genesis }
    return [...trails, { node: 'unknown', ok: false, ...none, faults }]
  }
}

function follow(node: string, entries: ReadonlyMap<number, AuditRecord>): ReceivedTrail {
  const faults: string[] = []
  const sorted = [...entries.values()].sort((a, b) => a.entry.seq - b.entry.seq)
  let before: AuditRecord | undefined
  for (const record of sorted) {
    const { entry, hash } = record
    const { seq, previous } = entry
    const expected = before?.entry.seq ?? seq - 1
    if (seq !== expected + 1) {
      const gap = [expected + 1, seq - 1]
      faults.push(
        gap[0] === gap[1]
          ? `entry ${gap[0]} is missing`
          : `entries ${gap.join(' to ')} are missing`,
      )
    } else if (previous !== (before?.hash ?? (seq === 1 ? genesis : previous))) {
      faults.push(`entry ${seq} does not follow from entry ${seq - 1}`)
    }
    // A shortened entry is marked as shortened and keeps its place.
    if (entry['cut'] !== true && hashOf(entry) !== hash) faults.push(`entry ${seq} was changed`)
    before = record
  }
  const more = faults.length - faultsShown
  return {
    node,
    ok: faults.length === 0,
    entries: sorted.length,
    first: sorted[0]?.entry.seq ?? 0,
    last: before?.entry.seq ?? 0,
    head: before?.hash ?? genesis,
    faults: more > 0 ? [...faults.slice(0, faultsShown), `and ${more} more`] : faults,
  }
}

/** A syslog header, or whatever a receiver puts there, may stand before it. */
function recordIn(line: string): AuditRecord | undefined {
  try {
    const found = JSON.parse(line.slice(line.indexOf('{'))) as Partial<AuditRecord>
    const { node, hash, entry } = found
    if (typeof node !== 'string' || typeof hash !== 'string') return undefined
    return isEntry(entry) ? (found as AuditRecord) : undefined
  } catch {
    return undefined
  }
}

function isEntry(entry: unknown): entry is AuditEntry {
  return (
    typeof entry === 'object' &&
    entry !== null &&
    'seq' in entry &&
    Number.isSafeInteger(entry.seq) &&
    'previous' in entry &&
    typeof entry.previous === 'string'
  )
}
