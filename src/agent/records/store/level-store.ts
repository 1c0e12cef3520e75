import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, statfs } from 'node:fs/promises'
import { Level } from 'level'
import { wholeText } from '../../../core/behaviour/whole-text.ts'
import { SnugError } from '../../../errors.ts'
import { Pace } from '../../../support/pace.ts'
import { checkLevel } from './level-check.ts'
import type {
  BatchOptions,
  Keyed,
  Store,
  StoreDamage,
  StoredTrail,
  StoreSnapshot,
  StoreWrite,
  TakeBehaviours,
} from './store.ts'
import { SortedIds } from './sorted-ids.ts'
import { markFormat, refuseNewer } from './store-format.ts'
import { decodeKey, encodeKey, keyRange } from './store-key.ts'
import {
  alertRecord,
  checkValue,
  decodeValue,
  encodeValue,
  operationsOf,
  SnapshotBuilder,
  tables,
  tablesOfVersion,
} from './store-records.ts'

type Database = Level<string, string>

interface RawOperation {
  readonly type: 'put' | 'del'
  readonly key: string
  readonly value: string
}

export interface OpenedStore {
  readonly store: Store
  /** Damage that was repaired or set aside to open the store. The daemon must report it. */
  readonly damage: readonly StoreDamage[]
}

/** Nearly all records are read once, at the start, which by itself would fill eight times as much for good. */
const cachedBytes = 1_048_576
/** Writes that LevelDB holds in memory until they make a file, twice: four times as much by itself. */
const bufferedBytes = 1_048_576
/** What LevelDB writes when it opens: at most what it held in memory, and small files. */
const reopeningBytes = 2 * bufferedBytes
/** Records that are fetched at once where all are read. By itself, each 16 KiB wait for a thread. */
const fetchedBytes = 262_144
/** Small records that are fetched at once. */
const fetchedRecords = 1_000

/**
 * Opens or creates the store in a folder. It repairs a damaged store if possible, or else moves it
 * aside and creates an empty one: the agent must observe even without its history.
 *
 * Errors: `STORE_LOCKED` if another process has it open, `STORE_NEWER` if a later build wrote it,
 * `STORE_FAILED` if the folder is unusable.
 */
export async function openLevelStore(folder: string, now = new Date()): Promise<OpenedStore> {
  await makeFolder(folder)
  const damage = (await holdsStore(folder)) ? await heal(folder, now) : []
  const database: Database = new Level(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'utf8',
    cacheSize: cachedBytes,
    writeBufferSize: bufferedBytes,
  })
  try {
    await database.open()
    markFormat(folder)
  } catch (error) {
    await database.close()
    throw asSnugError(error, folder)
  }
  return { store: new LevelStore(database, damage), damage }
}

/** Makes sure that the store can be opened and read. Returns the damage that it repaired. */
async function heal(folder: string, now: Date): Promise<StoreDamage[]> {
  const found = await checkLevel(folder, 'read')
  if (found.kind === 'locked') throw locked(folder)
  if (found.kind === 'sound') return found.dropped.map(droppedFromLog)
  if (!found.corrupt) {
    throw new SnugError('STORE_FAILED', `the store in \`${folder}\` failed: ${found.message}`)
  }
  const repaired = await checkLevel(folder, 'repair')
  if (repaired.kind === 'locked') throw locked(folder)
  if (repaired.kind === 'sound') {
    const message = `the store was damaged and repaired, records may be missing: ${found.message}`
    return [{ what: 'store', message }, ...repaired.dropped.map(droppedFromLog)]
  }
  const aside = await setAside(folder, now)
  await makeFolder(folder)
  const message = `the store was beyond repair and set aside: ${found.message}`
  return [{ what: 'store', message, aside }]
}

const fetched = { highWaterMarkBytes: fetchedBytes }
/** Tables that a snapshot does not have. */
const checkedOnly: ReadonlySet<string> = new Set([tables.audit, tables.fingerprint])

/** Alerts that are held in memory during their removal. */
const prunedAtOnce = 1_000

class LevelStore implements Store {
  readonly #database: Database
  readonly #damage: StoreDamage[]
  /** Of the alerts in the store; undefined until they are asked for. */
  #alertIds: SortedIds | undefined
  /** A write failed: the next one opens the database again. */
  #hasFailed = false
  #reopening: Promise<void> | undefined

  constructor(database: Database, damage: readonly StoreDamage[]) {
    this.#database = database
    this.#damage = [...damage]
  }

