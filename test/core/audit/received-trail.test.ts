import { describe, expect, it } from 'vitest'
import type { OutboundRecord } from '../../../src/core/event/outbound-record.ts'
import { ReceivedTrails } from '../../../src/core/audit/received-trail.ts'
import { daemonWorld } from '../../fixtures/daemon-fixtures.ts'

/** The entries that a sink of a daemon received, each as its line. */
async function trailOf(entries: number): Promise<{ lines: string[]; head: string }> {
  const taken: OutboundRecord[] = []
  const world = daemonWorld({
    outlets: [
      {
        sink: {
          name: 'siem',
          write: async (records) => `${taken.push(...records)}`,
          close: async () => undefined,
        },
        type: 'test',
        format: 'json',
        target: 'memory',
        accepts: ({ type }) => type === 'audit',
        spec: '',
      },
    ],
  })
  await world.start()
  const by = { who: 'cli:root', reason: 'a test' }
  for (let n = 1; n <= entries; n += 1) await world.engine.record('ack', by, { alert: `a${n}` })
  await expect.poll(() => taken.length).toBe(entries)
  const { head } = await world.engine.verifyAudit()
  await world.stop()
  return { lines: taken.map((record) => JSON.stringify(record)), head }
}

function verify(lines: readonly string[]) {
  const trails = new ReceivedTrails()
  for (const line of lines) trails.add(line)
  return trails.finish()
}

describe('the audit trail at a receiver', () => {
  it('is whole where all came, in any order, some twice, between other lines', async () => {
    const { lines, head } = await trailOf(10)
    const mixed = [...lines].reverse().map((line) => `<134>1 n1 snug - - - ${line}`)
    const found = verify([...mixed, 'other', ...lines.slice(3, 5)])
    expect(found).toEqual([
      { node: 'n1', ok: true, entries: 10, first: 1, last: 10, head, faults: [] },
    ])
  })

  it('reports which entries are missing', async () => {
    const { lines } = await trailOf(10)
    const without = lines.filter((_, at) => at !== 2 && at !== 5 && at !== 6)
    expect(verify(without)).toMatchObject([
      { ok: false, faults: ['entry 3 is missing', 'entries 6 to 7 are missing'] },
    ])
  })

  it('detects a changed entry and an entry that replaces another', async () => {
    const { lines } = await trailOf(5)
    const changed = lines.map((line, at) => (at === 2 ? line.replace('"a3"', '"b3"') : line))
    expect(verify(changed)).toMatchObject([{ ok: false, faults: ['entry 3 was changed'] }])
    const other = (await trailOf(5)).lines
    const forged = lines.map((line, at) => (at === 2 ? (other[2] ?? '') : line))
    const [trail] = verify(forged)
    expect(trail?.faults.length).toBeGreaterThan(0)
  })

  it('reports a line that cannot be parsed', async () => {
    const { lines } = await trailOf(2)
    const found = verify([...lines, (lines[0] ?? '').slice(0, -20)])
    expect(found).toMatchObject([{ ok: true }, { node: 'unknown', ok: false }])
  })
})
