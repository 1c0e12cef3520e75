import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Acts, hex } from './acts.ts'
import { buildImage, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

/** More than the table of counted events holds. */
const peers = 140_000

let image: string
let recorder: Recorder

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
})
afterAll(async () => {
  await recorder.stop()
  removeTree(image)
})

describe('a container that fills what the kernel keeps for all', () => {
  it('leaves room for the counts of other containers', async () => {
    const noisy = new Acts(image)
    const quiet = new Acts(image)
    try {
      expect(await noisy.did([`peers ${peers}`])).toEqual(['0'])
      await recorder.source.obeyed()
      recorder.messages.length = 0
      const line = `read ${hex('/etc/secret')}`
      expect(new Set(await quiet.did(Array.from({ length: 100 }, () => line)))).toEqual(
        new Set(['0']),
      )
      recorder.source.control.flush()
      await recorder.source.obeyed()
      const reads = recorder
        .acts(quiet.id)
        .filter((event) => event.kind === 'file' && event.file.path === '/etc/secret')
      const counted = recorder.countUpdates(quiet.id).reduce((sum, { count }) => sum + count, 0)
      expect(reads).toHaveLength(1)
      expect(counted).toBeGreaterThanOrEqual(99)
    } finally {
      await noisy.stop()
      await quiet.stop()
    }
  })
})
