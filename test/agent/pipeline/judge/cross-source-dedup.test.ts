import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { behaviourKey } from '../../../../src/agent/pipeline/sources/source.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import {
  type DaemonWorld,
  daemonWorld,
  eventMessage,
  ScriptedSource,
} from '../../../fixtures/daemon-fixtures.ts'

const image = 'shop/web'
const by = { who: 'cli:root' }

let world: DaemonWorld
let falco: ScriptedSource
afterEach(() => world.stop())

async function open(): Promise<void> {
  falco = new ScriptedSource(undefined, 'falco:x', { byRule: true })
  world = daemonWorld({ sources: [falco], startMs: Date.parse('2026-11-24T13:41:00Z') })
  await world.start()
}

const at = (event: ActEvent, source: string, second: number): ActEvent => ({
  ...event,
  source,
  time: `2026-11-24T13:40:${String(second).padStart(2, '0')}.000000Z`,
})

/** Both sources report the same events, the second a little later. */
async function both(second: number, ...events: ActEvent[]): Promise<void> {
  await report(world.source, 'ebpf', second, ...events)
  await report(falco, 'falco', second, ...events)
}

async function report(source: ScriptedSource, name: string, second: number, ...events: ActEvent[]) {
  source.emit(...events.map((event) => eventMessage(at(event, name, second))))
  await source.received()
}

const shown = async (text: string) =>
  (await world.engine.profile(image)).behaviours.find((behaviour) => behaviour.text === text)
const alerts = () => world.engine.alerts({ limit: 100 })

describe('an event that two sources report', () => {
  it('counts once in the evidence, which names both', async () => {
    await open()
    await both(1, act.exec('/bin/a'), act.file('/etc/a'))
    await both(3, act.file('/etc/a'))
    await report(falco, 'falco', 4, act.file('/etc/a'))
    expect(await shown('read /etc/a')).toMatchObject({ count: 3, sources: ['ebpf', 'falco'] })
    expect(await shown('run /bin/a')).toMatchObject({ count: 1, sources: ['ebpf', 'falco'] })
    expect(world.engine.status().counters).toMatchObject({ learned: 2, expected: 2 })
  })

  it('is one alert, which names both, and counts once', async () => {
    await open()
    await both(1, act.exec('/bin/a'))
    await world.engine.setMode(image, 'alert', by)
    await both(2, act.exec('/bin/evil'))
    await both(3, act.exec('/bin/evil'))
    expect(await alerts()).toMatchObject([
      { type: 'deviation', count: 2, sources: ['ebpf', 'falco'], event: { source: 'ebpf' } },
    ])
  })

  it('is one alert also where they disagree on who started the program', async () => {
    await open()
    await both(1, act.exec('/bin/a'))
    await world.engine.setMode(image, 'alert', by)
    const evil = act.exec('/bin/evil')
    const orphan = { ...evil, process: { ...evil.process, parent: '/bin/sh' } } as ActEvent
    await report(world.source, 'ebpf', 2, evil)
    await report(falco, 'falco', 2, orphan)
    expect(await alerts()).toMatchObject([{ count: 1, sources: ['ebpf', 'falco'] }])
  })

  it('alerts from the one source that reports it, whatever the other reports', async () => {
    await open()
    await both(1, act.exec('/bin/a'))
    await world.engine.setMode(image, 'alert', by)
    await report(falco, 'falco', 2, act.exec('/bin/evil'))
    expect(await alerts()).toMatchObject([{ count: 1, event: { source: 'falco' } }])
    expect((await alerts())[0]).not.toHaveProperty('sources')
  })

  it('is counted once where one of them folds repeats into a count', async () => {
    await open()
    const key = behaviourKey('00000000000000aa')
    const one = at(act.file('/etc/a'), 'ebpf', 1)
    world.source.emit({ type: 'event', event: one, key })
    await world.source.received()
    for (let n = 0; n < 5; n += 1) await report(falco, 'falco', 2 + n, act.file('/etc/a'))
    const countUpdate = {
      key,
      containerId: 'c1',
      count: 4,
      first: one.time,
      last: at(one, 'ebpf', 7).time,
    }
    world.daemon.inflow.stage.judge({
      messages: [{ type: 'count-update', countUpdate, identity: undefined as never }],
      source: 'ebpf',
    })
    expect(await shown('read /etc/a')).toMatchObject({ count: 5 })
  })
})

it('estimates by kind the events that both sources missed, and names the limits of the estimate', async () => {
  await open()
  await both(1, act.exec('/bin/first'), act.file('/first'))
  const files = Array.from({ length: 40 }, (_, n) =>
    act.file(`/srv/www/f${String.fromCharCode(97 + (n % 26))}${n > 25 ? 'x' : ''}`),
  )
  await report(world.source, 'ebpf', 2, ...files.slice(0, 36))
  await report(falco, 'falco', 2, ...files.slice(10))
  world.advance(120_000)
  const { crossChecks } = world.engine.status()
  expect(crossChecks).toMatchObject([
    { kind: 'file', sources: ['ebpf', 'falco'], reported: [36, 30], both: 26 },
  ])
  const [check] = crossChecks
  expect(check?.unreported).toBeCloseTo((37 * 31) / 27 - 1 - 40, 5)
  expect(check?.unreportedBound).toBeGreaterThan(check?.unreported ?? Infinity)
  expect(check?.sentence).toMatch(
    /^file: 36 different events reported by ebpf, 30 by falco, 26 by both: about 1.5 missed by both, at most \S+; falco reports only events that its rules select/,
  )
  const [version] = (await world.engine.image(image)).versions
  expect(version?.evidence?.sentences).toContain(check?.sentence)
})
