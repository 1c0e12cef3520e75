import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Steps } from '../../src/core/steps.ts'
import { Slices } from '../../src/support/slices.ts'

// Only the work moves the clock, so that no other load on the machine can make a turn long.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

function* busy(ms: number, ends: string[], name: string): Steps<string> {
  for (let left = ms; left > 0; left--) {
    vi.advanceTimersByTime(1)
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
    const began = performance.now()
    await nextTurn()
    longest = Math.max(longest, performance.now() - began)
  }
  await over
  return longest
}

it('ten pieces of work at a time take a slice of each turn, together', async () => {
  const slices = new Slices()
  const ends: string[] = []
  const work = Array.from({ length: 10 }, (_, n) => slices.run('work', busy(20, ends, `${n}`)))
  expect(await longestTurn(Promise.all(work))).toBe(2)
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
