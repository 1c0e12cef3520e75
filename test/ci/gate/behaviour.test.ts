import { describe, expect, it } from 'vitest'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, learned, shaper } from '../../fixtures/event-fixture.ts'
import { against, fileOf, gate, policy, service, reported } from '../../fixtures/gate-fixtures.ts'

const helper = { exe: '/usr/bin/helper' }

describe('a rebuild that does what its predecessor did', () => {
  it('passes without findings', () => {
    const result = against(service())
    expect(result).toMatchObject({ passed: true, findings: [] })
    expect(result.behaviours).toEqual({ seen: 6, asBefore: 6 })
  })

  it('passes also where it did less', () => {
    expect(against(learned(act.file('/etc/nginx/nginx.conf')))).toMatchObject({ findings: [] })
  })

  it('may use other names of a pattern that is learned', () => {
    const numbered = (n: number) => `/srv/up/30${n}`
    const write = (n: number) => act.file(numbered(n), ['write'])
    const baseline = fileOf(learned(write(1), write(2), write(3)))
    expect(gate({ profile: fileOf(learned(write(4)), '2'), baseline }).findings).toEqual([])
    const two = fileOf(learned(write(1), write(2)))
    const [finding] = gate({ profile: fileOf(learned(write(4)), '2'), baseline: two }).findings
    expect(finding).toMatchObject({ rule: 'new-write', why: `such as ${numbered(4)}` })
  })
})

describe('a version that does something new', () => {
  it('is stopped at a new outbound connection, which is the only finding', () => {
    const result = against(service(act.connect('203.0.113.9', 443, helper)))
    expect(result.passed).toBe(false)
    expect(reported(result)).toEqual([
      'approve new-peer: /usr/bin/helper as uid 101: connect to tcp 203.0.113.9:443',
    ])
  })

  it.each([
    ['new-program', act.exec('/usr/bin/curl', helper), '/usr/bin/curl'],
    ['new-listen', act.listen('0.0.0.0', 9000), ':9000'],
    ['new-write', act.file('/etc/nginx/nginx.conf', ['write']), 'write /etc/nginx/nginx.conf'],
    ['new-capability', act.capability('CAP_NET_RAW'), 'CAP_NET_RAW'],
    ['new-syscall', act.identity(101, 33), 'uid 101 → 33'],
    ['guardrail', act.identity(101, 0), 'uid 101 → 0'],
    ['other-use', act.connect('10.0.0.7', 5432), 'connect to tcp 10.0.0.7:5432'],
    [
      'other-use',
      act.exec('/usr/bin/helper', { exe: '/docker-entrypoint.sh' }),
      'run /usr/bin/helper',
    ],
  ])('needs a decision: %s', (rule, event, text) => {
    const result = against(service(event))
    expect(result.passed).toBe(false)
    expect(result.findings).toHaveLength(1)
    expect(result.findings[0]).toMatchObject({ rule, level: 'approve' })
    expect(result.findings[0]?.text).toContain(text)
  })

  it('may read new files and write where its data is, which is noted', () => {
    const result = against(
      service(act.file('/etc/hosts'), act.file('/tmp/upload', ['write', 'delete'])),
    )
    expect(result).toMatchObject({ passed: true, counts: { approve: 0, note: 3 } })
    expect(new Set(result.findings.map(({ rule }) => rule))).toEqual(new Set(['new-read']))
  })

  it('has one finding for a known program that now runs as root, with the behaviours that it covers', () => {
    const root = { ...helper, uid: 0 }
    const moved = service(act.connect('10.0.0.7', 5432, root), act.connect('10.0.0.9', 25, root))
    expect(reported(against(moved))).toEqual([
      'approve new-peer: /usr/bin/helper as uid 0: connect to tcp 10.0.0.9:25',
      'approve new-root: /usr/bin/helper runs as uid 0',
    ])
    expect(against(moved).findings[1]?.why).toContain('covers 1 more behaviour of the same program')
  })

  it('has one finding for a new program and the behaviours that other programs had before', () => {
    const result = against(
      service(act.exec('/usr/bin/new'), act.connect('10.0.0.7', 5432, { exe: '/usr/bin/new' })),
    )
    expect(result.findings).toMatchObject([
      {
        rule: 'new-program',
        path: '/usr/bin/new',
        why: 'covers 1 more behaviour of the same program',
      },
    ])
  })
})

