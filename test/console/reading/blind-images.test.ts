import { describe, expect, it } from 'vitest'
import { blindImages } from '../../../src/console/reading/blind-images.ts'
import type { AgentReport, BlindImage } from '../../../src/core/event/agent-report-schema.ts'
import { profileName } from '../../../src/fleet/fleet-image.ts'

const nowMs = Date.parse('2026-11-24T12:00:00Z')
const web = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}`, scope: 'shop' }
const gvisor = 'the runtime `runsc` has its own kernel'
const kata = 'the runtime `kata` has its own kernel'

const blindOf = (running: number, ...reasons: string[]): BlindImage => ({
  image: web,
  running,
  of: 5,
  reasons,
})

const report = (node: string, time: string, ...blind: BlindImage[]): AgentReport => ({
  schema: 'snug.agent/v1',
  time,
  node,
  version: '1',
  everyMs: 30_000,
  state: 'running',
  blind: [],
  degraded: [],
  behindMs: 0,
  containers: 5,
  ...(blind.length === 0 ? {} : { blindContainers: 1, blindImages: blind }),
  openAlerts: 0,
})
const fresh = '2026-11-24T11:59:50Z'

describe('blind containers of a fleet', () => {
  it('are added up over nodes, by the profile of their version', () => {
    const other = { ...web, scope: 'pay' }
    const found = blindImages(
      [
        report('n1', fresh, blindOf(2, kata), { ...blindOf(1, gvisor), image: other }),
        report('n2', fresh),
        report('n3', fresh, blindOf(1, gvisor, kata)),
      ],
      nowMs,
    )
    expect(found).toEqual(
      new Map([
        [profileName(web), { running: 3, nodes: 2, reasons: [kata, gvisor] }],
        [profileName(other), { running: 1, nodes: 1, reasons: [gvisor] }],
      ]),
    )
  })

  it('are none of an agent that is silent: its report is out of date', () => {
    expect(
      blindImages([report('n1', '2026-11-24T11:58:29Z', blindOf(1, gvisor))], nowMs).size,
    ).toBe(0)
  })

  it('have at most ten reasons, whatever nodes report', () => {
    const reasons = Array.from(
      { length: 40 },
      (_, at) => `the runtime \`r${at}\` has its own kernel`,
    )
    const [found] = blindImages([report('n1', fresh, blindOf(1, ...reasons))], nowMs).values()
    expect(found?.reasons).toHaveLength(10)
  })
})
