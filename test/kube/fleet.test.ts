import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { BehaviourView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { learnerConfig } from '../fixtures/learned-agent.ts'
import { Cluster } from './cluster/cluster.ts'
import { FleetImage, FleetNode, has, installKinds, now, stateIs } from './fleet-node.ts'

/** Two nodes of a fleet on a real API server. */
let cluster: Cluster
let image: FleetImage
let nodes: FleetNode[]

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await installKinds(cluster)
  image = new FleetImage(cluster)
  nodes = ['n1', 'n2'].map((name) => new FleetNode(name, cluster.kubeconfig, image))
  await Promise.all(nodes.map(({ agent }) => agent.start()))
})

afterAll(async () => {
  try {
    for (const { agent } of nodes ?? []) await agent[Symbol.asyncDispose]()
    if (cluster?.own === false) {
      await cluster.kubectl(['delete', `imageprofile/${image.name}`, '--ignore-not-found'])
    }
  } finally {
    await cluster?.stop()
  }
})

/** The members of a ProfileSlice that the tests read. */
interface SliceSeen {
  readonly image: { readonly scope?: string }
  readonly learnedAt?: string
  readonly entries: readonly { readonly object: { readonly path?: string } }[]
}

/** Once its window is over: until then it is no evidence for others. */
const teaches = ({ entries, learnedAt }: SliceSeen, path: string): boolean =>
  learnedAt !== undefined && entries.some(({ object }) => object.path === path)

const isNamed = ({ metadata }: ImageProfile, name: string): boolean => metadata.name === name

function node(number: 1 | 2): FleetNode {
  const found = nodes[number - 1]
  if (found === undefined) throw new Error(`no node ${number}`)
  return found
}

