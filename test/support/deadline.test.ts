import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { deadline } from '../../src/support/deadline.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('a deadline', () => {
  it('aborts in time though nothing refers to its signal', async () => {
    const ended: unknown[] = []
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) {
      const within = deadline(50, signal).signal
      within.addEventListener('abort', () => ended.push((within.reason as Error).name))
    }
    collectGarbage()
    await expect.poll(() => ended).toEqual(Array(20).fill('TimeoutError'))
  })

  it('aborts with its signal', () => {
    const controller = new AbortController()
    const { signal, end } = deadline(60_000, controller.signal)
    controller.abort(new Error('stopped'))
    expect(signal.reason).toEqual(new Error('stopped'))
    end()
  })

  it('does not abort once the work is done', async () => {
    vi.useFakeTimers()
    const { signal, end } = deadline(50)
    end()
    await vi.advanceTimersByTimeAsync(100)
    expect(signal.aborted).toBe(false)
    vi.useRealTimers()
  })
})
