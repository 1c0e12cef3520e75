import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildImage, Container, removeTree } from './container.ts'
import { builtSensor } from '../../src/agent/pipeline/sources/ebpf/sensor-process.ts'
import { Recorder } from './recorder.ts'

let image: string
const disposals: (() => Promise<void>)[] = []

beforeAll(() => {
  image = buildImage()
})
afterAll(() => {
  removeTree(image)
})
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose()
})

async function recording(
  options: ConstructorParameters<typeof Recorder>[0] = {},
): Promise<Recorder> {
  const recorder = new Recorder(options)
  disposals.push(() => recorder.stop())
  await recorder.running()
  return recorder
}

function contained(): Container {
  const container = new Container(image)
  disposals.push(() => container.stop())
  return container
}

describe('a container', () => {
  it('is reported before its first event, and its end comes after its last', async () => {
    const recorder = await recording()
    const container = new Container(image)
    await container.run('touch')
    await container.stop()
    const { id } = container
    await recorder.until(
      () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === id),
      'its end',
    )
    const own = recorder.messages.flatMap((message) => {
      switch (message.type) {
        case 'container-started':
          return message.container.id === id ? ['started'] : []
        case 'container-ended':
          return message.id === id ? ['ended'] : []
        case 'event':
          return message.event.kind !== 'loss' && message.event.container.id === id ? ['act'] : []
        case 'count-update':
          return message.countUpdate.containerId === id ? ['act'] : []
        case 'began':
        case 'disarmed':
        case 'mark':
        case 'name-answer':
        case 'policy':
        case 'self-probe':
          return []
      }
    })
    expect(own[0]).toBe('started')
    expect(own.at(-1)).toBe('ended')
    expect(own.filter((what) => what === 'act').length).toBeGreaterThan(1)
  })

  it('that ran before the sensor is found, marked, and observed', async () => {
    const container = contained()
    await container.run('touch')
    const recorder = await recording()
    await recorder.until(
      () =>
        recorder.messages.some(
          (m) => m.type === 'container-started' && m.container.id === container.id,
        ),
      'the container',
    )
    await container.run('touch')
    await recorder.until(() => recorder.acts(container.id).length > 0, 'an act')
    const started = recorder.messages.find(
      (m) => m.type === 'container-started' && m.container.id === container.id,
    )
    expect(started).toMatchObject({ container: { before: true } })
    expect(recorder.acts(container.id)[0]).toMatchObject({
      kind: 'file',
      container: { id: container.id, before: true },
      process: { exe: '/bin/workload', origin: 'entrypoint', uid: 0 },
      file: { path: '/data/touched', access: ['write'] },
    })
  })
})

