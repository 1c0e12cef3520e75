import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { bundledProgram } from '../../fixtures/bundled-program.ts'

/** Drops each second object, or none. Then others live for some time, so that the heap is collected. */
const program = `
import { getHeapSpaceStatistics } from 'node:v8'
import { growHeapSlowly } from './src/support/telemetry/heap.ts'
growHeapSlowly()
const made = (count) => Array.from({ length: count }, (_, i) => ({ i, list: [i, i, i, i, i, i] }))
let all = []
for (let turn = 0; turn < 20; turn++) {
  all = all.concat(made(30_000))
  await new Promise(setImmediate)
}
const kept = all.filter((_, i) => process.argv[2] === 'full' || i % 2 === 0)
all = []
console.log('kept')
let waits = []
for (let turn = 0; turn < 800; turn++) {
  waits.push(made(2_000))
  if (waits.length > 20) waits = []
  await new Promise(setImmediate)
}
const { space_size: size, space_used_size: used } =
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
console.log('free', size / used - 1, 'of', kept.length)
console.log('ended after', performance.now())
`

interface Collections {
  /** Whether each collection of the whole heap put pages together, in order. */
  readonly compacts: readonly boolean[]
  /** Free part of the old generation at the end, of the used one. */
  readonly free: number
  /** Of the process, in milliseconds. */
  readonly tookMs: number
}

function collections(file: string, heap: 'full' | 'half'): Collections {
  const flags = ['--trace-gc', '--trace-gc-nvp', '--max-semi-space-size=2']
  const text = execFileSync(process.execPath, [...flags, file, heap], { encoding: 'utf8' })
  const lines = text.slice(text.indexOf('kept')).split('\n')
  return {
    compacts: lines
      .filter((line) => line.includes(' gc=mc '))
      .map((line) => line.includes(' reduce_memory=1 ')),
    free: Number(/^free (\S+)/m.exec(text)?.[1]),
    tookMs: Number(/^ended after (\S+)/m.exec(text)?.[1]),
  }
}

it('puts pages of the heap together where much of them is free, and otherwise at most once in 5 s', async () => {
  const file = await bundledProgram('heap', program)
  const half = collections(file, 'half')
  const full = collections(file, 'full')
  expect(half.compacts).toContain(true)
  expect(half.compacts).toContain(false)
  expect(half.free).toBeLessThan(0.45)
  expect(full.compacts.length).toBeGreaterThan(2)
  const compactions = full.compacts.filter((compacts) => compacts).length
  expect(compactions).toBeLessThanOrEqual(full.tookMs / 5_000)
})
