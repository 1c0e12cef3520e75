import { describe, expect, it } from 'vitest'
import { behaviourId, behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { act, feed, learned, outcome, shaper, verdictOn } from '../../fixtures/event-fixture.ts'

const keys = (event: Parameters<typeof behavioursOf>[0]) =>
  behavioursOf(event, shaper).map((ref) => ref.key.split('\u0000').slice(3).join(' '))

describe('the behaviours of an event', () => {
  it('are one for each access of a file', () => {
    expect(keys(act.file('/a/b', ['read', 'write']))).toEqual(['file read /a/b', 'file write /a/b'])
  })

  it('are one where creating goes with writing', () => {
    expect(keys(act.file('/a/b', ['write', 'create']))).toEqual(['file write /a/b'])
  })

  it('have an id that never changes', () => {
    const [ref] = behavioursOf(act.exec('/bin/sh'), shaper)
    expect(behaviourId(ref!.key)).toBe('b532df494f5720587a87e')
  })
})

describe('learning', () => {
  it('expects what it learned and nothing else', () => {
    const profile = learned(act.exec('/usr/sbin/nginx'), act.file('/etc/nginx/nginx.conf'))
    expect(outcome(profile, act.exec('/usr/sbin/nginx'))).toBe('expected')
    expect(outcome(profile, act.exec('/bin/sh'))).toBe('deviation')
    expect(verdictOn(profile, act.exec('/bin/sh')).reasons).toEqual([
      '/usr/sbin/nginx (uid 101) has never executed /bin/sh in this image; it executes no other program',
    ])
  })

  it('generalises after three witnesses and not before', () => {
    const id = (n: number) => `/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`
    const profile = learned(act.file(id(1)), act.file(id(2)))
    expect(outcome(profile, act.file(id(2)))).toBe('expected')
    expect(outcome(profile, act.file(id(3)))).toBe('deviation')
    feed(profile, [act.file(id(3))])
    expect(outcome(profile, act.file(id(9)))).toBe('expected')
    expect(outcome(profile, act.file(id(9), ['write']))).toBe('deviation')
  })

  it('generalises after one witness of a name that the program made, and gives only once', () => {
    const id = (n: number) => `/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c330${n}`
    const profile = learned(act.file(id(1), ['create']), act.file('/tmp/1', ['create']))
    expect(outcome(profile, act.file(id(9), ['create']))).toBe('expected')
    expect(outcome(profile, act.file(id(9)))).toBe('expected')
    expect(outcome(profile, act.file('/tmp/9', ['create']))).toBe('deviation')
    expect(outcome(profile, act.file(`${id(9)}.php`, ['create']))).toBe('deviation')
    expect(outcome(profile, act.file(id(9), ['create'], { exe: '/bin/other' }))).toBe('deviation')
  })
})
