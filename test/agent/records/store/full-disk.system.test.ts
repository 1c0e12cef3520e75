import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import type { Store, StoreWrite } from '../../../../src/agent/records/store/store.ts'
import { SmallDisk } from '../../../fixtures/small-disk.ts'

const bytes = 16 << 20

let disk: SmallDisk
let folder: string
beforeEach(() => {
  disk = new SmallDisk(bytes)
  folder = join(disk.folder, 'store')
})
afterEach(() => disk[Symbol.dispose]())

/** Different text, so that nothing of it is compressed away. */
function batchOf(n: number, each: number): readonly StoreWrite[] {
  return Array.from({ length: 10 }, (_, i) => ({
    kind: 'behaviour',
    version: 'v',
    id: `${n}-${i}`,
    value: textOf(n * 10 + i, each),
  }))
}

function textOf(seed: number, length: number): string {
  let state = seed + 1
  let text = ''
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    text += state.toString(36)
  }
  return text
}

/** Writes until the store refuses. Gives the number of the batch that it refused. */
async function writtenUntilFull(store: Store, from: number, each: number): Promise<number> {
  for (let n = from; ; n += 1) {
    try {
      await store.batch(batchOf(n, each), { sync: n % 2 === 0 })
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORE_FAILED' })
      return n
    }
  }
}

describe('a store on a full disk', () => {
  // Smaller and larger than what LevelDB collects in memory before it writes a table.
  it.each([100, 5_000, 200_000])(
    'refuses batches of ten times %i bytes with a code, and takes them again once there is room',
    async (each) => {
      const { store } = await openLevelStore(folder)
      await store.batch(batchOf(0, each))
      disk.fill()
      let next = 1
      const refused = await writtenUntilFull(store, next, each)
      next = refused
      // It goes on refusing, and does not come to believe that it wrote.
      await expect(store.batch(batchOf(next, each))).rejects.toMatchObject({ code: 'STORE_FAILED' })
      disk.free()
      for (const last = next + 5; next < last; next += 1) await store.batch(batchOf(next, each))
      await store.close()

      const again = await openLevelStore(folder)
      expect(again.damage).toEqual([])
      const { versions, damage } = await again.store.load()
      await again.store.close()
      expect(damage).toEqual([])
      const found = new Map(versions[0]?.behaviours.map(({ id, value }) => [id, value]))
      for (let n = 0; n < next; n += 1) {
        for (const write of batchOf(n, each))
          if (write.kind === 'behaviour') expect(found.get(write.id), write.id).toBe(write.value)
      }
      expect(found.size).toBe(next * 10)
    },
  )
})
