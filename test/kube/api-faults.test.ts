import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { KubeObject, ObjectList } from '../../src/fleet/kubernetes/object.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { ApiCrowd } from './api-crowd.ts'
import { Cluster } from './cluster/cluster.ts'
import { FleetImage, FleetNode, installKinds, stateIs } from './fleet-node.ts'
import { gaps, requests } from './node-requests.ts'
import { endOf, type Mint, mintOf, PodAccount } from './pod-account.ts'
import { Rival } from './rival.ts'

/**
 * The errors of an API server for its clients: throttling (429), an expired token (401), a write conflict (409), and an
 * expired resource version (410). A node asks as its pod does, with the rights that ship.
 */
const rights = fileURLToPath(new URL('../../deploy/kubernetes/base/rbac.yaml', import.meta.url))
const namespace = 'snug'
const account = 'snug-agent'
const slices = '/apis/snug.dev/v1alpha1/profileslices'
const profiles = '/apis/snug.dev/v1alpha1/imageprofiles'
/** Of a token in the first test, and how often there is another. */
const tokenSeconds = 5
const renewMs = 1_000
const rivalWrites = 3
const places = 8

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', resources: [{ group: 'snug.dev' }] }, { level: 'None' }],
}

const folder = mkdtempSync('/tmp/snug-faults-')
let cluster: Cluster
let image: FleetImage
let port: number
let proxy: TcpProxy
let pod: PodAccount
let mint: Mint
let node: FleetNode

beforeAll(async () => {
  const policyFile = join(folder, 'policy.yaml')
  writeFileSync(policyFile, JSON.stringify(policy))
  // Concurrent requests; watches do not count.
  const limits = [`--max-requests-inflight=${places}`, '--max-mutating-requests-inflight=1']
  // Nobody whom the crowd keeps waiting gets in because the server ended another's request.
  const patient = '--request-timeout=1h'
  // Not by the fair share of each client, which spares this one.
  const byLimits = '--enable-priority-and-fairness=false'
  const flags = [`--audit-policy-file=${policyFile}`, byLimits, patient, ...limits]
  cluster = await Cluster.start({ node: false, flags })
  if (!cluster.own) return
  await installKinds(cluster)
  await cluster.kubectl(['create', 'namespace', namespace])
  await cluster.kubectl(['-n', namespace, 'apply', '-f', rights])
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig
  port = Number(new URL(config.clusters[0].cluster.server).port)
  proxy = await TcpProxy.before(port)
  pod = new PodAccount(cluster, proxy.port)
  mint = await mintOf(cluster, namespace, account)
  pod.give(mint(60))
  image = new FleetImage(cluster)
  node = new FleetNode('far', 'pod', image, { node: pod.node })
  await node.agent.start()
})

