import { SnugError } from '../../../errors.ts'
import type {
  BatchOptions,
  Keyed,
  Store,
  StoredTrail,
  StoreSnapshot,
  StoreWrite,
  TakeBehaviours,
} from './store.ts'
import { decodeKey, encodeKey, keyRange } from './store-key.ts'
import {
  alertRecord,
  operationsOf,
  SnapshotBuilder,
  tables,
  tablesOfVersion,
} from './store-records.ts'

/** Keeps everything in memory: for `--data none` and for tests. Closing it deletes everything. */
export class MemoryStore implements Store {
  readonly #records = new Map<string, unknown>()
  #closed = false

  async batch(writes: readonly StoreWrite[], _options?: BatchOptions): Promise<void> {
    this.#mustBeOpen()
    // Encodes to JSON, as on disk: an unwritable value must fail here too, before any change.
    const operations = writes.map((write) => operationsOf(write))
    const texts = operations.map((group) =>
      group.map((operation) => (operation.type === 'put' ? jsonOf(operation.value) : undefined)),
    )
    writes.forEach((write, at) => {
      if (write.kind === 'version-removed') {
        for (const table of tablesOfVersion)
          for (const key of this.#keys([table, write.version])) this.#records.delete(key)
      }
      if (write.kind === 'audit-cut') {
        const end = encodeKey([tables.audit, write.id])
        for (const key of this.#keys([tables.audit])) if (key < end) this.#records.delete(key)
      }
      operations[at]?.forEach((operation, index) => {
        const text = texts[at]?.[index]
        if (text === undefined) this.#records.delete(operation.key)
        else this.#records.set(operation.key, JSON.parse(text))
      })
    })
  }

  async load(take?: TakeBehaviours): Promise<StoreSnapshot> {
    this.#mustBeOpen()
    const builder = new SnapshotBuilder(take)
    for (const key of [...this.#records.keys()].sort())
      await builder.add(key, this.#records.get(key))
    return await builder.finish([])
  }

  async audit(limit: number, before?: string): Promise<readonly Keyed[]> {
    this.#mustBeOpen()
    const end = before === undefined ? undefined : encodeKey([tables.audit, before])
    const older = this.#keys([tables.audit]).filter((key) => end === undefined || key < end)
    const keys = older.reverse().slice(0, limit)
    return keys.map((key) => ({ id: decodeKey(key)[1] ?? '', value: this.#records.get(key) }))
  }

  async auditTrail(head: string): Promise<StoredTrail> {
    this.#mustBeOpen()
    const entries = this.#keys([tables.audit]).map((key) => ({
      id: decodeKey(key)[1] ?? '',
      value: this.#records.get(key),
    }))
    return {
      head: this.#records.get(encodeKey([tables.meta, head])),
      entries: (async function* () {
        yield* entries
      })(),
    }
  }

  async pruneAlerts(max: number, held: (id: string) => boolean = () => false): Promise<number> {
    this.#mustBeOpen()
    const keys = this.#keys([tables.alert])
    const old = keys
      .slice(0, Math.max(0, keys.length - max))
      .filter((key) => !held(decodeKey(key)[1] ?? ''))
    for (const key of old) {
      const { fingerprint } = alertRecord(this.#records.get(key))
      const index = encodeKey([tables.fingerprint, fingerprint])
      if (this.#records.get(index) === decodeKey(key)[1]) this.#records.delete(index)
      this.#records.delete(key)
    }
    return old.length
  }

  async alertId(fingerprint: string): Promise<string | undefined> {
    this.#mustBeOpen()
    const id = this.#records.get(encodeKey([tables.fingerprint, fingerprint]))
    return typeof id === 'string' ? id : undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#records.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #keys(prefix: readonly string[]): string[] {
    const { gte, lt } = keyRange(prefix)
    return [...this.#records.keys()].filter((key) => key >= gte && key < lt).sort()
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new SnugError('STORE_FAILED', 'the store is closed')
  }
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    throw new SnugError('STORE_FAILED', 'the value cannot be written', { cause: error })
  }
}
