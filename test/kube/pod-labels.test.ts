import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { V1NetworkPolicy } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { HoldLevel } from '../../src/core/lifecycle/hold.ts'
import { kubeNode } from '../../src/fleet/kubernetes/kube-node.ts'
import { heldBefore, heldLabel } from '../../src/fleet/kubernetes/pod-containers.ts'
import type { Pod } from '../../src/fleet/kubernetes/pod.ts'
import type { PodLabels } from '../../src/fleet/pod-labels.ts'
import { accountKubeconfig } from './account-kubeconfig.ts'
import { Cluster } from './cluster/cluster.ts'

/**
 * The label of a held pod on a real API server, with the rights of the manifests. The pod is one that the server has as
 * running: no kubelet runs it. Its Service follows by the controller of the cluster.
 */
const deploy = new URL('../../deploy/kubernetes/', import.meta.url)
const policyFolder = fileURLToPath(new URL('held-network-policy', deploy))
const namespace = 'snug-labels'
const name = 'web-1'
const id = randomBytes(32).toString('hex')
const folder = mkdtempSync('/tmp/snug-labels-')
const stop = new AbortController()
let cluster: Cluster
let labels: PodLabels | undefined
let level: HoldLevel | 'none' | undefined
let faults: (string | undefined)[] = []

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  for (const each of [namespace, 'snug'])
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: each } })
  const rbac = fileURLToPath(new URL('base/rbac.yaml', deploy))
  await cluster.kubectl(['apply', '-n', 'snug', '-f', rbac])
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } })
  const meta = { name, namespace, labels: { app: 'web', [heldLabel]: 'no' } }
  const containers = [{ name: 'web', image: 'localhost/web:1' }]
  const spec = { nodeName: 'n1', containers, automountServiceAccountToken: false }
  await cluster.until(
    'the pod',
    () => cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: meta, spec }),
    () => true,
  )
  const ran = {
    name: 'web',
    image: 'localhost/web:1',
    imageID: `localhost/web@sha256:${'a'.repeat(64)}`,
    containerID: `containerd://${id}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: new Date().toISOString() } },
  }
  const status = {
    phase: 'Running',
    podIP: '10.244.9.9',
    podIPs: [{ ip: '10.244.9.9' }],
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [ran],
  }
  const how = ['--subresource=status', '-p', JSON.stringify({ status })]
  await cluster.kubectl(['-n', namespace, 'patch', 'pod', name, ...how])
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace },
    spec: { selector: { app: 'web', [heldLabel]: 'no' }, ports: [{ port: 80 }] },
  })
})

afterAll(async () => {
  try {
    stop.abort()
    await labels?.close()
    rmSync(folder, { recursive: true, force: true })
    if (cluster?.own === false)
      await cluster.kubectl(['delete', `namespace/${namespace}`, 'node/n1', '--ignore-not-found'])
  } finally {
    await cluster?.stop()
  }
})

/** As an agent that starts. */
async function starts(): Promise<void> {
  await labels?.close()
  faults = []
  const kubeconfig = join(folder, 'kubeconfig')
  const access = await accountKubeconfig(cluster, 'snug', 'snug-agent', kubeconfig)
  const node = kubeNode(access, 'n1')
  await node.engine({}).start(stop.signal)
  labels = node.labels({
    heldLevel: (containers) => ([...containers].includes(id) ? level : 'none'),
    onFault: (reason) => faults.push(reason),
  })
  labels.start()
}

async function pod(): Promise<readonly (string | undefined)[]> {
  const { metadata } = await cluster.json<Pod>(['-n', namespace, 'get', 'pod', name])
  return [metadata.labels?.[heldLabel], metadata.annotations?.[heldBefore]]
}

/** Addresses of the Service. */
async function served(): Promise<readonly string[]> {
  const slices = await cluster.json<{
    readonly items: readonly {
      readonly endpoints: readonly { readonly addresses: readonly string[] }[] | null
    }[]
  }>(['-n', namespace, 'get', 'endpointslices'])
  return slices.items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((one) => one.addresses))
}

/** Pods that the shipped NetworkPolicy selects, by its own selector. */
async function cutOff(): Promise<readonly string[]> {
  const { spec } = await cluster.json<V1NetworkPolicy>([
    '-n',
    namespace,
    'get',
    'networkpolicy/snug-held',
  ])
  expect(spec?.policyTypes).toEqual(['Ingress', 'Egress'])
  expect([spec?.ingress, spec?.egress]).toEqual([undefined, undefined])
  const selector = Object.entries(spec?.podSelector?.matchLabels ?? {}).map((pair) =>
    pair.join('='),
  )
  const { items } = await cluster.json<{ readonly items: readonly Pod[] }>([
    '-n',
    namespace,
    'get',
    'pods',
    '-l',
    selector.join(','),
  ])
  return items.map(({ metadata }) => metadata.name)
}

const until = <T>(what: string, ask: () => Promise<T>, wanted: T): Promise<T> =>
  cluster.until(what, ask, (now) => JSON.stringify(now) === JSON.stringify(wanted))

it('without the right, it reports why, and the pod stays as it is', async () => {
  await until('the Service', served, ['10.244.9.9'])
  level = 'network'
  await starts()
  const why = expect.stringMatching(/^cannot label the pods of held containers: .*403/s) as string
  await expect.poll(() => faults[0], { timeout: 10_000 }).toEqual(why)
  expect(await pod()).toEqual(['no', undefined])
})

it('with it, a held pod has the level, and its Service leaves it out', async () => {
  const rbac = fileURLToPath(new URL('held-label/rbac.yaml', deploy))
  await cluster.kubectl(['apply', '-f', rbac])
  await until('the label', pod, ['network', 'no'])
  await expect.poll(() => faults.at(-1), { timeout: 10_000 }).toBeUndefined()
  await until('the Service', served, [])
  await cluster.kubectl(['apply', '-n', namespace, '-k', policyFolder])
  expect(await cutOff()).toEqual([name])
  level = 'freeze'
  await until('the label', pod, ['freeze', 'no'])
  expect(await cutOff()).toEqual([])
})

it('an agent that starts leaves it until it knows that the hold has ended meanwhile', async () => {
  level = undefined
  await starts()
  await expect.poll(() => faults.length, { timeout: 10_000 }).toBeGreaterThan(1)
  expect(await pod()).toEqual(['freeze', 'no'])
  level = 'none'
  await starts()
  await until('the label', pod, ['no', undefined])
  await until('the Service', served, ['10.244.9.9'])
})

it('a pod without the label gets it for as long as it is held, and a label of people stays', async () => {
  await cluster.kubectl(['-n', namespace, 'label', 'pod', name, `${heldLabel}-`])
  level = 'network'
  await until('the label', pod, ['network', ''])
  level = 'none'
  await until('no label', pod, [undefined, undefined])
  await cluster.kubectl(['-n', namespace, 'label', 'pod', name, `${heldLabel}=by-hand`])
  level = 'network'
  await starts()
  await expect.poll(() => faults.length, { timeout: 10_000 }).toBeGreaterThan(2)
  expect(await pod()).toEqual(['by-hand', undefined])
})
