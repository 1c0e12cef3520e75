import { describe, expect, it } from 'vitest'
import type { ExecEvent } from '../../src/event/event.ts'
import { AlertBook, type Finding } from '../../src/respond/alert-book.ts'

const at = Date.parse('2026-11-24T13:40:27Z')

function shellExec(time: string): ExecEvent {
  return {
    v: 1,
    time,
    node: 'n1',
    source: 'ebpf',
    kind: 'exec',
    container: { id: 'a'.repeat(64), name: 'web-1' },
    image: { repository: 'shop/web', tag: '1', digest: `sha256:${'1'.repeat(64)}` },
    process: { pid: 9, exe: '/bin/sh', uid: 101, origin: 'entrypoint' },
    exec: { path: '/bin/sh', drift: false },
  }
}

function finding(fingerprint: string, time = '2026-11-24T13:40:27.000000Z'): Finding {
  const behaviour = { id: 'b1', kind: 'exec', object: '/bin/sh', text: 'run /bin/sh' }
  return {
    fingerprint,
    type: 'deviation',
    severity: 'high',
    reasons: ['/usr/sbin/nginx never ran /bin/sh'],
    nearest: null,
    behaviour,
    guardrails: [],
    attack: [],
    mode: 'alert',
    event: shellExec(time),
  }
}

const book = (): AlertBook => new AlertBook({ node: 'n1', capacity: 3 })

describe('the alert book', () => {
  it('makes one alert of the same act repeated and raises its count', () => {
    const alerts = book()
    const first = alerts.raise(finding('f'), at)
    const second = alerts.raise(finding('f', '2026-11-24T13:40:29.000000Z'), at + 2000)
    expect(first.fresh).toBe(true)
    expect(second.fresh).toBe(false)
    expect(second.alert.id).toBe(first.alert.id)
    expect(second.alert.count).toBe(2)
    expect(second.alert.firstSeen).toBe('2026-11-24T13:40:27.000000Z')
    expect(second.alert.lastSeen).toBe('2026-11-24T13:40:29.000000Z')
  })

  it('gives ids that sort in the order in which alerts were raised, within one millisecond too', () => {
    const alerts = book()
    const ids = ['a', 'b', 'c'].map((f) => alerts.raise(finding(f), at).alert.id)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
  })

  it('opens a new alert for an act that comes again after it was decided on', () => {
    const alerts = book()
    const { alert } = alerts.raise(finding('f'), at)
    alerts.decide(alert.id, { kind: 'acknowledged', by: 'cli:root', at: 't', reason: 'known' })
    expect(alerts.repeat('f', 1, 't')).toBeUndefined()
    expect(alerts.raise(finding('f'), at + 1).alert.id).not.toBe(alert.id)
  })

  it('hands out what changed exactly once, with what it needs to be taken back after a restart', () => {
    const alerts = book()
    const { alert } = alerts.raise(finding('f'), at)
    const records = alerts.drainChanged()
    expect(records.map((r) => r.alert.id)).toEqual([alert.id])
    expect(alerts.drainChanged()).toEqual([])
    const restarted = book()
    restarted.load(records)
    expect(restarted.repeat('f', 4, alert.lastSeen)?.count).toBe(5)
  })

  it('drops the oldest beyond its capacity and counts what it dropped', () => {
    const alerts = book()
    const ids = ['a', 'b', 'c', 'd'].map((f) => alerts.raise(finding(f), at).alert.id)
    expect(alerts.size).toBe(3)
    expect(alerts.pruned).toBe(1)
    expect(() => alerts.get(ids[0]!)).toThrow(expect.objectContaining({ code: 'ALERT_UNKNOWN' }))
  })

  it('lists newest first and by least severity', () => {
    const alerts = book()
    alerts.raise({ ...finding('a'), severity: 'low' }, at)
    const high = alerts.raise(finding('b'), at).alert
    expect(alerts.list({ limit: 9 }).map((a) => a.severity)).toEqual(['high', 'low'])
    expect(alerts.list({ limit: 9, severity: 'medium' }).map((a) => a.id)).toEqual([high.id])
  })
})
