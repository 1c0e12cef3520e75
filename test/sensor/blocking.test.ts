import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { judge } from '../../src/core/match/judge.ts'
import { guardrails, guardrailsOn, shaper } from '../fixtures/event-fixture.ts'
import { Acts, hex } from './acts.ts'
import { hangMs } from '../fixtures/patience.ts'
import { oneSensor } from './one-sensor.ts'

const EPERM = '1'
const KILLED = 'killed 9'
const budget = 1_000_000

const sensor = oneSensor()
let acts: Acts
/** Each test has its own version. */
let scope = 0

afterEach(() => acts.stop())

/** Learns these actions of the container; afterwards the profile allows nothing else. */
async function learnedFrom(lines: readonly string[]): Promise<Profile> {
  scope += 1
  acts = new Acts(sensor.image)
  await acts.did(lines)
  await sensor.recorder.source.obeyed()
  const profile = new Profile(shaper)
  for (const event of sensor.recorder.acts(acts.id)) {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  const { control } = sensor.recorder.source
  const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  control.profile?.(scope, compiled.profile)
  control.enforce?.(scope, { mode: 'block', budget })
  control.assign(acts.id, scope, { enforce: true })
  await sensor.recorder.source.obeyed()
  sensor.recorder.messages.length = 0
  return profile
}

const known = [
  `read ${hex('/etc/secret')}`,
  `write ${hex('/data/log')}`,
  'tcp 127.0.0.1 7001',
  'send 127.0.0.1 7002',
  `+ exec ${hex('/bin/acts')}`,
  '+ setuid 5',
]

async function reported(): Promise<readonly ActEvent[]> {
  await sensor.recorder.source.obeyed()
  return sensor.recorder.acts(acts.id)
}

describe('in block mode', () => {
  it('learned behaviour stays allowed, and none of it comes up', async () => {
    await learnedFrom(known)
    expect(await acts.did(known)).toEqual(['0', '0', '111', '0', '0', '0'])
    expect(await reported()).toEqual([])
  })

  it('a rename is allowed in its own direction only, and onto itself for each file by itself', async () => {
    const rename = (from: string, to: string): string => `rename ${hex(from)} ${hex(to)}`
    const made = ['/data/one', '/data/three', '/data/four'].map((at) => `make ${hex(at)}`)
    const itself = rename('/data/three', '/data/three')
    const learned = [...made, rename('/data/one', '/data/two'), itself]
    await learnedFrom(learned)
    expect(await acts.did([itself])).toEqual(['0'])
    expect(await reported()).toEqual([])
    await acts.did([rename('/data/two', '/data/one'), rename('/data/four', '/data/four')])
    const files = (await reported()).flatMap((event) => (event.kind === 'file' ? [event.file] : []))
    expect(files.map(({ path, to }) => [path, to])).toEqual([
      ['/data/two', '/data/one'],
      ['/data/four', '/data/four'],
    ])
  })

  it.each([
    ['an exec', `+ exec ${hex('/bin/workload')}`, KILLED, 'killed'],
    ['a read', `+ read ${hex('/etc/private')}`, KILLED, 'killed'],
    ['a write of what is only read', `+ write ${hex('/etc/secret')}`, KILLED, 'killed'],
    ['a connection to another port', '+ tcp 127.0.0.1 7003', EPERM, 'blocked'],
    ['a connection over IPv6', '+ tcp ::1 7001', EPERM, 'blocked'],
    ['a datagram to another peer', '+ send 127.0.0.2 7002', EPERM, 'blocked'],
    ['to listen', '+ listen 127.0.0.1 7004', KILLED, 'killed'],
    ['to bind for datagrams', '+ bind 127.0.0.1 7005', EPERM, 'blocked'],
    ['to become another user', '+ setuid 6', KILLED, 'killed'],
    ['a namespace of its own', '+ unshare 0x4000000', KILLED, 'killed'],
    ['a program from memory', `+ memory ${hex('/bin/acts')}`, KILLED, 'killed'],
    ['a signal to another process, which is only reported', '+ signal', '0', 'missed'],
    ['a removal, which is only reported', `+ unlink ${hex('/etc/script.sh')}`, '0', 'missed'],
  ] as const)('%s is stopped, and reported with that action', async (_, line, result, enforced) => {
    await learnedFrom(known)
    expect(await acts.did([line])).toEqual([result])
    expect((await reported()).map((event) => event.enforced)).toContain(enforced)
  })

  /** The results of a second container of the version, after the first has shown all lines but the last. */
  async function second(lines: readonly string[]): Promise<readonly string[]> {
    await learnedFrom([`+ exec ${hex('/bin/workload')}`, ...lines.slice(0, -1)])
    const other = new Acts(sensor.image)
    sensor.recorder.source.control.assign(other.id, scope, { enforce: true })
    await sensor.recorder.source.obeyed()
    try {
      return await other.did(lines)
    } finally {
      await other.stop()
    }
  }

  const program = `+ exec ${hex('/bin/workload')}`

  it('a program of the image that was only given other rights is still the image’s', async () => {
    expect(await second([`chmod ${hex('/bin/workload')}`, program])).toEqual(['0', '0'])
  })

  it.each([
    ['opened for writing', [`write ${hex('/bin/workload')}`]],
    ['replaced by another of the image', [`rename ${hex('/bin/busybox')} ${hex('/bin/workload')}`]],
    [
      'touched after a file was truncated by its name',
      [`truncate ${hex('/etc/secret')}`, `chmod ${hex('/bin/workload')}`],
    ],
  ])('a program of the image that was %s is drift', async (_, lines) => {
    const results = await second([...lines, program])
    expect(results).toEqual([...lines.map(() => '0'), KILLED])
  })

  it('a hard link is judged by the file that it names, and not by its new name alone', async () => {
    const link = (from: string): string => `link ${hex(from)} ${hex('/data/hard')}`
    const remove = `unlink ${hex('/data/hard')}`
    const ordinary = [`write ${hex('/data/log')}`, link('/data/log'), remove]
    await learnedFrom([...ordinary, `write ${hex('/etc/shadow')}`])
    expect(await acts.did(ordinary)).toEqual(['0', '0', '0'])
    expect(await reported()).toEqual([])
    expect(await acts.did([link('/etc/shadow')])).toEqual(['0'])
    const [event] = await reported()
    if (event === undefined) throw new Error('the link was not reported')
    expect(event).toMatchObject({ file: { path: '/data/hard', to: '/etc/shadow' } })
    expect(event.enforced).toBe('missed')
    expect(guardrailsOn(event, true)).toEqual(['shadow-read'])
  })

  it.each([
    ['by path', 'link'],
    ['by a descriptor', 'link-empty'],
    ['by /proc/self/fd', 'link-descriptor'],
  ])(
    'a hard link %s, of a file that may only be read, is reported with its guardrail wherever its new name may be written',
    async (_, way) => {
      const names = ['q8zk1x0v', '7hw2xmba', 'zz01kx3f', '0ab91xkq'].map(
        (name) => `/tmp/tmp${name}`,
      )
      const both = names.map((name) => `both ${hex(name)}`)
      const profile = await learnedFrom([...both, `read ${hex('/etc/passwd')}`])
      const fresh = '/tmp/tmpab12cd34'
      expect(await acts.did([`both ${hex(fresh)}`, `unlink ${hex(fresh)}`])).toEqual(['0', '0'])
      const before = (await reported()).length
      expect(await acts.did([`${way} ${hex('/etc/passwd')} ${hex(fresh)}`])).toEqual(['0'])
      const event = (await reported()).slice(before).find(({ kind }) => kind === 'file')
      if (event === undefined) throw new Error('the link was not reported')
      expect(event).toMatchObject({ enforced: 'missed', file: { path: fresh, to: '/etc/passwd' } })
      const verdict = judge(profile, event, behavioursOf(event, shaper), { guardrails })
      expect(verdict.guardrails.map(({ id }) => id)).toEqual(['accounts'])
    },
  )

  it('no event of another container is stopped', async () => {
    await learnedFrom(known)
    const other = new Acts(sensor.image)
    try {
      expect(await other.did([`+ read ${hex('/etc/private')}`, '+ tcp 127.0.0.1 7003'])).toEqual([
        '0',
        '111',
      ])
    } finally {
      await other.stop()
    }
  })

  it('every attempt is counted, also when it was reported once', async () => {
    await learnedFrom(known)
    const line = '+ tcp 127.0.0.1 7003'
    const results = await acts.did(Array.from({ length: 500 }, () => line))
    expect(new Set(results)).toEqual(new Set([EPERM]))
    sensor.recorder.source.control.flush()
    const events = (await reported()).filter((event) => event.kind === 'connect')
    const counted = sensor.recorder.countUpdates(acts.id).reduce((sum, { count }) => sum + count, 0)
    expect(events).toHaveLength(1)
    expect(events.length + counted).toBe(500)
  })

  it('a capability that was reported before it is blocked is stopped afterwards', async () => {
    await learnedFrom(known)
    sensor.recorder.source.control.enforce?.(scope, { mode: 'alert', budget })
    await sensor.recorder.source.obeyed()
    const chown = `chown ${hex('/data/log')}`
    expect(await acts.did([chown])).toEqual(['0'])
    sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget })
    await sensor.recorder.source.obeyed()
    // The kernel kills the process itself: so a child performs the action, and its parent prints the result.
    expect(await acts.did([`+ ${chown}`])).toEqual([KILLED])
  })

  it('beyond the budget of different events the version disarms itself, and reports it', async () => {
    await learnedFrom(known)
    sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget: 10 })
    await sensor.recorder.source.obeyed()
    const lines = Array.from({ length: 30 }, (_, n) => `+ tcp 127.0.0.1 ${8000 + n}`)
    const results = await acts.did(lines)
    expect(results.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => EPERM))
    expect(new Set(results.slice(10))).toEqual(new Set(['111']))
    await sensor.recorder.until(
      () => sensor.recorder.messages.some((message) => message.type === 'disarmed'),
      'the word that it disarmed itself',
    )
    const actions = (await reported()).map((event) => event.enforced)
    expect(actions.filter((action) => action === 'blocked')).toHaveLength(10)
    expect(actions.filter((action) => action === undefined)).toHaveLength(20)
    sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget })
    await sensor.recorder.source.obeyed()
    expect(await acts.did(['+ tcp 127.0.0.1 8000'])).toEqual([EPERM])
  })

  it('nothing is stopped during a pause, and blocking resumes by itself afterwards', async () => {
    await learnedFrom(known)
    const line = '+ tcp 127.0.0.1 7003'
    const pauseUntil = async (pausedUntil: number): Promise<void> => {
      sensor.recorder.source.control.enforce?.(scope, { mode: 'block', budget, pausedUntil })
      await sensor.recorder.source.obeyed()
    }
    await pauseUntil(Date.now() + hangMs)
    expect(await acts.did([line])).toEqual(['111'])
    const pausedUntil = Date.now() + 500
    await pauseUntil(pausedUntil)
    while (Date.now() <= pausedUntil) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await acts.did([line])).toEqual([EPERM])
  })
})
