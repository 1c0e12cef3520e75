import type { Severity } from '../../../../src/core/event/alert-words.ts'
import { describe, expect, it } from 'vitest'
import type { ExecEvent } from '../../../../src/core/event/event.ts'
import { hashBounds } from '../../../../src/core/event/file-hash.ts'
import { AlertStore } from '../../../../src/agent/records/alerts/alert-store.ts'
import type { Finding } from '../../../../src/agent/pipeline/alerts/finding.ts'
import { RecordIds } from '../../../../src/agent/pipeline/alerts/record-ids.ts'

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

const store = (): AlertStore =>
  new AlertStore({
    node: 'n1',
    capacity: 3,
    ids: new RecordIds(),
    storms: { each: 20, withinMs: 60_000, always: 'critical' },
  })

/** An execution of a file that the image did not ship. */
function executed(fingerprint: string, path: string, pid: number): Finding & { event: ExecEvent } {
  const event = shellExec('2026-11-24T13:40:27.000000Z')
  const file = { device: 1, inode: '2', changed: '3', bytes: 4, executed: '5' }
  return {
    ...finding(fingerprint),
    event: { ...event, process: { ...event.process, pid }, exec: { path, drift: true, file } },
  }
}

describe('the alert store', () => {
  it('adds the hash of what was executed to the event of its alert, and those of others to its files', () => {
    const alerts = store()
    const first = executed('f', '/tmp/a', 1)
    const { alert } = alerts.raise(first, at)
    const others = Array.from({ length: 20 }, (_, n) => executed('f', `/tmp/b${n}`, n + 2))
    for (const other of others) alerts.raise(other, at)
    alerts.drainChanged()
    const sha256 = 'ab'.repeat(32)
    alerts.hashed(others[0]!.event, { unhashed: 'budget' })
    expect(alerts.get(alert.id).event).toMatchObject({ exec: { path: '/tmp/a' } })
    alerts.hashed(first.event, { sha256 })
    expect(alerts.get(alert.id)).toMatchObject({
      event: { exec: { path: '/tmp/a', sha256 } },
      files: [{ path: '/tmp/b0', unhashed: 'budget' }],
    })
    for (const { event } of others) alerts.hashed(event, { sha256 })
    const { files = [] } = alerts.get(alert.id)
    expect(files).toHaveLength(hashBounds.ofAlert)
    expect(files.at(-1)).toEqual({ path: '/tmp/b15', sha256 })
    // What nobody awaits changes no alert.
    alerts.drainChanged()
    alerts.hashed(first.event, { sha256: 'cd'.repeat(32) })
    expect(alerts.drainChanged()).toEqual([])
  })

  it('makes one alert of the same event repeated and raises its count', () => {
    const alerts = store()
    const first = alerts.raise(finding('f'), at)
    const second = alerts.raise(finding('f', '2026-11-24T13:40:29.000000Z'), at + 2000)
    expect(first.fresh).toBe(true)
    expect(second.fresh).toBe(false)
    expect(second.alert.id).toBe(first.alert.id)
    expect(second.alert.count).toBe(2)
    expect(second.alert.firstSeen).toBe('2026-11-24T13:40:27.000000Z')
    expect(second.alert.lastSeen).toBe('2026-11-24T13:40:29.000000Z')
  })

  it('gives ids that sort in the order of the alerts, even within one millisecond', () => {
    const alerts = store()
    const ids = ['a', 'b', 'c'].map((f) => alerts.raise(finding(f), at).alert.id)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(3)
  })

  it('opens a new alert for an event that recurs after a decision', () => {
    const alerts = store()
    const { alert } = alerts.raise(finding('f'), at)
    alerts.decide(alert.id, { kind: 'acknowledged', by: 'cli:root', at: 't', reason: 'known' })
    expect(alerts.repeat('f', 1, 't')).toBeUndefined()
    expect(alerts.raise(finding('f'), at + 1).alert.id).not.toBe(alert.id)
  })

  it('returns each changed alert exactly once, with all data to restore it after a restart', () => {
    const alerts = store()
    const { alert } = alerts.raise(finding('f'), at)
    const records = alerts.drainChanged()
    expect(records.map((r) => r.alert.id)).toEqual([alert.id])
    expect(alerts.drainChanged()).toEqual([])
    const restarted = store()
    restarted.load(records)
    expect(restarted.repeat('f', 4, alert.lastSeen)?.count).toBe(5)
  })

  it('drops the oldest alerts beyond its capacity and counts them', () => {
    const alerts = store()
    const ids = ['a', 'b', 'c', 'd'].map((f) => alerts.raise(finding(f), at).alert.id)
    expect(alerts.size).toBe(3)
    expect(alerts.pruned).toBe(1)
    expect(() => alerts.get(ids[0]!)).toThrow(expect.objectContaining({ code: 'ALERT_UNKNOWN' }))
  })

  it('keeps the alerts of others, and graver ones, however many a container raises', () => {
    const alerts = new AlertStore({
      node: 'n1',
      capacity: 100,
      ids: new RecordIds(),
      storms: { each: 20, withinMs: 60_000, always: 'critical' },
    })
    const of = (container: string, f: string, severity: Severity) => ({
      ...finding(f),
      severity,
      event: { ...shellExec('2026-11-24T13:40:27Z'), container: { id: container } },
    })
    const before = [
      alerts.raise(of('other', 'a', 'low'), at),
      alerts.raise(of('other', 'b', 'high'), at),
      alerts.raise(of('intruded', 'c', 'high'), at),
    ].map(({ alert }) => alert.id)
    // As many as three runs of `find /` raised, in two severities.
    for (let n = 0; n < 9_639; n++) {
      alerts.raise(of('intruded', `f${n}`, n % 2 === 0 ? 'low' : 'medium'), at + n)
    }
    for (const id of before) expect(alerts.has(id)).toBe(true)
    expect(alerts.drainEvicted()).toBeGreaterThan(9_000)
  })

  it('lists newest first and by least severity', () => {
    const alerts = store()
    alerts.raise({ ...finding('a'), severity: 'low' }, at)
    const high = alerts.raise(finding('b'), at).alert
    expect(alerts.list({ limit: 9 }).map((a) => a.severity)).toEqual(['high', 'low'])
    expect(alerts.list({ limit: 9, severity: 'medium' }).map((a) => a.id)).toEqual([high.id])
  })
})

