import { createHash } from 'node:crypto'
import { type AuditEntry, type AuditFacts, canonicalJson } from '../event/outbound-record.ts'

/**
 * The end of the chain, stored separately: without it nobody would notice that the last entries are
 * missing.
 */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

export const genesis = '0'.repeat(64)

/** `audit-head`, in the table `meta`. */
export const auditHeadKey = 'audit-head'

export interface AuditCheck {
  readonly ok: boolean
  readonly entries: number
  /** Hash of the last entry: written down elsewhere, it vouches for all before it. */
  readonly head: string
  /** Sentences about faults; empty if the chain is sound. */
  readonly faults: readonly string[]
}

/** The name of the entry that vouches for the entries that were removed before the first one. */
export const auditCut = 'audit-cut'

/** `through`: number of the last removed entry; `hash`: that entry's. */
interface AuditCut {
  readonly through: number
  readonly hash: string
}

/**
 * The maximum number of reported faults of one chain. A broken link is reported once, not for each
 * later entry.
 */
const faultsShown = 20

/**
 * The audit log as a chain: each entry has the SHA-256 of the previous one, so that a changed,
 * removed or inserted entry breaks every later link. It detects tampering and damage. A writer of
 * the store can build a new chain, unless its head is recorded elsewhere (the agent logs it).
 */
export class AuditChain {
  #head: AuditHead

  constructor(head: AuditHead = { seq: 0, hash: genesis }) {
    this.#head = head
  }

  get head(): AuditHead {
    return this.#head
  }

  append(facts: AuditFacts): AuditEntry {
    const record = { ...facts, seq: this.#head.seq + 1, previous: this.#head.hash }
    this.#head = { seq: record.seq, hash: hashOf(record) }
    return record
  }
}

/** Does not depend on the order of the members. */
export function hashOf(record: unknown): string {
  return createHash('sha256').update(canonicalJson(record)).digest('hex')
}

/** Follows the entries from the first to the last. `head` is what the store keeps beside them. */
export class AuditVerifier {
  #seq = 0
  #hash = genesis
  #entries = 0
  /** What has to be vouched for, where the first entry is not number 1. */
  #start: AuditCut | undefined
  #cut: AuditCut | undefined
  readonly #faults: string[] = []
  #faultCount = 0

  add({ id, value }: { readonly id: string; readonly value: unknown }): void {
    this.#entries += 1
    if (!isRecord(value)) {
      this.#fault(`the entry \`${id}\` does not belong to the chain`)
      return
    }
    const { seq, previous } = value
    if (isCut(value)) this.#cut = { through: value.through, hash: value.hash }
    if (this.#entries === 1 && seq > 1) this.#start = { through: seq - 1, hash: previous }
    else if (seq !== this.#seq + 1) {
      this.#fault(`after entry ${this.#seq} comes entry ${seq}`)
    } else if (previous !== this.#hash) {
      this.#fault(`entry ${seq} does not follow from entry ${this.#seq}: one of them was changed`)
    }
    this.#seq = seq
    this.#hash = hashOf(value)
  }

  finish(head: unknown): AuditCheck {
    if (this.#start !== undefined && !isSame(this.#start, this.#cut)) {
      this.#fault(`entries 1 to ${this.#start.through} are missing`)
    }
    if (isHead(head)) {
      if (head.seq > this.#seq) this.#fault(`entries ${this.#seq + 1} to ${head.seq} are missing`)
      else if (head.seq !== this.#seq || head.hash !== this.#hash) {
        this.#fault(`the last entry is not the one that was written last`)
      }
    } else if (this.#entries > 0) this.#fault('the end of the chain is not on record')
    const more = this.#faultCount - this.#faults.length
    return {
      ok: this.#faultCount === 0,
      entries: this.#entries,
      head: this.#hash,
      faults: more > 0 ? [...this.#faults, `and ${more} more`] : this.#faults,
    }
  }

  /** Number of the first entry. */
  get first(): number {
    return (this.#start?.through ?? 0) + 1
  }

  /** Where the chain continues: after everything ever written, so that no number is used twice. */
  next(head: unknown): AuditHead {
    const found = { seq: this.#seq, hash: this.#hash }
    return isHead(head) && head.seq > found.seq ? head : found
  }

  #fault(text: string): void {
    this.#faultCount += 1
    if (this.#faults.length < faultsShown) this.#faults.push(text)
  }
}

function isCut(value: AuditEntry): value is AuditEntry & AuditCut {
  const { what, through, hash } = value
  return what === auditCut && typeof through === 'number' && typeof hash === 'string'
}

function isSame(start: AuditCut, cut: AuditCut | undefined): boolean {
  return cut !== undefined && cut.through === start.through && cut.hash === start.hash
}

function isRecord(value: unknown): value is AuditEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'seq' in value &&
    typeof value.seq === 'number' &&
    'previous' in value &&
    typeof value.previous === 'string'
  )
}

function isHead(value: unknown): value is AuditHead {
  return (
    typeof value === 'object' &&
    value !== null &&
    'seq' in value &&
    typeof value.seq === 'number' &&
    'hash' in value &&
    typeof value.hash === 'string'
  )
}
