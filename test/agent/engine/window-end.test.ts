import { afterEach, beforeEach, expect, it } from 'vitest'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf, started } from '../../fixtures/identity-fixtures.ts'

/** A person ends the window of a version while something that happened before is not judged yet. */
const [first, second] = ['a'.repeat(64), 'b'.repeat(64)]
const digest = 'sha256:1'
const image = { repository: 'shop/web', tag: '1', digest }
const by = { who: 'cli:root' }
let world: DaemonWorld

beforeEach(async () => {
  world = daemonWorld()
  await world.start()
  identify(first)
  world.source.emit(started(first))
  did(first, '/bin/early')
  await world.source.received()
})
afterEach(() => world.stop())

function identify(id: string): void {
  world.containers.report(identityOf(id, { image, imageId: digest }))
}

function did(container: string, path: string): void {
  const { image: _, ...event } = act.exec(path, { container })
  world.source.emit(eventMessage(event))
}

async function stateOf(path: string): Promise<string | undefined> {
  const { behaviours } = await world.engine.profile('shop/web')
  return behaviours.find(({ object }) => object.includes(path))?.state
}

it('is learned where the sensor has it, or its container is not identified yet', async () => {
  let answer = (): void => undefined
  world.control.done = new Promise((resolve) => {
    answer = resolve
  })
  world.source.emit(started(second))
  did(second, '/bin/unidentified')
  await world.source.received()
  const ended = world.engine.endLearning('shop/web', by)
  did(first, '/bin/on-its-way')
  await world.source.received()
  answer()
  // The world's queue is empty by now: only the container is waited for.
  await new Promise((resolve) => setImmediate(resolve))
  expect(world.daemon.registry.index.findOne('shop/web').life.state).toBe('learning')
  identify(second)
  expect((await ended).state).not.toBe('learning')
  expect(await stateOf('/bin/on-its-way')).toBe('learned')
  expect(await stateOf('/bin/unidentified')).toBe('learned')
  expect(await world.engine.alerts({ limit: 10 })).toEqual([])
  did(first, '/bin/later')
  await world.source.received()
  expect(await stateOf('/bin/later')).toBe('pending')
})

it('ends for a sensor that does not answer, too', async () => {
  world.control.done = new Promise(() => undefined)
  expect((await world.engine.endLearning('shop/web', by)).state).not.toBe('learning')
})
