import { describe, expect, it } from 'vitest'
import { explainDelta, passedOn } from '../../../src/core/lifecycle/inheritance.ts'
import { describeBehaviour } from '../../../src/core/behaviour/describe.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, learned, outcome, shaper } from '../../fixtures/event-fixture.ts'

const approve = { by: 'cli:root', at: '2026-11-24T14:00:00Z' } as const
const uuid = (n: number) => `/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`
const actor = { exe: '/usr/sbin/nginx' }

function successor(old: Profile, windowDone = true): Profile {
  const next = new Profile(shaper)
  const predecessor = { digest: 'sha256:old', windowDone }
  next.merge([...old.outline()].flatMap((one) => passedOn(predecessor, one.inheritable()) ?? []))
  return next
}

function decide(
  profile: Profile,
  text: string,
  kind: 'approved' | 'rejected',
  until?: string,
): void {
  const entry = profile.entries().find((one) => describeBehaviour(one).includes(text))
  if (entry === undefined) throw new Error(text)
  profile.decide(entry.id, { ...approve, kind, ...(until === undefined ? {} : { until }) })
}

describe('a new version', () => {
  it('expects from its first event the behaviours of its predecessor, without any evidence yet', () => {
    const next = successor(
      learned(act.file('/etc/hosts'), ...[1, 2, 3].map((n) => act.file(uuid(n), ['write']))),
    )
    expect(outcome(next, act.file('/etc/hosts'))).toBe('expected')
    expect(outcome(next, act.file(uuid(7), ['write']))).toBe('expected')
    expect(outcome(next, act.exec('/bin/new'))).toBe('deviation')
    for (const entry of next.entries()) {
      expect(entry.cells).toEqual([])
      expect(entry.inherited?.from).toBe('sha256:old')
    }
  })

  it('adds its own evidence to inherited behaviours', () => {
    const next = successor(learned(act.file('/etc/hosts'), act.file(uuid(1))))
    feed(next, [act.file('/etc/hosts'), act.file(uuid(2)), act.file(uuid(3))])
    expect(next.entries().every((entry) => entry.cells.length === 1)).toBe(true)
    expect(outcome(next, act.file(uuid(4)))).toBe('expected')
  })

  it('inherits approvals and rejections of a person, but no allowance with an end', () => {
    const old = learned(act.file('/etc/shadow'), act.exec('/bin/bad'))
    feed(old, [act.exec('/bin/once'), act.exec('/bin/odd')], 'later')
    decide(old, '/etc/shadow', 'approved')
    decide(old, '/bin/bad', 'rejected')
    decide(old, '/bin/once', 'approved', '2027-01-01T00:00:00Z')
    const next = successor(old)
    expect(outcome(next, act.file('/etc/shadow'))).toBe('expected')
    expect(outcome(next, act.exec('/bin/bad'))).toBe('deviation')
    expect(outcome(next, act.exec('/bin/once'))).toBe('deviation')
    expect(outcome(next, act.exec('/bin/odd'))).toBe('deviation')
    feed(next, [act.exec('/bin/bad')])
    expect(outcome(next, act.exec('/bin/bad'))).toBe('deviation')
  })

  it('passes on inherited behaviours without own evidence only while its window was open', () => {
    const middle = successor(learned(act.file('/etc/hosts')))
    expect(outcome(successor(middle, false), act.file('/etc/hosts'))).toBe('expected')
    expect(outcome(successor(middle, true), act.file('/etc/hosts'))).toBe('deviation')
    feed(middle, [act.file('/etc/hosts')])
    expect(outcome(successor(middle, true), act.file('/etc/hosts'))).toBe('expected')
  })
})

