import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../../src/core/event/event.ts'
import { act } from '../../../fixtures/event-fixture.ts'
import {
  type DaemonWorld,
  daemonWorld,
  eventMessage,
  ScriptedSource,
} from '../../../fixtures/daemon-fixtures.ts'

const image = 'shop/web'
const by = { who: 'cli:root' }
const sees = (...kinds: ('exec' | 'connect' | 'file')[]) => ({ kinds: [...kinds, 'loss'] as const })

let world: DaemonWorld
afterEach(() => world.stop())

async function open(...sources: ScriptedSource[]): Promise<void> {
  world = daemonWorld({ sources })
  await world.start()
}

async function report(source: ScriptedSource, ...events: ActEvent[]): Promise<void> {
  source.emit(...events.map(eventMessage))
  await source.received()
}

const alerts = () => world.engine.alerts({ limit: 100 })
const deviations = async () => (await alerts()).filter(({ type }) => type === 'deviation')
const loss = async () =>
  (await alerts()).filter(({ reasons }) => reasons[0]?.includes('raise no deviations') === true)

describe('a profile learned from a source that cannot see files', () => {
  const execs = new ScriptedSource(undefined, 'execs', sees('exec', 'connect'))

  async function learnedFromExecs(): Promise<void> {
    await open(execs)
    await report(execs, act.exec('/bin/a'), act.connect('10.0.0.7', 5432))
    await world.engine.setMode(image, 'alert', by)
  }

  it('raises no deviation when another one sees files, and reports once that they are not judged', async () => {
    await learnedFromExecs()
    await report(
      world.source,
      act.file('/etc/a'),
      act.file('/etc/b', ['write']),
      act.exec('/bin/a'),
    )
    expect(await deviations()).toEqual([])
    expect(await loss()).toMatchObject([{ type: 'loss', severity: 'low', count: 1 }])
    expect((await loss())[0]?.reasons[0]).toContain('`file`')
    expect(world.engine.status().counters).toMatchObject({ unprofiled: 2, deviation: 0 })
    const [version] = (await world.engine.image(image)).versions
    expect(version?.evidence?.kindsObserved).toEqual(['exec', 'connect'])
    expect(version?.evidence?.sentences.at(-1)).toMatch(/^file, listen, .*no source observed/)
  })

  it('still alerts on the kinds that were observed', async () => {
    await learnedFromExecs()
    await report(world.source, act.exec('/bin/evil'), act.connect('10.0.0.9', 4444))
    expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual([
      'connect to tcp 10.0.0.9:4444',
      'run /bin/evil',
    ])
  })

  it('alerts on guardrails and on behaviours that a person rejected', async () => {
    await learnedFromExecs()
    const bad = act.file('/etc/a')
    const shadow = act.file('/etc/shadow', ['read'], { exe: '/bin/cat' }, { shipped: true })
    await report(world.source, bad, shadow)
    expect((await alerts()).map(({ type }) => type)).toEqual(['guardrail', 'loss'])
    const { behaviours } = await world.engine.profile(image)
    const id = behaviours.find(({ text }) => text === 'read /etc/a')?.id ?? ''
    await world.engine.reject(image, [id], by)
    await report(world.source, bad, act.file('/etc/b'))
    expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['read /etc/a'])
  })

  it('learns them once it is set back to learning, and then judges them', async () => {
    await learnedFromExecs()
    await report(world.source, act.file('/etc/a'))
    expect((await world.engine.image(image)).versions[0]?.pending).toBe(1)
    await world.engine.setMode(image, 'learn', by)
    await report(world.source, act.file('/etc/a'), act.file('/etc/b'))
    await world.engine.setMode(image, 'alert', by)
    await report(world.source, act.file('/etc/a'), act.file('/etc/b'), act.file('/etc/c'))
    expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['read /etc/c'])
  })

  it('never blocks', async () => {
    await learnedFromExecs()
    world.advance(10_000)
    const blocked = world.engine.setMode(image, 'block', by)
    await expect(blocked).rejects.toMatchObject({ code: 'MODE_REFUSED' })
    expect(
      world.control.all('enforce').filter(({ enforcement: { mode } }) => mode === 'block'),
    ).toEqual([])
  })

  it('keeps its observed kinds over a restart', async () => {
    await learnedFromExecs()
    await report(world.source, act.file('/etc/a'))
    const { store } = world
    await world.stop()
    world = daemonWorld({ store })
    await world.start()
    await report(world.source, act.file('/etc/b'), act.exec('/bin/evil'))
    expect(await loss()).toMatchObject([{ count: 1 }])
    expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['run /bin/evil'])
  })
})