afterAll(async () => {
  try {
    await node?.agent[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  } finally {
    await cluster?.stop()
    pod?.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})

it('goes on over tokens that expire, and reports when no new one comes in time', async (task) => {
  if (!cluster.own) task.skip(why)
  const tokens: string[] = []
  const renew = (): void => {
    const token = mint(tokenSeconds)
    tokens.push(token)
    pod.give(token)
  }
  renew()
  const renewing = setInterval(renew, renewMs)
  try {
    for (const path of ['/etc/a', '/etc/b']) {
      cutOnce()
      await node.opened(path)
      await reported(path)
      await reject(path)
    }
    await dead(tokens[0])
    await node.opened('/etc/c')
    await reported('/etc/c')
    await clean()
    expect(requests(cluster, { code: 401 })).toEqual([])
  } finally {
    clearInterval(renewing)
  }

  await dead(tokens.at(-1))
  await node.opened('/srv/dark')
  // The server refuses new requests only: the open watches continue.
  await degraded(/^fleet: cannot report shop\/web: PUT .*401/)
  cutOnce()
  await degraded(/^fleet: GET .*401/)
  await degraded(/^engine kubernetes: GET .*401/)
  expect(requests(cluster, { code: 401 }).map(({ verb }) => verb)).toEqual(
    expect.arrayContaining(['update', 'watch']),
  )
  const dark = await node.idOf('/srv/dark')
  await image.decide('reject', await node.idOf('/etc/c'))
  expect(await reportedIds()).not.toContain(dark)
  pod.give(mint(600))
  await node.rows(stateIs('/etc/c', 'rejected'))
  await reported('/srv/dark')
  await clean()
})

it('reports its observations while another client writes the same object again and again', async (task) => {
  if (!cluster.own) task.skip(why)
  const { items } = await cluster.json<{ items: readonly [KubeObject] }>(['get', 'profileslices'])
  const since = now()
  await using rival = await Rival.of(cluster, port, slices, items[0].metadata.name, rivalWrites)
  await node.opened('/srv/contested')
  await reported('/srv/contested')
  await clean()
  expect(rival.writes).toBe(rivalWrites)
  const refused = { since, resource: 'profileslices', verb: 'update', code: 409 }
  expect(requests(cluster, refused)).toHaveLength(rivalWrites)
})

it('gets the changes of the time for which the server forgot its resource version', async (task) => {
  if (!cluster.own) task.skip(why)
  await node.opened('/etc/near', '/etc/quiet')
  await reported('/etc/near', '/etc/quiet')
  const { metadata } = JSON.parse((await ask(profiles)).text) as ObjectList
  proxy.behave = 'refuse'
  await degraded(/^fleet: the API server does not answer/)
  await image.decide('reject', await node.idOf('/etc/near'))
  await node.opened('/srv/far')
  await cluster.server('kill-api')
  await cluster.forget()
  await cluster.server('start-api')
  const query = `watch=1&timeoutSeconds=5&resourceVersion=${metadata.resourceVersion}`
  // A current server answers 429 while it fills its cache.
  await cluster.until(
    'an expired version',
    () => ask(`${profiles}?${query}`),
    ({ text: answer }) => /"code":410/.test(answer),
  )

  const since = now()
  proxy.behave = 'take'
  await node.rows(stateIs('/etc/near', 'rejected'))
  await reported('/srv/far')
  await clean()
  // It asked to go on first, and then for all that is there.
  for (const resource of ['imageprofiles', 'profileslices']) {
    const asked = requests(cluster, { since, resource }).filter(
      ({ verb, responseStatus: { code } }) => ['list', 'watch'].includes(verb) && code !== tooMany,
    )
    const [first, next] = asked.map(({ requestURI }) => requestURI)
    expect([first, next]).toEqual([
      expect.stringContaining('watch=true'),
      expect.stringMatching(/\?limit=\d+$/),
    ])
  }
})

it('waits as long as a crowded server asks, and reports everything in the end, once', async (task) => {
  if (!cluster.own) task.skip(why)
  const quiet = await node.idOf('/etc/quiet')
  await node.agent.stop()
  using crowd = await ApiCrowd.before(cluster, port, places)
  expect((await ask(slices)).status).toBe(tooMany)
  const since = now()
  await node.agent.start()
  await degraded(/^fleet: GET .*429/)
  await node.opened('/srv/crowded', '/srv/thronged')
  await image.decide('reject', quiet)
  const lists = { since, resource: 'profileslices', verb: 'list' }
  await cluster.until(
    'a second refusal',
    () => Promise.resolve(requests(cluster, { ...lists, code: 429 })),
    (refused) => refused.length > 1,
  )
  crowd.endReading()
  await node.rows(stateIs('/etc/quiet', 'rejected'))
  // It receives all events, and may not write.
  await degraded(/^fleet: cannot report shop\/web: PUT .*429/)
  const { behaviours } = await node.agent.json<ProfileView>(['profile', 'show', image.ref])
  crowd.endWriting()
  await reported('/srv/crowded', '/srv/thronged')
  await clean()

  const waits = gaps(requests(cluster, lists))
  expect(waits.length).toBeGreaterThan(1)
  // `Retry-After: 1`
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000)
  const output = requests(cluster, { since, resource: 'profileslices', verb: 'update' })
  expect(output.map(({ responseStatus }) => responseStatus.code)).toContain(429)
  expect(output.filter(({ responseStatus }) => responseStatus.code === 200)).toHaveLength(1)
  const after = await node.agent.json<ProfileView>(['profile', 'show', image.ref])
  expect(after.behaviours).toEqual(behaviours)
})

const why = 'the API server is the test’s own to spoil'

/** All connections that there are, and none that comes. */
function cutOnce(): void {
  proxy.behave = 'refuse'
  proxy.behave = 'take'
}

/** Resolves once these stand in the node's slices; nothing does twice. */
async function reported(...paths: readonly string[]): Promise<void> {
  const ids = await Promise.all(paths.map((path) => node.idOf(path)))
  const isReported = (found: readonly string[]): boolean => ids.every((id) => found.includes(id))
  const found = await cluster.until(`${paths.join()} reported`, reportedIds, isReported)
  expect(new Set(found).size).toBe(found.length)
}

async function reportedIds(): Promise<readonly string[]> {
  const { items } = await cluster.json<{
    items: readonly { entries: readonly { id: string }[] }[]
  }>(['get', 'profileslices'])
  return items.flatMap(({ entries }) => entries.map(({ id }) => id))
}

async function reject(path: string): Promise<void> {
  await image.decide('reject', await node.idOf(path))
  await node.rows(stateIs(path, 'rejected'))
}

/** Resolves once the server rejects the token. Not asked before its end: the request would count as one more use. */
async function dead(token = ''): Promise<void> {
  await delay(endOf(token) - Date.now())
  await cluster.until(
    'its end',
    () => ask(slices, token),
    ({ status }) => status === 401,
  )
}

async function degraded(words: RegExp): Promise<void> {
  await node.agent.until<StatusView>(['status'], ({ degraded: all }) =>
    all.some((text) => words.test(text)),
  )
}

async function clean(): Promise<void> {
  await node.agent.until<StatusView>(
    ['status'],
    ({ state, degraded: all }) => state === 'running' && all.length === 0,
  )
}

interface Answer {
  readonly status: number
  readonly text: string
}

const tooMany = 429

/** As the node's account, past the proxy. */
async function ask(path: string, token = mint(60)): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` }
  const asked = get({ host: '127.0.0.1', port, path, headers, ca: cluster.pki('ca.crt') })
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode ?? 0, text: await text(answer) }
}

const now = (): string => new Date().toISOString()

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { server: string } }]
}
