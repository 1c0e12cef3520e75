import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { imageKey } from '../../src/core/event/image-key.ts'
import type { BehaviourView } from '../../src/api/profile-views.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import { Agent } from '../fixtures/agent.ts'
import { Nats } from '../fixtures/nats.ts'
import { FleetNode, has, type NodeImage, stateIs } from '../kube/fleet-node.ts'

/** Agents on hosts without Kubernetes, with the bucket of a real nats-server. One story. */
const bucket = 'snug'
const named = {
  repository: 'shop/web',
  digest: `sha256:${randomBytes(32).toString('hex')}`,
}
const image: NodeImage = { ...named, tag: '1', ref: imageKey(named), scope: undefined }

let nats: Nats
let nodes: readonly [FleetNode, FleetNode]
let late: FleetNode | undefined

function host(node: string, shareWithin = '2s'): FleetNode {
  const config = {
    node,
    sources: ['file:/dev/null'],
    kernelState: 'none',
    engines: { docker: { socket: 'none' } },
    fleet: { type: 'nats', servers: [`127.0.0.1:${nats.port}`], bucket, shareWithin },
  }
  return new FleetNode(node, '', image, { agent: new Agent({ config }) })
}

beforeAll(async () => {
  nats = await Nats.start()
  await nats.makeBucket(bucket)
  nodes = [host('web-1'), host('web-2.example.com')]
  await Promise.all(nodes.map(({ agent }) => agent.start()))
})

afterAll(async () => {
  for (const each of [...(nodes ?? []), late]) await each?.agent[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

const degraded = async ({ agent }: FleetNode, good: (text: string) => boolean): Promise<string> => {
  const textOf = ({ degraded: all }: StatusView): string => JSON.stringify(all)
  return textOf(await agent.until<StatusView>(['status'], (status) => good(textOf(status))))
}

/** Milliseconds until all of them are so. */
async function took(...all: readonly Promise<unknown>[]): Promise<number> {
  const began = performance.now()
  await Promise.all(all)
  return Math.round(performance.now() - began)
}

test('each host has the observations of all', async () => {
  const [first, second] = nodes
  await first.opened('/etc/a', '/etc/both')
  await second.opened('/etc/b', '/etc/both')
  for (const each of nodes) await each.rows(has('/etc/a', '/etc/b', '/etc/both'))
  const [one, other] = await Promise.all(nodes.map((each) => each.rows(() => true)))
  const ids = (rows: readonly BehaviourView[] = []): readonly string[] => rows.map(({ id }) => id)
  expect(ids(one)).toEqual(ids(other))
})

test('a mode and an approval reach both, with their author and host', async () => {
  const [first, second] = nodes
  await first.setMode('alert')
  const modeMs = await took(second.modeIs('alert'))
  for (const each of nodes) await each.opened('/etc/new')
  await second.rows(stateIs('/etc/new', 'pending'))
  const id = await first.idOf('/etc/new')
  const result = await first.agent.cli(['profile', 'approve', image.ref, '--behaviour', id])
  expect(result.code, result.stderr).toBe(0)
  const approvalMs = await took(second.rows(stateIs('/etc/new', 'approved')))
  console.log(`at the other host: the mode after ${modeMs} ms, the approval after ${approvalMs} ms`)
  const isApproval = ({ what, node }: AuditView): boolean => what === 'approve' && node === 'web-1'
  const audit = await second.agent.until<AuditView[]>(['audit', 'list'], (all) =>
    all.some(isApproval),
  )
  expect(audit.find(isApproval)?.who).toMatch(/^cli:/)
})

test('an approval holds on a host that has not seen the behaviour', async () => {
  const [first, second] = nodes
  await first.opened('/etc/seen-once')
  const id = await first.idOf('/etc/seen-once')
  await first.agent.cli(['profile', 'approve', image.ref, '--behaviour', id])
  await second.rows(stateIs('/etc/seen-once', 'approved'))
})

test('the later of two decisions applies on a host that joins then', async () => {
  const [first, second] = nodes
  await second.reject('/etc/new')
  await first.rows(stateIs('/etc/new', 'rejected'))
  late = host('web-3', '1h')
  await late.agent.start()
  await late.opened('/etc/a')
  await late.rows(has('/etc/a', '/etc/b'))
  await late.rows(stateIs('/etc/new', 'rejected'))
  await late.modeIs('alert')
})

test('a decision does not wait until the host shares what it learned', async () => {
  await late?.rows(has('/etc/seen-once'))
  await late?.reject('/etc/seen-once')
  const ms = await took(...nodes.map((each) => each.rows(stateIs('/etc/seen-once', 'rejected'))))
  console.log(`a rejection is at the other hosts after ${ms} ms`)
})

test('while NATS is away hosts go on and name it, and then agree', async () => {
  const [first, second] = nodes
  await nats.kill()
  for (const each of nodes) await degraded(each, (text) => text.includes('FLEET_UNAVAILABLE'))
  await first.opened('/etc/meanwhile')
  await first.reject('/etc/meanwhile')
  await second.opened('/etc/also')
  await second.setMode('learn')
  // On the host that shares what it learned each hour.
  await late?.reject('/etc/a')
  nats.startAgain()
  for (const each of nodes) {
    await each.rows(stateIs('/etc/meanwhile', 'rejected'))
    await each.rows(stateIs('/etc/a', 'rejected'))
    await each.modeIs('learn')
    await degraded(each, (text) => !text.includes('FLEET_'))
  }
})

test('a damaged value is in the status of each host, and nothing else of it', async () => {
  const [first] = nodes
  await nats.publish(['{'], `$KV.${bucket}.slices.web-9.any.0`)
  for (const each of nodes) {
    const text = await degraded(each, (all) => all.includes('FLEET_VALUE_INVALID'))
    expect(text).toContain('slices.web-9.any.0')
  }
  await nats.remove(bucket, 'slices.web-9.any.0')
  await degraded(first, (text) => !text.includes('FLEET_'))
})

test('a version that all hosts remove has no keys any more', async () => {
  for (const each of [...nodes, late]) {
    const removed = await each?.agent.cli(['image', 'remove', image.ref])
    expect(removed?.code, removed?.stderr).toBe(0)
  }
  await expect
    .poll(async () => [...(await nats.values(bucket)).keys()].join())
    .not.toContain(profileName(named))
})
