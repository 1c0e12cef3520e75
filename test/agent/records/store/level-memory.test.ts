import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import type { StoreWrite } from '../../../../src/agent/records/store/store.ts'

function mapped(folder: string): readonly string[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return lines.filter((line) => line.includes(folder) && line.endsWith('.ldb'))
}

it('The files of a store that were read at the start do not stay in memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'snug-level-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const writes = Array.from({ length: 4_000 }, (_, n): StoreWrite => {
    const version = n % 2 === 0 ? 'v' : 'w'
    return { kind: 'behaviour', version, id: `${n}`, value: `${n} `.repeat(200) }
  })
  const first = await openLevelStore(folder)
  await first.store.batch(writes)
  await first.store.close()
  const { store } = await openLevelStore(folder)
  let most = 0
  let found = 0
  await store.load((_version, { behaviours }) => {
    most = Math.max(most, mapped(folder).length)
    found += behaviours.length
  })
  expect(found).toBe(4_000)
  expect(most).toBeGreaterThan(0)
  expect(mapped(folder)).toEqual([])
  await store.batch([{ kind: 'meta', key: 'after', value: 1 }])
  expect((await store.load()).meta).toEqual({ after: 1 })
  await store.close()
})
