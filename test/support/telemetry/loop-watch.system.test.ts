import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { LoopWatch } from '../../../src/support/telemetry/loop-watch.ts'
import { bundledProgram } from '../../fixtures/bundled-program.ts'
import { type Log, createLog } from '../../../src/support/telemetry/log.ts'

function busy(milliseconds: number): void {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

/** The same in CPU: another process may have the processor meanwhile. */
function spend(milliseconds: number): void {
  const begun = process.cpuUsage()
  const spent = (): number => {
    const { user, system } = process.cpuUsage(begun)
    return (user + system) / 1_000
  }
  while (spent() < milliseconds) busy(5)
}

/** A log of warnings, as the process writes them. */
function recordingLog(): { readonly log: Log; readonly warnings: object[] } {
  const warnings: object[] = []
  const log = createLog('silent')
  log.warn = ((fields: object) => void warnings.push(fields)) as Log['warn']
  return { log, warnings }
}

describe('the watch of the event loop', () => {
  afterEach(() => void vi.useRealTimers())

  test('names the work that held it, and leaves short work alone', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { log, warnings } = recordingLog()
    const watch = new LoopWatch(log)
    expect(watch.during('short', () => 7)).toBe(7)
    watch.during('long', () => vi.advanceTimersByTime(120))
    expect(watch.longTurns).toBe(1)
    expect(warnings).toMatchObject([{ what: 'long', others: 0 }])
  })

  test('counts long work of the same second and logs it once', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { log, warnings } = recordingLog()
    const watch = new LoopWatch(log)
    for (let i = 0; i < 3; i++) watch.during('long', () => vi.advanceTimersByTime(110))
    expect(watch.longTurns).toBe(3)
    expect(warnings).toHaveLength(1)
  })

  test('also reports work that has no name', async () => {
    const { log, warnings } = recordingLog()
    const watch = new LoopWatch(log)
    watch.start()
    await new Promise((resolve) => setTimeout(resolve, 150))
    spend(400)
    await expect.poll(() => warnings).toEqual([expect.objectContaining({ what: 'unnamed' })])
    watch.close()
  })

  test('does not report work twice that has a name', async () => {
    const { log, warnings } = recordingLog()
    const watch = new LoopWatch(log)
    watch.start()
    await new Promise((resolve) => setTimeout(resolve, 150))
    watch.during('named', () => spend(400))
    // After the look that is late by then.
    await new Promise((resolve) => setTimeout(resolve, 1))
    watch.close()
    expect(watch.longTurns).toBe(1)
    expect(warnings).toEqual([expect.objectContaining({ what: 'named' })])
  })

  test('gives the delay since the last look', async () => {
    const watch = new LoopWatch(createLog('silent'))
    watch.start()
    const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30))
    // The first turn after a look has nothing to be measured from, and may come after the pause.
    const delayOfOne = async (): Promise<number> => {
      await pause()
      busy(200)
      await pause()
      return watch.delay().max
    }
    await expect.poll(delayOfOne).toBeGreaterThan(0.1)
    expect(watch.delay()).toEqual({ max: 0, p99: 0 })
    watch.close()
  })
})

describe('an error that nothing handles', () => {
  test.each([
    ['uncaught exception', 'setImmediate(() => { throw new Error("boom") })'],
    ['unhandled rejection', 'void Promise.reject(new Error("boom"))'],
  ])(
    '(%s) ends the process with its state stored, a JSON line and exit code 1',
    async (kind, fail) => {
      const program = `
      import { exitOnCrash } from './src/support/telemetry/crash.ts'
      import { createLog } from './src/support/telemetry/log.ts'
      exitOnCrash(createLog('info'), async () => { process.stdout.write('stored\\n') })
      setInterval(() => undefined, 1000)
      ${fail}`
      const path = await bundledProgram(kind.replace(' ', '-'), program)
      const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
      }
      const [code] = (await once(child, 'close')) as [number]
      expect(code).toBe(1)
      expect(output).toContain('stored')
      const lines = output.split('\n').filter((line) => line.startsWith('{'))
      const entries = lines.map((line) => JSON.parse(line) as { kind?: string; error?: string })
      expect(entries.find((entry) => entry.kind === kind)?.error).toContain('boom')
    },
  )
})
