import {
  AuditChain,
  type AuditCheck,
  auditHeadKey,
  type AuditRecord,
  AuditVerifier,
} from '../store/audit-chain.ts'
import type { Keyed, Store, StoreWrite } from '../store/store.ts'

/** Ids of entries are their numbers, so that the store's order is the chain's. */
const digits = 12

/** Who decided what, when and why: an append-only chain in the store. */
export class AuditTrail {
  readonly #store: Store
  readonly #now: () => number
  #chain = new AuditChain()

  /** `now`: epoch milliseconds. */
  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** Checks all of it and goes on where it ended. To be called once, before the first entry. */
  async load(): Promise<AuditCheck> {
    const { check, verifier, head } = await this.#follow()
    this.#chain = new AuditChain(verifier.next(head))
    return check
  }

  /** The writes of one more entry; they belong into one batch. */
  entry(what: string, who: string, fields: Readonly<Record<string, unknown>>): StoreWrite[] {
    const time = new Date(this.#now()).toISOString()
    const record = this.#chain.append({ ...fields, time, what, who })
    return [
      { kind: 'audit', id: idOf(record.seq), value: record },
      { kind: 'meta', key: auditHeadKey, value: this.#chain.head },
    ]
  }

  /** Newest first; only those before the number `before`, where it is given. */
  async list(limit: number, before?: number): Promise<readonly AuditRecord[]> {
    const entries = await this.#store.audit(limit, before === undefined ? undefined : idOf(before))
    return entries.filter(isLink).map(({ value }) => value as AuditRecord)
  }

  /** Follows what the store has, from the first entry on. */
  async verify(): Promise<AuditCheck> {
    return (await this.#follow()).check
  }

  async #follow() {
    const { head, entries } = await this.#store.auditTrail(auditHeadKey)
    const verifier = new AuditVerifier()
    for await (const entry of entries) if (isLink(entry)) verifier.add(entry)
    return { verifier, head, check: verifier.finish(head) }
  }
}

function idOf(seq: number): string {
  return String(seq).padStart(digits, '0')
}

function isLink({ id }: Keyed): boolean {
  return id.length === digits && /^\d+$/.test(id)
}
