import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import type { Recorder } from '../sensor/recorder.ts'
import type { Machine } from './machine.ts'

/** For the sensor of the machine. */
export const watchedUnits = ['svc*.service']

const scope = 78
const folder = '/sys/fs/cgroup/system.slice/svc1.service'

/** The unit's manager, the first process of the machine, runs a line in the unit. Gives what it prints. */
function inUnit(machine: Machine, line: string): Promise<string> {
  const entered = `echo 0 >${folder}/cgroup.procs; exec sh -c "${line} 2>&1; exit 0"`
  return machine.run(`sh -c '${entered}'`)
}

/**
 * What a unit of systemd prints in mode block: for what it was learned to do, and for what deviates. The cgroup is as
 * systemd makes it.
 */
export async function blockedUnit(
  machine: Machine,
  recorder: Recorder,
): Promise<readonly [ordinary: string, deviating: string]> {
  const { control } = recorder.source
  await machine.run(`mkdir -p ${folder}`)
  await inUnit(machine, 'cat /image/etc/secret')
  await recorder.source.obeyed()
  const started = recorder.messages.flatMap((message) =>
    message.type === 'container-started' ? [message.container] : [],
  )
  const id = started.find(({ cgroup }) => cgroup === '/system.slice/svc1.service')?.id ?? 'none'
  const profile = new Profile(shaper)
  for (const event of recorder.acts(id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [], knowsDrift: false })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000 })
  control.assign(id, scope, { enforce: true })
  await recorder.source.obeyed()
  const printed = [
    await inUnit(machine, 'cat /image/etc/secret'),
    await inUnit(machine, 'ls /image/etc'),
  ] as const
  await machine.run(`rmdir ${folder}`)
  return printed
}
