import { describe, expect, it } from 'vitest'
import { judge } from '../../../src/core/match/judge.ts'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { act, guardrails, learned, shaper, verdictOn } from '../../fixtures/event-fixture.ts'

const numbered = (n: number) => `/tmp/30${n}`

const profile = learned(
  act.exec('/usr/sbin/nginx'),
  act.exec('/usr/bin/openssl'),
  act.file('/etc/nginx/nginx.conf'),
  act.file('/etc/nginx/mime.types'),
  act.file('/var/log/nginx/access.log', ['write']),
  act.file(numbered(1), ['write']),
  act.file(numbered(1), ['setattr']),
  act.connect('10.0.0.7', 5432),
  act.connect('10.0.0.8', 6379),
  act.file('/app/key', ['read'], { exe: '/app/server' }),
  act.file('/health', ['read'], { origin: 'probe' }),
)

describe('a deviation is explained by the nearest expected behaviour', () => {
  it.each([
    [
      act.exec('/bin/sh'),
      '/usr/sbin/nginx (uid 101) has never executed /bin/sh in this image; it normally executes /usr/bin/openssl',
      /run \/usr\/bin\/openssl$/,
    ],
    [
      act.file('/etc/nginx/nginx.conf', ['read'], { uid: 0 }),
      '/usr/sbin/nginx may read /etc/nginx/nginx.conf only as uid 101, not as uid 0',
      /read \/etc\/nginx\/nginx.conf$/,
    ],
    [
      act.file('/app/key'),
      '/usr/sbin/nginx (uid 101) has never read /app/key in this image; /app/server does',
      /^\/app\/server as uid 101: read \/app\/key$/,
    ],
    [
      act.file('/etc/nginx/nginx.conf', ['write']),
      '/usr/sbin/nginx (uid 101) has never written to /etc/nginx/nginx.conf in this image; its nearest known behaviour: read /etc/nginx/nginx.conf',
      /read \/etc\/nginx\/nginx.conf$/,
    ],
    [
      act.connect('10.0.0.7', 22),
      '/usr/sbin/nginx (uid 101) has never connected to tcp 10.0.0.7:22 in this image; it normally connects to tcp 10.0.0.7:5432, tcp 10.0.0.8:6379',
      /tcp 10.0.0.7:5432$/,
    ],
    [
      act.file(numbered(2), ['write']),
      `/usr/sbin/nginx (uid 101) has never written to ${numbered(2)} in this image; of the pattern /tmp/<int> the profile has ${numbered(1)}`,
      /write \/tmp\/<int>$/,
    ],
    [
      act.file(numbered(1), ['setattr'], { uid: 0 }),
      `/usr/sbin/nginx may change attributes of ${numbered(1)} only as uid 101, not as uid 0`,
      /change attributes of \/tmp\/<int>$/,
    ],
    [
      act.file('/health'),
      '/usr/sbin/nginx may read /health only as part of a health probe, not of the service itself',
      /read \/health$/,
    ],
  ])('%#', (event, reason, nearest) => {
    const verdict = verdictOn(profile, event)
    expect(verdict.reasons).toEqual([reason])
    expect(verdict.nearest?.text).toMatch(nearest)
  })

  it('names no behaviour where nothing is near', () => {
    const verdict = verdictOn(profile, act.exec('/bin/id', { exe: '/bin/sh' }))
    expect(verdict.nearest).toBeNull()
    expect(verdict.reasons).toEqual([
      '/bin/sh (uid 101) has never executed /bin/id in this image; it executes no other program',
    ])
  })

  it('ignores behaviours that were never allowed themselves', () => {
    const pending = learned(act.exec('/bin/evil', { origin: 'exec-in' }))
    expect(verdictOn(pending, act.exec('/bin/evil2')).nearest).toBeNull()
  })
})

describe('the verdict', () => {
  const event = act.exec('/bin/sh')
  const refs = behavioursOf(event, shaper)

  it('is unprofiled where there is no profile', () => {
    const verdict = judge(undefined, event, refs, { guardrails })
    expect(verdict).toMatchObject({
      outcome: 'unprofiled',
      reasons: ['the image has no profile'],
    })
  })

  it('reports that the profile is incomplete', () => {
    const verdict = judge(profile, event, refs, { guardrails, incomplete: '3 acts were lost' })
    expect(verdict.confidence).toBe('partial')
    expect(verdict.reasons.at(-1)).toBe('the profile is incomplete: 3 acts were lost')
  })

  it('names of several behaviours those that were not expected', () => {
    const both = act.file('/etc/nginx/nginx.conf', ['read', 'write'])
    const verdict = verdictOn(profile, both)
    expect(verdict.unexpected.map((ref) => ref.object)).toEqual([
      { kind: 'file', access: 'write', path: '/etc/nginx/nginx.conf' },
    ])
  })
})
