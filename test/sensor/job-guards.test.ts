import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { guardsOf } from '../../src/core/compile/kernel-guards.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, shaper, shippedGuardrails } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { newId } from './container.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
const sensor = oneSensor()
const key = '/root/.ssh/id_rsa'
const token = '/root/.npmrc'

/** The profile of a job that read a token, and nothing else. */
function profile(): Profile {
  const known = new Profile(shaper)
  for (const exe of ['/bin/acts', '/bin/busybox']) {
    const event = act.file(token, ['read'], { exe, uid: 0 })
    known.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  return known
}

it('a job may do all but what is guarded, and what its profile has of that', async () => {
  const { control } = sensor.recorder.source
  const guards = guardsOf(shippedGuardrails)
  const compiled = compileKernel(profile(), { now: 0, shippedMatching: () => [], guards })
  const [id, scope] = [newId(), 901]
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, {
    mode: 'block',
    budget: 1_000,
    except: ['exec', 'listen', 'identity', 'capability'],
    spares: ['unguarded'],
  })
  control.assign(id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  const acts = new Acts(sensor.image, id, 0, (root) => {
    for (const folder of ['root/.ssh', 'etc/cron.d'])
      mkdirSync(join(root, folder), { recursive: true })
    for (const file of [key, token, '/root/.profile', '/etc/shadow'])
      writeFileSync(join(root, file), 'x')
  })
  const path = (name: string): string => hex(name)
  // In a process that may be killed for it.
  const forked = (line: string): string => `+ ${line}`
  try {
    const open = [
      `read ${path('/etc/secret')}`,
      `read ${path(token)}`,
      `write ${path('/data/built')}`,
      `rename ${path('/data/built')} ${path('/data/moved')}`,
      `link ${path('/data/moved')} ${path('/data/linked')}`,
      `chmod ${path('/data/moved')}`,
      `unlink ${path('/data/linked')}`,
      'listen 127.0.0.1 8080',
    ]
    expect(await acts.did(open.map(forked))).toEqual(open.map(() => '0'))
    const guarded = [
      `read ${path(key)}`,
      `read ${path('/etc/shadow')}`,
      `write ${path('/root/.profile')}`,
      `write ${path('/etc/cron.d/job')}`,
    ]
    for (const result of await acts.did(guarded.map(forked)))
      expect([EPERM, 'killed 9']).toContain(result)
    const peers = ['udp 127.0.0.1 9', 'udp 198.51.100.7 443']
    expect(await acts.did(peers)).toEqual(['0', EPERM])
  } finally {
    await acts.stop()
  }
})
