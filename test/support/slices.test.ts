import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Steps } from '../../src/core/steps.ts'
import { Slices } from '../../src/support/slices.ts'

function* busy(ms: number, ends: string[], name: string): Steps<string> {
  for (let left = ms; left > 0; left--) {
    const until = performance.now() + 1
    while (performance.now() < until);
    yield
  }
  ends.push(name)
  return name
}

/** The longest turn of the event loop, in milliseconds, while `work` goes on. */
async function longestTurn(work: Promise<unknown>): Promise<number> {
  let [longest, isOver] = [0, false]
  const over = work.finally(() => (isOver = true))
  while (!isOver) {
    const cpu = process.cpuUsage()
    await nextTurn()
    const { user, system } = process.cpuUsage(cpu)
    longest = Math.max(longest, (user + system) / 1_000)
  }
  await over
  return longest
}

it('ten pieces of work at a time take a slice of each turn, together', async () => {
  const slices = new Slices()
  const ends: string[] = []
  const work = Array.from({ length: 10 }, (_, n) => slices.run('work', busy(20, ends, `${n}`)))
  expect(await longestTurn(Promise.all(work))).toBeLessThan(20)
  expect(await Promise.all(work)).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`))
})

it('a short piece of work does not wait for the end of a long one', async () => {
  const slices = new Slices()
  const ends: string[] = []
  await Promise.all([
    slices.run('long', busy(40, ends, 'long')),
    slices.run('short', busy(2, ends, 'short')),
  ])
  expect(ends).toEqual(['short', 'long'])
})

it('an error ends its own piece of work, and the others go on', async () => {
  const slices = new Slices()
  const fails = function* (): Steps<never> {
    yield
    throw new Error('no such image')
  }
  const failed = slices.run('fails', fails())
  const done = slices.run('work', busy(10, [], 'done'))
  await expect(failed).rejects.toThrow('no such image')
  expect(await done).toBe('done')
})
