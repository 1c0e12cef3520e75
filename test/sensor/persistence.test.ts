import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { EbpfSourceOptions } from '../../src/agent/pipeline/sources/ebpf/ebpf-source.ts'
import { detachKernelState } from '../../src/agent/pipeline/sources/ebpf/sensor-process.ts'
import type {
  BehaviourKey,
  SelfProbe,
  SourceMessage,
} from '../../src/agent/pipeline/sources/source.ts'
import { packagePath } from '../../src/support/package-folder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { buildImage, removeTree, unifiedHierarchy } from './container.ts'
import { Recorder } from './recorder.ts'

const EPERM = '1'
const KILLED = 'killed 9'
const scope = 1
const known = [`read ${hex('/etc/secret')}`, 'tcp 127.0.0.1 7001', '+ tcp 127.0.0.1 7001']
const refused = '+ tcp 127.0.0.1 7003'
const killing = `+ read ${hex('/etc/private')}`

let image: string
let kernelState: string
const disposals: (() => Promise<unknown>)[] = []

beforeAll(() => {
  image = buildImage()
})
afterAll(() => removeTree(image))
beforeEach(() => {
  kernelState = `/sys/fs/bpf/snug-test-${randomBytes(4).toString('hex')}`
  disposals.push(() => detachKernelState(kernelState))
})
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose()
  expect(existsSync(kernelState)).toBe(false)
})

async function recording(options: Partial<EbpfSourceOptions> = {}): Promise<Recorder> {
  const recorder = new Recorder({ kernelState, probeSeconds: 0, ...options })
  disposals.push(() => recorder.stop())
  await recorder.running()
  await recorder.source.obeyed()
  return recorder
}

async function contained(recorder: Recorder): Promise<Acts> {
  const acts = new Acts(image)
  disposals.push(() => acts.stop())
  await acts.did(known)
  await recorder.source.obeyed()
  return acts
}