describe('a burst of different events of one container', () => {
  const stormy = (): AlertStore =>
    new AlertStore({
      node: 'n1',
      capacity: 100,
      ids: new RecordIds(),
      storms: { each: 3, withinMs: 60_000, always: 'critical' },
    })
  const newestFirst = (alerts: AlertStore) => alerts.list({ limit: 1_000 })

  it('is stored event by event, and one alert summarises those beyond the first ones', () => {
    const alerts = stormy()
    for (let n = 0; n < 10; n += 1) alerts.raise(finding(`f${n}`), at + n)
    const summary = newestFirst(alerts).find((one) => one.summary !== undefined)
    const parts = newestFirst(alerts).filter(({ partOf }) => partOf !== undefined)
    expect(parts).toHaveLength(7)
    expect(new Set(parts.map(({ partOf }) => partOf))).toEqual(new Set([summary?.id]))
    expect(summary).toMatchObject({
      type: 'deviation',
      severity: 'high',
      count: 7,
      behaviour: null,
      container: { name: 'web-1' },
      summary: {
        kinds: { exec: 7 },
        severities: { high: 7 },
        reasons: [{ text: '/usr/sbin/nginx never ran /bin/sh', count: 7 }],
        first: parts.map(({ id }) => id).reverse(),
      },
    })
    expect(summary?.reasons[0]).toContain('7 more different alerts')
    expect(alerts.counts).toEqual({ raised: 10, inStorms: 7 })
  })

  it('ends after a quiet time, and the next burst has a separate alert', () => {
    const alerts = stormy()
    for (let n = 0; n < 5; n += 1) alerts.raise(finding(`f${n}`), at)
    for (let n = 5; n < 10; n += 1) alerts.raise(finding(`f${n}`), at + 60_001)
    const summaries = newestFirst(alerts).filter((one) => one.summary !== undefined)
    expect(summaries.map(({ count }) => count)).toEqual([2, 2])
  })

  it('summarises later events in another alert once the first has a decision', () => {
    const alerts = stormy()
    for (let n = 0; n < 5; n += 1) alerts.raise(finding(`f${n}`), at)
    const [first] = newestFirst(alerts).filter((one) => one.summary !== undefined)
    alerts.decide(first?.id ?? '', { kind: 'acknowledged', by: 'me', at: '' })
    alerts.raise(finding('f9'), at)
    const summaries = newestFirst(alerts).filter((one) => one.summary !== undefined)
    expect(summaries).toHaveLength(2)
    expect(newestFirst(alerts)[0]).toMatchObject({ partOf: summaries[0]?.id })
  })

  it('does not hide critical alerts, those of other containers and those about the agent', () => {
    const alerts = stormy()
    for (let n = 0; n < 5; n += 1) alerts.raise(finding(`f${n}`), at)
    const grave = alerts.raise({ ...finding('g'), severity: 'critical' }, at).alert
    const other = { ...shellExec('2026-11-24T13:40:27Z'), container: { id: 'b'.repeat(64) } }
    const others = alerts.raise({ ...finding('o'), event: other }, at).alert
    const own = alerts.raise({ ...finding('e'), type: 'enforcement' }, at).alert
    expect([grave, others, own].map(({ partOf }) => partOf)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('the change set of the alert store', () => {
  it('holds each raised alert, even beyond the capacity of the store', () => {
    const alerts = store()
    const ids = Array.from({ length: 10 }, (_, n) => alerts.raise(finding(`f${n}`), at).alert.id)
    expect(alerts.size).toBe(3)
    expect(alerts.drainChanged().map(({ alert }) => alert.id)).toEqual(ids)
    expect(alerts.drainChanged()).toEqual([])
  })

  it('has rising ids where the clock was set back, even over a restart', () => {
    const before = store()
    const { id } = before.raise(finding('a'), at).alert
    const later = before.raise(finding('b'), at - 3_600_000).alert.id
    const after = store()
    after.load(before.drainChanged())
    const last = after.raise(finding('c'), at - 7_200_000).alert.id
    expect([id, later, last]).toEqual([id, later, last].sort())
  })
})
