import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/event/event.ts'
import type {
  BehaviourView,
  LineageView,
  ProfileView,
  StatusView,
} from '../../src/flow/engine-views.ts'
import { profileName, type ImageProfile } from '../../src/kube/fleet-objects.ts'
import { Agent } from '../fixtures/agent.ts'
import { Cluster } from './cluster/cluster.ts'

/**
 * Two nodes of a fleet on a real API server: agents with data of their own, that are told what their containers did. What
 * comes from the kernel is tested in deployment.test.ts.
 */
const crds = fileURLToPath(new URL('../../deploy/kubernetes/crds', import.meta.url))
const image = {
  repository: 'shop/web',
  tag: '1',
  digest: `sha256:${randomBytes(32).toString('hex')}`,
}
const ref = `${image.repository}@${image.digest}`
const object = `imageprofile/${profileName(image)}`
let cluster: Cluster
let nodes: Agent[]

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await cluster.kubectl(['apply', '-k', crds])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
  nodes = ['n1', 'n2'].map((node) => agentOf(node, cluster.kubeconfig))
  await Promise.all(nodes.map((node) => node.start()))
})

afterAll(async () => {
  for (const node of nodes ?? []) await node[Symbol.asyncDispose]()
  if (cluster === undefined) return
  if (!cluster.own) await cluster.kubectl(['delete', object, '--ignore-not-found'])
  await cluster.stop()
})

function agentOf(node: string, access: string): Agent {
  return new Agent({
    config: {
      node,
      sources: ['file:/dev/null'],
      kernelState: 'none',
      engines: {
        docker: { socket: 'none' },
        kubernetes: { access, share: true, shareWithin: '2s' },
      },
    },
  })
}

function node(number: 1 | 2): Agent {
  const found = nodes[number - 1]
  if (found === undefined) throw new Error(`no node ${number}`)
  return found
}

/** The node's container opened these. */
async function opened(agent: Agent, paths: readonly string[]): Promise<void> {
  const id = randomBytes(32).toString('hex')
  const events = paths.map(
    (path): ActEvent => ({
      v: 1,
      kind: 'file',
      time: new Date().toISOString().replace('Z', '000Z'),
      node: agent === nodes[0] ? 'n1' : 'n2',
      source: 'ebpf',
      container: { id, name: 'web' },
      image,
      process: { pid: 1, exe: '/usr/sbin/web', uid: 0, origin: 'entrypoint' },
      file: { path, access: ['read'] },
    }),
  )
  const file = join(agent.folder, 'events.ndjson')
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const result = await agent.cli(['event', 'replay', file])
  // 2: there was a deviation.
  if (result.code !== 0 && result.code !== 2) throw new Error(result.stderr)
}

function rowsOf(
  agent: Agent,
  good: (rows: readonly BehaviourView[]) => boolean,
  seconds = 30,
): Promise<readonly BehaviourView[]> {
  return agent
    .until<ProfileView>(
      ['profile', 'show', ref],
      ({ behaviours }) => good(behaviours),
      seconds * 1_000,
    )
    .then(({ behaviours }) => behaviours)
}

const has =
  (...paths: string[]) =>
  (rows: readonly BehaviourView[]): boolean =>
    paths.every((path) => rows.some(({ text }) => text === `read ${path}`))

async function idOf(agent: Agent, path: string): Promise<string> {
  const rows = await rowsOf(agent, has(path))
  return rows.find(({ text }) => text === `read ${path}`)?.id ?? ''
}

function stateIs(path: string, state: string): (rows: readonly BehaviourView[]) => boolean {
  return (rows) => rows.some((row) => row.text === `read ${path}` && row.state === state)
}

async function patch(spec: object): Promise<void> {
  await cluster.kubectl(['patch', object, '--type=merge', '-p', JSON.stringify({ spec })])
}

async function modeIs(agent: Agent, mode: string): Promise<string> {
  const view = await agent.until<LineageView>(
    ['image', 'show', ref],
    ({ versions }) => versions[0]?.mode === mode,
  )
  return view.versions[0]?.because ?? ''
}

