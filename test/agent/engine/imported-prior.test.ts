import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { documentText } from '../../../src/supplychain/export/profile-document.ts'
import { shippedPrior } from '../../../src/supplychain/prior/shipped-prior.ts'
import { parseShippedProfile } from '../../../src/supplychain/prior/shipped-profile.ts'
import { type DaemonWorld, daemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf, started } from '../../fixtures/identity-fixtures.ts'

const id = 'c'.repeat(64)
const image = { repository: 'shop/redis', digest: `sha256:${'2'.repeat(64)}` }
const by = { who: 'cli:root' }
const shipped = parseShippedProfile(
  parse(readFileSync(new URL('../../schemas/sbob-redis.yaml', import.meta.url), 'utf8')),
)
const text = documentText(shippedPrior(shipped, image, [999]).document)
const redis = { exe: '/usr/local/bin/redis-server', uid: 999 }

let world: DaemonWorld
beforeEach(async () => {
  world = daemonWorld({ rules: { floorMs: 60_000, ceilingMs: 3_600_000 } })
  await world.start()
})
afterEach(() => world.stop())

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

const bring = () => world.engine.importProfile(chunks(), by)

async function show(...events: readonly ActEvent[]): Promise<void> {
  for (const each of events) {
    const event = { ...each, container: { id }, image, time: new Date(world.now()).toISOString() }
    world.source.emit(eventMessage(event))
  }
  await world.source.received()
}

async function run(): Promise<void> {
  world.containers.report(identityOf(id, { image, rootfs: { upper: '/none', layers: [] } }))
  world.source.emit(started(id))
  await world.source.received()
}

const alerts = async () =>
  (await world.engine.alerts({ limit: 10 })).map(({ behaviour, reasons }) => [
    behaviour?.object,
    reasons,
  ])

it('a shipped profile is the prior of its version, which goes on learning', async () => {
  expect(await bring()).toMatchObject({ image, state: 'learning', mode: 'learn' })
  const { behaviours } = await world.engine.profile(image.repository)
  expect(new Set(behaviours.map(({ state }) => state))).toEqual(new Set(['learned']))
  expect(behaviours[0]?.why).toBe(
    'in the shipped profile `argocd-redis`, not observed in this one yet',
  )
  expect(await world.engine.audit(1)).toMatchObject([{ what: 'import', who: 'cli:root' }])
})

it('it judges from the first event, and what it does not have is an alert with that reason', async () => {
  await bring()
  await run()
  await show(
    act.file('/etc/ssl/openssl.cnf', ['read'], redis),
    act.file('/proc/812/stat', ['read'], redis),
    // Kinds that the format does not have are learned as ever.
    act.listen('0.0.0.0', 6379, redis),
  )
  expect(await alerts()).toEqual([])
  await show(act.file('/srv/app.conf', ['write'], redis))
  expect(await alerts()).toEqual([
    [
      expect.stringContaining('/srv/app.conf'),
      expect.arrayContaining([
        'the profile that was shipped for the image does not have this behaviour',
      ]),
    ],
  ])
})

it('it still judges after a restart, and is refused where the version is enforced', async () => {
  await bring()
  await world.daemon.journal.persist()
  await world.stop()
  const again = daemonWorld({
    store: world.store,
    rules: { floorMs: 60_000, ceilingMs: 3_600_000 },
  })
  world = again
  await world.start()
  await run()
  await show(act.file('/srv/app.conf', ['write'], redis))
  expect(await alerts()).toHaveLength(1)
  await world.engine.setMode(image.repository, 'alert', by)
  await expect(bring()).rejects.toMatchObject({ code: 'MODE_REFUSED' })
})

it('enforced at once, it lets nothing else pass without an alert', async () => {
  await bring()
  await world.engine.setMode(image.repository, 'alert', by)
  await run()
  await show(act.file('/etc/passwd', ['read'], redis))
  expect(await alerts()).toEqual([])
  await show(act.exec('/bin/bash', redis))
  expect(await alerts()).toHaveLength(1)
})