describe('a behaviour that is not of the service', () => {
  it('is left out if an exec session had it', () => {
    expect(
      against(service(act.exec('/bin/sh', { origin: 'exec-in', session: 's1' }))),
    ).toMatchObject({ passed: true, findings: [] })
  })

  it('is not in the baseline if only an exec session had it', () => {
    const shell = { origin: 'exec-in', session: 's1' } as const
    const baseline = fileOf(service(act.connect('203.0.113.9', 443, { ...helper, ...shell })))
    const profile = fileOf(service(act.connect('203.0.113.9', 443, helper)), '2')
    expect(gate({ profile, baseline }).findings).toMatchObject([{ rule: 'new-peer' }])
  })

  it('is not in the baseline if it waits for review there', () => {
    const waiting = service()
    feed(waiting, [act.connect('203.0.113.9', 443, helper)], 'later')
    const profile = fileOf(service(act.connect('203.0.113.9', 443, helper)), '2')
    expect(gate({ profile, baseline: fileOf(waiting) }).passed).toBe(false)
  })
})

describe('the gate with any baseline', () => {
  it('stops a behaviour that tripped a guardrail, and names the guardrail', () => {
    const result = gate({ profile: fileOf(service(act.file('/etc/cron.d/job', ['write'])), '2') })
    expect(result.findings).toMatchObject([
      { rule: 'guardrail', level: 'approve' },
      { rule: 'no-baseline' },
    ])
    expect(result.findings[0]?.why).toMatch(/scheduled job/)
  })

  it('stops a behaviour that a person rejected', () => {
    const refused = service()
    const [first] = refused.entries()
    if (first === undefined) throw new Error('the service does something')
    refused.decide(first.id, { kind: 'rejected', by: 'mia', at: '2026-11-24T13:00:00.000000Z' })
    expect(against(refused).findings).toMatchObject([
      { rule: 'rejected', why: expect.stringContaining('mia') },
    ])
  })

  it('warns that without a baseline it cannot determine new behaviours', () => {
    expect(reported(gate({ profile: fileOf(service(), '2') }))).toEqual([
      'warn no-baseline: no baseline was given: new behaviours cannot be determined',
    ])
  })
})

describe('an approval', () => {
  const peer = service(act.connect('203.0.113.9', 443, helper))
  const id = against(peer).findings[0]?.id ?? ''
  const approve = (finding: string, until = '2026-12-31T00:00:00Z') =>
    against(peer, {
      policy: { ...policy, approvals: [{ finding, owner: 'web', until, reason: 'payment' }] },
    })

  it('by the id, or its beginning, opens the gate, and names its owner', () => {
    for (const named of [id, id.slice(0, 9)]) {
      const result = approve(named)
      expect(result).toMatchObject({ passed: true, counts: { approve: 0, approved: 1 } })
      expect(result.findings[0]?.approved).toMatchObject({ owner: 'web', reason: 'payment' })
    }
  })

  it('that has expired opens nothing and is reported', () => {
    const result = approve(id, '2026-11-24T13:59:59Z')
    expect(result.findings.map(({ rule }) => rule)).toEqual(['new-peer', 'approval-ended'])
    expect(result.passed).toBe(false)
  })

  it('that matches no finding is noted, because it may be a typing error', () => {
    expect(approve('b00000000').findings.map(({ rule }) => rule)).toEqual([
      'new-peer',
      'approval-unused',
    ])
  })
})

it('reports nothing for an empty profile with an empty baseline', () => {
  const empty = fileOf(new Profile(shaper), '2')
  expect(reported(gate({ profile: empty, baseline: empty }))).toEqual([])
})
