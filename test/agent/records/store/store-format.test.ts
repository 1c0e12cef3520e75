import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import { storeFormat } from '../../../../src/agent/records/store/store-format.ts'

let root: string
let folder: string
beforeEach(async () => {
  root = mkdtempSync('/tmp/snug-format-')
  folder = join(root, 'store')
  const { store } = await openLevelStore(folder)
  await store.batch([{ kind: 'meta', key: 'node', value: 'n1' }])
  await store.close()
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const marks = (): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('format-'))

/** Names, times and content of all files. */
const state = (): readonly string[] =>
  readdirSync(folder)
    .sort()
    .map((name) => {
      const path = join(folder, name)
      const sum = createHash('sha256').update(readFileSync(path)).digest('hex')
      return `${name} ${statSync(path).mtimeMs} ${sum}`
    })

describe('the format of a store', () => {
  it('is in its folder from the first opening on', () => {
    expect(marks()).toEqual([`format-${storeFormat}`])
  })

  it('of a later build is refused with a code, and no file changes', async () => {
    renameSync(join(folder, `format-${storeFormat}`), join(folder, `format-${storeFormat + 1}`))
    const before = state()
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringContaining(`format ${storeFormat + 1}`),
    })
    expect(state()).toEqual(before)
    expect(readdirSync(root)).toEqual(['store'])
  })

  it('is set where a build from before the number wrote the store, whose records remain', async () => {
    rmSync(join(folder, `format-${storeFormat}`))
    const { store, damage } = await openLevelStore(folder)
    expect(damage).toEqual([])
    expect((await store.load()).meta).toEqual({ node: 'n1' })
    await store.close()
    expect(marks()).toEqual([`format-${storeFormat}`])
  })

  it('is set in the store that replaces one beyond repair', async () => {
    rmSync(join(folder, 'CURRENT'))
    mkdirSync(join(folder, 'CURRENT'))
    const { store, damage } = await openLevelStore(folder)
    expect(damage).toMatchObject([{ what: 'store', aside: expect.any(String) }])
    await store.close()
    expect(marks()).toEqual([`format-${storeFormat}`])
  })
})
