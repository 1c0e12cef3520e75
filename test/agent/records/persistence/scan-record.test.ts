import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { profileDocument } from '../../../../src/supplychain/export/profile-document.ts'
import type { ProfileEntry } from '../../../../src/core/profile/profile-entry.ts'
import { keptOf } from '../../../../src/ci/scan/keep.ts'
import { type DaemonWorld, daemonWorld } from '../../../fixtures/daemon-fixtures.ts'
import { joinedWith, trivy } from '../../../fixtures/scan-fixtures.ts'

const image = { repository: 'registry.local/shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const by = { who: 'cli:root' }
const corpus = fileURLToPath(new URL('../../../corpus/web-server/profile.json', import.meta.url))
const entries = JSON.parse(readFileSync(corpus, 'utf8')) as ProfileEntry[]
const scan = keptOf(await joinedWith(trivy))

async function worldWithImage(): Promise<DaemonWorld> {
  const world = daemonWorld()
  await world.start()
  async function* document() {
    yield Buffer.from(profileDocument(image, entries))
  }
  await world.engine.importProfile(document(), by)
  return world
}

it('is kept with its version, in full on request, and over a restart', async () => {
  const world = await worldWithImage()
  const before = world.engine.revision(image.repository)
  const reported = await world.engine.keepScan(image.repository, scan, by)
  const { findings, ...short } = scan
  expect(reported.scan).toEqual({ ...short, at: expect.any(String), by: 'cli:root' })
  expect((await world.engine.images())[0]?.versions[0]?.scan).toEqual(reported.scan)
  expect((await world.engine.image(image.repository)).versions[0]?.scan).toEqual({
    ...reported.scan,
    findings,
  })
  expect(await world.engine.audit(1)).toMatchObject([{ what: 'scan', counts: scan.counts }])
  // It is no decision: a reviewer who read the version before may still decide on it.
  expect(world.engine.revision(image.repository)).toBe(before)
  await world.stop()

  const again = daemonWorld({ store: world.store, startMs: world.now() })
  await again.start()
  expect((await again.engine.image(image.repository)).versions[0]?.scan).toEqual({
    ...reported.scan,
    findings,
  })
  await again.stop()
})

it('takes the place of the one before', async () => {
  const world = await worldWithImage()
  await world.engine.keepScan(image.repository, scan, by)
  const none = { ...scan, counts: { ...scan.counts, 'in-use': 0 }, findings: [] }
  await world.engine.keepScan(image.repository, none, { who: 'token:ci' })
  expect((await world.engine.image(image.repository)).versions[0]?.scan).toMatchObject({
    by: 'token:ci',
    findings: [],
  })
  await world.stop()
})

it('is lost alone where its stored form cannot be read', async () => {
  const world = await worldWithImage()
  await world.engine.keepScan(image.repository, scan, by)
  await world.stop()
  const key = `scan ${image.repository}@${image.digest}`
  await world.store.batch([{ kind: 'meta', key, value: { findings: 3 } }])
  const again = daemonWorld({ store: world.store, startMs: world.now() })
  await again.start()
  expect((await again.engine.image(image.repository)).versions[0]?.scan).toBeUndefined()
  expect(again.engine.status().degraded.join()).toContain('STORE_DAMAGED')
  await again.stop()
})

it('is refused of an image that is not known', async () => {
  const world = await worldWithImage()
  const refused = world.engine.keepScan('registry.local/other', scan, by)
  await expect(refused).rejects.toMatchObject({ code: 'IMAGE_UNKNOWN' })
  await world.stop()
})
