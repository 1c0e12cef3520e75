/**
 * What survives the daemon. Values are plain JSON that the store does not look into; who reads them
 * checks their shape. Every write is part of a batch; a batch is there as a whole or not at all, and
 * what was acknowledged is there after `kill -9`.
 */
export interface Store {
  /** One atomic batch; later writes to the same record win. Errors: `STORE_FAILED`. */
  batch(writes: readonly StoreWrite[], options?: BatchOptions): Promise<void>
  /** Everything but the audit trail, read once at start. Errors: `STORE_FAILED`. */
  load(): Promise<StoreSnapshot>
  /** The newest audit entries, newest first; only those whose id is less than `before`, where it is given. */
  audit(limit: number, before?: string): Promise<readonly Keyed[]>
  /** All of it, oldest first, and the small value `head` as it was when the reading began: a moment of both. */
  auditTrail(head: string): Promise<StoredTrail>
  /** Keeps the newest `max` alerts (by id), and of the others those that are `held`. Returns how many were removed. */
  pruneAlerts(max: number, held?: (id: string) => boolean): Promise<number>
  /** The id of the alert last written with this fingerprint. */
  alertId(fingerprint: string): Promise<string | undefined>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface BatchOptions {
  /** `false`: survives the process, not a power cut. Default `true`. */
  readonly sync?: boolean
}

export type StoreWrite =
  | { readonly kind: 'version'; readonly version: string; readonly value: unknown }
  /** Removes the version and all its behaviours. */
  | { readonly kind: 'version-removed'; readonly version: string }
  | {
      readonly kind: 'behaviour'
      readonly version: string
      readonly id: string
      readonly value: unknown
    }
  | { readonly kind: 'behaviour-removed'; readonly version: string; readonly id: string }
  /** `id` sorts by time. */
  | {
      readonly kind: 'alert'
      readonly id: string
      readonly fingerprint: string
      readonly value: unknown
    }
  | { readonly kind: 'container'; readonly id: string; readonly value: unknown }
  | { readonly kind: 'container-removed'; readonly id: string }
  /** `id` sorts by time. */
  | { readonly kind: 'audit'; readonly id: string; readonly value: unknown }
  /** Small single values: `observedUntil`, `node`, … */
  | { readonly kind: 'meta'; readonly key: string; readonly value: unknown }

export interface Keyed {
  readonly id: string
  readonly value: unknown
}

export interface StoredTrail {
  /** Undefined where there is none, or it does not read. */
  readonly head: unknown
  /** An entry that does not read is left out: its place is empty. */
  readonly entries: AsyncIterable<Keyed>
}

export interface StoredVersion {
  readonly version: string
  /** Absent where only behaviours were found: the version's own record was damaged. */
  readonly value?: unknown
  readonly behaviours: readonly Keyed[]
}

export interface StoreSnapshot {
  readonly versions: readonly StoredVersion[]
  /** Oldest first. */
  readonly alerts: readonly (Keyed & { readonly fingerprint: string })[]
  readonly containers: readonly Keyed[]
  readonly meta: Readonly<Record<string, unknown>>
  /** What was found damaged since the store was opened; empty in a sound one. */
  readonly damage: readonly StoreDamage[]
}

/** Something was damaged. It is kept aside, never passed over in silence. */
export interface StoreDamage {
  readonly what: 'store' | 'log' | 'record'
  /** Text for `snug status` and the log. */
  readonly message: string
  /** Where the damaged thing was put: a folder for a store, a key for a record. */
  readonly aside?: string
}
