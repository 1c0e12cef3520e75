import { describe, expect, it } from 'vitest'
import type { BehaviourId } from '../../../src/core/behaviour/behaviour.ts'
import { describeBehaviour } from '../../../src/core/behaviour/describe.ts'
import { diffEntries } from '../../../src/core/profile/diff.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, learned, outcome, verdictOn } from '../../fixtures/event-fixture.ts'
import { writeOf } from '../../fixtures/stored-copy.ts'

const uuid = (n: number) => `/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`
const conf = '/etc/nginx/nginx.conf'

function idOf(profile: Profile, text: string): BehaviourId {
  const entry = profile.entries().find((one) => describeBehaviour(one).endsWith(text))
  if (entry === undefined) throw new Error(`no behaviour ends with ${text}`)
  return entry.id
}

const approve = { kind: 'approved', by: 'cli:root', at: '2026-11-24T14:00:00Z' } as const

describe('origin', () => {
  it.each(['init', 'probe', 'exec-in'] as const)(
    '%s makes nothing expected of the service',
    (origin) => {
      const profile = learned(act.file(conf, ['read'], { origin }))
      expect(outcome(profile, act.file(conf))).toBe('deviation')
      expect(verdictOn(profile, act.file(conf)).outcome).toBe('deviation')
    },
  )

  it.each(['init', 'probe', 'exec-in'] as const)(
    'the service makes nothing expected of %s',
    (origin) => {
      const profile = learned(act.file(conf))
      expect(outcome(profile, act.file(conf, ['read'], { origin }))).toBe('deviation')
    },
  )

  it('exec sessions stay apart, and are expected once approved, for exec sessions only', () => {
    const inSession = act.exec('/bin/sh', { origin: 'exec-in', session: 's1', uid: 0 })
    const profile = learned(inSession, inSession)
    const id = idOf(profile, 'run /bin/sh')
    expect(profile.state(id)).toBe('apart')
    expect(outcome(profile, inSession)).toBe('deviation')
    profile.decide(id, approve)
    expect(
      outcome(profile, { ...inSession, process: { ...inSession.process, session: 's2' } }),
    ).toBe('expected')
    expect(outcome(profile, act.exec('/bin/sh', { uid: 0 }))).toBe('deviation')
  })

  it('witnesses of an exec session do not open a pattern of the service', () => {
    const session = { origin: 'exec-in', session: 's1' } as const
    const profile = learned(
      act.file(uuid(1), ['read']),
      act.file(uuid(2), ['read'], session),
      act.file(uuid(3), ['read'], session),
      act.file(uuid(4), ['read'], session),
    )
    expect(outcome(profile, act.file(uuid(1), ['read']))).toBe('expected')
    expect(outcome(profile, act.file(uuid(2), ['read']))).toBe('deviation')
  })
})