describe('a file that another process passes on', () => {
  const passed = (path: string): ActEvent => {
    const event = act.file(path)
    return event.kind === 'file' ? { ...event, file: { ...event.file, received: true } } : event
  }
  const hooks = new ScriptedSource(undefined, 'hooks', { received: true })

  it('is judged as one that was opened, where the source reports such, and the alert states it', async () => {
    await open(hooks)
    await report(hooks, act.file('/etc/a'), passed('/etc/b'))
    await world.engine.setMode(image, 'alert', by)
    await report(hooks, passed('/etc/a'), act.file('/etc/b'), passed('/etc/c'))
    const [alert, ...others] = await deviations()
    expect([alert?.behaviour?.text, others]).toEqual(['read /etc/c', []])
    expect(alert?.reasons).toContain('another process opened the file and passed it on')
  })

  it('raises no deviation where no source reported such while learning, which is reported once', async () => {
    await open()
    await report(world.source, act.file('/etc/a'))
    await world.engine.setMode(image, 'alert', by)
    const sentences = async (): Promise<readonly string[]> =>
      (await world.engine.image(image)).versions[0]?.evidence?.sentences ?? []
    expect((await sentences()).join()).not.toContain('received')
    await report(world.source, passed('/etc/a'), passed('/etc/b'), passed('/etc/c'))
    expect(await deviations()).toEqual([])
    expect(await loss()).toMatchObject([{ severity: 'low', count: 1 }])
    expect((await sentences()).at(-1)).toBe(
      'received: no source observed files that other processes pass on during learning: they raise no deviations',
    )
    await report(world.source, act.file('/etc/b'))
    expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['read /etc/b'])
  })
})

it('excludes from the delta of a version the kinds not observed in the previous one', async () => {
  const execs = new ScriptedSource(undefined, 'execs', sees('exec'))
  await open(execs)
  await report(execs, act.exec('/bin/a'))
  await world.engine.setMode(image, 'alert', by)
  const next = (event: ActEvent): ActEvent => ({
    ...event,
    image: { repository: image, digest: 'sha256:bb' },
  })
  await report(world.source, next(act.file('/etc/a')), next(act.exec('/bin/evil')))
  expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['run /bin/evil'])
})

it('counts only reported kinds as observed by a sensor that reports by rule', async () => {
  const falco = new ScriptedSource(undefined, 'falco', {
    ...sees('exec', 'file', 'connect'),
    byRule: true,
  })
  await open(falco)
  const other = {
    ...act.connect('10.0.0.8', 80),
    image: { repository: 'shop/other', digest: 'sha256:cc' },
  }
  await report(falco, act.exec('/bin/a'), other, act.exec('/bin/a'))
  await world.engine.setMode(image, 'alert', by)
  await report(world.source, act.file('/etc/a'), act.connect('10.0.0.9', 4444))
  expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual([
    'connect to tcp 10.0.0.9:4444',
  ])
  expect(await loss()).toHaveLength(1)
})

it('attributes recorded events to the source that they name', async () => {
  await open()
  const reported = (source: string, event: ActEvent): ActEvent => ({ ...event, source })
  await world.daemon.inflow.judgeEvents([reported('falco', act.exec('/bin/a'))])
  await world.engine.setMode(image, 'alert', by)
  await world.daemon.inflow.judgeEvents([
    reported('ebpf', act.file('/etc/a')),
    reported('falco', act.exec('/bin/b')),
  ])
  expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual(['run /bin/b'])
  await world.engine.setMode(image, 'learn', by)
  await world.daemon.inflow.judgeEvents([reported('ebpf', act.exec('/bin/a'))])
  await world.engine.setMode(image, 'alert', by)
  await world.daemon.inflow.judgeEvents([reported('ebpf', act.file('/etc/a'))])
  expect((await deviations()).map(({ behaviour }) => behaviour?.text)).toEqual([
    'read /etc/a',
    'run /bin/b',
  ])
})