describe('the sensor', () => {
  it('killed outright is started again: the gap is a loss, the container goes on', async () => {
    const recorder = await recording()
    const container = contained()
    await container.run('touch')
    await recorder.until(() => recorder.acts(container.id).length > 0, 'an act')
    const pid = recorder.source.sensorPid
    if (pid === undefined) throw new Error('no sensor')
    process.kill(pid, 'SIGKILL')
    await recorder.until(() => recorder.source.state.kind === 'degraded', 'a degraded state')
    await recorder.until(() => recorder.source.state.kind === 'running', 'a running state')
    expect(recorder.losses().map((event) => event.loss.reason)).toEqual(['sensor-gap'])
    const before = recorder.acts(container.id).length
    await container.run('touch')
    await recorder.until(() => recorder.acts(container.id).length > before, 'an act after the gap')
    const starts = recorder.messages.filter(
      (m) => m.type === 'container-started' && m.container.id === container.id,
    )
    expect(starts).toHaveLength(1)
    expect(recorder.acts(container.id).at(-1)?.container.before).toBeUndefined()
  })

  it('is replaced where it hangs', async () => {
    const recorder = await recording()
    const pid = recorder.source.sensorPid
    if (pid === undefined) throw new Error('no sensor')
    process.kill(pid, 'SIGSTOP')
    await recorder.until(() => recorder.source.state.kind === 'degraded', 'a degraded state')
    await recorder.until(() => recorder.source.state.kind === 'running', 'a running state')
    expect(recorder.source.sensorPid).not.toBe(pid)
    expect(recorder.losses().map((event) => event.loss.reason)).toEqual(['sensor-gap'])
  })

  it('reports the end of a container that ended while it was away', async () => {
    const recorder = await recording()
    const container = new Container(image)
    await container.run('touch')
    await recorder.until(() => recorder.acts(container.id).length > 0, 'an act')
    const pid = recorder.source.sensorPid
    if (pid === undefined) throw new Error('no sensor')
    process.kill(pid, 'SIGSTOP')
    process.kill(pid, 'SIGKILL')
    await container.stop()
    await recorder.until(
      () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === container.id),
      'its end',
    )
  })

  it('ends with its input, and leaves nothing attached', async () => {
    const recorder = await recording()
    const pid = recorder.source.sensorPid
    await recorder.stop()
    expect(recorder.source.state.kind).toBe('stopped')
    expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH')
  })

  it('that cannot be started is started again where that is asked for', async () => {
    const folder = mkdtempSync('/tmp/snug-late-sensor-')
    const sensorPath = join(folder, 'snug-sensor')
    try {
      const recorder = new Recorder({ sensorPath, startAgain: true })
      await recorder.until(() => recorder.source.state.kind === 'degraded', 'a degraded state')
      symlinkSync(builtSensor, sensorPath)
      await recorder.until(() => recorder.source.state.kind === 'running', 'a running state')
      expect(recorder.messages.filter(({ type }) => type === 'began')).toHaveLength(1)
      await recorder.stop()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('that cannot be started is an error with a code', async () => {
    const recorder = new Recorder({ sensorPath: '/nowhere/snug-sensor' })
    await expect(recorder.ended).rejects.toMatchObject({ code: 'SENSOR_UNAVAILABLE' })
  })
})

describe('a flood', () => {
  it('that a small ring cannot hold is counted: reported and lost events add up to all events', async () => {
    const recorder = await recording({ ringBytes: 4096 })
    await recorder.everyEvent()
    const container = contained()
    await container.run('flood 20000')
    await container.run('touch')
    await recorder.until(() => recorder.losses().length > 0, 'a loss')
    await recorder.source.obeyed()
    const opens = (): number =>
      recorder
        .acts(container.id)
        .filter((event) => event.kind === 'file' && event.file.path === '/etc/secret').length
    // Without the filter, other containers of the host are seen and lost too.
    const lost = (): number =>
      recorder
        .losses()
        .filter((event) => event.container?.id === container.id)
        .reduce((sum, event) => sum + event.loss.count, 0)
    await recorder.until(() => opens() + lost() >= 20_000, 'everything')
    expect(lost()).toBeGreaterThan(0)
    // The lost events may be of any kind: also the exec, the touch and a capability.
    expect(opens() + lost()).toBeLessThanOrEqual(20_000 + 8)
  })

  it('of learned behaviour stays in the kernel, and the counts add up', async () => {
    const recorder = await recording()
    const container = contained()
    await container.run('flood 50000')
    recorder.source.control.flush()
    const key = (): string | undefined =>
      recorder.messages.flatMap((m) =>
        m.type === 'event' && m.event.kind === 'file' && m.event.file.path === '/etc/secret'
          ? [m.key]
          : [],
      )[0]
    const counted = (): number =>
      recorder
        .countUpdates(container.id)
        .filter((countUpdate) => countUpdate.key === key())
        .reduce((sum, countUpdate) => sum + countUpdate.count, 0)
    await recorder.until(() => counted() >= 49_999, 'the counts')
    expect(counted()).toBe(49_999)
    expect(recorder.lossesOf(container.id)).toEqual([])
  })
})

describe('several rings', () => {
  it('keep the order of a container whose processes run on several processors', async () => {
    const recorder = await recording({ rings: 2 })
    await recorder.everyEvent()
    const container = contained()
    await container.run('order 2000')
    const acts = (): ReturnType<typeof recorder.acts> =>
      recorder
        .acts(container.id)
        .filter((event) => event.kind === 'file' && event.file.path.includes('/order-'))
    await recorder.until(() => acts().length === 4_000, 'all opens')
    const times = acts().map((event) => event.time)
    expect(times).toEqual([...times].sort())
    const pids = new Set(acts().map((event) => event.process.pid))
    expect(pids.size).toBe(2)
  })
})