describe('a delta', () => {
  const before = (path: string) =>
    ({
      '/usr/sbin/nginx': 'a',
      '/etc/nginx.conf': 'c',
      '/lib/libc.so.6': 'l',
      '/srv/data': 'd',
      '/etc/tls/private/key': 'k',
    })[path]
  const after = (path: string) =>
    ({
      '/usr/sbin/nginx': 'A',
      '/etc/nginx.conf': 'C',
      '/bin/new': 'n',
      '/app/new': 'x',
      '/lib/libc.so.6': 'l',
      '/srv/data': 'd',
      '/etc/tls/private/key': 'k',
    })[path]

  it.each([
    [{ actor, object: { kind: 'exec', path: '/bin/new' } }, 'the new version adds /bin/new'],
    [
      { actor, object: { kind: 'file', access: 'read', path: '/etc/nginx.conf' } },
      'the new version changed /etc/nginx.conf',
    ],
    [
      {
        actor: { exe: '/app/new' },
        object: { kind: 'connect', protocol: 'tcp', peer: '10.0.0.7', port: 80 },
      },
      undefined,
    ],
    [{ actor, object: { kind: 'exec', path: '/tmp/x' } }, undefined],
    // The attack: the changed program /usr/sbin/nginx does what no version did before.
    [{ actor, object: { kind: 'exec', path: '/usr/sbin/nginx' } }, undefined],
    [{ actor, object: { kind: 'exec', path: '/bin/sh' } }, undefined],
    [{ actor, object: { kind: 'exec', path: '/bin/new', socketStdio: true } }, undefined],
    [
      { actor, object: { kind: 'exec', path: '/bin/sh', script: '/app/new' } },
      'the new version adds /app/new',
    ],
    [{ actor, object: { kind: 'file', access: 'read', path: '/etc/secret' } }, undefined],
    [{ actor, object: { kind: 'file', access: 'read', path: '/srv/data' } }, undefined],
    [{ actor, object: { kind: 'file', access: 'read', path: '/etc/tls/private/key' } }, undefined],
    [
      { actor, object: { kind: 'file', access: 'read', path: '/lib/libc.so.6' } },
      'the new version changed /usr/sbin/nginx',
    ],
    [
      {
        actor: { exe: '/bin/old' },
        object: { kind: 'file', access: 'read', path: '/lib/libc.so.6' },
      },
      undefined,
    ],
    [{ actor, object: { kind: 'file', access: 'create', path: '/data/x' } }, undefined],
    [{ actor, object: { kind: 'listen', protocol: 'tcp', address: 'own', port: 80 } }, undefined],
    [{ actor, object: { kind: 'capability', name: 'CAP_SYS_ADMIN' } }, undefined],
    [{ actor, object: { kind: 'syscall', name: 'ptrace' } }, undefined],
    [{ actor, object: { kind: 'file', access: 'write', path: '/etc/nginx.conf' } }, undefined],
    [{ actor, object: { kind: 'file', access: 'delete', path: '/bin/new' } }, undefined],
    [
      { actor, object: { kind: 'connect', protocol: 'tcp', peer: '10.0.0.7', port: 80 } },
      undefined,
    ],
    [{ actor, object: { kind: 'exec', path: '/bin/new', drift: true } }, undefined],
  ] as const)('%j is explained as %s', (delta, why) => {
    expect(explainDelta(delta, after, before)).toBe(why)
  })

  it('names the package with its versions, and the layer', () => {
    const explain = (about: Parameters<typeof explainDelta>[3]) =>
      explainDelta({ actor, object: { kind: 'exec', path: '/bin/new' } }, after, before, about)
    const layer = { number: 3, of: 4, isNew: true }
    expect(explain(() => ({ package: { name: 'curl', now: '8.5-2', before: '8.1-1' } }))).toBe(
      'the new version adds /bin/new (package curl 8.1-1 → 8.5-2)',
    )
    expect(explain(() => ({ package: { name: 'curl', now: '8.5-2' }, layer }))).toBe(
      'the new version adds /bin/new (package curl 8.5-2 (new), in the new layer 3 of 4)',
    )
    expect(explain(() => ({ layer: { ...layer, isNew: false } }))).toBe(
      'the new version adds /bin/new (in layer 3 of 4)',
    )
  })
})

describe('a hand-over', () => {
  it('never passes on a quarantined behaviour until a person approved it', () => {
    const shadow = act.file('/etc/shadow', ['read'], { exe: '/bin/cat' }, { shipped: true })
    const old = learned(act.file('/etc/hosts'), shadow)
    expect(outcome(successor(old), shadow)).toBe('deviation')
    decide(old, '/etc/shadow', 'approved')
    expect(outcome(successor(old), shadow)).toBe('expected')
  })
})
