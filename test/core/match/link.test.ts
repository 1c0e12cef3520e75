import { describe, expect, it } from 'vitest'
import { act, learned, verdictOn, type Where } from '../../fixtures/event-fixture.ts'

const root: Where = { uid: 0, exe: '/usr/bin/python3' }
const link = (from: string, name: string) => act.file(name, ['create'], root, { to: from })
const used = (path: string, access: 'read' | 'write') => act.file(path, [access], root)

/** Temporary files, and files of the image that the program may read. */
const profile = learned(
  ...['tmpq8zk1x0v', 'tmp7hw2_mba', 'tmpzz01k_3f', 'tmp0ab91xkq'].map((name) =>
    act.file(`/tmp/${name}`, ['read', 'write'], root),
  ),
  used('/etc/passwd', 'read'),
  used('/opt/spool/out', 'write'),
  act.file('/lib64/ld-linux-x86-64.so.2', ['read'], root, { layer: 'image', shipped: true }),
)

describe('a hard link', () => {
  it('to a name that may be written gives no right to write what may only be read', () => {
    const verdict = verdictOn(profile, link('/etc/passwd', '/tmp/tmpab12cd34'))
    expect(verdict.outcome).toBe('deviation')
    expect(verdict.unexpected.map(({ object }) => object)).toEqual([
      { kind: 'file', access: 'write', path: '/etc/passwd' },
    ])
  })

  it('gives no right to read what may only be written', () => {
    const { unexpected } = verdictOn(profile, link('/opt/spool/out', '/tmp/tmpab12cd34'))
    expect(unexpected.map(({ object }) => object)).toEqual([
      { kind: 'file', access: 'read', path: '/opt/spool/out' },
    ])
  })

  it('triggers the guardrail of the file that it names, also where the profile expects it to be read', () => {
    const verdict = verdictOn(profile, link('/etc/passwd', '/tmp/tmpab12cd34'))
    expect(verdict.guardrails.map(({ id }) => id)).toEqual(['accounts'])
    expect(verdict.severity).toBe('high')
  })

  it('has no right to a file because the image ships it', () => {
    const loader = '/lib64/ld-linux-x86-64.so.2'
    const event = act.file('/tmp/tmpab12cd34', ['create'], root, { to: loader })
    const { unexpected, guardrails } = verdictOn(profile, event)
    expect(unexpected.map(({ object }) => (object.kind === 'file' ? object.access : ''))).toContain(
      'write',
    )
    expect(guardrails.map(({ id }) => id)).toContain('write-binaries')
  })

  it('to a file that may be read and written is expected', () => {
    expect(verdictOn(profile, link('/tmp/tmpq8zk1x0v', '/tmp/tmp7hw2_mba')).outcome).toBe(
      'expected',
    )
  })
})
