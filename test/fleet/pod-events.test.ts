import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CoreV1Event } from '@kubernetes/client-node'
import { ulid } from 'ulid'
import type { Alert } from '../../src/core/event/alert.ts'
import { viewOf } from '../../src/fleet/kubernetes/pod-containers.ts'
import type { OutboundRecord } from '../../src/core/event/outbound-record.ts'
import {
  podEvent,
  podEventRates,
  PodEvents,
  type PodEventsOptions,
} from '../../src/fleet/pod-events.ts'
import { hostileAlert, sampleAlerts } from '../fixtures/format-alerts.ts'
import { ScriptedApi } from '../fixtures/kube-server.ts'
import { podOf } from '../fixtures/kube-pods.ts'

/** test/kube/pod-events.test.ts has the same on a real API server. */
const pods = ['web-1', 'web-2'].map((name) => viewOf(podOf({ name, app: [{ name: 'web' }] })))
const [pod] = pods
const startMs = Date.parse('2026-11-24T12:00:00Z')
let api: ScriptedApi
let now: number
let lost: number
let events: PodEvents

beforeEach(async () => {
  api = new ScriptedApi('/api/v1/pods')
  await api.start()
  now = startMs
  lost = 0
  events = made()
})
afterEach(async () => {
  await events.close()
  await api.kill()
})

function made(more: Partial<PodEventsOptions> = {}): PodEvents {
  return new PodEvents({
    api: api.api(),
    node: 'n1',
    pod: (namespace, name) =>
      pods.find((each) => each.name === name && each.namespace === namespace),
    onLost: (count) => {
      lost += count
    },
    now: () => now,
    ...more,
  })
}

function alertOn(name: string, more: Partial<Alert> = {}): Alert {
  const [first] = sampleAlerts
  if (first === undefined) throw new Error('no sample')
  const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', pod: name }
  return { ...first, id: ulid(now), workload, ...more }
}

const written = (): readonly CoreV1Event[] => api.sent.map(({ body }) => body as CoreV1Event)
const until = (count: number) => expect.poll(() => api.sent).toHaveLength(count)

describe('an Event', () => {
  it('is on the pod, and has what a person asks of an alert', () => {
    if (pod === undefined) throw new Error('no pod')
    const [alert] = sampleAlerts
    const event = podEvent(alert as Alert, pod, 'n1', 0)
    expect(event.involvedObject).toMatchObject({ kind: 'Pod', name: 'web-1', uid: 'uid-web-1' })
    expect(event).toMatchObject({ type: 'Warning', source: { component: 'snug', host: 'n1' } })
    expect(event.message).toContain(alert?.severity)
    expect(event.message).toContain(alert?.behaviour?.text)
    expect(event.message).toContain(alert?.id)
  })

  it('has no text that a terminal obeys, nor one that the server refuses as too long', () => {
    if (pod === undefined) throw new Error('no pod')
    for (const text of ['\u001b[2J\u202e\n', 'x'.repeat(5_000), '\u{1F600}'.repeat(2_000)]) {
      const { message = '', metadata } = podEvent(hostileAlert(text), pod, 'n1', 7)
      expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(message.length).toBeLessThanOrEqual(1_024)
      expect(message).toContain('(7 alerts before it have no event)')
      expect(metadata.name).toMatch(/^[a-z0-9.-]+$/)
    }
    const long = { ...pod, name: 'p'.repeat(253) }
    expect(podEvent(hostileAlert('x'), long, 'n1', 0).metadata.name?.length).toBeLessThanOrEqual(
      253,
    )
  })

  it('of a static pod names it as kubectl looks for it', () => {
    const view = viewOf(podOf({ app: [{ name: 'web' }] }))
    const fixed = { ...view, cgroupNames: [view.uid, 'hash-of-manifest'] }
    const { involvedObject } = podEvent(sampleAlerts[0] as Alert, fixed, 'n1', 0)
    expect(involvedObject.uid).toBe('hash-of-manifest')
  })
})

