import { crc32 } from 'node:zlib'
import type {
  Keyed,
  StoreDamage,
  StoredVersion,
  StoreSnapshot,
  StoreWrite,
  TakeBehaviours,
} from './store.ts'
import { decodeKey, encodeKey } from './store-key.ts'

/** The layout that all stores share: the tables, and the encoding of a value. */
export const tables = {
  version: 'version',
  behaviour: 'behaviour',
  report: 'report',
  run: 'run',
  alert: 'alert',
  /** fingerprint → alert id */
  fingerprint: 'fingerprint',
  container: 'container',
  audit: 'audit',
  meta: 'meta',
  /** Unreadable records with their old key, kept for inspection. */
  damaged: 'damaged',
} as const

export interface AlertRecord {
  readonly fingerprint: string
  readonly value: unknown
}

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string }

/** Counts lie beside the behaviours of their version, and are read with them: their keys have this part more. */
const countsPart = 'counts'

/** Their keys begin with that of a version, which is removed with them. */
export const tablesOfVersion = [tables.behaviour, tables.report, tables.run] as const

/**
 * The puts and deletes of a write. `version-removed` also needs a removal from {@link
 * tablesOfVersion}, and `audit-cut` one of the earlier entries.
 */
export function operationsOf(write: StoreWrite): readonly Operation[] {
  switch (write.kind) {
    case 'version':
      return [put([tables.version, write.version], write.value)]
    case 'version-removed':
      return [del([tables.version, write.version])]
    case 'behaviour':
      return [put([tables.behaviour, write.version, write.id], write.value)]
    case 'behaviour-removed':
      return [del([tables.behaviour, write.version, write.id])]
    case 'counts':
      return [put([tables.behaviour, write.version, write.id, countsPart], write.value)]
    case 'counts-removed':
      return [del([tables.behaviour, write.version, write.id, countsPart])]
    case 'report':
      return [put([tables.report, write.version, write.id], write.value)]
    case 'report-removed':
      return [del([tables.report, write.version, write.id])]
    case 'run':
      return [put([tables.run, write.version, write.id], write.value)]
    case 'run-removed':
      return [del([tables.run, write.version, write.id])]
    case 'alert': {
      const record: AlertRecord = { fingerprint: write.fingerprint, value: write.value }
      return [
        put([tables.alert, write.id], record),
        put([tables.fingerprint, write.fingerprint], write.id),
      ]
    }
    case 'container':
      return [put([tables.container, write.id], write.value)]
    case 'container-removed':
      return [del([tables.container, write.id])]
    case 'audit':
      return [put([tables.audit, write.id], write.value)]
    case 'audit-cut':
      return [del([tables.audit, write.id])]
    case 'meta':
      return [put([tables.meta, write.key], write.value)]
    case 'meta-removed':
      return [del([tables.meta, write.key])]
  }
}

function put(parts: readonly string[], value: unknown): Operation {
  return { type: 'put', key: encodeKey(parts), value }
}

function del(parts: readonly string[]): Operation {
  return { type: 'del', key: encodeKey(parts) }
}

/**
 * A value with a checksum over key and text. LevelDB does not verify its blocks when it reads, so a
 * flipped bit inside a string would stay undetected.
 */
export function encodeValue(key: string, value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return `${checksum(key, text)}${text}`
}

/** Throws if text and checksum differ, or the text is no JSON. */
export function decodeValue(key: string, stored: string): unknown {
  return JSON.parse(checkValue(key, stored))
}

/** The text of the value. Throws if it and its checksum differ. */
export function checkValue(key: string, stored: string): string {
  const text = stored.slice(checksumLength)
  if (stored.slice(0, checksumLength) !== checksum(key, text)) throw new Error('checksum mismatch')
  return text
}

const checksumLength = 8

function checksum(key: string, text: string): string {
  return crc32(text, crc32(key)).toString(16).padStart(checksumLength, '0')
}

