import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { VerifiedProfile } from '../../../src/supplychain/attest/verify.ts'
import { SnugError } from '../../../src/errors.ts'
import { TrustedProfileLoader } from '../../../src/agent/engine/trusted-profile-loader.ts'
import { scopedEngine } from '../../../src/agent/pipeline/identity/scoped-engine.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { type DaemonWorld, daemonWorld } from '../../fixtures/daemon-fixtures.ts'
import { fileOf, service } from '../../fixtures/gate-fixtures.ts'
import { event, identityOf, started } from '../../fixtures/identity-fixtures.ts'

const id = 'c'.repeat(64)
const image = { repository: 'reg.local:5000/shop/web', digest: `sha256:${'2'.repeat(64)}` }
const container = identityOf(id, {
  image,
  imageId: `sha256:${'9'.repeat(64)}`,
  rootfs: { upper: '/none', layers: [] },
})
const verified: VerifiedProfile = {
  digests: [image.digest],
  content: fileOf(service(), '2'),
  made: '2026-11-24T13:00:00Z',
  signer: { keyId: 'ab'.repeat(32) },
}

let world: DaemonWorld
let asked: string[]
let stop: AbortController
beforeEach(() => {
  world = daemonWorld()
  asked = []
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  await world.stop()
})

async function deploy(mode: 'alert' | 'block', answer: () => Promise<VerifiedProfile | undefined>) {
  const fetch = (repository: string, digest: string) => {
    asked.push(`${repository}@${digest}`)
    return answer()
  }
  const { signal } = stop
  const loader = new TrustedProfileLoader({
    context: world.daemon,
    mode,
    fetch,
    signal,
    random: () => 1,
  })
  loader.follow([world.containers])
  await world.start()
  world.containers.report(container)
  await world.daemon.journal.persist()
  world.source.emit(started(id))
  await world.source.received()
  await world.daemon.journal.persist()
}

const version = async () => (await world.engine.image(image.repository)).versions[0]
/** Without an image in the event: only the engine resolves the image of a container. */
const does = async (of: ReturnType<typeof act.exec>) => {
  const { image: _, ...rest } = of
  world.source.emit(event({ ...rest, container: { id } } as ActEvent))
  await world.source.received()
}

it('has a version with a trusted profile enforced, with nothing to learn', async () => {
  await deploy('block', () => Promise.resolve(verified))
  expect(await version()).toMatchObject({ state: 'enforced', mode: 'block' })
  expect((await version())?.because).toMatch(/signed by key:abababababababab: blocking in/)
  expect(world.control.last('profile')?.profile?.rules.length).toBeGreaterThan(0)
  expect(world.control.enforced(id)).toBe(true)
  expect(await world.engine.audit(1)).toMatchObject([{ what: 'trust', ...verified.signer }])
})

it('enforces it in each namespace, also in one that starts the image for the first time', async () => {
  world = daemonWorld({ scope: 'namespace' })
  const loader = new TrustedProfileLoader({
    context: world.daemon,
    mode: 'block',
    fetch: () => Promise.resolve(verified),
    signal: stop.signal,
  })
  loader.follow([scopedEngine(world.containers, 'namespace')])
  await world.start()
  for (const [i, namespace] of ['a', 'b'].entries()) {
    const workload = { namespace, name: 'web' }
    world.containers.report({ ...container, id: String(i).repeat(64), workload })
    await world.daemon.journal.persist()
    const { versions } = await world.engine.image(`${image.repository}#${namespace}`)
    expect(versions).toMatchObject([{ state: 'enforced', mode: 'block' }])
  }
})

it('gives the kernel its profile before the container starts, and again once the files of its image are there', async () => {
  await deploy('block', () => Promise.resolve(verified))
  const reported = world.control.reported.map(({ what }) => what)
  expect(reported.filter((what) => what === 'profile')).toHaveLength(2)
  expect(reported.indexOf('profile')).toBeLessThan(reported.lastIndexOf('assign'))
})

it('alerts only on behaviours that the profile does not have', async () => {
  await deploy('alert', () => Promise.resolve(verified))
  await does(act.connect('10.0.0.7', 5432, { exe: '/usr/bin/helper' }))
  expect((await world.engine.alerts({ limit: 10 })).length).toBe(0)
  await does(act.connect('203.0.113.9', 443, { exe: '/usr/bin/helper' }))
  expect(await world.engine.alerts({ limit: 10 })).toMatchObject([
    { type: 'deviation', severity: expect.any(String) },
  ])
})

it.each([
  ['SIGNATURE_BROKEN', 'critical'],
  ['ATTESTATION_OF_ANOTHER', 'critical'],
  ['SIGNER_UNKNOWN', 'medium'],
  ['ATTESTATION_EXPIRED', 'medium'],
  ['REGISTRY_FAILED', 'medium'],
] as const)(
  'reports a refused profile and learns as if there were none: %s',
  async (code, severity) => {
    await deploy('block', () => Promise.reject(new SnugError(code, 'no good')))
    expect(await version()).toMatchObject({ state: 'learning', mode: 'learn' })
    const [alert] = await world.engine.alerts({ limit: 10 })
    expect(alert).toMatchObject({ type: 'enforcement', severity, image })
    expect(alert?.reasons[0]).toContain(code)
    expect(await world.engine.audit(1)).toMatchObject([{ what: 'trust-refused', code }])
  },
)

it('learns an image without a profile and reports nothing', async () => {
  await deploy('block', () => Promise.resolve(undefined))
  expect(await version()).toMatchObject({ state: 'learning' })
  expect(await world.engine.alerts({ limit: 10 })).toEqual([])
})

it('asks once for a version, and never about an image that was built here', async () => {
  await deploy('alert', () => Promise.resolve(verified))
  world.containers.report({ ...container, id: 'd'.repeat(64) })
  const built = { repository: 'shop/own', digest: `sha256:${'3'.repeat(64)}` }
  world.containers.report(identityOf('e'.repeat(64), { image: built, imageId: built.digest }))
  await world.daemon.journal.persist()
  expect(asked).toEqual([`${image.repository}@${image.digest}`])
})

describe('a registry that fails', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const failing = (times: number) => (): Promise<VerifiedProfile | undefined> =>
    asked.length <= times
      ? Promise.reject(new SnugError('REGISTRY_FAILED', 'it does not answer'))
      : Promise.resolve(verified)

  it('is asked again, ever more rarely, until it has answered', async () => {
    await deploy('alert', failing(3))
    expect(await version()).toMatchObject({ state: 'learning' })
    const times: number[] = []
    for (let second = 0; second < 60; second += 1) {
      const before = asked.length
      await vi.advanceTimersByTimeAsync(1_000)
      if (asked.length > before) times.push(second + 1)
    }
    expect(times).toEqual([5, 15, 35])
    expect(await version()).toMatchObject({ state: 'enforced', mode: 'alert' })
    const refused = (await world.engine.audit(100)).filter(({ what }) => what === 'trust-refused')
    expect(refused).toHaveLength(1)
  })

  it('is not asked any more about a version that was removed', async () => {
    await deploy('alert', failing(Infinity))
    world.source.emit({ type: 'container-ended', id, time: new Date(world.now()).toISOString() })
    await world.source.received()
    await world.engine.removeImage(image.repository, { who: 'cli:root' })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(asked).toHaveLength(1)
  })

  it('is not asked any more once the agent ends', async () => {
    await deploy('alert', failing(Infinity))
    stop.abort()
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(asked).toHaveLength(1)
  })
})