describe('after learning', () => {
  it('a deviation is recorded as pending, and makes nothing expected by coming again', () => {
    const profile = learned(act.file(conf))
    const odd = act.file('/etc/hosts')
    feed(profile, [odd, odd, odd], 'later')
    expect(profile.state(idOf(profile, 'read /etc/hosts'))).toBe('pending')
    expect(outcome(profile, odd)).toBe('deviation')
  })

  it('an approval covers earlier evidence, not later evidence', () => {
    const profile = learned()
    feed(profile, [act.file(uuid(1), ['write'])], 'later')
    profile.decide(idOf(profile, '<uuid>'), approve)
    expect(outcome(profile, act.file(uuid(1), ['write']))).toBe('expected')
    feed(
      profile,
      [2, 3, 4].map((n) => act.file(uuid(n), ['write'])),
      'later',
    )
    expect(outcome(profile, act.file(uuid(2), ['write']))).toBe('deviation')
    expect(outcome(profile, act.file(uuid(5), ['write']))).toBe('deviation')
  })

  it('approved and learned witnesses add up', () => {
    const profile = learned(act.file(uuid(1), ['read']), act.file(uuid(2), ['read']))
    feed(profile, [act.file(uuid(3), ['read'])], 'later')
    expect(outcome(profile, act.file(uuid(4), ['read']))).toBe('deviation')
    profile.decide(idOf(profile, '<uuid>'), approve)
    expect(outcome(profile, act.file(uuid(4), ['read']))).toBe('expected')
  })

  it('an allowance ends at its time, and the verdict reports that', () => {
    const profile = learned()
    const at = (time: string) => act.exec('/usr/bin/id', { time })
    feed(profile, [at('2026-11-24T13:00:00Z')], 'later')
    profile.decide(idOf(profile, 'run /usr/bin/id'), { ...approve, until: '2026-11-24T15:00:00Z' })
    expect(outcome(profile, at('2026-11-24T14:59:59.999Z'))).toBe('expected')
    const late = verdictOn(profile, at('2026-11-24T15:00:00Z'))
    expect(late.outcome).toBe('deviation')
    expect(late.reasons).toEqual(['the approval of this behaviour ended at 2026-11-24T15:00:00Z'])
    feed(profile, [at('2026-11-24T14:30:00Z')], 'later')
    expect(outcome(profile, at('2026-11-24T15:00:01Z'))).toBe('deviation')
  })

  it('an allowance for another uid allows nothing', () => {
    const profile = learned()
    feed(profile, [act.exec('/usr/bin/id')], 'later')
    profile.decide(idOf(profile, 'run /usr/bin/id'), { ...approve, onlyUid: 0 })
    expect(outcome(profile, act.exec('/usr/bin/id'))).toBe('deviation')
  })

  it('a rejection goes before evidence, and is given as the reason', () => {
    const profile = learned(act.exec('/bin/sh'))
    profile.decide(idOf(profile, 'run /bin/sh'), {
      ...approve,
      kind: 'rejected',
      reason: 'no shells',
    })
    feed(profile, [act.exec('/bin/sh')])
    expect(verdictOn(profile, act.exec('/bin/sh')).reasons).toEqual([
      'cli:root rejected this behaviour on 2026-11-24T14:00:00Z: no shells',
    ])
  })
})

describe('files', () => {
  it('creating what one may write is expected, writing what one may create is not', () => {
    const writer = learned(act.file('/run/x.pid', ['write', 'create']))
    expect(outcome(writer, act.file('/run/x.pid', ['create']))).toBe('expected')
    const creator = learned(act.file('/run/x.pid', ['create']))
    expect(outcome(creator, act.file('/run/x.pid', ['write']))).toBe('deviation')
  })

  it('an address of the container itself is one behaviour whatever it was given', () => {
    const profile = learned(act.listen('172.17.0.2', 80))
    expect(outcome(profile, act.listen('172.17.0.9', 80))).toBe('expected')
    expect(outcome(profile, act.listen('0.0.0.0', 80))).toBe('deviation')
    expect(outcome(profile, act.listen('127.0.0.1', 80))).toBe('deviation')
  })
})

describe('names that resemble a word by chance', () => {
  const temp = (tail: string, more = {}) => act.file(`/tmp/up.${tail}`, ['write'], {}, more)
  const open = () => learned(temp('aB3dE1'), temp('zZ9kQ2'), temp('Mn4tRs'))

  it('are taken by a pattern that is open to their type, and by no other', () => {
    expect(outcome(open(), temp('abcdef'))).toBe('expected')
    expect(outcome(open(), temp('123456'))).toBe('expected')
    expect(outcome(open(), temp('abcdefg'))).toBe('deviation')
    expect(outcome(open(), temp('abcdef', { shipped: true }))).toBe('deviation')
    expect(outcome(learned(temp('aB3dE1')), temp('abcdefg'))).toBe('deviation')
  })

  it('open no pattern themselves', () => {
    const words = learned(temp('config'), temp('policy'), temp('schema'), temp('access'))
    expect(outcome(words, temp('aB3dE1'))).toBe('deviation')
    expect(outcome(words, temp('backup'))).toBe('deviation')
  })

  it('add to the evidence of the pattern once learning is over, and wait for no review', () => {
    const profile = open()
    feed(profile, [temp('abcdef'), act.file('/tmp/up.aB3dE7', ['create'])], 'later')
    const entries = profile.entries()
    const counts = entries.map(({ object, cells }) => [
      object.kind === 'file' && object.path,
      ...cells.map(({ phase, count }) => `${count} ${phase}`),
    ])
    // The names that were learned are evidence of the pattern, and what came later counts at the place.
    expect(counts).toEqual(
      expect.arrayContaining([
        ['/tmp/<name>', '2 later'],
        ['/tmp/up.<temp:6>', '3 learned'],
      ]),
    )
    expect(counts).toHaveLength(2)
  })

  it('are refused where a person rejected that very name', () => {
    const profile = open()
    feed(profile, [temp('abcdef')])
    profile.decide(idOf(profile, 'up.abcdef'), { ...approve, kind: 'rejected' })
    expect(outcome(profile, temp('abcdef'))).toBe('deviation')
    expect(outcome(profile, temp('abcdeg'))).toBe('expected')
  })
})