/** What is read of the behaviours of a version. */
interface BuiltBehaviours {
  readonly behaviours: Keyed[]
  readonly counts: Keyed[]
}

interface BuiltVersion extends BuiltBehaviours {
  value?: unknown
  readonly reports: Keyed[]
  readonly runs: Keyed[]
}

/** Collects records, in the order of their keys, into a snapshot. */
export class SnapshotBuilder {
  readonly #versions = new Map<string, BuiltVersion>()
  readonly #alerts: (Keyed & { readonly fingerprint: string })[] = []
  readonly #containers: Keyed[] = []
  readonly #meta: Record<string, unknown> = {}
  readonly #take: TakeBehaviours | undefined
  /** Of the version that is read now, where they are taken. */
  #untaken: ({ readonly version: string } & BuiltBehaviours) | undefined

  constructor(take?: TakeBehaviours) {
    this.#take = take
  }

  /**
   * Returns a promise where the behaviours of a version are taken: the next record has to wait for it. Throws if the
   * record does not have the shape of its table.
   */
  add(key: string, value: unknown): Promise<void> | undefined {
    const [table, id, second, third] = decodeKey(key)
    if (id === undefined) throw new Error('the key is incomplete')
    switch (table ?? '') {
      case tables.version:
        this.#version(id).value = value
        return undefined
      case tables.behaviour:
        if (second === undefined) throw new Error('the key is incomplete')
        return this.#behaviour(id, { id: second, value }, third === countsPart)
      case tables.report:
        if (second === undefined) throw new Error('the key is incomplete')
        this.#version(id).reports.push({ id: second, value })
        return undefined
      case tables.run:
        if (second === undefined) throw new Error('the key is incomplete')
        this.#version(id).runs.push({ id: second, value })
        return undefined
      case tables.alert: {
        const { fingerprint, value: alert } = alertRecord(value)
        this.#alerts.push({ id, fingerprint, value: alert })
        return undefined
      }
      case tables.container:
        this.#containers.push({ id, value })
        return undefined
      case tables.meta:
        this.#meta[id] = value
        return undefined
      case tables.fingerprint:
      case tables.audit:
      case tables.damaged:
        return undefined
      default:
        throw new Error('the key names no table')
    }
  }

  async finish(damage: readonly StoreDamage[]): Promise<StoreSnapshot> {
    await this.#handOver()
    const versions = [...this.#versions].map(
      ([version, found]): StoredVersion => ({
        version,
        ...found,
      }),
    )
    return {
      versions,
      alerts: this.#alerts,
      containers: this.#containers,
      meta: this.#meta,
      damage,
    }
  }

  #behaviour(version: string, record: Keyed, isCounts: boolean): Promise<void> | undefined {
    const of = this.#version(version)
    let taken: Promise<void> | undefined
    let into: BuiltBehaviours = of
    if (this.#take !== undefined) {
      if (this.#untaken?.version !== version) {
        taken = this.#handOver()
        this.#untaken = { version, behaviours: [], counts: [] }
      }
      into = this.#untaken
    }
    into[isCounts ? 'counts' : 'behaviours'].push(record)
    return taken
  }

  #handOver(): Promise<void> | undefined {
    const untaken = this.#untaken
    this.#untaken = undefined
    if (untaken === undefined) return undefined
    const { version, ...stored } = untaken
    return this.#take?.(version, stored)
  }

  #version(id: string): BuiltVersion {
    const known = this.#versions.get(id)
    if (known !== undefined) return known
    const fresh = { behaviours: [], counts: [], reports: [], runs: [] }
    this.#versions.set(id, fresh)
    return fresh
  }
}

export function alertRecord(value: unknown): AlertRecord {
  if (typeof value !== 'object' || value === null) throw new Error('an alert record is an object')
  const { fingerprint, value: alert } = value as Partial<AlertRecord>
  if (typeof fingerprint !== 'string') throw new Error('an alert record names its fingerprint')
  return { fingerprint, value: alert }
}
