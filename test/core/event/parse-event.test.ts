import { describe, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import type { FileEvent } from '../../../src/core/event/event.ts'
import { parseEventLine } from '../../../src/core/event/parse-event.ts'
import { act } from '../../fixtures/event-fixture.ts'

/** The parser's error when `member` (a dotted path) is `value`, or is removed. */
function refusal(member: string, value?: unknown): string {
  const event = structuredClone(act.file('/etc/hosts')) as unknown as Record<string, unknown>
  const keys = member.split('.')
  const last = keys.pop() ?? ''
  let owner = event
  for (const key of keys) owner = owner[key] as Record<string, unknown>
  owner[last] = value
  try {
    parseEventLine(JSON.stringify(event))
  } catch (error) {
    expect(error).toBeInstanceOf(SnugError)
    expect((error as SnugError).code).toBe('EVENT_INVALID')
    return (error as SnugError).message
  }
  return 'taken'
}

describe('parseEventLine', () => {
  it('names the member that is wrong', () => {
    expect(refusal('v', 2)).toBe('`v` must be 1')
    expect(refusal('time', '2026-11-24')).toMatch(/^`time` must be a time/)
    expect(refusal('process.exe')).toBe('`process.exe` must be an absolute path')
    expect(refusal('process.uid', -1)).toMatch(/^`process.uid` must be a whole number/)
    expect(refusal('process.origin', 'drift')).toMatch(/^`process.origin` must be one of/)
    expect(refusal('file.path', 'etc/hosts')).toMatch(/^`file.path`/)
    expect(refusal('file.access', [])).toMatch(/^`file.access`/)
    expect(refusal('file.access', ['rename'])).toMatch(/^`file.to`/)
    expect(refusal('kind', 'dns')).toMatch(/^`kind` must be a kind of event that this version/)
    expect(refusal('file.path', '/a\u0000b')).toMatch(/NUL/)
  })

  it('takes no hash that is none, and no file that is not identified', () => {
    const file = { device: 1, inode: '2', changed: '3', bytes: 4, executed: '5' }
    const withExec = (more: object): string => {
      const event = act.exec('/tmp/x', {}, true)
      return JSON.stringify({ ...event, exec: { path: '/tmp/x', drift: true, file, ...more } })
    }
    const hash = { sha256: 'ab'.repeat(32) }
    expect(parseEventLine(withExec(hash))).toMatchObject({ exec: { file, ...hash } })
    for (const wrong of [
      { sha256: 'AB'.repeat(32) },
      { unhashed: 'lazy' },
      { file: { ...file, inode: 2 } },
      { file: { ...file, changed: 'now' } },
      { file: { ...file, device: -1 } },
    ])
      expect(() => parseEventLine(withExec(wrong))).toThrow(/^`exec\./)
  })

  it('makes paths canonical and keeps unknown members', () => {
    const event = { ...act.file('/etc//./hosts'), extra: { deep: [1] } }
    const parsed = parseEventLine(JSON.stringify(event)) as FileEvent & { extra: unknown }
    expect(parsed.file.path).toBe('/etc/hosts')
    expect(parsed.extra).toEqual({ deep: [1] })
  })

  it('writes a v4-mapped peer as the IPv4 address that it is', () => {
    const parsed = parseEventLine(JSON.stringify(act.connect('::ffff:10.0.0.7', 5432)))
    expect(parsed).toMatchObject({ connect: { address: '10.0.0.7' } })
  })

  it('takes the path of a unix socket as an address', () => {
    const parsed = parseEventLine(JSON.stringify(act.connect('/run//docker.sock', 0, {}, 'unix')))
    expect(parsed).toMatchObject({ connect: { address: '/run/docker.sock' } })
  })

  it('takes a loss of the whole node', () => {
    const at = '2026-11-24T13:40:27Z'
    const loss = { reason: 'ring-full', count: 3, from: at, to: at }
    const line = JSON.stringify({ v: 1, time: at, node: 'n1', source: 'ebpf', kind: 'loss', loss })
    expect(parseEventLine(line).kind).toBe('loss')
  })
})
