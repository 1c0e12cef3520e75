import { describe, expect, it } from 'vitest'
import {
  auditBounds,
  type AuditedRequest,
  auditedRequest,
  joined,
  mayBeRequest,
} from '../../../src/core/person/audited-request.ts'
import { auditEvent, auditLine } from '../../fixtures/audit-lines.ts'

const atMs = Date.parse('2026-12-01T10:00:00Z')

function request(...given: Parameters<typeof auditEvent>): AuditedRequest {
  const found = auditedRequest(auditEvent(...given))
  if (typeof found === 'string') throw new Error(found)
  return found
}

describe('an event of the audit log', () => {
  it('of `kubectl exec` has user, address, pod, container and command', () => {
    const command = ['sh', '-c', 'echo a&b=c "d" ü']
    expect(request({ user: 'alice', command, atMs, id: 'one' })).toMatchObject({
      id: 'one',
      kind: 'exec',
      namespace: 'shop',
      pod: 'web-0',
      container: 'web',
      command,
      name: 'alice',
      from: '10.1.2.3',
      agent: 'kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd',
      receivedMs: atMs,
      startedMs: atMs + 20,
      code: 101,
    })
  })

  it('names whom the user impersonates, and keeps the user', () => {
    const more = { impersonatedUser: { username: 'bob' } }
    expect(request({ user: 'alice', atMs, more })).toMatchObject({ name: 'alice', as: 'bob' })
  })

  it('has only the last address, as a client writes those before it', () => {
    const from = (sourceIPs: unknown) => request({ user: 'a', atMs, more: { sourceIPs } }).from
    expect(from(['1.2.3.4', '::ffff:10.0.0.7'])).toBe('10.0.0.7')
    expect(from(['1.2.3.4', '<script>'])).toBeUndefined()
    expect(from('1.2.3.4')).toBeUndefined()
  })

  it.each([
    ['attach', 'attach'],
    ['portforward', 'portforward'],
    ['ephemeralcontainers', 'ephemeral'],
  ])('of pods/%s is one of kind %s', (subresource, kind) => {
    expect(request({ user: 'alice', subresource, atMs })).toMatchObject({ kind, pod: 'web-0' })
  })

  it('of an ephemeral container names it, where the policy records bodies', () => {
    const spec = { ephemeralContainers: [{ name: 'debugger-1' }, { name: 7 }] }
    const of = { user: 'alice', subresource: 'ephemeralcontainers', atMs }
    expect(request({ ...of, more: { requestObject: { spec } } }).adds).toEqual(['debugger-1'])
    expect(request({ ...of, more: { requestObject: spec } }).adds).toEqual(['debugger-1'])
    expect(request(of).adds).toBeUndefined()
  })

  it('of the kubelet, which the API server passes on, has the pod of its path', () => {
    const requestURI =
      '/api/v1/nodes/node1/proxy/exec/shop/web-0/web?command=sh&command=-c&command=id'
    const objectRef = { resource: 'nodes', name: 'node1', subresource: 'proxy' }
    const by = { user: 'mallory', atMs }
    expect(request({ ...by, more: { requestURI, objectRef } })).toMatchObject({
      kind: 'exec',
      namespace: 'shop',
      pod: 'web-0',
      container: 'web',
      command: ['sh', '-c', 'id'],
      name: 'mallory',
    })
    const run = '/api/v1/nodes/node1/proxy/run/shop/web-0/web?cmd=cat%20/etc/passwd'
    expect(request({ ...by, more: { requestURI: run, objectRef } })).toMatchObject({
      kind: 'exec',
      command: ['cat', '/etc/passwd'],
    })
    const logs = { requestURI: '/api/v1/nodes/node1/proxy/metrics', objectRef }
    expect(auditedRequest(auditEvent({ ...by, more: logs }))).toBe('other')
  })

  it.each([
    { subresource: 'log' },
    { subresource: 'constructor' },
    { subresource: 'exec', more: { objectRef: { resource: 'services', subresource: 'exec' } } },
  ])('that lets nobody in is none: %o', (of) => {
    expect(auditedRequest(auditEvent({ user: 'a', atMs, ...of }))).toBe('other')
  })

  it.each([
    null,
    [],
    'text',
    { kind: 'Pod' },
    auditEvent({ user: '', atMs }),
    auditEvent({ user: 'a'.repeat(auditBounds.name + 1), atMs }),
    auditEvent({ user: 'a', atMs, id: 'i'.repeat(auditBounds.id + 1) }),
    auditEvent({ user: 'a', atMs, more: { requestReceivedTimestamp: 'yesterday' } }),
    auditEvent({ user: 'a', atMs, more: { impersonatedUser: {} } }),
  ])('that is not as an API server writes it is not read: case %#', (value) => {
    expect(auditedRequest(value)).toBe('unreadable')
  })

  it('keeps a bounded part of what the client wrote', () => {
    const command = ['sh', '-c', 'x'.repeat(100_000)]
    const long = request({ user: 'a', atMs, command, more: { userAgent: 'y'.repeat(9_999) } })
    expect(long.command.join('').length).toBe(auditBounds.command)
    expect(long.commandCut).toBe(true)
    expect(long.agent).toHaveLength(auditBounds.agent)
    expect(request({ user: 'a', atMs, command: Array(5_000).fill('') })).toMatchObject({
      commandCut: true,
      command: Array(auditBounds.args).fill(''),
    })
  })

  it('differs from most others before it is parsed', () => {
    expect(mayBeRequest(auditLine({ user: 'a', atMs }))).toBe(true)
    expect(mayBeRequest(auditLine({ user: 'a', atMs, subresource: 'log' }))).toBe(false)
    expect(mayBeRequest('{"subresource" : "exec"}')).toBe(true)
  })
})

describe('two lines of one request', () => {
  const of = { user: 'alice', atMs, id: 'one' } as const
  const started = request(of)
  const ended = request({ ...of, stage: 'ResponseComplete', laterMs: 9_000 })

  it('are one, in whichever order they come', () => {
    expect(started.key).toBe(ended.key)
    const whole = { startedMs: atMs + 20, endedMs: atMs + 9_000 }
    expect(joined(started, ended)).toMatchObject(whole)
    expect(joined(ended, started)).toMatchObject(whole)
  })

  it('are two where a client gave two requests one id', () => {
    const keys = [
      started,
      request({ ...of, user: 'bob' }),
      request({ ...of, atMs: atMs + 1 }),
      request({ ...of, more: { impersonatedUser: { username: 'bob' } } }),
      request({ ...of, pod: 'web-1' }),
    ].map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})
