import { expect, it } from 'vitest'
import { statusTable } from '../../../../src/support/telemetry/metric-table.ts'
import { daemonWorld } from '../../../fixtures/daemon-fixtures.ts'

it('Every counter that a metric reads is in the status of an agent', async () => {
  const world = daemonWorld()
  await world.start()
  const status = world.engine.status()
  const missing = new Set<string>()
  const counters = new Proxy(status.counters, {
    get: (target, name) => {
      if (!(name in target)) missing.add(String(name))
      return Reflect.get(target, name) as number
    },
  })
  const loop = world.daemon.loopFigures()
  for (const { read } of Object.values(statusTable)) read({ ...status, counters, loop, sinks: [] })
  await world.stop()
  expect([...missing]).toEqual([])
})
