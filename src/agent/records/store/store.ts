/**
 * State that survives the daemon. Values are plain JSON that the store does not inspect; readers
 * validate their shape. Every write is part of an atomic batch. An acknowledged batch survives
 * `kill -9`.
 */
export interface Store {
  /** One atomic batch; later writes to the same record win. Errors: `STORE_FAILED`. */
  batch(writes: readonly StoreWrite[], options?: BatchOptions): Promise<void>
  /**
   * Everything but the audit trail, read once at start. Errors: `STORE_FAILED`.
   *
   * @param take gets the behaviours of one version after the other, with their counts, as they are read. The snapshot has none of
   * them
   * then: all at once need several times the memory of the profiles that are made of them.
   */
  load(take?: TakeBehaviours): Promise<StoreSnapshot>
  /** The newest audit entries, newest first. With `before`, only entries with a smaller id. */
  audit(limit: number, before?: string): Promise<readonly Keyed[]>
  /** The whole trail, oldest first, with the value `head` of the moment when the read began. */
  auditTrail(head: string): Promise<StoredTrail>
  /**
   * Keeps the newest `max` alerts (by id), and older ones that are `held`. Returns the number of
   * removed alerts.
   */
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
  /** Removes the version with all its behaviours, containers and reports. */
  | { readonly kind: 'version-removed'; readonly version: string }
  | {
      readonly kind: 'behaviour'
      readonly version: string
      readonly id: string
      readonly value: unknown
    }
  | { readonly kind: 'behaviour-removed'; readonly version: string; readonly id: string }
  /** Counts of behaviours that are in no record of a behaviour yet. */
  | {
      readonly kind: 'counts'
      readonly version: string
      readonly id: string
      readonly value: unknown
    }
  | { readonly kind: 'counts-removed'; readonly version: string; readonly id: string }
  | {
      readonly kind: 'report'
      readonly version: string
      readonly id: string
      readonly value: unknown
    }
  | { readonly kind: 'report-removed'; readonly version: string; readonly id: string }
  | { readonly kind: 'run'; readonly version: string; readonly id: string; readonly value: unknown }
  | { readonly kind: 'run-removed'; readonly version: string; readonly id: string }
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
  /** Removes the entry with this id, and all before it. */
  | { readonly kind: 'audit-cut'; readonly id: string }
  /** Small single values: `observedUntil`, `node`, … */
  | { readonly kind: 'meta'; readonly key: string; readonly value: unknown }
  | { readonly kind: 'meta-removed'; readonly key: string }

export interface Keyed {
  readonly id: string
  readonly value: unknown
}

export interface StoredTrail {
  /** Undefined if there is no readable value. */
  readonly head: unknown
  /** Unreadable entries are omitted, which leaves a gap. */
  readonly entries: AsyncIterable<Keyed>
}

/** Reading goes on once it resolves. */
export type TakeBehaviours = (
  version: string,
  stored: StoredBehaviours,
) => Promise<void> | undefined

/** In no order. */
export interface StoredBehaviours {
  readonly behaviours: readonly Keyed[]
  readonly counts: readonly Keyed[]
}

export interface StoredVersion extends StoredBehaviours {
  readonly version: string
  /** Absent if the version's own record was damaged and only behaviours were found. */
  readonly value?: unknown
  /** Of an unexpected event each, in no order. */
  readonly reports: readonly Keyed[]
  /** Of a container each, in no order. */
  readonly runs: readonly Keyed[]
}

export interface StoreSnapshot {
  readonly versions: readonly StoredVersion[]
  /** Oldest first. */
  readonly alerts: readonly (Keyed & { readonly fingerprint: string })[]
  readonly containers: readonly Keyed[]
  readonly meta: Readonly<Record<string, unknown>>
  /** Damage found since the store was opened; empty for a sound store. */
  readonly damage: readonly StoreDamage[]
}

/** Damage in the store. The damaged data is kept aside and always reported. */
export interface StoreDamage {
  readonly what: 'store' | 'log' | 'record'
  /** Text for `snug status` and the log. */
  readonly message: string
  /** Location of the damaged data: a folder for a store, a key for a record. */
  readonly aside?: string
}
