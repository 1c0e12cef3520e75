import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent, WorkloadRef } from '../../../src/core/event/event.ts'
import type { ResponseCondition, ResponseRules } from '../../../src/core/lifecycle/response-rule.ts'
import {
  daemonWorld,
  type DaemonWorld,
  eventMessage,
  judged,
} from '../../fixtures/daemon-fixtures.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

const hour = 3_600_000
const who = { who: 'cli:root' }
const facts = { 'hook.egress': 'yes', 'hook.ingress': 'yes' }

let world: DaemonWorld
afterEach(() => world.stop())

async function begins(
  when: ResponseCondition,
  over: Partial<ResponseRules> & { readonly last?: boolean } = {},
): Promise<void> {
  const { last = false, ...rules } = over
  world = daemonWorld({
    facts,
    confirms: true,
    responses: {
      mode: 'hold',
      budget: 5,
      never: ['kube-*'],
      rules: [{ name: 'shells', when, level: 'network', forMs: hour, last }],
      ...rules,
    },
  })
  await world.start()
}

const idOf = (n: number): string => n.toString(16).padStart(64, '0')

async function runs(n: number, workload?: WorkloadRef): Promise<void> {
  const id = idOf(n)
  world.containers.report(
    identityOf(id, { name: `web-${n}`, ...(workload === undefined ? {} : { workload }) }),
  )
  world.containers.atOnce.add(id)
  const time = new Date(world.now()).toISOString()
  world.source.emit({
    type: 'container-started',
    container: { id, cgroup: '', time, before: false },
  })
  await judged()
}

/** So many containers of one image, which may do nothing. */
async function replicas(count: number, workload?: WorkloadRef): Promise<void> {
  for (let n = 1; n <= count; n += 1) await runs(n, workload)
  await did(1, act.file('/etc/known'))
  await world.engine.setMode('shop/web', 'alert', who)
}

async function did(n: number, event: ActEvent): Promise<void> {
  const container = { id: idOf(n), name: `web-${n}` }
  const { containers } = world.containers
  const workload = containers.get(container.id)?.workload
  world.source.emit(
    eventMessage({ ...event, container, ...(workload === undefined ? {} : { workload }) }),
  )
  await judged()
  await world.daemon.journal.persist()
  await judged()
}

const dropped = (path: string): ActEvent => {
  const run = act.exec(path)
  return { ...run, exec: { path, drift: true, driftKind: 'upper' } } as ActEvent
}
const shell = dropped('/tmp/sh')
const held = (): readonly string[] =>
  world.engine.holds().flatMap(({ containers }) => containers.map(({ name }) => name ?? ''))
const counts = () => world.daemon.responses.counts
const reasons = async () => {
  const audit = await world.engine.audit(100)
  return audit.filter(({ what }) => what === 'response').map((entry) => entry['because'])
}

