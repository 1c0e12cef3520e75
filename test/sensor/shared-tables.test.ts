import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Acts, hex } from './acts.ts'
import { newId, unifiedHierarchy } from './container.ts'
import { oneSensor } from './one-sensor.ts'

/** More than the table of counted events holds. */
const peers = 140_000
/** More than the table of containers' cgroups holds. */
const cgroupsBelow = 5_000
/** As SNUG_SLOTS. */
const containersMax = 1_024

const sensor = oneSensor()

const readsOf = (id: string, path: string): number =>
  sensor.recorder.acts(id).filter((event) => event.kind === 'file' && event.file.path === path)
    .length

/** Makes empty cgroups, and removes them in the end. */
async function withCgroups(paths: readonly string[], within: () => Promise<void>): Promise<void> {
  const made: string[] = []
  try {
    for (const path of paths) {
      mkdirSync(path)
      made.push(path)
    }
    await within()
  } finally {
    for (const path of made) rmdirSync(path)
  }
}

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
      const counted = sensor.recorder
        .countUpdates(quiet.id)
        .reduce((sum, { count }) => sum + count, 0)
      expect(readsOf(quiet.id, '/etc/secret')).toBe(1)
      expect(counted).toBeGreaterThanOrEqual(99)
    } finally {
      await noisy.stop()
      await quiet.stop()
    }
  })

  it('leaves room for new containers, however many cgroups it makes below its own', async () => {
    const noisy = new Acts(sensor.image)
    try {
      const below = Array.from({ length: cgroupsBelow }, (_, n) => join(noisy.cgroup, `below-${n}`))
      await withCgroups(below, async () => {
        const next = new Acts(sensor.image)
        try {
          expect(await next.did([`read ${hex('/etc/secret')}`])).toEqual(['0'])
          await sensor.recorder.source.obeyed()
          expect(readsOf(next.id, '/etc/secret')).toBe(1)
        } finally {
          await next.stop()
        }
      })
    } finally {
      await noisy.stop()
    }
  })
})

describe('more containers than the kernel has room for', () => {
  it('run nothing where a container without an assignment may run nothing', async () => {
    const others = Array.from({ length: containersMax }, () => join(unifiedHierarchy(), newId()))
    await withCgroups(others, async () => {
      sensor.recorder.source.control.failClosed?.(true)
      try {
        await sensor.recorder.source.obeyed()
        const next = new Acts(sensor.image)
        expect(await next.ended).toEqual([null, 'SIGKILL'])
        await next.stop()
      } finally {
        sensor.recorder.source.control.failClosed?.(false)
        await sensor.recorder.source.obeyed()
      }
    })
  })
})
