import {
  type AuditEntry,
  type AuditRecord,
  auditRecord,
} from '../../../core/event/outbound-record.ts'
import type { RecordIds } from '../../pipeline/alerts/record-ids.ts'
import {
  AuditChain,
  auditCut,
  type AuditCheck,
  auditHeadKey,
  AuditVerifier,
  hashOf,
} from '../../../core/audit/audit-chain.ts'
import { Pace } from '../../../support/pace.ts'
import type { Keyed, Store, StoreWrite } from '../store/store.ts'

/** Ids of entries are their numbers, so the order in the store is the order of the chain. */
const digits = 12

/** The newest entries, which a sink may still receive after a restart. */
const entriesKept = 10_000
/** So many entries beyond the bound are removed together, by one entry. */
const cutAtOnce = 1_000

export interface AuditTrailOptions {
  readonly store: Store
  readonly node: string
  readonly ids: RecordIds
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** An append-only chain of decisions in the store: who, what, when and why. */
export class AuditTrail {
  readonly #options: AuditTrailOptions
  #chain = new AuditChain()
  #first = 1

  constructor(options: AuditTrailOptions) {
    this.#options = options
  }

  /** Number of entries, stored or not. */
  get length(): number {
    return this.#chain.head.seq
  }

  /** Checks the whole chain and resumes at its end. Must be called once, before the first entry. */
  async load(): Promise<AuditCheck> {
    const { ids } = this.#options
    const { check, verifier, head } = await this.#follow((id) => ids.after(id))
    this.#chain = new AuditChain(verifier.next(head))
    this.#first = verifier.first
    return check
  }

  /** Entries for sinks that have not received them, oldest first. */
  async newest(): Promise<readonly AuditRecord[]> {
    const records: AuditRecord[] = []
    const pace = new Pace()
    for (const entry of await this.list(entriesKept)) {
      if (pace.isOver) await pace.turn()
      const record = this.#record(entry)
      if (record !== undefined) records.push(record)
    }
    return records.reverse()
  }

  /**
   * Appends an entry. Returns the audit event to send and the writes, which belong in one batch.
   */
  append(
    what: string,
    who: string,
    fields: Readonly<Record<string, unknown>>,
  ): { readonly record: AuditRecord | undefined; readonly writes: readonly StoreWrite[] } {
    const nowMs = this.#options.now()
    const time = new Date(nowMs).toISOString()
    const id = this.#options.ids.next(nowMs)
    const record = this.#chain.append({ ...fields, id, time, what, who })
    const writes: readonly StoreWrite[] = [
      { kind: 'audit', id: idOf(record.seq), value: record },
      { kind: 'meta', key: auditHeadKey, value: this.#chain.head },
    ]
    // The chain has hashed it: an entry of thousands of changes is long.
    return { record: this.#record(record, this.#chain.head.hash), writes }
  }

  /**
   * Keeps the newest `kept` entries and removes the others, where they are many. An entry records
   * the number and hash of the last removed one, so that the rest of the chain stays provable.
   * Returns the same as {@link append}.
   */
  async cut(kept: number): Promise<ReturnType<AuditTrail['append']> | undefined> {
    const through = this.length - kept
    if (through - this.#first + 1 < cutAtOnce) return undefined
    const [last] = await this.list(1, through + 1)
    if (last?.seq !== through) return undefined
    this.#first = through + 1
    const { record, writes } = this.append(auditCut, 'agent', { through, hash: hashOf(last) })
    return { record, writes: [...writes, { kind: 'audit-cut', id: idOf(through) }] }
  }

  /** Newest first. With `before`, only entries with a smaller number. */
  async list(limit: number, before?: number): Promise<readonly AuditEntry[]> {
    const { store } = this.#options
    const entries = await store.audit(limit, before === undefined ? undefined : idOf(before))
    return entries.filter(isLink).map(({ value }) => value as AuditEntry)
  }

  /** Verifies the stored chain from the first entry. */
  async verify(): Promise<AuditCheck> {
    return (await this.#follow()).check
  }

  #record(entry: AuditEntry, hash = hashOf(entry)): AuditRecord | undefined {
    return auditRecord(entry, hash, this.#options.node)
  }

  async #follow(onRecord: (id: string) => void = () => undefined) {
    const { head, entries } = await this.#options.store.auditTrail(auditHeadKey)
    const verifier = new AuditVerifier()
    for await (const entry of entries) {
      if (!isLink(entry)) continue
      verifier.add(entry)
      const { value } = entry
      // Entries of some builds have no id.
      if (typeof value !== 'object' || value === null || !('id' in value)) continue
      if (typeof value.id === 'string') onRecord(value.id)
    }
    return { verifier, head, check: verifier.finish(head) }
  }
}

function idOf(seq: number): string {
  return String(seq).padStart(digits, '0')
}

function isLink({ id }: Keyed): boolean {
  return id.length === digits && /^\d+$/.test(id)
}
