import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { profileDocument } from '../../../src/supplychain/export/profile-document.ts'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { type DaemonWorld, daemonWorld } from '../../fixtures/daemon-fixtures.ts'

const image = { repository: 'registry.local/shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const by = { who: 'cli:root' }
const corpus = fileURLToPath(new URL('../../corpus/web-server/profile.json', import.meta.url))
const entries = JSON.parse(readFileSync(corpus, 'utf8')) as ProfileEntry[]
/** Names that a place covers have no separate rows. */
const rows = entries.filter(({ within }) => within === undefined)
const file = profileDocument(image, entries)

let world: DaemonWorld
beforeEach(async () => {
  world = daemonWorld()
  await world.start()
})
afterEach(() => world.stop())

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000)
}

it('creates the version of an image that this host never ran, which then waits for review', async () => {
  const version = await world.engine.importProfile(chunks(file), by)
  expect(version).toMatchObject({
    image,
    state: 'review',
    mode: 'learn',
    behaviours: rows.length,
  })
  expect(version.because).toContain('cli:root imported a profile')
  world.advance(3_600_000)
  expect((await world.engine.image(image.repository)).versions[0]).toMatchObject({
    state: 'review',
  })
  const audit = await world.engine.audit(1)
  expect(audit).toMatchObject([{ what: 'import', who: 'cli:root', behaviours: entries.length }])
})

it('exports the imported profile, and importing it twice changes nothing', async () => {
  await world.engine.importProfile(chunks(file), by)
  await world.engine.importProfile(chunks(file), by)
  const { text, notes } = await world.engine.exportProfile(image.repository, 'snug')
  expect([text, notes]).toEqual([file, []])
})

it('changes nothing of a version that is enforced', async () => {
  await world.engine.importProfile(chunks(file), by)
  await world.engine.setMode(image.repository, 'alert', by)
  const before = await world.engine.profile(image.repository)
  const [first] = entries
  const more = profileDocument(image, first === undefined ? [] : [{ ...first, cells: [] }])
  const refused = world.engine.importProfile(chunks(more), by)
  await expect(refused).rejects.toMatchObject({ code: 'MODE_REFUSED' })
  expect(await world.engine.profile(image.repository)).toEqual(before)
})

it('refuses an invalid profile and creates no version', async () => {
  for (const text of ['', '{', '[]', file.replaceAll('/usr/sbin/nginx', '/usr/sbin/other')]) {
    const refused = world.engine.importProfile(chunks(text), by)
    await expect(refused).rejects.toMatchObject({ code: 'PROFILE_INVALID' })
  }
  expect(await world.engine.images()).toEqual([])
})
