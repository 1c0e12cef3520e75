import { afterEach, describe, expect, it } from 'vitest'
import type { ContainerTraits, PolicyReport } from '../../src/agent/pipeline/sources/source.ts'
import { Acts } from './acts.ts'
import { newId } from './container.ts'
import { oneSensor } from './one-sensor.ts'

type Assigned = Extract<PolicyReport, { kind: 'assigned' }>

const sensor = oneSensor()
const enforced = { enforce: true }
const probes = [['/bin/acts', 'check']]
let acts: Acts
/** Each test has its own version. */
let scope = 100

afterEach(() => acts.stop())

/** What the sensor confirms to this assignment. */
async function confirmed(traits: ContainerTraits, id = acts.id): Promise<readonly Assigned[]> {
  const { source, messages } = sensor.recorder
  messages.length = 0
  source.control.assign(id, scope, traits)
  await source.obeyed()
  return messages.flatMap((message) =>
    message.type === 'policy' && message.report.kind === 'assigned' ? [message.report] : [],
  )
}

async function started(id?: string): Promise<void> {
  acts = new Acts(sensor.image, id)
  await acts.did([])
  await sensor.recorder.source.obeyed()
}

describe('the sensor confirms an assignment', () => {
  it('of a container that was assigned before its start as one from its first event on', async () => {
    scope += 1
    const id = newId()
    expect(await confirmed(enforced, id)).toEqual([])
    await started(id)
    const report = { kind: 'assigned', container: id, scope, enforced: true }
    expect(await confirmed(enforced)).toEqual([report])
    // Commands of the engine are known later, and change nothing about what was stopped.
    expect(await confirmed({ ...enforced, probes })).toEqual([report])
    expect(await confirmed({ ...enforced, probes })).toEqual([report])
  })

  it('of a container that acted before with the time since which it holds', async () => {
    scope += 1
    await started()
    const from = Date.now()
    const [first] = await confirmed(enforced)
    const to = Date.now()
    const since = Date.parse(first?.since ?? '')
    // Both clocks are read to the millisecond.
    expect(since).toBeGreaterThanOrEqual(from - 1)
    expect(since).toBeLessThanOrEqual(to + 1)
    expect(await confirmed({ ...enforced, probes })).toEqual([first])
  })

  it('of a container that is to be stopped from now on with that time', async () => {
    scope += 1
    const id = newId()
    await confirmed({ enforce: false }, id)
    await started(id)
    const report = { kind: 'assigned', container: id, scope, enforced: false }
    expect(await confirmed({ enforce: false })).toEqual([report])
    const [later] = await confirmed(enforced)
    expect(later).toMatchObject({ enforced: true })
    expect(Date.parse(later?.since ?? '')).toBeGreaterThan(Date.now() - 60_000)
  })
})