  async batch(writes: readonly StoreWrite[], options: BatchOptions = {}): Promise<void> {
    await this.#guard(async () => {
      const operations: RawOperation[] = []
      const pace = new Pace()
      for (const write of writes) {
        // Only the batch holds the values, so it can yield to other work.
        if (pace.isOver) await pace.turn()
        if (write.kind === 'version-removed') await this.#removeAllOf(write.version, operations)
        if (write.kind === 'audit-cut') await this.#removeEntries(write.id, operations)
        for (const operation of operationsOf(write)) {
          operations.push(
            operation.type === 'put'
              ? { ...operation, value: encodeValue(operation.key, operation.value) }
              : { ...operation, value: '' },
          )
        }
      }
      await this.#write(operations, options.sync ?? true)
      for (const write of writes) if (write.kind === 'alert') this.#alertIds?.add(write.id)
    })
  }

  async load(take?: TakeBehaviours): Promise<StoreSnapshot> {
    return this.#guard(async () => {
      const builder = new SnapshotBuilder(take)
      const aside: RawOperation[] = []
      const pace = new Pace()
      for await (const records of fetchedAhead(this.#database.iterator(fetched))) {
        for (const [key, stored] of records) {
          if (pace.isOver) await pace.turn()
          const [table = ''] = decodeKey(key)
          if (table === tables.damaged) continue
          try {
            // A snapshot has none of these: they only have to be whole.
            if (checkedOnly.has(table)) checkValue(key, stored)
            else await builder.add(key, decodeValue(key, stored))
          } catch (error) {
            const kept = encodeKey([tables.damaged, key])
            aside.push({ type: 'put', key: kept, value: encodeValue(kept, stored) })
            aside.push({ type: 'del', key, value: '' })
            this.#damage.push({
              what: 'record',
              message: `the record \`${key}\` cannot be read: ${messageOf(error)}`,
              aside: kept,
            })
          }
        }
      }
      if (aside.length > 0) await this.#write(aside, true)
      // LevelDB keeps every file that was read in the memory of the process, and rarely reads one again.
      await this.#database.close()
      await this.#database.open()
      return await builder.finish([...this.#damage])
    })
  }

  async audit(limit: number, before?: string): Promise<readonly Keyed[]> {
    return this.#guard(async () => {
      const all = keyRange([tables.audit])
      const lt = before === undefined ? all.lt : encodeKey([tables.audit, before])
      const range = { gte: all.gte, lt, reverse: true, limit }
      const entries: Keyed[] = []
      for await (const [key, stored] of this.#database.iterator(range)) {
        try {
          entries.push({ id: decodeKey(key)[1] ?? '', value: decodeValue(key, stored) })
        } catch {
          // `load` finds the record, sets it aside and reports it at the next start.
        }
      }
      return entries
    })
  }

  async auditTrail(head: string): Promise<StoredTrail> {
    return this.#guard(async () => {
      const snapshot = this.#database.snapshot()
      const stored = await this.#database.get(encodeKey([tables.meta, head]), { snapshot })
      return {
        head: valueOf(encodeKey([tables.meta, head]), stored as string | undefined),
        entries: this.#trail(snapshot),
      }
    })
  }

  async *#trail(snapshot: ReturnType<Database['snapshot']>): AsyncGenerator<Keyed> {
    try {
      const range = { ...keyRange([tables.audit]), ...fetched, snapshot }
      const pace = new Pace()
      for await (const [key, stored] of this.#database.iterator(range)) {
        if (pace.isOver) await pace.turn()
        const value = valueOf(key, stored)
        if (value !== undefined) yield { id: decodeKey(key)[1] ?? '', value }
      }
    } catch (error) {
      throw asSnugError(error, this.#database.location)
    } finally {
      await snapshot.close()
    }
  }

  async pruneAlerts(max: number, held: (id: string) => boolean = () => false): Promise<number> {
    return this.#guard(async () => {
      const ids = await this.#storedAlerts()
      const old = ids.before(max).filter((id) => !held(id))
      for (let at = 0; at < old.length; at += prunedAtOnce) {
        const some = old.slice(at, at + prunedAtOnce)
        await this.#removeAlerts(some.map((id) => encodeKey([tables.alert, id])))
        ids.remove(some)
      }
      return old.length
    })
  }

  /** Read once: what is read stays in memory, as pages of the files. */
  async #storedAlerts(): Promise<SortedIds> {
    if (this.#alertIds !== undefined) return this.#alertIds
    // Writes meanwhile add theirs.
    const ids = new SortedIds()
    this.#alertIds = ids
    try {
      for (const key of await this.#database.keys(keyRange([tables.alert])).all())
        ids.add(wholeText(decodeKey(key)[1] ?? ''))
      return ids
    } catch (error) {
      this.#alertIds = undefined
      throw error
    }
  }

  /** Removes these alerts, and index entries of fingerprints that refer to them. */
  async #removeAlerts(keys: readonly string[]): Promise<void> {
    const values = await this.#database.getMany([...keys])
    const old = keys.map((key, at) => [key, values[at]] as const)
    const indexes = old.map(([key, stored]) => {
      const fingerprint = fingerprintOf(key, stored as string)
      return fingerprint === undefined ? undefined : encodeKey([tables.fingerprint, fingerprint])
    })
    const known = await this.#database.getMany(indexes.map((index) => index ?? ''))
    const operations: RawOperation[] = []
    for (const [at, [key]] of old.entries()) {
      operations.push({ type: 'del', key, value: '' })
      const index = indexes[at]
      if (index === undefined) continue
      const id = valueOf(index, known[at] as string | undefined)
      if (id === decodeKey(key)[1]) operations.push({ type: 'del', key: index, value: '' })
    }
    await this.#write(operations, false)
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

  async #read(key: string): Promise<unknown> {
    return valueOf(key, (await this.#database.get(key)) as string | undefined)
  }

  async #removeAllOf(version: string, operations: RawOperation[]): Promise<void> {
    for (const table of tablesOfVersion) {
      const range = keyRange([table, version])
      const inBatch = operations
        .map(({ key }) => key)
        .filter((key) => key >= range.gte && key < range.lt)
      for (const key of [...(await this.#database.keys(range).all()), ...inBatch]) {
        operations.push({ type: 'del', key, value: '' })
      }
    }
  }

  async #removeEntries(before: string, operations: RawOperation[]): Promise<void> {
    const { gte } = keyRange([tables.audit])
    const range = { gte, lt: encodeKey([tables.audit, before]) }
    for (const key of await this.#database.keys(range).all()) {
      operations.push({ type: 'del', key, value: '' })
    }
  }

  async #write(operations: readonly RawOperation[], sync: boolean): Promise<void> {
    if (this.#hasFailed) await this.#reopen()
    // Put together over several turns, and written as one.
    const batch = this.#database.batch()
    const pace = new Pace()
    for (const { type, key, value } of operations) {
      if (pace.isOver) await pace.turn()
      if (type === 'put') batch.put(key, value)
      else batch.del(key)
    }
    // `sync` is an option of LevelDB that the type shared with browsers lacks.
    const options: object = { sync }
    try {
      await batch.write(options)
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }

  /**
   * After a failed write LevelDB refuses all others, or appends them behind half a record, where
   * its next opening drops them. An opening ends the log at the last whole record. It needs room,
   * and until there is some, the database can be read.
   */
  #reopen(): Promise<void> {
    const database = this.#database
    const reopened = async (): Promise<void> => {
      if (database.status === 'open') {
        const { bavail, bsize } = await statfs(database.location)
        if (bavail * bsize < reopeningBytes) throw new Error('no space left on device')
        await database.close()
      }
      await database.open()
      this.#hasFailed = false
    }
    this.#reopening ??= reopened().finally(() => {
      this.#reopening = undefined
    })
    return this.#reopening
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw asSnugError(error, this.#database.location)
    }
  }
}

