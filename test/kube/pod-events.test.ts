import { afterAll, beforeAll, expect, it } from 'vitest'
import { ulid } from 'ulid'
import type { Alert } from '../../src/core/event/alert.ts'
import { kubeAccess } from '../../src/fleet/kubernetes/access.ts'
import { KubeApi } from '../../src/fleet/kubernetes/api.ts'
import type { Pod } from '../../src/fleet/kubernetes/pod.ts'
import { viewOf } from '../../src/fleet/kubernetes/pod-containers.ts'
import { PodEvents } from '../../src/fleet/pod-events.ts'
import { hostileAlert, sampleAlerts } from '../fixtures/format-alerts.ts'
import { Cluster } from './cluster/cluster.ts'

/** Events of alerts on a pod that a real API server has. It runs nowhere: no node is needed for that. */
const namespace = 'snug-events'
let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
})
afterAll(async () => {
  try {
    if (cluster?.own === false) await cluster.kubectl(['delete', 'namespace', namespace])
  } finally {
    await cluster?.stop()
  }
})

it('`kubectl describe pod` shows each new alert of the pod, also with hostile text', async () => {
  const containers = [{ name: 'web', image: 'localhost/nothing:1' }]
  await cluster.until(
    'the pod',
    () =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web-1', namespace },
        spec: { containers, nodeSelector: { 'snug.test/nowhere': 'true' } },
      }),
    () => true,
  )
  const pod = viewOf(await cluster.json<Pod>(['-n', namespace, 'get', 'pod', 'web-1']))
  const lost: unknown[] = []
  const events = new PodEvents({
    api: new KubeApi(kubeAccess(cluster.kubeconfig)),
    node: 'n1',
    pod: () => pod,
    onLost: (_, error) => lost.push(error),
  })
  const workload = { namespace, kind: 'Pod', name: 'web-1', pod: 'web-1' }
  const on = (alert: Alert): Alert => ({ ...alert, id: ulid(), workload })
  const [plain] = sampleAlerts
  const alerts = [
    on(plain as Alert),
    on(hostileAlert('\u001b[2J\u202e')),
    on(hostileAlert('é'.repeat(5_000))),
  ]
  try {
    events.stored(alerts)
    const shown = await cluster.until(
      'the events',
      () => cluster.kubectl(['-n', namespace, 'describe', 'pod', 'web-1']),
      (text) => alerts.every(({ id }) => text.includes(id)),
    )
    expect(shown).toContain(plain?.behaviour?.text)
    for (const obeyed of ['\u001b', '\u202e']) expect(shown).not.toContain(obeyed)
    expect(lost).toEqual([])
  } finally {
    await events.close()
  }
})
