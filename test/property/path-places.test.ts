import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { KernelReading } from '../fixtures/kernel-reading.ts'
import { mergeEntries } from '../../src/core/profile/merge.ts'
import { placeLine } from '../../src/core/profile/place-text.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { act, learned, outcome, shaper } from '../fixtures/event-fixture.ts'

const now = microsOf('2026-11-24T13:40:27.123456Z')

/** The verdict of the matcher; the kernel has to give the same. */
function verdictOn(profile: Profile, event: ActEvent): string {
  const kernel = new KernelReading(
    compileKernel(profile, { now, shippedMatching: () => [] }).profile,
  )
  const isAllowed = behavioursOf(event, shaper).every(
    (ref) => kernel.evaluate(ref)?.verdict === 'allow',
  )
  const verdict = outcome(profile, event)
  expect(isAllowed, JSON.stringify(event)).toBe(verdict === 'expected')
  return verdict
}

const at = (n: number): string => `2026-11-24T13:40:${10 + n * 3}.000000Z`
const users = ['anna', 'carl', 'dora', 'luca']
const enter = (folder: string, n = 0, container = 'a', name = 'chroot'): ActEvent =>
  act.syscall(name, { container, time: at(n) }, folder)
const connect = (socket: string, n = 0, container = 'a'): ActEvent =>
  act.connect(socket, 0, { container, time: at(n) }, 'unix')
const entered = users.map((user, n) => enter(`/home/${user}`, n))
const asked = users.map((user, n) => connect(`/home/${user}/dev/log`, n))

describe('folders that a system call is about', () => {
  it('are a place once there were three beside each other', () => {
    const profile = learned(...entered.slice(0, 3))
    expect(verdictOn(profile, enter('/home/olga'))).toBe('expected')
    for (const other of ['/home', '/home/.olga', '/home/olga/x', '/srv/olga', '/homes/olga'])
      expect(verdictOn(profile, enter(other)), other).toBe('deviation')
    expect(verdictOn(learned(...entered.slice(0, 2)), enter('/home/olga'))).toBe('deviation')
  })

  it('are one only for that call, and for its program', () => {
    const profile = learned(...entered)
    expect(verdictOn(profile, enter('/home/olga', 0, 'a', 'mount'))).toBe('deviation')
    const other = act.syscall('chroot', { exe: '/bin/sh' }, '/home/olga')
    expect(verdictOn(profile, other)).toBe('deviation')
    expect(verdictOn(profile, act.file('/home/olga', ['read']))).toBe('deviation')
    expect(verdictOn(profile, act.file('/home/olga/.', ['read']))).toBe('deviation')
  })

  it('are none in folders of the system, nor are programs that get a signal', () => {
    const system = ['/etc/a', '/etc/b', '/etc/c', '/proc/1', '/usr/x', '/usr/y', '/usr/z']
    const profile = learned(...system.map((folder, n) => enter(folder, n)))
    for (const other of ['/etc/d', '/usr/w', '/proc/self'])
      expect(verdictOn(profile, enter(other)), other).toBe('deviation')
    const killed = learned(...users.map((user, n) => enter(`/srv/${user}`, n, 'a', 'kill')))
    expect(verdictOn(killed, enter('/srv/olga', 0, 'a', 'kill'))).toBe('deviation')
  })
})

