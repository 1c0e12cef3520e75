import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openClassId } from '../../src/core/behaviour/any-program.ts'
import type { FleetHold, HoldView } from '../../src/api/hold-views.ts'
import type { OrderedHoldView } from '../../src/kubectl/commands/quarantine-command.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { Cluster } from './cluster/cluster.ts'
import { applier, FleetImage, FleetNode, has, installKinds, stateIs } from './fleet-node.ts'
import { Plugin } from './plugin.ts'

/** `kubectl snug` on a real API server, with two agents that share profiles there. One story. */
let cluster: Cluster
let plugin: Plugin
let image: FleetImage
let one: FleetNode
let two: FleetNode

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { server: string } }]
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[]
  users: object[]
}

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  plugin = new Plugin(cluster.kubeconfig)
})

afterAll(async () => {
  try {
    for (const node of [one, two]) await node?.agent[Symbol.asyncDispose]()
    plugin?.remove()
    if (cluster?.own === false && image !== undefined) {
      await cluster.kubectl(['delete', 'pod/web-1', 'pod/unseen', 'node/n1', '--ignore-not-found'])
      await cluster.kubectl(['delete', `imageprofile/${image.name}`, '--ignore-not-found'])
    }
  } finally {
    await cluster?.stop()
  }
})

async function kubeconfig(name: string, change: (config: Kubeconfig) => void): Promise<string> {
  const text = await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])
  const config = JSON.parse(text) as Kubeconfig
  change(config)
  const file = join(one.agent.folder, `${name}.kubeconfig`)
  writeFileSync(file, JSON.stringify(config))
  return file
}

