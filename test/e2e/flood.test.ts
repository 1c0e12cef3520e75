import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { runContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { workloadImage } from '../fixtures/workload-image.ts'

/** Thirty for the record; every day as long as fills every ring and table many times. */
const seconds = Number(process.env['SNUG_FLOOD_SECONDS'] ?? 10)
const image = `${uniqueName('flood')}:1`
const other = `${uniqueName('flood-next')}:1`
const { docker, socket } = sharedEngine()
let agent: Agent

beforeAll(async () => {
  await workloadImage(docker, image)
  await workloadImage(docker, other)
  agent = await startAgent({ docker: socket, config: { flushInterval: '1s' } })
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
})

interface Tally {
  readonly opens: number
  readonly execs: number
  readonly fresh: number
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

test('in a flood on all cores every missed event is counted, shown and reported', async () => {
  const outcome = await runContainer(docker, image, ['/workload', 'flood', String(seconds)])
  expect(outcome.exitCode).toBe(0)
  const did = JSON.parse(outcome.stdout) as Tally
  expect(did.opens).toBeGreaterThan(100_000)

  const seenOf = (view: ProfileView, kind: string, text: RegExp): number =>
    sum(
      view.behaviours
        .filter((row) => row.kind === kind && text.test(row.text))
        .map(({ count }) => count),
    )
  const lossOf = (lineage: LineageView): number =>
    sum((lineage.versions[0]?.losses ?? []).map(({ count }) => count))

  let [opens, execs, lost] = [0, 0, 0]
  // Events in flight when the workload ends still arrive, and counts of the kernel each second.
  await expect
    .poll(async () => {
      const view = await agent.json<ProfileView>(['profile', 'show', image])
      opens = seenOf(view, 'file', /\/data\/in/)
      execs = seenOf(view, 'exec', /\/data\/bin/)
      lost = lossOf(await agent.json<LineageView>(['image', 'show', image]))
      return opens + execs + lost
    })
    .toBeGreaterThanOrEqual(did.opens + did.execs)
  const status = await agent.json<StatusView>(['status'])
  const missed = did.opens - opens + (did.execs - execs)
  console.log(JSON.stringify({ ...did, seen: { opens, execs }, lost, losses: status.losses }))
  expect(opens).toBeLessThanOrEqual(did.opens)
  expect(execs).toBeLessThanOrEqual(did.execs)
  expect(lost).toBeGreaterThanOrEqual(missed)
  // Each new file is opened, created and deleted, and its worker has run a program that ended: no other act can be lost.
  expect(lost - missed).toBeLessThanOrEqual(4 * did.fresh)

  if (lost > 0) {
    const alerts = await agent.json<Alert[]>(['alert', 'list', '--limit', '1000'])
    expect(alerts.some(({ type }) => type === 'loss')).toBe(true)
    expect(sum(status.losses.map(({ count }) => count))).toBeGreaterThanOrEqual(lost)
  }
})

test('the daemon still answers, and sees the next container', async () => {
  // The flood may have filled the profile of its own image.
  const { id } = await runContainer(docker, other, ['/workload', 'known', '23'])
  await agent.until<ProfileView>(['profile', 'show', other], ({ behaviours }) =>
    behaviours.some(({ kind, containers }) => kind === 'connect' && containers.includes(id)),
  )
  // Its end comes after its last event.
  await agent.until<LineageView>(
    ['image', 'show', other],
    ({ versions }) => versions[0]?.containers.running === 0,
  )
})

/**
 * Events that reached user space, of which the kernel only counts learned ones. Without those of containers that no engine
 * of the agent knows: they are `unprofiled`, and other containers of the machine do as they like.
 */
const cameUp = ({ counters }: StatusView): number =>
  sum(['expected', 'learned', 'deviation'].map((name) => counters[name] ?? 0))

test('once it is learned the flood stays in the kernel, which counts every event', async () => {
  await agent.json(['profile', 'mode', image, 'alert'])
  const counted = ({ behaviours }: ProfileView): number =>
    sum(behaviours.filter(({ text }) => /\/data\/(in|bin)/.test(text)).map(({ count }) => count))
  const before = counted(await agent.json<ProfileView>(['profile', 'show', image]))
  const up = cameUp(await agent.json<StatusView>(['status']))
  const outcome = await runContainer(docker, image, ['/workload', 'flood', '5'])
  const did = JSON.parse(outcome.stdout) as Tally
  const all = before + did.opens + did.execs
  const after = await agent.until<ProfileView>(
    ['profile', 'show', image],
    (view) => counted(view) >= all,
  )
  expect(counted(after)).toBe(all)
  expect(cameUp(await agent.json<StatusView>(['status'])) - up).toBe(0)
})
