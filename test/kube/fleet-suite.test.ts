import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { kubeNode } from '../../src/fleet/kubernetes/kube-node.ts'
import { fleetSuite } from '../contract/fleet-suite.ts'
import { Cluster } from './cluster/cluster.ts'
import { installKinds } from './fleet-node.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await installKinds(cluster)
})

afterAll(async () => {
  await cluster?.stop()
})

fleetSuite({
  name: 'a real API server',
  make: (node, link) => kubeNode(cluster.kubeconfig, node).fleet(link),
  image: () => ({
    repository: 'shop/web',
    digest: `sha256:${randomBytes(32).toString('hex')}`,
  }),
})