function learned(recorder: Recorder, id: string): KernelProfile {
  const profile = new Profile(shaper)
  for (const event of recorder.acts(id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  return compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
}

/** The same, with many more rules. */
function slowToInstall(profile: KernelProfile): KernelProfile {
  const more = profile.rules.flatMap((rule) =>
    Array.from({ length: 2_000 }, (_, number) => ({
      ...rule,
      actor: { exe: `/usr/bin/other-${number}` },
    })),
  )
  return { ...profile, rules: [...profile.rules, ...more] }
}

const isInstalled = (message: SourceMessage): boolean =>
  message.type === 'policy' && message.report.kind === 'installed'

const assignments = (recorder: Recorder) =>
  recorder.messages.flatMap((message) =>
    message.type === 'policy' && message.report.kind === 'assigned' ? [message.report] : [],
  )

async function block(recorder: Recorder, id: string, profile: KernelProfile): Promise<void> {
  const { control } = recorder.source
  control.profile?.(scope, profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  control.assign(id, scope, { enforce: true })
  await recorder.source.obeyed()
}

/** A container that may do what its profile learned, and a source that has reported all of it. */
async function blocking(options: Partial<EbpfSourceOptions> = {}): Promise<{
  readonly recorder: Recorder
  readonly acts: Acts
  readonly profile: KernelProfile
}> {
  const recorder = await recording(options)
  const acts = await contained(recorder)
  const profile = learned(recorder, acts.id)
  await block(recorder, acts.id, profile)
  recorder.messages.length = 0
  return { recorder, acts, profile }
}

/** Reported deviations of the container, and repeats that were only counted. */
async function accounted(
  recorder: Recorder,
  id: string,
  before: SourceMessage[] = [],
): Promise<number> {
  recorder.source.control.flush()
  await recorder.source.obeyed()
  const keys = new Set<BehaviourKey | undefined>()
  let sum = 0
  for (const [index, message] of [...before, ...recorder.messages].entries()) {
    if (message.type === 'event' && message.event.kind !== 'loss') {
      const { event, key } = message
      if (event.container.id !== id || event.enforced === undefined) continue
      keys.add(key)
      if (index >= before.length) sum += 1
    } else if (message.type === 'count-update' && keys.has(message.countUpdate.key)) {
      if (index >= before.length) sum += message.countUpdate.count
    }
  }
  return sum
}

function ports(recorder: Recorder, id: string): readonly (number | undefined)[] {
  return recorder
    .acts(id)
    .flatMap((event) => (event.kind === 'connect' ? [event.connect.port] : []))
}

async function killSensor(recorder: Recorder, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const pid = recorder.source.sensorPid
  if (pid === undefined) throw new Error('no sensor')
  process.kill(pid, signal)
  await recorder.until(
    () => recorder.source.state.kind === 'running' && recorder.source.sensorPid !== pid,
    'the next sensor',
  )
  await recorder.source.obeyed()
}

describe('with the sensor killed', () => {
  it.each([
    ['refused', refused, EPERM, 4_000],
    ['killed', killing, KILLED, 2_000],
  ] as const)(
    'in a loop of events that are %s none succeeds, none is lost, none counts twice',
    async (_, line, result, times) => {
      const { recorder, acts } = await blocking()
      const done = acts.did(Array.from({ length: times }, () => line))
      for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
        await killSensor(recorder, signal)
      }
      expect(new Set(await done)).toEqual(new Set([result]))
      expect(recorder.source.stats.facts['restarts']).toBe('3')
      expect(recorder.source.stats.facts['kernel-state.kept']).toMatch(/^yes \d+$/)
      expect(await accounted(recorder, acts.id)).toBe(times)
      expect(recorder.lossesOf(acts.id)).toEqual([])
      const again = recorder.messages.filter(
        (message) => message.type === 'container-started' && message.container.id === acts.id,
      )
      expect(again).toEqual([])
    },
  )

  it('events that exceed the rings meanwhile are counted, and reported once', async () => {
    const { recorder, acts } = await blocking({ ringBytes: 4096 })
    await recorder.everyEvent()
    const pid = recorder.source.sensorPid ?? 0
    process.kill(pid, 'SIGSTOP')
    await acts.did(Array.from({ length: 200 }, () => killing))
    process.kill(pid, 'SIGKILL')
    await recorder.until(() => recorder.source.sensorPid !== pid, 'the next sensor')
    await recorder.until(() => recorder.losses().length > 0, 'the loss')
    await killSensor(recorder, 'SIGKILL')
    const reasons = new Set(recorder.losses().map(({ loss }) => loss.reason))
    expect(reasons).toEqual(new Set(['ring-full']))
    // Of the container that they happened in: else its profile does not show them.
    const own = recorder.losses().filter(({ container }) => container?.id === acts.id)
    const dropped = own.reduce((sum, { loss }) => sum + loss.count, 0)
    const reported = recorder.acts(acts.id).filter((event) => event.enforced !== undefined).length
    expect(dropped).toBeGreaterThan(0)
    // Besides the 200: the kernel may have dropped the fork's expected events as well.
    expect(reported).toBeLessThan(200)
    expect(reported + dropped).toBeGreaterThanOrEqual(200)
  })

  it('events of others that exceed the rings meanwhile do not take the place of a deviation', async () => {
    const { recorder, acts } = await blocking({ ringBytes: 16_384 })
    const other = await contained(recorder)
    await recorder.everyEvent()
    const pid = recorder.source.sensorPid ?? 0
    process.kill(pid, 'SIGSTOP')
    await other.did(Array.from({ length: 200 }, () => `read ${hex('/etc/secret')}`))
    await acts.did([killing])
    process.kill(pid, 'SIGKILL')
    await recorder.until(() => recorder.losses().length > 0, 'the loss')
    await recorder.source.obeyed()
    expect(recorder.losses()).toContainEqual(
      expect.objectContaining({ container: expect.objectContaining({ id: other.id }) }),
    )
    const stopped = recorder.acts(acts.id).filter((event) => event.enforced === 'killed')
    expect(stopped).toHaveLength(1)
  })

  it('a version that disarmed itself meanwhile is not armed when the policy is sent again', async () => {
    const { recorder, acts } = await blocking()
    recorder.source.control.enforce?.(scope, { mode: 'block', budget: 5 })
    await recorder.source.obeyed()
    const pid = recorder.source.sensorPid ?? 0
    process.kill(pid, 'SIGSTOP')
    await acts.did(Array.from({ length: 10 }, (_, index) => `+ tcp 127.0.0.1 ${7100 + index}`))
    process.kill(pid, 'SIGKILL')
    await recorder.until(
      () => recorder.messages.some((m) => m.type === 'disarmed' && m.scope === scope),
      'its disarming',
    )
    await recorder.source.obeyed()
    expect(await acts.did(['+ tcp 127.0.0.1 7200'])).toEqual(['111'])
  })
})

describe('with no daemon running', () => {
  it('blocking continues, and the next daemon gets every event', async () => {
    const { recorder, acts, profile } = await blocking()
    const before = await acts.did(Array.from({ length: 100 }, () => refused))
    expect(await accounted(recorder, acts.id)).toBe(100)
    await recorder.stop()
    const alone = await acts.did(Array.from({ length: 300 }, () => refused))
    const other = await acts.did(['+ tcp 127.0.0.1 7004', killing])
    expect(new Set([...before, ...alone])).toEqual(new Set([EPERM]))
    expect(other).toEqual([EPERM, KILLED])

    const next = await recording()
    expect(next.messages.find(({ type }) => type === 'began')).toEqual({
      type: 'began',
      kept: true,
    })
    expect(await acts.did([refused])).toEqual([EPERM])
    await block(next, acts.id, profile)
    expect(await acts.did([refused])).toEqual([EPERM])
    expect(await accounted(next, acts.id, recorder.messages)).toBe(304)
    expect(next.lossesOf(acts.id)).toEqual([])
    expect(ports(next, acts.id)).toContain(7004)
    // The previous daemon got the first report: the kernel reports the event in full when it happens again.
    expect(ports(next, acts.id)).toContain(7003)
  })

  it('the next daemon blocks a container without a gap, however early it assigns it', async () => {
    const { recorder, acts, profile } = await blocking()
    await recorder.stop()
    const next = new Recorder({ kernelState, probeSeconds: 0 }, (control) => {
      control.profile?.(scope, slowToInstall(profile))
      control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
    })
    disposals.push(() => next.stop())
    // As where an engine names the container while the sensor starts.
    expect(next.source.sensorPid).toBeDefined()
    next.source.control.assign(acts.id, scope, { enforce: true })
    let isDone = false
    const done = next
      .until(() => next.messages.some(isInstalled), 'the profile')
      .finally(() => {
        isDone = true
      })
    const results = new Set<string>()
    let attempts = 0
    while (!isDone) {
      for (const result of await acts.did(Array.from({ length: 20 }, () => refused)))
        results.add(result)
      attempts += 20
    }
    await done
    expect(attempts).toBeGreaterThan(20)
    expect(results).toEqual(new Set([EPERM]))
    expect(await acts.did([refused])).toEqual([EPERM])
  })

  it.each(['runs on', 'ends meanwhile'])(
    'a container that %s is stopped since the time at which the daemon before it assigned it',
    async (what) => {
      const recorder = await recording()
      const acts = await contained(recorder)
      await block(recorder, acts.id, learned(recorder, acts.id))
      const [first] = assignments(recorder)
      expect(first).toMatchObject({ container: acts.id, enforced: true })
      expect(Date.parse(first?.since ?? '')).toBeGreaterThan(0)
      await recorder.stop()
      if (what === 'ends meanwhile') {
        disposals.splice(disposals.length - 1, 1)
        await acts.stop()
      }

      // Before it reads what the one before left: the kernel's record of a container goes with its last event.
      const next = new Recorder({ kernelState, probeSeconds: 0 }, (control) => {
        control.profile?.(scope, learned(recorder, acts.id))
        control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
        control.assign(acts.id, scope, { enforce: true })
      })
      disposals.push(() => next.stop())
      await next.running()
      await next.source.obeyed()
      const [second] = assignments(next)
      expect(second).toMatchObject({ container: acts.id, enforced: true })
      // Each sensor compares the clocks once more.
      const apart = Date.parse(second?.since ?? '') - Date.parse(first?.since ?? '')
      expect(Math.abs(apart)).toBeLessThanOrEqual(1)
    },
  )

  it('a container that ends meanwhile is reported as ended, after its last event', async () => {
    const recorder = await recording()
    const acts = await contained(recorder)
    await recorder.stop()
    await acts.did([`write ${hex('/data/log')}`])
    disposals.splice(disposals.length - 1, 1)
    await acts.stop()
    const next = await recording()
    await next.until(
      () => next.messages.some((m) => m.type === 'container-ended' && m.id === acts.id),
      'its end',
    )
    const order = next.messages.flatMap((m) => {
      if (m.type === 'container-started') return m.container.id === acts.id ? ['started'] : []
      if (m.type === 'container-ended') return m.id === acts.id ? ['ended'] : []
      return m.type === 'event' && m.event.kind === 'file' ? [m.event.file.path] : []
    })
    expect(order[0]).toBe('started')
    expect(order).toContain('/data/log')
    expect(order.at(-1)).toBe('ended')
  })

  it('events without an acknowledgement are reported again, and acknowledged ones are not', async () => {
    const { recorder, acts } = await blocking({ acknowledgeWhen: 'stored' })
    await acts.did(['+ tcp 127.0.0.1 7005'])
    await recorder.source.obeyed()
    const marks = recorder.messages.flatMap((m) => (m.type === 'mark' ? [m.mark] : []))
    // The last: earlier ones may be of other containers of the host.
    const last = marks.at(-1)
    if (last === undefined) throw new Error('no mark')
    recorder.source.control.acknowledge?.(last)
    await acts.did(['+ tcp 127.0.0.1 7006'])
    await recorder.source.obeyed()
    await recorder.stop()

    const next = await recording()
    expect(ports(next, acts.id)).toContain(7006)
    expect(ports(next, acts.id)).not.toContain(7005)
  })
})

describe('a sensor whose maps have another layout', () => {
  it('makes its own maps beside the old ones, and removes those once it got all of their events', async () => {
    const { recorder, acts, profile } = await blocking()
    await recorder.stop()
    expect(await acts.did([refused])).toEqual([EPERM])
    const next = await recording({ ringBytes: 65_536 })
    expect(next.source.stats.facts['kernel-state.kept']).toBe('no it is of another build')
    expect(next.messages.find(({ type }) => type === 'began')).toEqual({
      type: 'began',
      kept: false,
    })
    expect(readdirSync(kernelState).sort()).toEqual(['1', '2'])
    expect(await acts.did([refused, killing])).toEqual([EPERM, KILLED])
    await block(next, acts.id, profile)
    await next.until(() => readdirSync(kernelState).length === 1, 'only its own')
    expect(readdirSync(kernelState)).toEqual(['2'])
    expect(await acts.did([refused, killing])).toEqual([EPERM, KILLED])
  })
})

describe('detaching', () => {
  it('is refused while a sensor runs, and leaves nothing after', async () => {
    const { recorder, acts } = await blocking()
    await expect(detachKernelState(kernelState)).rejects.toMatchObject({ code: 'DETACH_REFUSED' })
    const second = new Recorder({ kernelState, probeSeconds: 0 })
    await expect(second.ended).rejects.toMatchObject({ code: 'SENSOR_UNAVAILABLE' })
    await recorder.stop()
    const ids = pinnedIds()
    expect(ids.length).toBeGreaterThan(20)
    expect(await detachKernelState(kernelState)).toContain('detached')
    expect(existsSync(kernelState)).toBe(false)
    // The kernel lets go of them a moment later.
    for (let tries = 0; ids.some(isThere); tries++) {
      if (tries > 100) throw new Error(`still there: ${JSON.stringify(ids.filter(isThere))}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await acts.did([refused])).toEqual(['111'])
    expect(await detachKernelState(kernelState)).toContain('nothing to detach')
  })
})

describe('the self-probe', () => {
  const probes = (recorder: Recorder): readonly SelfProbe[] =>
    recorder.messages.flatMap((m) => (m.type === 'self-probe' ? [m.probe] : []))

  it('finds that forbidden events are stopped and allowed ones are not, and appears nowhere else', async () => {
    const recorder = await recording({ probeSeconds: 1 })
    await recorder.until(() => probes(recorder).length > 1, 'two probes')
    for (const { passed, stopped, missed } of probes(recorder)) {
      expect({ passed, stopped, missed }).toEqual({
        passed: true,
        stopped: ['exec', 'open', 'connect'],
        missed: [],
      })
    }
    const trials = readdirSync(unifiedHierarchy()).filter((n) => n.startsWith('snug-selftest-'))
    const seen = recorder.messages.flatMap((m) =>
      m.type === 'container-started' ? [m.container.cgroup] : [],
    )
    expect(seen.filter((cgroup) => cgroup.includes('snug-selftest'))).toEqual([])
    expect(
      trials.filter((name) => name.endsWith(`-${recorder.source.sensorPid}`)).length,
    ).toBeLessThan(2)
    // Not that of another Snug, in a container of this machine.
    const own = packagePath('agent/snug-sensor')
    expect(
      recorder.messages.filter((m) => m.type === 'event' && JSON.stringify(m.event).includes(own)),
    ).toEqual([])
  })

  it('finds that nothing is stopped where blocking does not work', async () => {
    const recorder = await recording({ probeSeconds: 1, sensorArguments: ['--unarmed-selftest'] })
    await recorder.until(() => probes(recorder).length > 0, 'a probe')
    expect(probes(recorder)[0]).toMatchObject({
      passed: true,
      stopped: [],
      missed: ['exec', 'open', 'connect'],
    })
  })

  it('finds a detached hook', async () => {
    const recorder = await recording({ probeSeconds: 1 })
    await recorder.until(() => probes(recorder).length > 0, 'a probe')
    const [links] = readdirSync(join(kernelState, '1')).filter((n) => n.startsWith('links-'))
    if (links === undefined) throw new Error('no links')
    bpftool('link', 'detach', 'pinned', join(kernelState, '1', links, 'on_connect4'))
    await recorder.until(() => probes(recorder).some(({ missed }) => missed.length > 0), 'a miss')
    expect(probes(recorder).at(-1)).toMatchObject({
      passed: true,
      stopped: ['exec', 'open'],
      missed: ['connect'],
    })
  })

  it('leaves no cgroup behind when the sensor is killed in the midst of it', async () => {
    const recorder = await recording({ probeSeconds: 1 })
    for (let kills = 0; kills < 3; kills++) {
      const pid = recorder.source.sensorPid ?? 0
      const own = join(unifiedHierarchy(), `snug-selftest-${pid}`)
      for (let tries = 0; tries < 20_000 && !existsSync(own); tries++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      await killSensor(recorder, 'SIGKILL')
      expect(existsSync(own)).toBe(false)
    }
  })
})

interface KernelObject {
  readonly kind: 'link' | 'map'
  readonly id: number
}

function bpftool(...args: readonly string[]): string {
  return execFileSync('/usr/sbin/bpftool', args, { encoding: 'utf8', stdio: 'pipe' })
}

function pinnedIds(): readonly KernelObject[] {
  const state = join(kernelState, '1')
  return readdirSync(state, { withFileTypes: true }).flatMap((entry) => {
    const path = join(state, entry.name)
    if (!entry.isDirectory()) return [idOf('map', path)]
    return readdirSync(path).map((name) => idOf('link', join(path, name)))
  })
}

function idOf(kind: KernelObject['kind'], path: string): KernelObject {
  // The tool shows a link but exits with an error: its output counts.
  const { stdout } = spawnSync('/usr/sbin/bpftool', ['-j', kind, 'show', 'pinned', path])
  return { kind, id: (JSON.parse(stdout.toString()) as { readonly id: number }).id }
}

function isThere({ kind, id }: KernelObject): boolean {
  return bpftool('-j', kind, 'show').includes(`{"id":${id},`)
}
