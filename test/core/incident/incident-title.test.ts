import { expect, test } from 'vitest'
import type { Alert } from '../../../src/core/event/alert.ts'
import { incidentTitle, titleStep, placeOf } from '../../../src/core/incident/incident-title.ts'
import { alertAt } from '../../fixtures/incident-alerts.ts'

const tcp = { kind: 'connect', connect: { protocol: 'tcp', address: '203.0.113.7', port: 443 } }

function step(id: string, text: string, change: Partial<Alert> = {}, act?: object): Alert {
  const process = { exe: '/tmp/miner', parent: '/usr/bin/dash' }
  const alert = alertAt({ id, atMs: id.charCodeAt(0), process, ...(act && { act }) })
  return { ...alert, behaviour: { id, kind: 'file', object: '', text }, ...change }
}

const place = { places: ['shop/web'], containers: 1 }
const run = step(
  'b',
  'run /tmp/miner (not from the image)',
  {},
  {
    kind: 'exec',
    exec: { path: '/tmp/miner', drift: true },
  },
)
const call = step('c', 'connect to tcp 203.0.113.7:443', {}, tcp)

test('a title states who did what in order of time, the gravest of each kind', () => {
  const another = step('a', 'connect to tcp 203.0.113.9:443', {}, tcp)
  expect(incidentTitle([call, run, another].map(titleStep), place)).toBe(
    'shop/web: dash runs /tmp/miner (not from the image), miner connects to tcp 203.0.113.7:443',
  )
})

test('a title states no success of what the kernel stopped', () => {
  const stopped: Alert = { ...run, action: 'killed' }
  expect(incidentTitle([stopped].map(titleStep), place)).toBe(
    'shop/web: dash tried to run /tmp/miner (not from the image)',
  )
})

test('a title has the number of containers, and cuts what is long', () => {
  const long = step('a', `read /srv/${'x'.repeat(4_000)}`)
  const many = incidentTitle([long].map(titleStep), {
    places: ['shop/web', 'shop/db', 'shop/api'],
    containers: 12,
  })
  expect(many).toMatch(/^shop\/web and 2 more \(12 containers\): miner reads \/srv\/x+…$/)
  expect(many.length).toBeLessThan(150)
})

test('a place is the workload, or else the container', () => {
  const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-1' }
  expect(placeOf({ ...call, workload })).toBe('shop/web')
  expect(placeOf({ ...call, container: { id: 'f'.repeat(64), name: 'web-1' } })).toBe('web-1')
  expect(placeOf({ ...call, container: { id: 'f'.repeat(64) } })).toBe('f'.repeat(12))
})
