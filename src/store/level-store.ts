import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { SnugError } from '../errors.ts'
import type { BatchOptions, Keyed, Store, StoreDamage, StoreSnapshot, StoreWrite } from './store.ts'
import { decodeKey, encodeKey, keyRange } from './store-key.ts'
import {
  alertRecord,
  decodeValue,
  encodeValue,
  operationsOf,
  SnapshotBuilder,
  tables,
} from './store-records.ts'

type Database = Level<string, string>

interface RawOperation {
  readonly type: 'put' | 'del'
  readonly key: string
  readonly value: string
}

export interface OpenedStore {
  readonly store: Store
  /** What had to be repaired or set aside to open it; to be told, it is never silent. */
  readonly damage: readonly StoreDamage[]
}

/**
 * Opens the store in a folder, or makes it. A damaged one is repaired where that works, else set aside
 * beside the folder, and an empty one takes its place: the agent must watch, with or without its past.
 *
 * Errors: `STORE_LOCKED` where another process has it open, `STORE_FAILED` where the folder cannot be used.
 */
export async function openLevelStore(folder: string, now = new Date()): Promise<OpenedStore> {
  const damage: StoreDamage[] = []
  let database = await open(folder).catch(async (error: unknown) => {
    if (!isCorruption(error)) throw asSnugError(error, folder)
    const repaired = await repair(folder)
    if (repaired === undefined) return undefined
    damage.push({
      what: 'store',
      message: `the store was damaged and repaired: ${messageOf(error)}`,
    })
    return repaired
  })
  if (database !== undefined && !(await readsThrough(database))) {
    await database.close()
    database = await repair(folder)
    if (database !== undefined) {
      damage.push({ what: 'store', message: 'a table of the store was damaged and repaired' })
    }
  }
  if (database === undefined) {
    const aside = await setAside(folder, now)
    damage.push({ what: 'store', message: 'the store was beyond repair and set aside', aside })
    database = await open(folder).catch((error: unknown) => {
      throw asSnugError(error, folder)
    })
  }
  damage.push(...(await droppedByLog(folder)))
  return { store: new LevelStore(database, damage), damage }
}

class LevelStore implements Store {
  readonly #database: Database
  readonly #damage: StoreDamage[]

  constructor(database: Database, damage: readonly StoreDamage[]) {
    this.#database = database
    this.#damage = [...damage]
  }

