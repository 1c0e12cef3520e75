import { afterEach, expect, it, vi } from 'vitest'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf, started } from '../../fixtures/identity-fixtures.ts'

const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]
const names = Array.from({ length: 600 }, (_, n) =>
  String(n).replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit))),
)
/** A busy machine has time for it later. */
let world: DaemonWorld

afterEach(() => world.stop())

function identity(id: string, digest: string): ContainerIdentity {
  return identityOf(id, { image: { repository: 'shop/web', tag: '1', digest }, imageId: digest })
}

async function runs(id: string, digest: string, paths: readonly string[]): Promise<void> {
  world.containers.report(identity(id, digest))
  world.source.emit(started(id))
  for (const path of paths) {
    const { image: _, ...event } = act.exec(path, { container: id })
    world.source.emit(eventMessage(event))
  }
  await world.source.received()
}

/** Inheritance begins once the result is called. */
function holdInheritance(): () => void {
  const { slices } = world.daemon
  const run = slices.run.bind(slices)
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  vi.spyOn(slices, 'run').mockImplementation(async (what, steps) => {
    if (what === 'inheritance') await held
    return run(what, steps)
  })
  return goOn
}

it('a new version has inherited all before its first event is judged, beside other work', async () => {
  world = daemonWorld()
  await world.start()
  const programs = names.map((name) => `/bin/${name}`)
  await runs(first, 'sha256:1', programs)
  const by = { who: 'cli:root' }
  await world.engine.endLearning('shop/web', by)
  const rejected = (await world.engine.profile('shop/web')).behaviours[0]?.id ?? ''
  await world.engine.reject('shop/web', [rejected], by)
  const goesOn = holdInheritance()
  await runs(second, 'sha256:2', programs)
  // Its messages wait, and those of others do not.
  expect(world.daemon.inflow.identifier.stats.waiting).toBe(1)
  await runs('c'.repeat(64), 'sha256:1', ['/bin/a'])
  expect(world.daemon.registry.watched).toBe(2)
  goesOn()
  await expect.poll(() => world.daemon.inflow.identifier.stats.waiting).toBe(0)
  const states = async (digest: string) =>
    (await world.engine.profile(`shop/web@${digest}`)).behaviours.map(({ id, state }) => [
      id,
      state,
    ])
  expect(await states('sha256:2')).toEqual(await states('sha256:1'))
  const { behaviours } = await world.engine.profile('shop/web@sha256:2')
  expect(behaviours.filter(({ inherited }) => inherited)).toEqual([])
  expect(behaviours).toHaveLength(names.length)
  expect(world.engine.status().alerts.total).toBe(1)
})
