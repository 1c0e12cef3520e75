import { afterEach, describe, expect, it } from 'vitest'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { oneSensor } from './one-sensor.ts'

const scope = 1
const sensor = oneSensor()
const running: Acts[] = []

afterEach(async () => {
  for (const acts of running.splice(0)) await acts.stop()
})

const homes = '/data/homes'
const ENOENT = '2'

/** A container with folders for these users, and sockets in them that listen. */
async function startActs(users: readonly string[], names: readonly string[]): Promise<Acts> {
  const acts = new Acts(sensor.image)
  running.push(acts)
  const made = [
    `mkdir ${hex(homes)}`,
    ...users.map((user) => `mkdir ${hex(`${homes}/${user}`)}`),
    ...users.flatMap((user) => names.map((name) => `serve ${hex(`${homes}/${user}/${name}`)}`)),
  ]
  expect(await acts.did(made)).toEqual(made.map(() => '0'))
  return acts
}

/** By a process of its own: where the kernel cannot refuse it, that ends. */
const connect = (socket: string): string => `+ unix ${hex(homes + socket)}`
/** The folder becomes the root, in which there is no program. */
const enter = (folder: string): string => `+ chroot-exec ${hex(homes + folder)} ${hex('/none')}`

async function learnedFor(users: readonly string[]): Promise<Profile> {
  const profile = new Profile(shaper)
  const acts = await startActs(users, ['log'])
  await acts.did(users.flatMap((user) => [connect(`/${user}/log`), enter(`/${user}`)]))
  await sensor.recorder.source.obeyed()
  for (const event of sensor.recorder.acts(acts.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  return profile
}

async function blocked(profile: Profile, lines: readonly string[]) {
  const { control } = sensor.recorder.source
  control.profile?.(scope, compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile)
  control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  const acts = await startActs(['anna', 'olga', '.olga'], ['log', 'other'])
  control.assign(acts.id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
  const results = await acts.did(lines)
  await sensor.recorder.source.obeyed()
  const reported = sensor.recorder.acts(acts.id).flatMap((event) => {
    if (event.kind === 'connect') return [`connect ${event.connect.address}`]
    return event.kind === 'syscall' ? [`${event.syscall.name} ${event.syscall.target ?? ''}`] : []
  })
  return { passed: lines.filter((_, i) => ['0', ENOENT].includes(results[i] ?? '')), reported }
}

const expected = [
  connect('/anna/log'),
  connect('/olga/log'),
  enter('/anna'),
  enter('/olga'),
  // Nobody listens there: the kernel judges the attempt, and it fails all the same.
  connect('/luca/log'),
]
const others = [connect('/olga/other'), connect('/.olga/log'), enter('/.olga'), enter('')]
const reportedOf = [
  `connect ${homes}/olga/other`,
  `connect ${homes}/.olga/log`,
  `chroot ${homes}/.olga`,
  `chroot ${homes}`,
]

describe('a service that works in the folders of its users', () => {
  it('may do so in one more, with the same socket, in block mode too', async () => {
    const profile = await learnedFor(['anna', 'carl', 'dora'])
    const { passed, reported } = await blocked(profile, [...expected, ...others])
    expect(passed).toEqual(expected)
    expect(reported).toEqual(reportedOf)
  })

  it('may not after two', async () => {
    const profile = await learnedFor(['anna', 'carl'])
    const { passed, reported } = await blocked(profile, [...expected, ...others])
    expect(passed).toEqual([connect('/anna/log'), enter('/anna'), connect('/luca/log')])
    expect(reported).toContain(`connect ${homes}/luca/log`)
    expect(reported).toEqual(expect.arrayContaining(reportedOf))
  })
})
