import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { versionKey } from '../../src/agent/records/versions/deployed-version.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { FleetImage } from '../../src/fleet/fleet-image.ts'
import { mergePublished } from '../../src/fleet/merge-published.ts'
import { sliceKey } from '../../src/fleet/nats/fleet-keys.ts'
import { sliceText } from '../../src/fleet/nats/fleet-values.ts'
import { NatsFleet } from '../../src/fleet/nats/nats-fleet.ts'
import { contribution, decidedEntry, FleetMember } from '../contract/fleet-suite.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Nats } from '../fixtures/nats.ts'
import { nodeEntry } from '../fixtures/node-entries.ts'

/** A fleet of 1,000 nodes with 20 images: a node joins it, and one of them decides. */
const bucket = 'snug'
const nodes = Array.from({ length: 1_000 }, (_, i) => `n${i}`)
const images: readonly FleetImage[] = Array.from({ length: 20 }, (_, i) => ({
  repository: `shop/web-${i}`,
  digest: `sha256:${String(i).padStart(64, '0')}`,
}))
/** One node has what all have, the others have what only they observed. */
const behavioursOf = (node: string): number => (node === 'n0' ? 300 : 3)

let nats: Nats
let stored = 0

beforeAll(async () => {
  nats = await Nats.start()
  await nats.makeBucket(bucket)
  await nats.put(bucket, values())
})

afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
})

function* values(): Iterable<readonly [key: string, text: string]> {
  for (const node of nodes) {
    const entries = Array.from({ length: behavioursOf(node) }, (_, i) =>
      nodeEntry(`/srv/${node}-${i}`, node),
    )
    for (const image of images) {
      const text = sliceText(image, node, 'run', {}, entries)
      stored += text.length
      yield [sliceKey(node, image, 0), text]
    }
  }
}

const access = () => ({ servers: [{ host: '127.0.0.1', port: nats.port }], timeoutMs: 30_000 })

test('it has the behaviours of all, and leaves the thread to others while it reads them', async () => {
  let taken = 0
  const member = new FleetMember('late', (node, link) => {
    const onEntries = (): number => (taken += 1)
    return new NatsFleet({ access: access(), bucket, node, ...link, onEntries })
  })
  const delays = monitorEventLoopDelay({ resolution: 5 })
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  delays.enable()
  const most = await mostInOneTurn(member.join(), () => taken)
  delays.disable()
  const tookMs = Math.round(performance.now() - began)
  const { user, system } = process.cpuUsage(cpu)
  const all = nodes.reduce((sum, node) => sum + behavioursOf(node), 0)
  for (const image of images) expect(member.paths(image)).toHaveLength(all)
  expect(member.fleet.fault).toBeUndefined()
  expect(most).toBeLessThan(1_000)
  console.log(
    `${Math.round(stored / 1e6)} MB in ${nodes.length * images.length} values: ${tookMs} ms,`,
    `${Math.round((user + system) / 1_000)} ms of processor time,`,
    `the longest turn ${Math.round(delays.max / 1e6)} ms, and at most ${most} values in one`,
  )
  member.leave()
})

/** The most that `count` rises between two turns that others get, until it is done. */
async function mostInOneTurn(done: Promise<unknown>, count: () => number): Promise<number> {
  let [most, before, isDone] = [0, 0, false]
  void done.then(() => (isDone = true))
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, count() - before)
    before = count()
  }
  return most
}

/**
 * Each node is a connection, a copy of the bucket and a profile, without the rest of an agent. All of them are in this
 * process: each waits for those before it.
 */
test('a decision at one of them is in the profile of each', async () => {
  const shared = 'decisions'
  await nats.makeBucket(shared)
  const [image] = images as readonly [FleetImage]
  const decided = decidedEntry('/etc/new', { kind: 'rejected', by: 'cli:ann', at: decidedAt })
  const journal = { audit: async () => undefined }
  const times: number[] = []
  let [began, done] = [0, (): void => undefined]
  const appliedAtAll = new Promise<void>((resolve) => (done = resolve))
  const members = nodes.map((name) => {
    const profile = new Profile(shaper)
    const isApplied = (): boolean => profile.entry(decided.id)?.decision?.kind === 'rejected'
    const member: FleetMember = new FleetMember(name, (node, link) => {
      const onDecision = (): void => {
        for (const { node: from, entries } of member.fleet.published(image))
          mergePublished(journal, { key: versionKey(image), profile }, from, entries)
        if (!isApplied()) return
        times.push(performance.now() - began)
        if (times.length === nodes.length) done()
      }
      return new NatsFleet({ access: access(), bucket: shared, node, ...link, onDecision })
    })
    return member
  })
  for (const member of members) await member.join()
  began = performance.now()
  const [first] = members
  expect(await first?.fleet.publish(contribution(image, [decided]))).toBe(true)
  await appliedAtAll
  const at = (share: number): number => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
  console.log(
    `a decision is in ${times.length} profiles ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`,
    `and ${at(1)} ms (the last one) after its write began`,
  )
  for (const member of members) member.leave()
})

const decidedAt = '2026-11-24T12:00:00.000Z'
