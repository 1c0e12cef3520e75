import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import type { StatusView } from '../../src/api/status-views.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { Cluster } from './cluster/cluster.ts'
import { FleetImage, FleetNode, has, installKinds, stateIs } from './fleet-node.ts'
import { repetitions } from '../fixtures/repetitions.ts'

/**
 * A node without a connection to the API server, while the other nodes and people go on. After a minute of failed
 * requests its back-off is at its longest (30 s), so it returns as late as after ten. In `make test` it is shorter. The
 * test kills and restarts the server meanwhile, so that it forgets the resource versions of its watches (410 Gone), as
 * it otherwise does after five minutes. `SNUG_CUT_OFF_SECONDS=600` takes ten minutes.
 */
const cutMs = Number(process.env['SNUG_CUT_OFF_SECONDS'] ?? repetitions(65)) * 1_000
let cluster: Cluster
let image: FleetImage
let proxy: TcpProxy
let near: FleetNode
let far: FleetNode

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  if (!cluster.own) return
  await installKinds(cluster)
  image = new FleetImage(cluster)
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as Kubeconfig
  const server = new URL(config.clusters[0].cluster.server)
  proxy = await TcpProxy.before(Number(server.port))
  server.port = String(proxy.port)
  config.clusters[0].cluster.server = server.href
  near = new FleetNode('near', cluster.kubeconfig, image)
  const access = `${near.agent.folder}/far.kubeconfig`
  writeFileSync(access, stringify(config))
  far = new FleetNode('far', access, image)
  await Promise.all([near, far].map(({ agent }) => agent.start()))
})

afterAll(async () => {
  try {
    for (const node of [far, near]) await node?.agent[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  } finally {
    await cluster?.stop()
  }
})

it(
  'a node that was cut off gets the state of all others, and they get its observations',
  async (task) => {
    // Another cluster's server is behind a name that its certificate is for, and not ours to kill.
    if (!cluster.own) task.skip('the way to the API server is cut on the test’s own cluster')
    const both = [near, far]
    await near.opened('/etc/one', '/etc/two')
    await far.opened('/etc/one', '/etc/three')
    for (const node of both) await node.rows(has('/etc/one', '/etc/two', '/etc/three'))
    await image.setMode('alert')
    for (const node of both) await node.modeIs('alert')
    await far.opened('/srv/late', '/srv/later')
    const late = await far.idOf('/srv/late')
    const later = await far.idOf('/srv/later')

    const cutAt = Date.now()
    proxy.behave = 'refuse'
    await far.agent.until<StatusView>(['status'], ({ degraded }) =>
      degraded.some((why) => why.startsWith('fleet')),
    )
    // The operator of the cut-off node and the others decide on the same behaviours: once before them, once after.
    await far.reject('/srv/late')
    await image.decide('approve', late, later)
    await far.reject('/srv/later')
    await near.opened('/srv/near')
    await image.decide('approve', await near.idOf('/srv/near'))
    await near.rows(stateIs('/srv/near', 'approved'))
    await cluster.server('kill-api')
    await far.opened('/srv/far')
    await far.reject('/srv/far')
    await cluster.server('start-api')
    await near.rows(stateIs('/srv/near', 'approved'))
    await delay(Math.max(0, cutAt + cutMs - Date.now()))
    expect(await far.rows(() => true)).toSatisfy(
      (rows: Parameters<ReturnType<typeof stateIs>>[0]) =>
        stateIs('/srv/late', 'rejected')(rows) && !has('/srv/near')(rows),
    )

    proxy.behave = 'take'
    const backAt = Date.now()
    await far.rows(stateIs('/srv/near', 'approved'))
    const seconds = Math.round((Date.now() - backAt) / 1_000)
    for (const node of both) {
      await node.rows(stateIs('/srv/late', 'approved'))
      // It was approved before that: the later change of the object, which `far` got first, does not repeat the
      // approval.
      await node.rows(stateIs('/srv/later', 'rejected'))
      await node.rows(stateIs('/srv/far', 'rejected'))
    }
    const [here, there] = await Promise.all(both.map((node) => node.rows(() => true)))
    const known = (rows: typeof here): object =>
      Object.fromEntries((rows ?? []).map(({ text, state }) => [text, state]))
    expect(known(there)).toEqual(known(here))
    // Each of its watches has a separate back-off.
    await far.agent.until<StatusView>(['status'], ({ degraded }) => degraded.length === 0)
    console.info(`cut off for ${cutMs / 1_000} s; ${seconds} s after it was back it knew`)
  },
  cutMs + 180_000,
)

interface Kubeconfig {
  readonly clusters: readonly [{ readonly cluster: { server: string } }]
}