/** The records of the iterator, some at once: while the caller works on them, the next ones are fetched. */
async function* fetchedAhead(iterator: {
  nextv(size: number): Promise<[string, string][]>
  close(): Promise<void>
}): AsyncGenerator<readonly (readonly [string, string])[]> {
  try {
    let coming = iterator.nextv(fetchedRecords)
    for (;;) {
      const records = await coming
      if (records.length === 0) return
      coming = iterator.nextv(fetchedRecords)
      // Where it fails before the caller asks for it: the caller gets the failure then.
      coming.catch(() => undefined)
      yield records
    }
  } finally {
    await iterator.close()
  }
}

/** Undefined if there is no readable value. */
function fingerprintOf(alertKey: string, stored: string): string | undefined {
  try {
    return alertRecord(decodeValue(alertKey, stored)).fingerprint
  } catch {
    return undefined
  }
}

function valueOf(key: string, stored: string | undefined): unknown {
  if (stored === undefined) return undefined
  try {
    return decodeValue(key, stored)
  } catch {
    return undefined
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw asSnugError(error, folder)
  }
}

/**
 * Errors: `STORE_NEWER`
 *
 * `CURRENT` alone does not decide: without it, LevelDB would create an empty store over the old
 * one.
 */
async function holdsStore(folder: string): Promise<boolean> {
  try {
    const names = await readdir(folder)
    refuseNewer(folder, names)
    return names.some((name) => /^(CURRENT|MANIFEST-)|\.(ldb|sst|log)$/.test(name))
  } catch (error) {
    throw asSnugError(error, folder)
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

function droppedFromLog(line: string): StoreDamage {
  const message = line.replace(/^\S+ \S+ /, '').trim()
  return { what: 'log', message: `the newest writes were damaged and dropped: ${message}` }
}

function locked(folder: string, cause?: unknown): SnugError {
  return new SnugError('STORE_LOCKED', `the store in \`${folder}\` is in use`, { cause })
}

function asSnugError(error: unknown, folder: string): SnugError {
  if (error instanceof SnugError) return error
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'LEVEL_LOCKED') {
      return locked(folder, error)
    }
  }
  return new SnugError('STORE_FAILED', `the store in \`${folder}\` failed`, { cause: error })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
