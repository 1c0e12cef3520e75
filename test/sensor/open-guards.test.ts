import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { openGuardsOf } from '../../src/core/compile/kernel-guards.ts'
import { openKinds } from '../../src/core/lifecycle/blocking.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, shaper, shippedGuardrails } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { newId } from './container.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
/** It may, and its network has no way there. */
const UNREACHABLE = '101'
const sensor = oneSensor()
const key = '/root/.ssh/id_rsa'

/** Of another program than the one that acts. */
function profile(): Profile {
  const known = new Profile(shaper)
  const curl = { exe: '/usr/bin/curl', uid: 0 }
  for (const event of [
    act.connect('198.51.100.7', 443, curl, 'udp'),
    act.file(key, ['read'], curl),
  ])
    known.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  return known
}

it('any program of a version of class open may what another one may with peers, and not what is guarded', async () => {
  const { control } = sensor.recorder.source
  const guards = openGuardsOf(shippedGuardrails)
  const compiled = compileKernel(profile(), {
    now: 0,
    // What is guarded stays so where the image ships it.
    shippedMatching: () => [key],
    guards,
    isOpen: true,
  })
  const [id, scope] = [newId(), 902]
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, {
    mode: 'block',
    budget: 1_000,
    except: openKinds,
    spares: ['unguarded', 'actors'],
  })
  control.assign(id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  const acts = new Acts(sensor.image, id, 0, (root) => {
    for (const folder of ['root/.ssh', 'etc/cron.d', 'usr/bin'])
      mkdirSync(join(root, folder), { recursive: true })
    for (const file of [key, '/root/.profile', '/usr/bin/tool'])
      writeFileSync(join(root, file), 'x')
  })
  const path = (name: string): string => hex(name)
  const forked = (line: string): string => `+ ${line}`
  try {
    const open = [
      `write ${path('/data/built')}`,
      `rename ${path('/data/built')} ${path('/data/moved')}`,
      // Which programs there are is not for the kernel to decide.
      `write ${path('/usr/bin/tool')}`,
      'listen 127.0.0.1 8081',
    ]
    expect(await acts.did(open.map(forked))).toEqual(open.map(() => '0'))
    const guarded = [
      `read ${path(key)}`,
      `write ${path('/root/.profile')}`,
      `write ${path('/etc/cron.d/job')}`,
    ]
    for (const result of await acts.did(guarded.map(forked)))
      expect([EPERM, 'killed 9']).toContain(result)
    const peers = ['udp 127.0.0.1 9', 'udp 198.51.100.7 443', 'udp 198.51.100.8 443']
    expect(await acts.did(peers)).toEqual(['0', UNREACHABLE, EPERM])
    // What root gives up is no gain, and a namespace is one.
    expect(await acts.did(['+ setuid 7'])).toEqual(['0'])
    expect(await acts.did(['+ unshare 0x4000000'])).toEqual(['killed 9'])
  } finally {
    await acts.stop()
  }
})
