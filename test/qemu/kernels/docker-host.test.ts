import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { intruderActs } from '../../e2e/intruder-acts.ts'
import { bypassActs } from '../../fixtures/bypass-acts.ts'
import { bundledProgram } from '../../fixtures/bundled-program.ts'
import { compile } from '../../fixtures/compiled-program.ts'
import { DockerHost } from '../docker/docker-host.ts'
import type { Story } from '../docker/story.ts'
import { withBpf, withoutBpf } from '../machine.ts'

/** The machine is emulated: most of the time is its own. */
const storyMs = 3_000_000

const program = `
import { story } from './test/qemu/docker/story.ts'
console.log(JSON.stringify(await story('/srv/bypass', '/srv/services.tar')))
`

/** What the intruder's acts change in the container's files. */
const marks = intruderActs({ hostAddress: '', hostPort: 0 }).flatMap(({ change }) =>
  change === undefined ? [] : [change],
)

describe.each([
  { how: 'fmod_ret', append: withoutBpf, hook: 'fmod_ret/security_file_open' },
  { how: 'BPF LSM', append: withBpf, hook: 'lsm/file_open' },
])("with Docker on Debian 13's own kernel, by $how", ({ append, hook }) => {
  let host: DockerHost
  let seen: Story

  beforeAll(async () => {
    host = await DockerHost.boot({
      append,
      files: {
        '.build/programs/story.mjs': await bundledProgram('story', program),
        bypass: compile('fixtures/bypass-acts.c'),
      },
    })
    const line = 'node .build/programs/story.mjs 2>/dev/console'
    const { output, status } = await host.run(line, storyMs)
    if (status !== 0) throw new Error(`the story ended with ${status}:\n${host.log.slice(-8000)}`)
    seen = JSON.parse(output) as Story
  }, storyMs + 600_000)

  afterAll(async () => {
    await host.stop()
  })

  it('the sensor refuses every class of act but system calls before it happens', () => {
    expect(seen.facts[`hook.${hook}`]).toBe('yes')
    const others = seen.stops.filter(({ how }) => how !== 'blocked')
    expect(others.map(({ act, how }) => `${act} ${how}`)).toEqual(['call killed'])
  })

  it('in mode alert an intruder in the service has its effects, and each is reported', () => {
    const { alerting } = seen
    // What permissions refuse does not reach the hooks.
    const done = Object.entries(alerting.replies).filter(
      ([, reply]) => !reply.includes('not permitted'),
    )
    expect(done.length).toBeGreaterThan(15)
    expect(alerting.reported).toEqual(done.map(([name]) => name))
    expect(new Set(alerting.actions)).toEqual(new Set(['alerted']))
    expect(alerting.changes).toEqual(expect.arrayContaining(marks))
    // A connection, and a shell's.
    expect(alerting.connections).toBe(2)
  })

  it('in mode block nginx and redis do their usual work: nothing is stopped, reported or sent up', () => {
    expect(seen.load.requests).toBeGreaterThan(10_000)
    expect(seen.load.alerts).toEqual([])
    expect(seen.load.cameUp).toBe(0)
    expect(seen.counters['kernelDisagreements']).toBe(0)
    expect(seen.degraded).toEqual([])
  })

  it('in mode block the same intruder has no effect, and the service goes on', () => {
    const { alerting, blocking } = seen
    expect(blocking.changes.filter((change) => marks.includes(change))).toEqual([])
    expect(blocking.connections).toBe(0)
    const worked = ([name, reply]: readonly [string, string]): boolean =>
      alerting.replies[name] === reply && /ok$|status 0$/.test(reply)
    expect(Object.entries(blocking.replies).filter(worked)).toEqual([])
    expect(blocking.actions).not.toEqual([])
    expect(
      blocking.actions.filter((action) => action !== 'blocked' && action !== 'killed'),
    ).toEqual([])
    expect(blocking.running).toBe(true)
  })

  it('what a service did while it was learned stays allowed in block mode', () => {
    expect(new Set(Object.values(seen.bypass.learned))).toEqual(new Set(['0']))
    expect(seen.bypass.again).toEqual(seen.bypass.learned)
  })

  it('each bypass ends as in the machines without Docker, but for one, and none leaves a trace', () => {
    const { attacks, before, after } = seen.bypass
    expect(Object.keys(attacks).length).toBeGreaterThan(60)
    const other = bypassActs.filter(({ name, line, lsm, absent }) => {
      const expected = line.startsWith('exec-memory') ? 'killed 9' : lsm
      return ![undefined, expected, absent].includes(attacks[name])
    })
    expect(other.map(({ name }) => `${name}: ${attacks[name]}`)).toEqual([])
    expect(after).toEqual(before)
  })

  it('a new container runs no instruction of a first program that the profile does not have', () => {
    expect(seen.bypass.newcomers).toHaveLength(3)
    for (const { id, exit } of seen.bypass.newcomers) {
      expect(exit).not.toBe(0)
      expect(exit).not.toBe(42)
      const actions = seen.alerts.filter(({ container }) => container === id)
      expect(actions.map(({ action }) => action)).not.toEqual([])
      for (const { action } of actions) expect(action).not.toBe('alerted')
    }
  })

  it('a new version is learned while the old one goes on to block', () => {
    const { versions } = seen
    expect(versions).toMatchObject({ firstMode: 'block', isPredecessor: true, running: true })
    expect(versions.secondMode).not.toBe('block')
    expect(versions.added.some((text) => text.includes('/app/payment.conf'))).toBe(true)
    expect(versions.added.some((text) => text.includes('/app/head'))).toBe(true)
    expect(versions.printed).toContain('of /app/payment.conf')
    expect(versions.refused.exit).not.toBe(0)
    expect(versions.refused.printed).not.toContain('hello')
  })
})