describe('an alert', () => {
  it('has one Event, however often its count rises', async () => {
    const alert = alertOn('web-1')
    events.stored([alert])
    events.stored([{ ...alert, count: 5 }, alertOn('web-2')])
    await until(2)
    expect(written().map(({ involvedObject }) => involvedObject.name)).toEqual(['web-1', 'web-2'])
  })

  it('has none where it is novelty, part of a summary, of an earlier agent, or of no pod of the node', async () => {
    const old = { id: ulid(startMs - 1) }
    events.stored([
      alertOn('web-1', { novelty: true }),
      alertOn('web-1', { partOf: 'another' }),
      alertOn('web-1', old),
      alertOn('elsewhere'),
      alertOn('web-2'),
    ])
    await until(1)
    expect(written()[0]?.involvedObject.name).toBe('web-2')
  })

  it('of a crowd on one pod is counted by the next Event, and takes none from another pod', async () => {
    events.stored(Array.from({ length: 30 }, () => alertOn('web-1')))
    events.stored([alertOn('web-2')])
    await until(11)
    now += 60_000
    events.stored([alertOn('web-1')])
    await until(12)
    expect(written()[11]?.message).toContain('(20 alerts before it have no event)')
  })
})

describe('the API server', () => {
  it('that refuses for a while gets the Event later, once', async () => {
    api.refusals.push({ status: 500 }, { status: 429 })
    events.stored([alertOn('web-1')])
    await until(1)
    expect(lost).toBe(0)
  })

  it('that does not let the agent write costs that Event, and it is counted', async () => {
    api.refusals.push({ status: 403 })
    events.stored([alertOn('web-1'), alertOn('web-2')])
    await until(1)
    expect(written()[0]?.involvedObject.name).toBe('web-2')
    expect(lost).toBe(1)
  })

  it('that has the Event already, as an answer was lost, is not asked again', async () => {
    api.refusals.push({ status: 409 })
    events.stored([alertOn('web-1'), alertOn('web-2')])
    await until(1)
    expect(written()[0]?.involvedObject.name).toBe('web-2')
    expect(lost).toBe(0)
  })
})

describe('a hold', () => {
  const holdOf = (what: string, more: object = {}, ms = now): OutboundRecord => {
    const time = new Date(ms).toISOString()
    const id = ulid(ms)
    const target = { hold: 'h1', level: 'network', reason: 'a web shell', until: time }
    const place = { target: 'image shop/web', containers: ['a'], pods: ['shop/web-1', 'shop/gone'] }
    const entry = {
      seq: 1,
      previous: '',
      what,
      who: 'cli:root',
      time,
      ...target,
      ...place,
      ...more,
    }
    const record = {
      id,
      time,
      node: 'n1',
      severity: 'low',
      type: 'audit',
      hash: '',
      entry,
    } as const
    return { schema: 'snug.audit/v1', ...record }
  }

  it('is an Event on each of its pods, and so is its end, also in a flood of alerts', async () => {
    for (let i = 0; i < podEventRates.pod.burst + 5; i += 1) events.stored([alertOn('web-1')])
    events.stored([holdOf('hold'), holdOf('release', { reason: '\u202e' })])
    await until(podEventRates.pod.burst + 2)
    const [held, released] = written().slice(-2)
    expect(held).toMatchObject({
      type: 'Warning',
      reason: 'SnugHeld',
      involvedObject: { name: 'web-1' },
      message: `held (network) until ${new Date(now).toISOString()} by cli:root: a web shell`,
    })
    expect(released).toMatchObject({
      type: 'Normal',
      reason: 'SnugReleased',
      message: 'no longer held (network) by cli:root: ?',
    })
  })

  it('has none where it is of no pod, of an earlier agent, or no hold', async () => {
    events.stored([
      holdOf('hold', { pods: undefined }),
      holdOf('hold', {}, startMs - 1),
      holdOf('mode'),
      alertOn('web-2'),
    ])
    await until(1)
    expect(written()[0]?.involvedObject.name).toBe('web-2')
  })
})
