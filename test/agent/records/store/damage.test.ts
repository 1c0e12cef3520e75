import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import { cases } from '../../../fixtures/random-cases.ts'
import type { StoreSnapshot, StoreWrite } from '../../../../src/agent/records/store/store.ts'

const records = 400

describe('a damaged store', () => {
  let root: string
  let folder: string
  beforeEach(() => {
    root = mkdtempSync('/tmp/snug-store-')
    folder = join(root, 'store')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('refuses a folder that another has open, with a code', async () => {
    const { store } = await openLevelStore(folder)
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    await store.close()
  })

  it('refuses a path that is no folder, with a code', async () => {
    writeFileSync(folder, 'not a folder')
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(readFileSync(folder, 'utf8')).toBe('not a folder')
  })

  it('sets aside a record whose bytes changed, reports it once and loads the rest', async () => {
    await fill()
    const raw = new Level<string, string>(folder)
    const key = 'behaviour/v/b7'
    const stored = await raw.get(key)
    await raw.put(key, stored.replace('"count":7', '"count":8'))
    await raw.put('behaviour/v/b8', 'no json')
    await raw.put('nonsense', '00000000null')
    await raw.close()
    const snapshot = await reopened()
    expect(snapshot.versions[0]?.behaviours.length).toBe(records - 2)
    expect(snapshot.damage.map(({ what }) => what)).toEqual(['record', 'record', 'record'])
    const kept = snapshot.damage.map(({ aside }) => aside)
    expect(new Set(kept).size).toBe(3)
    expect((await reopened()).damage).toEqual([])
    const again = new Level<string, string>(folder)
    for (const aside of kept) expect(await again.get(aside!)).toBeDefined()
    await again.close()
  })

  it('reports that it dropped the newest writes when its log was damaged', async () => {
    await fill()
    const log = files('.log')[0]!
    flip(log, [Math.floor(readFileSync(log).length / 2)])
    const snapshot = await reopened()
    expect(snapshot.damage.some(({ what }) => what === 'log' || what === 'store')).toBe(true)
    expect(snapshot.versions[0]?.behaviours.length ?? 0).toBeLessThan(records)
  })

  it('repairs a store of garbage, reports it, and starts empty', async () => {
    await fill()
    for (const name of readdirSync(folder)) {
      if (name !== 'LOCK') writeFileSync(join(folder, name), 'garbage')
    }
    const { store, damage } = await openLevelStore(folder)
    expect(damage.map(({ what, aside }) => ({ what, aside }))).toEqual([
      { what: 'store', aside: undefined },
    ])
    expect((await store.load()).versions).toEqual([])
    await store.close()
  })

  it('sets a store aside that is beyond repair, with all of its records, and starts empty', async () => {
    await fill()
    // LevelDB cannot replace a folder.
    rmSync(join(folder, 'CURRENT'))
    mkdirSync(join(folder, 'CURRENT'))
    const { store, damage } = await openLevelStore(folder, new Date('2026-11-24T01:02:03Z'))
    const aside = `${folder}.damaged-20261124T010203Z`
    expect(damage).toMatchObject([{ what: 'store', aside }])
    expect((await store.load()).versions).toEqual([])
    await store.close()
    rmSync(join(aside, 'CURRENT'), { recursive: true })
    const kept = await reopened(aside)
    expect(kept.versions[0]?.behaviours.length).toBe(records)
  })

  it.each(['CURRENT', 'MANIFEST', '.ldb'])(
    'opens or is set aside, with a report, without %s',
    async (kind) => {
      await fill()
      await compact()
      for (const path of files(kind)) rmSync(path)
      await reportedOrWhole()
    },
  )

  it.each(['CURRENT', 'MANIFEST', '.ldb', '.log'])(
    'opens or is set aside, with a report, after %s was truncated',
    async (kind) => {
      await fill()
      if (kind !== '.log') await compact()
      for (const path of files(kind)) truncateSync(path, Math.floor(readFileSync(path).length / 2))
      await reportedOrWhole({ cutLog: kind === '.log' })
    },
  )

  it('never loses or changes a record in silence, wherever bytes are flipped', async () => {
    await fill()
    await compact()
    await fill('w')
    const sound = new Map(files('').map((path) => [path, readFileSync(path)]))
    let random = 12_345
    const next = (below: number) => {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
      return random % below
    }
    let reported = 0
    const targets = [...sound.keys()].filter((path) => !/\/(LOG|LOG\.old|LOCK)$/.test(path))
    const check = async (round: number) => {
      const copy = join(root, `copy-${round}`)
      mkdirSync(copy)
      for (const [path, content] of sound) writeFileSync(join(copy, basename(path)), content)
      const target = targets[next(targets.length)]!
      const size = sound.get(target)!.length
      flip(
        join(copy, basename(target)),
        Array.from({ length: 4 }, () => next(size)),
      )
      if (await reportedOrWhole({ in: copy, versions: 2 })) reported += 1
    }
    // Five at once: each mostly waits for the process that reads its store.
    for (let round = 0; round < cases(25); round += 5) {
      await Promise.all([0, 1, 2, 3, 4].map((n) => check(round + n)))
    }
    expect(reported).toBeGreaterThan(0)
  })

  async function fill(version = 'v'): Promise<void> {
    const { store } = await openLevelStore(folder)
    await store.batch([{ kind: 'version', version, value: { version } }])
    for (let n = 0; n < records; n += 40) {
      const writes = Array.from(
        { length: 40 },
        (_, i): StoreWrite => ({
          kind: 'behaviour',
          version,
          id: `b${n + i}`,
          value: { count: n + i, text: `/usr/lib/file-${n + i}`.repeat(20) },
        }),
      )
      await store.batch(writes, { sync: false })
    }
    await store.close()
  }

  /** Moves everything from the log to a table. */
  async function compact(): Promise<void> {
    const raw = new Level<string, string>(folder)
    await raw.open()
    await (raw as unknown as { compactRange(a: string, b: string): Promise<void> }).compactRange(
      '',
      '~',
    )
    await raw.close()
  }

  async function reopened(path = folder): Promise<StoreSnapshot> {
    const { store } = await openLevelStore(path)
    const snapshot = await store.load()
    await store.close()
    return snapshot
  }

  /** @returns whether damage was reported */
  async function reportedOrWhole(
    options: { in?: string; versions?: number; cutLog?: boolean } = {},
  ): Promise<boolean> {
    const snapshot = await reopened(options.in)
    const found: number[] = []
    for (const { behaviours } of snapshot.versions) {
      for (const { id, value } of behaviours) {
        const count = Number(id.slice(1))
        expect(value).toEqual({ count, text: `/usr/lib/file-${count}`.repeat(20) })
        found.push(count)
      }
    }
    const whole = found.length === records * (options.versions ?? 1)
    // A power cut leaves a log that ends early: its tail was never acknowledged as synced, and what is before it stays.
    if (options.cutLog === true) {
      expect(found.length).toBeGreaterThan(records / 4)
      expect(found.toSorted((a, b) => a - b)).toEqual(found.map((_, n) => n))
    } else if (!whole)
      expect(snapshot.damage.length, 'records are missing without a report').toBeGreaterThan(0)
    return snapshot.damage.length > 0
  }

  function files(kind: string): string[] {
    return readdirSync(folder)
      .filter((name) => name.includes(kind) && name !== 'LOCK')
      .map((name) => join(folder, name))
  }

  function flip(path: string, offsets: readonly number[]): void {
    const bytes = readFileSync(path)
    for (const offset of offsets) bytes[offset] = (bytes[offset] ?? 0) ^ 0xff
    writeFileSync(path, bytes)
    appendFileSync(path, '')
  }
})
