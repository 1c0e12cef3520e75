import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Steps } from '../../../src/core/steps.ts'
import { compiledAtOnce, KernelProfiles } from '../../../src/agent/enforcement/kernel-profiles.ts'
import { allObservables } from '../../../src/core/coverage/observable.ts'
import { startVersion, type Version } from '../../../src/core/lifecycle/version.ts'
import { DeployedVersion } from '../../../src/agent/records/versions/deployed-version.ts'
import { MemoryStore } from '../../../src/agent/records/store/memory-store.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  RecordingControl,
} from '../../fixtures/daemon-fixtures.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const image = { repository: 'shop/web', digest: 'sha256:aa' }
const blocking: Version = {
  ...startVersion('sha256:aa', 0),
  state: 'enforced',
  mode: 'block',
  blocking: { since: 0 },
}

/** Goes on only when the test lets it. */
class HandSlices {
  #steps: Steps<unknown> | undefined
  #end: (value: unknown) => void = () => undefined

  run<T>(_what: string, steps: Steps<T>): Promise<T> {
    expect(this.#steps).toBeUndefined()
    this.#steps = steps
    return new Promise((resolve) => (this.#end = resolve as (value: unknown) => void))
  }

  get isBusy(): boolean {
    return this.#steps !== undefined
  }

  some(count: number): void {
    for (let n = 0; n < count; n += 1) expect(this.#steps?.next().done).toBe(false)
  }

  async rest(): Promise<void> {
    for (;;) {
      const { done, value } = this.#steps?.next() ?? {}
      if (done !== true) continue
      this.#steps = undefined
      this.#end(value)
      // The promise, and what follows it.
      await Promise.resolve()
      await Promise.resolve()
      return
    }
  }
}

describe('the profile of a version with many behaviours', () => {
  let control: RecordingControl
  let slices: HandSlices
  let version: DeployedVersion
  let profiles: KernelProfiles

  beforeEach(() => {
    vi.useFakeTimers()
    control = new RecordingControl()
    slices = new HandSlices()
    const many = Array.from({ length: compiledAtOnce + 10 }, (_, n) => act.exec(`/bin/a${n}`))
    version = new DeployedVersion(image, blocking, learned(...many), '')
    version.watchedFor(allObservables)
    version.scope = 7
    profiles = new KernelProfiles({
      controls: () => [control],
      shippedMatching: () => [],
      budget: 100,
      now: Date.now,
      slices,
      onWidened: () => {},
      onFailed: (_, error) => {
        throw error
      },
      onHealed: () => {},
    })
  })
  afterEach(() => {
    profiles.close()
    vi.useRealTimers()
  })

  const sent = () => control.reported.map(({ what }) => what)
  const programs = () => {
    const rules = control.last('profile')?.profile?.rules ?? []
    return rules.flatMap(({ object }) => (object.kind === 'exec' ? [object.path] : []))
  }

  it('is compiled with pauses, and sent as a whole before the order to block', async () => {
    profiles.moved(version)
    slices.some(20)
    expect(sent()).toEqual([])
    expect(profiles.has(version)).toBe(false)
    await slices.rest()
    expect(sent()).toEqual(['profile', 'enforce'])
    expect(programs()).toHaveLength(compiledAtOnce + 10)
    expect(profiles.blocks(version)).toBe(true)
  })

  it('follows a decision that comes during a pause, by a second compilation', async () => {
    profiles.moved(version)
    slices.some(20)
    feed(version.profile, [act.exec('/bin/new')])
    profiles.changed(version)
    await slices.rest()
    expect(programs()).not.toContain('/bin/new')
    vi.advanceTimersByTime(300)
    expect(slices.isBusy).toBe(true)
    expect(programs()).toHaveLength(compiledAtOnce + 10)
    await slices.rest()
    expect(programs()).toContain('/bin/new')
    expect(sent()).toEqual(['profile', 'enforce', 'profile'])
  })

  it('is not sent where the version goes back to learning, is removed, or the agent ends', async () => {
    const ends = [
      () => {
        version.life = { ...blocking, state: 'learning', mode: 'learn' }
        profiles.moved(version)
      },
      () => profiles.removed(version),
      () => profiles.close(),
    ]
    for (const end of ends) {
      version.life = blocking
      profiles.moved(version)
      slices.some(20)
      end()
      await slices.rest()
      expect(sent()).toEqual([])
      profiles.removed(version)
    }
  })

  it('is sent for the scope that the version has by then', async () => {
    profiles.moved(version)
    slices.some(20)
    version.scope = 8
    await slices.rest()
    expect(sent()).toEqual([])
    await slices.rest()
    expect(control.last('profile')?.scope).toBe(8)
  })

  it('is waited for, also where it has to be compiled again', async () => {
    profiles.moved(version)
    let isCompiled = false
    const compiled = profiles.compiled(version).then(() => (isCompiled = true))
    version.scope = 8
    await slices.rest()
    expect(isCompiled).toBe(false)
    await slices.rest()
    await compiled
    expect(control.last('profile')?.scope).toBe(8)
  })
})

describe('a daemon that starts again', () => {
  const by = { who: 'cli:root' }
  const container = 'a'.repeat(64)
  const programs = Array.from({ length: compiledAtOnce + 10 }, (_, n) => `/bin/a${n}`)

  function begin(world: DaemonWorld): void {
    world.containers.report(identityOf(container))
    world.containers.atOnce.add(container)
    const time = new Date(world.now()).toISOString()
    const began = { id: container, cgroup: '', time, before: false }
    world.source.emit({ type: 'container-started', container: began })
  }

  it('reads its sources once they have all profiles', async () => {
    const store = new MemoryStore()
    const first = daemonWorld({ store })
    await first.start()
    begin(first)
    first.source.emit(...programs.map((path) => eventMessage(act.exec(path, { container }))))
    await first.source.received()
    await first.engine.endLearning('shop/web', by)
    await first.stop()
    const next = daemonWorld({ store })
    begin(next)
    await next.start()
    await next.source.received()
    const sent = next.control.reported.map(({ what }) => what)
    const [firstOfBoth] = sent.filter((what) => what === 'profile' || what === 'assign')
    expect(firstOfBoth).toBe('profile')
    expect(sent).toContain('assign')
    expect(next.control.last('profile')?.profile?.rules).toHaveLength(programs.length)
    await next.stop()
  })
})