describe('one profile for the fleet', () => {
  it('holds on every node the observations of all nodes', async () => {
    await node(1).opened('/etc/a', '/etc/both')
    await node(2).opened('/etc/b', '/etc/both')
    for (const each of nodes) await each.rows(has('/etc/a', '/etc/b', '/etc/both'))
    const [first, second] = await Promise.all(nodes.map((each) => each.rows(() => true)))
    const ids = (rows: readonly BehaviourView[] = []): readonly string[] => rows.map(({ id }) => id)
    expect(ids(first)).toEqual(ids(second))
  })

  it('is listed by kubectl, and no node repeats the report of another', async () => {
    const table = await cluster.until(
      'the status',
      () => cluster.kubectl(['get', 'imageprofiles']),
      (text) => /shop\/web +learning +learn +3 +0 +2 /.test(text),
    )
    expect(table.split('\n')[0]).toMatch(
      /NAME +IMAGE +STATE +MODE +BEHAVIOURS +PENDING +NODES +AGE/,
    )
    const { status } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
    expect(status?.conditions).toMatchObject([{ type: 'Learned', status: 'False' }])
    const { items } = await cluster.json<{ items: { entries: { id: string }[] }[] }>([
      'get',
      'profileslices',
    ])
    const written = items.flatMap(({ entries }) => entries.map(({ id }) => id))
    expect(written.length).toBeLessThanOrEqual(4)
  })

  it('refuses an invalid profile', async () => {
    const at = '2026-11-24T12:00:00Z'
    const by = { by: 'ann', at }
    const bad = {
      apiVersion: 'snug.dev/v1alpha1',
      kind: 'ImageProfile',
      metadata: { name: 'bad' },
      spec: { image: { repository: 'x', digest: 'latest' } },
    }
    await expect(cluster.apply(bad)).rejects.toThrow(/spec.image.digest/)
    const ids = ['0', '1'].map((digit) => `b${digit.repeat(20)}`)
    for (const [spec, fault] of [
      [{ mode: { value: 'sometimes', ...by } }, /spec.mode.value/],
      [{ mode: { value: 'alert', by: 'ann' } }, /spec.mode.at: Required/],
      [{ decisions: [{ behaviour: ids[0], action: 'approve', at }] }, /decisions.*by: Required/],
      [{ decisions: [{ behaviour: 'all', action: 'approve', ...by }] }, /behaviour/],
      [{ decisions: [{ behaviour: '*', action: 'reject', ...by }] }, /action/],
      [
        {
          decisions: [
            { behaviour: ids[0], action: 'approve', by: 'ann', at: '2026-02-30T00:00:00Z' },
          ],
        },
        /at/,
      ],
      [
        {
          decisions: ['approve', 'reject'].map((action) => ({ behaviour: ids[1], action, ...by })),
        },
        /Duplicate/,
      ],
    ] as const)
      await expect(image.patch(spec)).rejects.toThrow(fault)
  })

  it('gets its mode and its approvals by kubectl', async () => {
    await image.setMode('alert')
    for (const each of nodes) expect(await each.modeIs('alert')).toContain('spec:ann')
    await node(1).opened('/etc/new')
    const id = await node(1).idOf('/etc/new')
    await node(1).rows(stateIs('/etc/new', 'pending'))
    await image.decide('approve', id)
    for (const each of nodes) await each.rows(stateIs('/etc/new', 'approved'))
  })

  it('takes the later of two decisions, wherever it was made', async () => {
    await node(2).reject('/etc/new')
    for (const each of nodes) await each.rows(stateIs('/etc/new', 'rejected'))
    // The earlier decision by kubectl is older, and stays so over a restart.
    await node(1).agent.stop()
    await node(1).agent.start()
    await node(1).rows(stateIs('/etc/new', 'rejected'))
  })

  it('takes the later decision also where the same person made both', async () => {
    await node(1).opened('/etc/newer')
    await node(1).reject('/etc/newer')
    await image.decide('approve', await node(1).idOf('/etc/newer'))
    for (const each of nodes) await each.rows(stateIs('/etc/newer', 'approved'))
  })

  it('applies an approval once, whatever is added beside it, also on a node that comes later', async () => {
    await node(1).opened('/etc/first', '/etc/second')
    const first = await node(1).idOf('/etc/first')
    const second = await node(1).idOf('/etc/second')
    await image.decide('approve', first)
    for (const each of nodes) await each.rows(stateIs('/etc/first', 'approved'))
    await node(2).reject('/etc/first')
    await node(1).rows(stateIs('/etc/first', 'rejected'))
    await image.decide('approve', second)
    for (const each of nodes) {
      const rows = await each.rows(stateIs('/etc/second', 'approved'))
      expect(stateIs('/etc/first', 'rejected')(rows)).toBe(true)
    }
    const late = new FleetNode('n0', cluster.kubeconfig, image)
    try {
      await late.agent.start()
      await late.opened('/etc/first', '/etc/second')
      const rows = await late.rows(stateIs('/etc/second', 'approved'))
      expect(stateIs('/etc/first', 'rejected')(rows)).toBe(true)
    } finally {
      await late.agent[Symbol.asyncDispose]()
    }
    for (const each of nodes) await each.rows(stateIs('/etc/first', 'rejected'))
  })

  it('goes on by itself where the API server is killed, and adds up once it is back', async ({
    skip,
  }) => {
    if (!cluster.own) skip('another cluster’s API server must go on')
    await cluster.server('kill-api')
    await node(1).opened('/srv/one')
    await node(2).opened('/srv/two')
    await cluster.server('start-api')
    // Seen after its window: only its own node lists it, until a person approves it.
    const ids = [await node(1).idOf('/srv/one'), await node(2).idOf('/srv/two')]
    await image.decide('approve', ...ids)
    for (const each of nodes) {
      await each.rows(
        (rows) => stateIs('/srv/one', 'approved')(rows) && stateIs('/srv/two', 'approved')(rows),
      )
    }
  })

  it('is written again where another client wrote a node’s slice', async () => {
    const { items } = await cluster.json<{ items: { metadata: { name: string }; node: string }[] }>(
      ['get', 'profileslices'],
    )
    for (const { metadata } of items) {
      await cluster.kubectl([
        'annotate',
        'profileslice',
        metadata.name,
        'touched=yes',
        '--overwrite',
      ])
    }
    await node(2).opened('/srv/after')
    await image.decide('approve', await node(2).idOf('/srv/after'))
    for (const each of nodes) await each.rows(stateIs('/srv/after', 'approved'))
  })

  it('applies the most recent mode, set at any node or by kubectl', async () => {
    await node(1).setMode('learn')
    // Attributed to the author who set it.
    await node(2).modeIs('learn')
    expect(await node(2).lastMode()).toMatchObject({ who: expect.stringMatching(/^cli:/) })
    // The mode in the object has been `alert` all the time: a new time makes it a new decision.
    await image.setMode('alert')
    for (const each of nodes) expect(await each.modeIs('alert')).toContain('spec:ann')
    await node(2).setMode('learn')
    for (const each of nodes) await each.modeIs('learn')
    const { items } = await cluster.json<{ items: { mode?: { mode: string } }[] }>([
      'get',
      'profileslices',
    ])
    expect(items.flatMap(({ mode }) => mode?.mode ?? [])).toEqual(['learn', 'learn'])
    const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
    expect(spec.mode?.value).toBe('alert')
    // A restart is no news.
    await node(1).agent.stop()
    await node(1).agent.start()
    await node(1).modeIs('learn')
  })

  it('is held to the decisions in git, and names git as the author', async () => {
    await image.decide('approve', await node(1).idOf('/etc/new'))
    await image.patch({ authority: 'git', mode: { value: 'alert', ...now() } })
    for (const each of nodes) await each.rows(stateIs('/etc/new', 'approved'))
    for (const each of nodes) expect(await each.modeIs('alert')).toContain('git:ann')
    await node(2).setMode('learn')
    for (const each of nodes) expect(await each.modeIs('alert')).toContain('git:ann')
    expect(await node(2).lastMode()).toMatchObject({ who: 'git:ann', mode: 'alert' })
  })

  it('is kept for each namespace: a tenant of one node teaches no other on another', async () => {
    const shop = new FleetImage(cluster, { scope: 'shop' })
    const { digest } = shop
    const evil = new FleetImage(cluster, { digest, scope: 'evil' })
    const all = new FleetImage(cluster, { digest })
    const options = { config: learnerConfig }
    const one = new FleetNode('t1', cluster.kubeconfig, shop, options)
    const victim = new FleetNode('t2', cluster.kubeconfig, shop, options)
    await using _ = one.agent
    await using __ = victim.agent
    await Promise.all([one.agent.start(), victim.agent.start()])
    await one.of(evil).opened('/etc/conf', '/srv/key')
    await one.of(evil).endLearning()
    await cluster.until(
      'what the tenant taught',
      () => cluster.json<{ items: readonly SliceSeen[] }>(['get', 'profileslices']),
      ({ items }) => items.some((each) => each.image.scope === 'evil' && teaches(each, '/srv/key')),
    )
    // The other node gets slices in their order: it has that one once it has a later one.
    await victim.opened('/etc/conf')
    await one.opened('/etc/conf', '/etc/later')
    await victim.rows(has('/etc/later'))
    for (const each of [one, victim]) await each.endLearning()
    await victim.opened('/srv/key')
    const objects = await cluster.json<{ items: readonly ImageProfile[] }>(['get', 'improf'])
    const scopes = [shop, evil].map(({ name }) => objects.items.find((each) => isNamed(each, name)))
    expect(scopes.map((each) => each?.spec.image.scope)).toEqual(['shop', 'evil'])
    const alerts = await victim.agent.json<readonly Alert[]>(['alert', 'list'])
    const alert = alerts.find(({ behaviour }) => behaviour?.text === 'read /srv/key')
    expect(alert?.reasons.join()).toContain('expect it in `evil`')
    expect(alert?.image).toMatchObject({ digest, scope: 'shop' })
    expect((await victim.rows(stateIs('/srv/key', 'pending'))).length).toBeGreaterThan(0)
    // A person decides for all of them: in the object without a scope.
    await all.decide('approve', await victim.idOf('/srv/key'))
    await victim.rows(stateIs('/srv/key', 'approved'))
    await one.opened('/srv/key')
    await one.rows(stateIs('/srv/key', 'approved'))
  })

  it('reports a missing permission, and goes on', async () => {
    const account = ['-n', 'default', 'create', 'serviceaccount', 'nobody']
    await cluster.kubectl(account)
    const token = (await cluster.kubectl(['-n', 'default', 'create', 'token', 'nobody'])).trim()
    const config = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])) as {
      users: object[]
      contexts: { context: { user: string } }[]
    }
    config.users = [{ name: 'nobody', user: { token } }]
    for (const { context } of config.contexts) context.user = 'nobody'
    const access = join(node(1).agent.folder, 'nobody.kubeconfig')
    writeFileSync(access, JSON.stringify(config))
    const three = new FleetNode('n3', access, image)
    const { agent } = three
    try {
      await agent.start()
      const status = await agent.until<StatusView>(['status'], ({ degraded }) =>
        degraded.some((why) => why.includes('fleet')),
      )
      expect(status.degraded.join()).toContain('forbidden')
      await three.opened('/etc/a')
      await three.rows(has('/etc/a'))
    } finally {
      await agent[Symbol.asyncDispose]()
    }
  })
})
