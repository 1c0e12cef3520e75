import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startAgent } from '../fixtures/agent.ts'

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
}

describe('a daemon that watches nothing', () => {
  it('needs at most 105 MiB, of which 46 are the program of Node', async () => {
    await using agent = await startAgent({
      config: { sources: ['file:-'], engines: { docker: { socket: 'none' } } },
    })
    // Loading its modules leaves garbage, which is collected as the daemon goes on.
    for (let n = 0; n < 20; n++) {
      await agent.json(['status'])
      await pause(100)
    }
    expect(residentMiB(agent.pid)).toBeLessThan(105)
  })
})
