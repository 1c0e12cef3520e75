import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join as inFolder } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import { BucketState } from '../../src/console/reading/bucket-state.ts'
import { decisionKey, sliceKey } from '../../src/fleet/nats/fleet-keys.ts'
import { NatsFleet } from '../../src/fleet/nats/nats-fleet.ts'
import { connectNats } from '../../src/agent/pipeline/delivery/sinks/nats-connection.ts'
import { contribution, decidedEntry, FleetMember } from '../contract/fleet-suite.ts'
import { Nats } from '../fixtures/nats.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'

/** The configuration of NATS in docs/fleet.md: each node writes its own slices, and one of them may decide. */
const page = readFileSync(new URL('../../docs/fleet.md', import.meta.url), 'utf8')
const bucket = 'snug'

let folder: string
let nats: Nats
let members: FleetMember[]
let image: FleetImage

beforeAll(async () => {
  vi.stubEnv('SNUG_TEST_FLEET', 'change-me')
  folder = mkdtempSync('/tmp/snug-nats-rights-')
  const file = inFolder(folder, 'nats.conf')
  writeFileSync(file, /```text\n(authorization[^]*?)```/.exec(page)?.[1] ?? '')
  nats = await Nats.start(['-c', file], { user: 'operator', pass: 'change-me' })
  await nats.makeBucket(bucket)
})

afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
  vi.unstubAllEnvs()
})

beforeEach(() => {
  members = []
  image = { repository: 'shop/web', digest: `sha256:${randomBytes(32).toString('hex')}` }
})

afterEach(() => {
  for (const member of members) member.leave()
})

const access = (user: string) => ({
  servers: [{ host: '127.0.0.1', port: nats.port }],
  user,
  password: { env: 'SNUG_TEST_FLEET' },
  timeoutMs: 2_000,
})

async function join(node: string): Promise<FleetMember> {
  const member = new FleetMember(
    node,
    (name, link) => new NatsFleet({ access: access(name), bucket, node: name, ...link }),
  )
  members.push(member)
  return member.join()
}

const at = '2026-11-24T12:00:00.000Z'
const by = { by: 'cli:root', at }

test('both nodes share what they learn, and get the decisions of the one that may decide', async () => {
  const [first, second] = [await join('web-1'), await join('web-2')]
  const decided = decidedEntry('/d', { kind: 'approved', ...by })
  const mode = { mode: 'block', ...by } as const
  const news = contribution(image, [nodeEntry('/a', 'web-1'), decided], { mode })
  expect(await first.fleet.publish(news)).toBe(true)
  expect(await second.fleet.publish(contribution(image, [nodeEntry('/b', 'web-2')]))).toBe(true)
  await expect.poll(() => first.paths(image)).toEqual(['/b', '/d'])
  await expect.poll(() => second.paths(image)).toEqual(['/a', '/d'])
  await expect.poll(() => second.fleet.modeDecisions(image)).toHaveLength(1)
  expect([first.fleet.fault, second.fleet.fault]).toEqual([undefined, undefined])
})

test('a decision at the other one stays there, is named with a code, and keeps back no observation', async () => {
  const [first, second] = [await join('web-1'), await join('web-2')]
  const decided = decidedEntry('/d', { kind: 'approved', ...by })
  const news = contribution(image, [decided, nodeEntry('/b', 'web-2')])
  expect(await second.fleet.publish(news)).toBe(false)
  expect(second.fleet.fault).toContain('(FLEET_REFUSED)')
  await expect.poll(() => first.paths(image)).toEqual(['/b'])
  const keys = [...(await nats.values(bucket)).keys()]
  expect(keys).not.toContain(decisionKey(image, decided.id))
})

test('the console reads the bucket and decides in it, and writes nothing else', async () => {
  const [first] = [await join('web-1'), await join('web-2')]
  expect(await first.fleet.publish(contribution(image, [nodeEntry('/a', 'web-1')]))).toBe(true)
  const stop = new AbortController()
  const state = new BucketState({
    access: access('console'),
    bucket,
    onChange: () => undefined,
    onError: () => undefined,
    waiting: () => [],
    evidence: async () => ({ forms: new Map(), held: new Set() }),
  })
  await state.start(stop.signal)
  const profile = profileName(image)
  await expect.poll(() => state.profile(profile)?.status?.behaviours).toBe(1)
  const of = { profile, author: 'console:token:ada', revision: undefined }
  const { id } = nodeEntry('/a', 'web-1')
  await state.decide({ ...of, change: { kind: 'reject', behaviours: [id] } })
  await state.decide({ ...of, change: { kind: 'mode', mode: 'alert' } })
  for (const member of members) {
    await expect.poll(() => member.decision(image, '/a')?.kind).toBe('rejected')
    await expect.poll(() => member.fleet.modeDecisions(image)).toHaveLength(1)
  }
  stop.abort()
  const connection = await connectNats(access('console'))
  const js = jetstream(connection)
  const subject = `$KV.${bucket}.${sliceKey('web-1', image, 0)}`
  await expect(js.publish(subject, '{}', { retries: 0 })).rejects.toThrow(/Permissions/)
  await connection.close()
})

test('a node cannot write the slices of another one, nor change or empty the bucket', async () => {
  const connection = await connectNats(access('web-2'))
  const js = jetstream(connection)
  const subject = `$KV.${bucket}.${sliceKey('web-1', image, 0)}`
  await expect(js.publish(subject, '{}', { retries: 0 })).rejects.toThrow(/Permissions/)
  const manager = await jetstreamManager(connection, { checkAPI: false })
  const stream = `KV_${bucket}`
  const others = [
    manager.streams.purge(stream),
    manager.streams.delete(stream),
    manager.streams.update(stream, { max_msgs: 1 }),
    manager.streams.deleteMessage(stream, 1),
  ]
  for (const result of await Promise.allSettled(others)) expect(result.status).toBe('rejected')
  await connection.close()
})
