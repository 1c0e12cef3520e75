import { describe, expect, it } from 'vitest'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

/** More than the table of counted events holds. */
const peers = 140_000

const sensor = oneSensor()

describe('a container that fills what the kernel keeps for all', () => {
  it('leaves room for the counts of other containers', async () => {
    const noisy = new Acts(sensor.image)
    const quiet = new Acts(sensor.image)
    try {
      expect(await noisy.did([`peers ${peers}`])).toEqual(['0'])
      await sensor.recorder.source.obeyed()
      sensor.recorder.messages.length = 0
      const line = `read ${hex('/etc/secret')}`
      expect(new Set(await quiet.did(Array.from({ length: 100 }, () => line)))).toEqual(
        new Set(['0']),
      )
      sensor.recorder.source.control.flush()
      await sensor.recorder.source.obeyed()
      const reads = sensor.recorder
        .acts(quiet.id)
        .filter((event) => event.kind === 'file' && event.file.path === '/etc/secret')
      const counted = sensor.recorder
        .countUpdates(quiet.id)
        .reduce((sum, { count }) => sum + count, 0)
      expect(reads).toHaveLength(1)
      expect(counted).toBeGreaterThanOrEqual(99)
    } finally {
      await noisy.stop()
      await quiet.stop()
    }
  })
})