describe('one profile for the fleet', () => {
  it('is what all nodes saw, on every node', async () => {
    await opened(node(1), ['/etc/a', '/etc/both'])
    await opened(node(2), ['/etc/b', '/etc/both'])
    for (const each of nodes) await rowsOf(each, has('/etc/a', '/etc/b', '/etc/both'))
    const [first, second] = await Promise.all(nodes.map((each) => rowsOf(each, () => true)))
    const ids = (rows: readonly BehaviourView[] = []): readonly string[] => rows.map(({ id }) => id)
    expect(ids(first)).toEqual(ids(second))
  })

  it('is listed by kubectl, and nobody tells what another one told', async () => {
    const table = await cluster.until(
      'the status',
      () => cluster.kubectl(['get', 'imageprofiles']),
      (text) => /shop\/web +learning +learn +3 +0 +2 /.test(text),
    )
    expect(table.split('\n')[0]).toMatch(
      /NAME +IMAGE +STATE +MODE +BEHAVIOURS +PENDING +NODES +AGE/,
    )
    const { status } = await cluster.json<ImageProfile>(['get', 'improf', profileName(image)])
    expect(status?.conditions).toMatchObject([{ type: 'Learned', status: 'False' }])
    const { items } = await cluster.json<{ items: { entries: { id: string }[] }[] }>([
      'get',
      'profileslices',
    ])
    const told = items.flatMap(({ entries }) => entries.map(({ id }) => id))
    expect(told.length).toBeLessThanOrEqual(4)
  })

  it('refuses what is no profile', async () => {
    const bad = {
      apiVersion: 'snug.dev/v1alpha1',
      kind: 'ImageProfile',
      metadata: { name: 'bad' },
      spec: { image: { repository: 'x', digest: 'latest' } },
    }
    await expect(cluster.apply(bad)).rejects.toThrow(/spec.image.digest/)
    await expect(patch({ mode: 'sometimes' })).rejects.toThrow(/spec.mode/)
  })

  it('gets its mode and its approvals by kubectl', async () => {
    await patch({ mode: 'alert' })
    for (const each of nodes) expect(await modeIs(each, 'alert')).toContain('kubectl:kubectl-patch')
    await opened(node(1), ['/etc/new'])
    const id = await idOf(node(1), '/etc/new')
    await rowsOf(node(1), stateIs('/etc/new', 'pending'))
    await patch({ approve: { behaviours: [id] } })
    for (const each of nodes) await rowsOf(each, stateIs('/etc/new', 'approved'))
  })

  it('takes the later of two decisions, wherever it was made', async () => {
    const id = await idOf(node(2), '/etc/new')
    const rejected = await node(2).cli(['profile', 'reject', ref, '--behaviour', id])
    expect(rejected.code, rejected.stderr).toBe(0)
    for (const each of nodes) await rowsOf(each, stateIs('/etc/new', 'rejected'))
    // What kubectl said before is older, and stays so over a restart.
    await node(1).stop()
    await node(1).start()
    await rowsOf(node(1), stateIs('/etc/new', 'rejected'))
  })

  it('goes on by itself where the API server is killed, and adds up once it is back', async () => {
    if (!cluster.own) return
    await cluster.server('kill-api')
    await opened(node(1), ['/srv/one'])
    await opened(node(2), ['/srv/two'])
    await cluster.server('start-api')
    // Seen after its window: known to be there on its own node only, until a person approves it.
    const ids = [await idOf(node(1), '/srv/one'), await idOf(node(2), '/srv/two')]
    await patch({ approve: { behaviours: ids } })
    for (const each of nodes) {
      await rowsOf(
        each,
        (rows) => stateIs('/srv/one', 'approved')(rows) && stateIs('/srv/two', 'approved')(rows),
        60,
      )
    }
  })

  it('is written again where somebody else wrote a node’s slice', async () => {
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
    await opened(node(2), ['/srv/after'])
    await patch({ approve: { behaviours: [await idOf(node(2), '/srv/after')] } })
    for (const each of nodes) await rowsOf(each, stateIs('/srv/after', 'approved'))
  })

  it('is held to what git says, and says so', async () => {
    await patch({
      authority: 'git',
      mode: 'alert',
      approve: { behaviours: [await idOf(node(1), '/etc/new')] },
    })
    for (const each of nodes) await rowsOf(each, stateIs('/etc/new', 'approved'))
    const set = await node(2).cli(['profile', 'mode', ref, 'learn'])
    expect(set.code, set.stderr).toBe(0)
    expect(await modeIs(node(2), 'alert')).toContain('git:')
  })

  it('says what it is not allowed, and goes on', async () => {
    const account = ['-n', 'default', 'create', 'serviceaccount', 'nobody']
    await cluster.kubectl(account)
    const token = (await cluster.kubectl(['-n', 'default', 'create', 'token', 'nobody'])).trim()
    const config = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])) as {
      users: object[]
      contexts: { context: { user: string } }[]
    }
    config.users = [{ name: 'nobody', user: { token } }]
    for (const { context } of config.contexts) context.user = 'nobody'
    const agent = agentOf('n3', join(node(1).folder, 'nobody.kubeconfig'))
    writeFileSync(join(node(1).folder, 'nobody.kubeconfig'), JSON.stringify(config))
    try {
      await agent.start()
      const status = await agent.until<StatusView>(['status'], ({ degraded }) =>
        degraded.some((why) => why.includes('fleet')),
      )
      expect(status.degraded.join()).toContain('forbidden')
      await opened(agent, ['/etc/a'])
      await rowsOf(agent, has('/etc/a'))
    } finally {
      await agent[Symbol.asyncDispose]()
    }
  })
})