describe('a response rule', () => {
  it('holds the container of an alert that it applies to, once, and says by which alert', async () => {
    await begins({ severity: 'high' })
    await replicas(2)
    await did(1, shell)
    await did(1, shell)
    await did(1, dropped('/tmp/other'))
    expect(held()).toEqual(['web-1'])
    const [alert] = (await world.engine.alerts({ limit: 10 })).slice(-1)
    expect(world.engine.holds()[0]).toMatchObject({
      by: 'rule shells',
      level: 'network',
      reason: expect.stringContaining(`alert ${alert?.id}`),
    })
    expect(counts()).toMatchObject({ held: 1, refused: 0 })
  })

  it('reports what it would hold in a dry run, and holds nothing', async () => {
    await begins({ severity: 'high' }, { mode: 'dry-run' })
    await replicas(2)
    await did(1, shell)
    expect(held()).toEqual([])
    expect(counts()).toMatchObject({ would: 1, held: 0 })
    expect(world.engine.status().counters['responsesDryRun']).toBe(1)
  })

  it('answers a container once in a dry run, however many alerts it has, and again after that time', async () => {
    await begins({ severity: 'high' }, { mode: 'dry-run', budget: 2 })
    await replicas(3)
    for (const name of ['a', 'b', 'c', 'd']) await did(1, dropped(`/tmp/${name}`))
    await did(2, shell)
    expect(counts()).toEqual({ held: 0, would: 2, refused: 0, failed: 0 })
    for (const name of ['e', 'f', 'g']) await did(3, dropped(`/tmp/${name}`))
    expect(counts()).toMatchObject({ would: 2, refused: 1 })
    world.advance(hour)
    await did(3, dropped('/tmp/h'))
    expect(counts()).toMatchObject({ would: 3, refused: 1 })
  })

  it('holds again at a new alert after a person’s release, and not at the one that was answered', async () => {
    await begins({ severity: 'high' })
    await replicas(2)
    await did(1, shell)
    await world.engine.release('web-1', who)
    await did(1, shell)
    expect(held()).toEqual([])
    await did(1, dropped('/tmp/other'))
    expect(held()).toEqual(['web-1'])
  })

  it.each<[string, ResponseCondition, readonly string[]]>([
    ['a severity above', { severity: 'critical' }, []],
    ['its image', { images: ['shop/*'] }, ['web-1']],
    ['another image', { images: ['other/*'] }, []],
    ['its namespace', { namespaces: ['shop'] }, ['web-1']],
    ['another namespace', { namespaces: ['bank'] }, []],
    ['a guardrail', { guardrails: ['*'] }, ['web-1']],
    ['another guardrail', { guardrails: ['no-such-*'] }, []],
    ['a technique', { techniques: ['T*'] }, ['web-1']],
    ['another technique', { techniques: ['T0000'] }, []],
    ['all of them', { images: ['shop/*'], techniques: ['T0000'] }, []],
  ])('applies by %s', async (_, when, names) => {
    await begins(when)
    await replicas(2, { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-1' })
    await did(1, shell)
    expect(held()).toEqual(names)
  })

  it('does not apply to a session of a person, or of the engine', async () => {
    await begins({ severity: 'low' })
    await replicas(2)
    for (const origin of ['exec-in', 'probe'] as const)
      await did(1, { ...shell, process: { ...shell.process, origin } })
    expect((await world.engine.alerts({ limit: 10 })).length).toBeGreaterThan(0)
    expect(held()).toEqual([])
    expect(counts()).toEqual({ held: 0, would: 0, refused: 0, failed: 0 })
  })
})

describe('the bounds of response rules', () => {
  it('the last container of a workload that is free is not held, unless the rule says so', async () => {
    await begins({ severity: 'high' })
    await replicas(2)
    await did(1, shell)
    await did(2, shell)
    expect(held()).toEqual(['web-1'])
    expect(await reasons()).toContain(
      'it is the last one of its workload on this node that is not held',
    )
  })

  it('the last one is held where the rule says so', async () => {
    await begins({ severity: 'high' }, { last: true })
    await replicas(1)
    await did(1, shell)
    expect(held()).toEqual(['web-1'])
  })

  it('another workload of the same image is no replica', async () => {
    await begins({ severity: 'high' })
    await runs(2, { namespace: 'shop', kind: 'Deployment', name: 'other', pod: 'other-1' })
    await replicas(1, { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-1' })
    await did(1, shell)
    expect(held()).toEqual([])
    expect(counts().refused).toBe(1)
  })

  it('the budget of an hour is not exceeded, also where somebody sets the clock', async () => {
    await begins({ severity: 'high' }, { budget: 2 })
    await replicas(5)
    for (const n of [1, 2, 3]) await did(n, shell)
    world.step(24 * hour)
    await did(4, shell)
    expect(held()).toEqual(['web-1', 'web-2'])
    expect(counts()).toMatchObject({ held: 2, refused: 2 })
    expect(await reasons()).toContain('rules have held 2 containers within an hour')
    world.advance(hour)
    await did(5, shell)
    expect(held()).toEqual(['web-5'])
  })

  it('containers of exempt namespaces are not held', async () => {
    await begins({ severity: 'high' })
    await replicas(2, { namespace: 'kube-system', kind: 'DaemonSet', name: 'dns', pod: 'dns-1' })
    await did(1, shell)
    expect(held()).toEqual([])
    expect(await reasons()).toEqual(['no rule holds containers of its namespace'])
  })

  it('a level that cannot be had is on record as failed', async () => {
    await begins({ severity: 'high' })
    await replicas(2)
    world.daemon.responses.rules = {
      mode: 'hold',
      budget: 5,
      never: [],
      rules: [
        { name: 'stop', when: { severity: 'high' }, level: 'stop', forMs: hour, last: false },
      ],
    }
    await did(1, shell)
    expect(held()).toEqual([])
    expect(counts().failed).toBe(1)
  })
})