  async batch(writes: readonly StoreWrite[], options: BatchOptions = {}): Promise<void> {
    await this.#guard(async () => {
      const operations: RawOperation[] = []
      for (const write of writes) {
        if (write.kind === 'version-removed')
          await this.#removeBehaviours(write.version, operations)
        for (const operation of operationsOf(write)) {
          operations.push(
            operation.type === 'put'
              ? { ...operation, value: encodeValue(operation.key, operation.value) }
              : { ...operation, value: '' },
          )
        }
      }
      await this.#write(operations, options.sync ?? true)
    })
  }

  async load(): Promise<StoreSnapshot> {
    return this.#guard(async () => {
      const builder = new SnapshotBuilder()
      const aside: RawOperation[] = []
      for await (const [key, stored] of this.#database.iterator()) {
        if (decodeKey(key)[0] === tables.damaged) continue
        try {
          builder.add(key, decodeValue(key, stored))
        } catch (error) {
          const kept = encodeKey([tables.damaged, key])
          aside.push({ type: 'put', key: kept, value: encodeValue(kept, stored) })
          aside.push({ type: 'del', key, value: '' })
          this.#damage.push({
            what: 'record',
            message: `the record \`${key}\` does not read: ${messageOf(error)}`,
            aside: kept,
          })
        }
      }
      if (aside.length > 0) await this.#write(aside, true)
      return builder.finish([...this.#damage])
    })
  }

  async audit(limit: number): Promise<readonly Keyed[]> {
    return this.#guard(async () => {
      const range = { ...keyRange([tables.audit]), reverse: true, limit }
      const entries: Keyed[] = []
      for await (const [key, stored] of this.#database.iterator(range)) {
        try {
          entries.push({ id: decodeKey(key)[1] ?? '', value: decodeValue(key, stored) })
        } catch {
          // Found and set aside by `load` at the next start, where it is told.
        }
      }
      return entries
    })
  }

  async pruneAlerts(max: number): Promise<number> {
    return this.#guard(async () => {
      const range = keyRange([tables.alert])
      const keys = await this.#database.keys(range).all()
      const old = keys.slice(0, Math.max(0, keys.length - max))
      const operations: RawOperation[] = []
      for (const key of old) {
        operations.push({ type: 'del', key, value: '' })
        const fingerprint = await this.#fingerprintOf(key)
        if (fingerprint === undefined) continue
        if ((await this.alertId(fingerprint)) !== decodeKey(key)[1]) continue
        const index = encodeKey([tables.fingerprint, fingerprint])
        operations.push({ type: 'del', key: index, value: '' })
      }
      if (operations.length > 0) await this.#write(operations, false)
      return old.length
    })
  }

  async alertId(fingerprint: string): Promise<string | undefined> {
    return this.#guard(async () => {
      const id = await this.#read(encodeKey([tables.fingerprint, fingerprint]))
      return typeof id === 'string' ? id : undefined
    })
  }

  async close(): Promise<void> {
    await this.#guard(() => this.#database.close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #fingerprintOf(alertKey: string): Promise<string | undefined> {
    try {
      return alertRecord(await this.#read(alertKey)).fingerprint
    } catch {
      return undefined
    }
  }

  async #read(key: string): Promise<unknown> {
    const stored = (await this.#database.get(key)) as string | undefined
    if (stored === undefined) return undefined
    try {
      return decodeValue(key, stored)
    } catch {
      return undefined
    }
  }

  async #removeBehaviours(version: string, operations: RawOperation[]): Promise<void> {
    const range = keyRange([tables.behaviour, version])
    const inBatch = operations
      .map(({ key }) => key)
      .filter((key) => key >= range.gte && key < range.lt)
    for (const key of [...(await this.#database.keys(range).all()), ...inBatch]) {
      operations.push({ type: 'del', key, value: '' })
    }
  }

  async #write(operations: RawOperation[], sync: boolean): Promise<void> {
    // `sync` is LevelDB's own option, which the type common with browsers does not know.
    const options: object = { sync }
    await this.#database.batch(operations, options)
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw asSnugError(error, this.#database.location)
    }
  }
}

async function open(folder: string): Promise<Database> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const database: Database = new Level(folder, { keyEncoding: 'utf8', valueEncoding: 'utf8' })
  await database.open()
  return database
}

/** LevelDB's own repair: what it can salvage, without the checks of opening. */
async function repair(folder: string): Promise<Database | undefined> {
  const repairing = Level as unknown as { repair(location: string): Promise<void> }
  try {
    await repairing.repair(folder)
    const database = await open(folder)
    if (await readsThrough(database)) return database
    await database.close()
  } catch {
    // Beyond repair: the caller sets it aside and says so.
  }
  return undefined
}

async function readsThrough(database: Database): Promise<boolean> {
  try {
    for await (const _ of database.iterator()) continue
    return true
  } catch {
    return false
  }
}

async function setAside(folder: string, now: Date): Promise<string> {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
  for (let n = 0; ; n++) {
    const aside = `${folder}.damaged-${stamp}${n === 0 ? '' : `-${n}`}`
    if (existsSync(aside)) continue
    await rename(folder, aside)
    return aside
  }
}

/**
 * LevelDB drops damaged records of its write-ahead log when it opens, and says so only in its own log
 * file, which it begins anew at each opening.
 */
async function droppedByLog(folder: string): Promise<StoreDamage[]> {
  const text = await readFile(join(folder, 'LOG'), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => /dropping \d+ bytes|Ignoring error|Corruption/.test(line))
    .map((line) => ({
      what: 'log',
      message: `the newest writes were damaged and dropped: ${line.replace(/^\S+ \S+ /, '').trim()}`,
    }))
}

function isCorruption(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_CORRUPTION') return true
    // What a missing or cut file of a store gives: an I/O error or a complaint about its contents.
    if (/corrupt|CURRENT|MANIFEST|no meta-|checksum|missing files|\.ldb|\.sst/i.test(at.message)) {
      return true
    }
  }
  return false
}

function asSnugError(error: unknown, folder: string): SnugError {
  if (error instanceof SnugError) return error
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_LOCKED') {
      return new SnugError('STORE_LOCKED', `the store in \`${folder}\` is in use`, { cause: error })
    }
  }
  return new SnugError('STORE_FAILED', `the store in \`${folder}\` failed`, { cause: error })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