describe('unix sockets', () => {
  it('in folders that hold the same are a place', () => {
    const profile = learned(...asked)
    expect(verdictOn(profile, connect('/home/olga/dev/log'))).toBe('expected')
    for (const other of [
      '/home/olga/dev/other',
      '/home/.olga/dev/log',
      '/home/dev/log',
      '/dev/log',
    ])
      expect(verdictOn(profile, connect(other)), other).toBe('deviation')
    expect(verdictOn(profile, act.file('/home/olga/dev/log', ['write']))).toBe('deviation')
  })

  it('of abstract names, and names that look like patterns, stand for themselves', () => {
    const profile = learned(
      ...users.map((user, n) => connect(`@home/${user}/log`, n)),
      connect('/run/<name>/log', 5),
      connect('/run/<alnum:255>', 6),
    )
    for (const other of ['@home/olga/log', '/run/x/log', '/run/x'])
      expect(verdictOn(profile, connect(other)), other).toBe('deviation')
    expect(verdictOn(profile, connect('/run/<name>/log'))).toBe('expected')
  })

  it('that a guardrail is about are in none', () => {
    const sockets = Array.from({ length: 12 }, (_, n) =>
      connect(`/srv/run/${(n * 7_919).toString(36)}x${n}.sock`, n),
    )
    const others = Array.from({ length: 12 }, (_, n) =>
      connect(`/srv/run/job-${(n * 7_919).toString(36)}x${n}.sock`, n),
    )
    expect(verdictOn(learned(...sockets), connect('/srv/run/docker.sock'))).toBe('deviation')
    expect(verdictOn(learned(...others), connect('/srv/run/job-77x.sock'))).toBe('expected')
    expect(verdictOn(learned(...others), connect('/srv/run/docker.sock'))).toBe('deviation')
  })

  it('with names that are words stand for themselves', () => {
    const words = ['auth', 'login', 'config', 'stats', 'master', 'anvil', 'replication', 'log']
    const profile = learned(...words.map((word, n) => connect(`/srv/run/${word}`, n)))
    expect(verdictOn(profile, connect('/srv/run/backdoor'))).toBe('deviation')
  })

  it('show that folders of files are alike', () => {
    const notes = ['apple river paper', 'silver stone amber', 'fjord lilac maple', 'kelp oak fir']
    // The users come again, so that new ones are not to be expected for that alone.
    const files = [0, 1, 2].flatMap((round) =>
      users.map((user, n) =>
        act.file(`/home/${user}/${notes[n]?.split(' ')[round]}`, ['write'], {
          container: 'a',
          time: at(n + round * 5),
        }),
      ),
    )
    const olgas = act.file('/home/olga/cloud', ['write'])
    expect(verdictOn(learned(...files), olgas)).toBe('deviation')
    expect(verdictOn(learned(...files, ...asked), olgas)).toBe('expected')
    const other = act.file('/home/olga/cloud.php', ['write'])
    expect(verdictOn(learned(...files, ...asked), other)).toBe('deviation')
  })
})

describe('a place of sockets or calls', () => {
  const lessons = [...entered, ...asked]
  const asks = [enter('/home/olga'), connect('/home/olga/dev/log')]

  it('is the same after a merge in any order, and after loading', () => {
    const half = (of: number) => learned(...lessons.filter((_, n) => n % 2 === of)).entries()
    const merged = mergeEntries(half(0), half(1), shaper)
    expect(mergeEntries(half(1), half(0), shaper)).toEqual(merged)
    expect(Profile.load(merged, shaper).entries()).toEqual(merged)
    expect(merged.flatMap(({ place }) => place?.class ?? []).sort()).toEqual([
      'call chroot',
      'socket',
    ])
    for (const ask of asks) expect(verdictOn(Profile.load(merged, shaper), ask)).toBe('expected')
  })

  it('goes with the evidence, and no later event widens it', () => {
    const profile = learned(...lessons)
    for (let n = 0; n < 9; n++) {
      expect(outcome(profile, enter(`/home/a-b${n}`))).toBe('deviation')
      expect(outcome(profile, connect(`/home/anna/dev/x${n}`))).toBe('deviation')
    }
    profile.forget({ kind: 'container', container: 'a' })
    for (const ask of asks) expect(verdictOn(profile, ask)).toBe('deviation')
  })

  it('can be rejected', () => {
    const profile = learned(...lessons)
    for (const { id, place } of profile.entries()) {
      if (place === undefined) continue
      profile.decide(id, { kind: 'rejected', by: 'cli:root', at: '2026-11-24T14:00:00.000000Z' })
    }
    for (const ask of asks) expect(verdictOn(profile, ask)).toBe('deviation')
  })

  it('says what it is', () => {
    const lines = learned(...lessons)
      .entries()
      .flatMap(({ place }) => (place === undefined ? [] : [placeLine(place)]))
    expect(lines.sort()).toEqual([
      'call chroot with new names in /home (4 names in 1 container, the next is new with 100 %): <letters or digits>',
      'connect to unix sockets with new names in /home (4 names in 1 container, the next is new with 100 %): <letters or digits>/dev/log',
    ])
  })
})