it('names what a cluster without Snug lacks', async (task) => {
  if (!cluster.own) task.skip('another cluster may have Snug')
  const { code, stdout, stderr } = await plugin.run(['images'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('(FLEET_MISSING)')
})

it('lists the profiles of the cluster, as a table and as JSON', async () => {
  await installKinds(cluster)
  image = new FleetImage(cluster)
  one = new FleetNode('n1', cluster.kubeconfig, image)
  two = new FleetNode('n2', cluster.kubeconfig, image)
  await Promise.all([one, two].map(({ agent }) => agent.start()))
  // An agent has profiles of images that run on its node.
  for (const node of [one, two]) await node.opened('/etc/a')
  for (const node of [one, two]) await node.rows(has('/etc/a'))
  const found = await cluster.until(
    'the profile',
    () => plugin.json<ImageProfile[]>(['images']),
    (profiles) => profiles.some(({ status }) => status?.behaviours === 1),
  )
  expect(found.find(({ metadata }) => metadata.name === image.name)?.spec.image).toEqual({
    repository: image.repository,
    digest: image.digest,
  })
  const { stdout } = await plugin.run(['images'])
  expect(stdout).toMatch(/^NAME +IMAGE +STATE +MODE +KNOWN +REVIEW +NODES\n/)
  expect(stdout).toMatch(new RegExp(`^${image.name} .* learning +learn +1 +0 `, 'm'))
})

it('sets a mode on every node, and again where another decision came between', async () => {
  expect((await plugin.run(['mode', image.name, 'alert'])).code).toBe(0)
  for (const node of [one, two]) expect(await node.modeIs('alert')).toContain('spec:kubectl-snug')
  await one.setMode('learn')
  for (const node of [one, two]) await node.modeIs('learn')
  expect((await plugin.run(['mode', image.ref, 'alert'])).code).toBe(0)
  for (const node of [one, two]) await node.modeIs('alert')
})

it('approves a behaviour on every node, and again after a person rejected it', async () => {
  await one.opened('/etc/new')
  await one.rows(stateIs('/etc/new', 'pending'))
  const id = await one.idOf('/etc/new')
  const approve = ['approve', image.repository, '--behaviour', id]
  const planned = await plugin.run([...approve, '--dry-run'])
  expect(planned.stdout).toContain('not done')
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(spec.decisions).toBeUndefined()
  expect((await plugin.run(approve)).code).toBe(0)
  for (const node of [one, two]) await node.rows(stateIs('/etc/new', 'approved'))
  await two.reject('/etc/new')
  for (const node of [one, two]) await node.rows(stateIs('/etc/new', 'rejected'))
  expect((await plugin.run(approve)).code).toBe(0)
  for (const node of [one, two]) await node.rows(stateIs('/etc/new', 'approved'))
})

it('ends a rejection in the object by an approval, and keeps the other decisions', async () => {
  await one.opened('/etc/x', '/etc/y')
  const [x, y] = [await one.idOf('/etc/x'), await one.idOf('/etc/y')]
  await image.decide('reject', x, y)
  for (const node of [one, two]) await node.rows(stateIs('/etc/x', 'rejected'))
  expect((await plugin.run(['approve', image.name, '--behaviour', x])).code).toBe(0)
  for (const node of [one, two]) {
    const rows = await node.rows(stateIs('/etc/x', 'approved'))
    expect(stateIs('/etc/y', 'rejected')(rows)).toBe(true)
  }
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  const stands = spec.decisions?.map(({ behaviour, action, by }) => [behaviour, action, by])
  expect(stands).toContainEqual([x, 'approve', 'kubectl-snug'])
  expect(stands).toContainEqual([y, 'reject', applier])
})

it('approves everything that waits', async () => {
  await one.opened('/etc/last')
  await one.rows(stateIs('/etc/last', 'pending'))
  expect((await plugin.run(['approve', image.name, '--all'])).code).toBe(0)
  await one.rows(stateIs('/etc/last', 'approved'))
})

it('sets class open on every node, and takes it back', async () => {
  expect((await plugin.run(['class', image.name, 'open'])).code).toBe(0)
  const isApproved = (rows: Parameters<ReturnType<typeof stateIs>>[0]): boolean =>
    rows.some(({ id, state }) => id === openClassId && state === 'approved')
  for (const node of [one, two]) await node.rows(isApproved)
  expect((await plugin.run(['class', image.name, 'closed'])).code).toBe(0)
  for (const node of [one, two]) await node.rows((rows) => !isApproved(rows))
})

const held = ['quarantine', 'list']
const reason = 'a web shell'

/** A pod of the image that the API server has as running on `n1`. No kubelet runs it. */
async function runningPod(name: string): Promise<string> {
  const id = randomBytes(32).toString('hex')
  const place = { name, namespace: 'default' }
  const containers = [{ name: 'web', image: `${image.repository}:${image.tag}` }]
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: place }
  const spec = { nodeName: 'n1', containers, automountServiceAccountToken: false }
  await cluster.until(
    'the pod',
    () => cluster.apply({ ...pod, spec }),
    () => true,
  )
  const ran = {
    name: 'web',
    image: `${image.repository}:${image.tag}`,
    imageID: `${image.repository}@${image.digest}`,
    containerID: `containerd://${id}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: new Date().toISOString() } },
  }
  const patch = JSON.stringify({ status: { phase: 'Running', containerStatuses: [ran] } })
  await cluster.kubectl(['patch', 'pod', name, '--subresource=status', '-p', patch])
  return id
}

it('quarantines a pod for the cluster, names its containers, and releases it', async () => {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }
  await cluster.apply(node)
  const id = await runningPod('web-1')
  const order = ['quarantine', 'web-1', '--level', 'freeze', '--for', '10m', '--reason', reason]
  const planned = await plugin.json<OrderedHoldView>([...order, '--dry-run'])
  const containers = [{ pod: 'default/web-1', container: 'web', node: 'n1', id }]
  expect(planned).toMatchObject({ pod: 'default/web-1', containers, silent: ['n1'] })
  expect(await plugin.json(held)).toEqual([])
  // No kernel runs it, so no source sees it: the order stands, and nobody reports.
  const ordered = await plugin.run([...order, '--wait', '2s'])
  expect(ordered).toMatchObject({ code: 1, stderr: '' })
  expect(ordered.stdout).toContain('n1: no report yet')
  const [hold] = await plugin.json<FleetHold[]>(held)
  expect(hold).toMatchObject({
    pod: 'default/web-1',
    level: 'freeze',
    by: 'kubectl-snug',
    reason,
    nodes: [],
  })
  // The agent of the node, which has no kernel, can hold nothing. Each other one waits for the pod.
  expect(
    await two.agent.until(held, ({ length }: readonly HoldView[]) => length === 1),
  ).toMatchObject([{ target: 'pod default/web-1', by: 'spec:kubectl-snug', reason }])
  expect((await plugin.run([...held, '-n', 'elsewhere'])).stdout).toBe('nothing is held\n')
  const released = await plugin.run(['release', 'web-1', '--reason', 'it is over'])
  expect(released).toMatchObject({ code: 0, stderr: '' })
  expect(released.stdout).toBe(`released pod default/web-1 (freeze, ${hold?.id})\n`)
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(spec.holds?.[0]?.released).toMatchObject({ by: 'kubectl-snug', reason: 'it is over' })
  expect(await plugin.json(held)).toEqual([])
})

it('quarantines an image on every node, and the agents have it in the name of its author', async () => {
  const order = ['quarantine', image.name, '--level', 'freeze', '--reason', reason, '--wait', '0']
  const ordered = await plugin.json<OrderedHoldView>([...order, '--field-manager', 'rita'])
  expect(ordered).toMatchObject({ level: 'freeze', containers: [{ pod: 'default/web-1' }] })
  expect(ordered.pod).toBeUndefined()
  expect(
    await two.agent.until(held, ({ length }: readonly HoldView[]) => length === 1),
  ).toMatchObject([{ level: 'freeze', by: 'spec:rita', reason }])
  expect((await plugin.run(['release', ordered.id])).code).toBe(0)
  await two.agent.until(held, ({ length }: readonly HoldView[]) => length === 0)
})

it('refuses to quarantine a pod of an image that no agent has published', async () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'unseen', namespace: 'default' },
    spec: {
      containers: [{ name: 'x', image: 'x' }],
      nodeSelector: { 'snug.test/nowhere': 'true' },
    },
  }
  await cluster.apply(pod)
  const { code, stderr } = await plugin.run(['quarantine', 'unseen', '--reason', reason])
  expect(code).toBe(1)
  expect(stderr).toContain('(PROFILE_UNKNOWN)')
})

it('refuses to decide against git', async () => {
  await image.patch({ authority: 'git' })
  const { code, stderr } = await plugin.run(['mode', image.name, 'learn'])
  expect(code).toBe(1)
  expect(stderr).toContain('(PROFILE_OF_GIT)')
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(spec.mode).toMatchObject({ value: 'alert', by: 'kubectl-snug' })
})

it('counts the nodes that have no agent', async () => {
  interface Status {
    readonly uncovered: readonly string[]
    readonly agents: readonly object[]
  }
  const elsewhere = ['--snug-namespace', 'kube-public']
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'snug-bare', labels: { 'kubernetes.io/os': 'linux' } },
  }
  await cluster.apply(node)
  try {
    const status = await plugin.json<Status>(['status', ...elsewhere], 1)
    expect(status.uncovered).toContain('snug-bare')
    expect(status.agents).toEqual([])
    expect((await plugin.run(['status', ...elsewhere])).code).toBe(1)
  } finally {
    await cluster.kubectl(['delete', 'node', 'snug-bare'])
  }
})

it.each([
  ['POD_UNKNOWN', 1, ['explain', 'nothing-of-this-name']],
  ['NAMESPACE_UNKNOWN', 1, ['show', 'protection', 'nothing-of-this-name']],
  ['PROFILE_UNKNOWN', 1, ['mode', 'nothing/of-this-name', 'alert']],
  ['AGENT_POD_MISSING', 1, ['alerts', '--snug-namespace', 'kube-public']],
  ['KUBECONFIG_INVALID', 3, ['images', '--context', 'nothing-of-this-name']],
  ['KUBECONFIG_INVALID', 3, ['images', '--kubeconfig', '/nothing/of-this-name']],
  ['POD_UNKNOWN', 1, ['quarantine', 'nothing-of-this-name', '--reason', 'x']],
  ['HOLD_UNKNOWN', 1, ['release', 'nothing-of-this-name']],
  ['DECISION_INVALID', 3, ['quarantine', 'web-1', '--for', '8d', '--reason', 'x']],
  ['USAGE', 64, ['quarantine', 'web-1']],
  ['USAGE', 64, ['approve', 'shop/web']],
  ['USAGE', 64, ['approve', 'shop/web', '--behaviour', 'b1']],
])('refuses with %s and exit code %i: %j', async (name, exit, args) => {
  const { code, stdout, stderr } = await plugin.run(args)
  expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
  expect(stderr).toContain(`(${name})`)
  expect(stderr).toMatch(/^hint: /m)
})

it('names a missing right', async () => {
  await cluster.kubectl(['-n', 'default', 'create', 'serviceaccount', 'plugin-nobody'])
  const token = await cluster.kubectl(['-n', 'default', 'create', 'token', 'plugin-nobody'])
  const file = await kubeconfig('nobody', (config) => {
    config.users = [{ name: 'nobody', user: { token: token.trim() } }]
    for (const { context } of config.contexts) context.user = 'nobody'
  })
  for (const args of [
    ['images'],
    ['explain', 'x'],
    ['mode', image.name, 'learn'],
    ['quarantine', 'list'],
  ]) {
    const { code, stderr } = await plugin.run(args, file)
    expect(code).toBe(1)
    expect(stderr).toContain('(CLUSTER_FORBIDDEN)')
  }
})

it('asks the cluster and the namespace of the context that is named', async () => {
  const file = await kubeconfig('contexts', (config) => {
    const [first] = config.contexts
    if (first === undefined) throw new Error('the kubeconfig has no context')
    const team = { ...first.context, namespace: 'team-a' }
    config.contexts.push({ name: 'team', context: team })
  })
  const chosen = await plugin.run(['explain', 'x', '--context', 'team'], file)
  expect(chosen.stderr).toContain('in the namespace `team-a` (POD_UNKNOWN)')
  const given = await plugin.run(['explain', 'x', '--context', 'team', '-n', 'team-b'], file)
  expect(given.stderr).toContain('in the namespace `team-b` (POD_UNKNOWN)')
})

it('reports an API server that does not answer', async () => {
  const file = await kubeconfig('gone', (config) => {
    // Nothing listens at the port 1.
    for (const each of config.clusters) each.cluster.server = 'https://127.0.0.1:1'
  })
  const { code, stderr } = await plugin.run(['images'], file)
  expect(code).toBe(1)
  expect(stderr).toContain('(CLUSTER_UNREACHABLE)')
})