describe('evidence', () => {
  it('counts by container, and adds the counts that a source folded', () => {
    const profile = learned(
      act.file(conf, ['read'], { container: 'a', time: '2026-11-24T13:00:00Z' }),
      act.file(conf, ['read'], { container: 'a', time: '2026-11-24T13:00:05Z', count: 3 }),
      act.file(conf, ['read'], { container: 'b', node: 'n2' }),
    )
    const id = idOf(profile, conf)
    const seen = { container: 'a', origin: 'entrypoint', node: 'n1', source: 'ebpf' } as const
    const span = { first: '2026-11-24T12:59:00Z', last: '2026-11-24T14:00:00Z' }
    expect(profile.addCountUpdate(id, { ...seen, ...span, count: 10 }, 'learned')).toBe(true)
    expect(profile.entry(id)?.cells).toMatchObject([
      {
        container: 'a',
        count: 14,
        first: '2026-11-24T12:59:00.000000Z',
        last: '2026-11-24T14:00:00.000000Z',
        sources: ['ebpf', 'file'],
      },
      { container: 'b', count: 1, nodes: ['n2'] },
    ])
    const unknown = 'b00000000000000000000' as BehaviourId
    expect(profile.addCountUpdate(unknown, { ...seen, ...span, count: 1 }, 'learned')).toBe(false)
  })

  it('forgets a container with all that only it showed', () => {
    const profile = learned(
      act.file(conf, ['read'], { container: 'a' }),
      act.file(conf, ['read'], { container: 'b' }),
      act.exec('/bin/sh', { container: 'b' }),
      act.file(uuid(1), ['read'], { container: 'b' }),
      act.file(uuid(2), ['read'], { container: 'b' }),
      act.file(uuid(3), ['read'], { container: 'a' }),
    )
    const shell = idOf(profile, 'run /bin/sh')
    writeOf(profile)
    expect(outcome(profile, act.file(uuid(9), ['read']))).toBe('expected')
    expect(profile.forget({ kind: 'container', container: 'b' }).gone).toHaveLength(1)
    const { entries, removed } = writeOf(profile)
    expect(removed).toContain(shell)
    expect(entries).toHaveLength(2)
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('deviation')
    expect(outcome(profile, act.file(conf))).toBe('expected')
    expect(outcome(profile, act.file(uuid(9), ['read']))).toBe('deviation')
    expect(outcome(profile, act.file(uuid(3), ['read']))).toBe('expected')
  })
})

describe('diff', () => {
  it('names added and removed behaviours', () => {
    const old = learned(act.file(conf), act.exec('/bin/a'))
    const now = learned(act.file(conf), act.exec('/bin/b'), act.connect('10.0.0.7', 5432))
    const diff = diffEntries(old.entries(), now.entries())
    expect(diff.added.map((line) => line.text)).toEqual([
      'connect to tcp 10.0.0.7:5432',
      'run /bin/b',
    ])
    expect(diff.removed.map((line) => line.text)).toEqual(['run /bin/a'])
    expect(diff.unchanged).toBe(1)
  })
})
