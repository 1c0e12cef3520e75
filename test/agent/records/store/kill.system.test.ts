import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openLevelStore } from '../../../../src/agent/records/store/level-store.ts'
import { drawn, seedOfRun } from '../../../fixtures/seed.ts'
import { repetitions } from '../../../fixtures/repetitions.ts'

const writer = fileURLToPath(new URL('../../../fixtures/store-writer.ts', import.meta.url))
const rounds = repetitions(20)
const draw = drawn()

// In the product lane for its time only: it starts twenty processes.
it(`holds every acknowledged batch, whole, after kill -9 at ${rounds} random instants (SNUG_SEED=${seedOfRun()})`, async () => {
  const root = mkdtempSync('/tmp/snug-store-')
  const folder = join(root, 'store')
  try {
    let next = 0
    for (let round = 0; round < rounds; round++) {
      const acknowledged = await writeUntilKilled(folder, next)
      const { store, damage } = await openLevelStore(folder)
      const { versions, meta, damage: found } = await store.load()
      await store.close()
      expect([...damage, ...found]).toEqual([])
      const last = meta['batch'] as number
      expect(last).toBeGreaterThanOrEqual(acknowledged)
      const ids = new Set(versions.flatMap(({ behaviours }) => behaviours.map(({ id }) => id)))
      // No partial batch: each has its ten records, including the last, which may not have been acknowledged yet.
      expect(ids.size).toBe((last + 1) * 10)
      for (let n = 0; n <= last; n++)
        for (let i = 0; i < 10; i++) expect(ids.has(`${n}-${i}`)).toBe(true)
      next = last + 1
    }
    expect(next).toBeGreaterThan(rounds)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

async function writeUntilKilled(folder: string, from: number): Promise<number> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, folder, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let acknowledged = from - 1
  const after = from + 1 + Math.floor(draw() * 60)
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout })) {
    expect(line).toMatch(/^\d+$/)
    acknowledged = Number(line)
    // At any instant of the work on a later batch, not right after an answer.
    if (acknowledged === after) setTimeout(() => child.kill('SIGKILL'), draw() * 8)
  }
  await ended
  return acknowledged
}
