import { afterEach, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { SourceMessage } from '../../../src/agent/pipeline/sources/source.ts'
import { type DaemonWorld, daemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const loud = 'a'.repeat(64)
const quiet = 'b'.repeat(64)
const flood = 2_000

let world: DaemonWorld
afterEach(() => world.stop())

function actIn(container: string, event: ActEvent, name = 'web'): SourceMessage {
  const { image: _, ...rest } = event
  return eventMessage({ ...rest, container: { id: container, name } } as ActEvent)
}

function starts(id: string): SourceMessage {
  world.containers.report(identityOf(id))
  world.containers.atOnce.add(id)
  const time = new Date(world.now()).toISOString()
  return { type: 'container-started', container: { id, cgroup: '', time, before: false } }
}

it('judges the one event of a container in the midst of the flood that precedes it', async () => {
  world = daemonWorld()
  await world.start()
  for (const id of [loud, quiet]) world.source.emit(starts(id))
  const floods = Array.from({ length: flood }, (_, n) => actIn(loud, act.file(`/tmp/x${n}`)))
  world.source.emit(...floods, actIn(quiet, act.exec('/bin/sh')))
  await world.source.received()
  // Newest first.
  const judged = [...(await world.engine.events({ limit: flood + 1 }))].reverse()
  expect(judged).toHaveLength(flood + 1)
  const at = judged.findIndex(({ event }) => event.container?.id === quiet)
  expect(at).toBeLessThan(flood / 2)
  const names = judged.flatMap(({ event }) => (event.kind === 'file' ? [event.file.path] : []))
  expect(names).toEqual(Array.from({ length: flood }, (_, n) => `/tmp/x${n}`))
})

it('raises the loss of what does not fit as an alert about the container that floods', async () => {
  world = daemonWorld()
  Object.assign(world.source.supports, { overflows: true })
  await world.start()
  for (const id of [loud, quiet]) world.source.emit(starts(id))
  // Their size is what matters, and what they cost does not.
  const name = 'x'.repeat(40_000)
  const floods = Array.from({ length: 1_000 }, () => actIn(loud, act.file('/etc/a'), name))
  world.source.emit(...floods, actIn(quiet, act.exec('/bin/sh')))
  await world.source.received()
  const { queue, counters } = world.daemon.inflow
  await queue.settled()
  const { learned, expected } = counters
  expect(queue.lost).toBeGreaterThan(100)
  expect(learned + expected + queue.lost).toBe(floods.length + 1)
  const losses = (await world.engine.alerts({ limit: 100 })).filter(({ type }) => type === 'loss')
  expect(losses).toMatchObject([
    { event: { container: { id: loud }, loss: { reason: 'judging-overflow', count: queue.lost } } },
  ])
})
