import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { Acts, hex } from '../sensor/acts.ts'
import { buildImage, removeTree } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { repetitions } from '../fixtures/repetitions.ts'

const replacements = repetitions(1_000)
const scope = 11
const EPERM = '1'
/** No process listens there: the peer refuses a connection that is let through. */
const ECONNREFUSED = '111'
const KILLED = 'killed 9'

/** Commands that both profiles allow, with their results. */
const load = [
  [`read ${hex('/etc/secret')}`, '0'],
  [`write ${hex('/data/log')}`, '0'],
  ['tcp 127.0.0.1 7001', ECONNREFUSED],
  [`+ exec ${hex('/bin/acts')}`, '0'],
  [`+ read ${hex('/etc/private')}`, '0'],
] as const
/** Commands that only one of them allows; neither allows the last. */
const [onlyA, onlyB, neither] = [7_101, 7_102, 7_103]
const probes = [onlyA, onlyB, neither].map((port) => `tcp 127.0.0.1 ${port}`)
const files = ['/etc/script.sh', '/data/compat']
const fileProbes = files.map((path) => `+ read ${hex(path)}`)

let image: string
let recorder: Recorder
const held: Acts[] = []

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
})

afterAll(async () => {
  for (const acts of held) await acts.stop()
  await recorder.stop()
  removeTree(image)
})

function container(): Acts {
  const acts = new Acts(image)
  held.push(acts)
  return acts
}

function compiled(events: readonly ActEvent[]): KernelProfile {
  const profile = new Profile(shaper)
  for (const event of events)
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  return compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
}

/** All events except those that only the other profile allows. */
function without(events: readonly ActEvent[], port: number, path: string): readonly ActEvent[] {
  return events.filter(
    (event) =>
      !(event.kind === 'connect' && [port, neither].includes(event.connect.port)) &&
      !(event.kind === 'file' && event.file.path === path),
  )
}

test(`replaced ${replacements} times under load, no profile gives a wrong verdict`, async () => {
  const busy = [container(), container()]
  const probing = container()
  const lines = load.map(([line]) => line)
  for (const acts of busy) await acts.did(lines)
  await probing.did([...probes, ...fileProbes])
  await recorder.source.obeyed()

  const seen = recorder.acts()
  const [script = '', compat = ''] = files
  const a = compiled(without(seen, onlyB, compat))
  const b = compiled(without(seen, onlyA, script))
  const { control } = recorder.source
  control.profile?.(scope, a)
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  for (const acts of [...busy, probing]) control.assign(acts.id, scope, { enforce: true })
  await recorder.source.obeyed()
  recorder.messages.length = 0

  let going = true
  const loads = busy.map(async (acts) => {
    let rounds = 0
    for (; going; rounds++) expect(await acts.did(lines)).toEqual(load.map(([, came]) => came))
    return rounds
  })
  const wrong: string[] = []
  for (let i = 1; i <= replacements; i++) {
    const isA = i % 2 === 0
    control.profile?.(scope, isA ? a : b)
    await recorder.source.obeyed()
    const came = await probing.did([...probes, ...fileProbes])
    const wanted = isA
      ? [ECONNREFUSED, EPERM, EPERM, '0', KILLED]
      : [EPERM, ECONNREFUSED, EPERM, KILLED, '0']
    if (came.join() !== wanted.join()) wrong.push(`${i}: ${came.join()}, not ${wanted.join()}`)
  }
  going = false
  const rounds = await Promise.all(loads)
  expect(wrong).toEqual([])
  expect(Math.min(...rounds)).toBeGreaterThan(replacements / 10)

  // Events that both profiles allow never came up, and every stopped event is reported as stopped.
  await recorder.source.obeyed()
  for (const acts of busy) expect(recorder.acts(acts.id)).toEqual([])
  const reported = recorder.acts(probing.id).filter((event) => event.enforced === undefined)
  expect(reported).toEqual([])
  const own = [probing, ...busy].map(({ id }) => id)
  expect(recorder.lossesOf(...own)).toEqual([])
})
