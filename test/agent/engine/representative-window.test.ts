import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { requirementsByImage } from '../../../src/ci/gate/representative.ts'
import { daemonWorld, type DaemonWorld } from '../../fixtures/daemon-fixtures.ts'
import { does, runs, sharedImage } from '../../fixtures/tenants.ts'

const folder = mkdtempSync(join(tmpdir(), 'snug-must-see-'))
const file = join(folder, 'must-see.yaml')
const worlds: DaemonWorld[] = []

beforeAll(() => {
  const files = '[{ path: /srv/report, access: read }, { path: "/srv/more/**" }]'
  writeFileSync(file, `schema: snug.representative/v1\nfiles: ${files}\n`)
})
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Floor 1 s, ceiling 60 s, any coverage. */
async function learning(images: readonly string[]): Promise<DaemonWorld> {
  const world = daemonWorld({ rules: { mustSee: requirementsByImage([{ images, file }]) } })
  worlds.push(world)
  await world.start()
  runs(world, 'shop')
  await does(world, 'shop', '/etc/web.conf')
  return world
}

const lifeIn = (world: DaemonWorld) =>
  world.daemon.registry.index.findOne(sharedImage.repository).life

describe('a window with requirements for its image', () => {
  it('stays open until the service has shown all of them', async () => {
    const world = await learning(['**/nothing', sharedImage.repository])
    world.advance(10_000)
    expect(lifeIn(world)).toMatchObject({
      state: 'learning',
      because: expect.stringContaining(
        'not representative: no file /srv/report was read, and 1 more',
      ) as unknown,
    })
    await does(world, 'shop', '/srv/report')
    world.advance(10_000)
    expect(lifeIn(world).because).toContain('no file /srv/more/** was used')
    await does(world, 'shop', '/srv/more/a')
    world.advance(10_000)
    expect(lifeIn(world)).toMatchObject({ state: 'enforced', mode: 'alert' })
  })

  it('ends incomplete at its ceiling, and then never blocks', async () => {
    const world = await learning([sharedImage.repository])
    world.advance(61_000)
    expect(lifeIn(world)).toMatchObject({ state: 'incomplete', mode: 'alert' })
    const block = world.engine.setMode(sharedImage.repository, 'block', { who: 'cli:root' })
    await expect(block).rejects.toMatchObject({ code: 'MODE_REFUSED' })
  })

  it('leaves other images alone', async () => {
    const world = await learning(['other/**'])
    world.advance(10_000)
    expect(lifeIn(world)).toMatchObject({ state: 'enforced' })
  })
})

it('a file with a mistake is refused with its name', () => {
  const wrong = join(folder, 'wrong.yaml')
  writeFileSync(wrong, 'schema: snug.representative/v1\nprogram: [/bin/x]\n')
  expect(() => requirementsByImage([{ images: ['**'], file: wrong }])).toThrow(
    expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringContaining(wrong) }),
  )
})
