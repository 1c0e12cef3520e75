import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import type { HoldView } from '../../../src/api/hold-views.ts'
import { kubectlPatience } from '../../fixtures/patience.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { requests } from '../node-requests.ts'
import type { Deployed } from './deployed.ts'
import { images } from './images.ts'
import { containerOf, report, tenant, webPods } from './workloads.ts'

const rights = fileURLToPath(
  new URL('../../../deploy/kubernetes/held-deletion/rbac.yaml', import.meta.url),
)

/** Part of the story of deployment.test.ts: the config has `deleteHeld`, and the rights come later. */
export function stopStory(
  world: () => { readonly cluster: Cluster; readonly snug: Deployed },
): void {
  afterAll(async () => {
    await world().cluster.kubectl(['delete', '-f', rights, '--ignore-not-found', kubectlPatience])
  })

  it('is stopped once the agent may delete it, and its workload starts another', async () => {
    const { cluster, snug } = world()
    const [pod] = await webPods(cluster, images.web1, tenant)
    if (pod === undefined) throw new Error('the tenant has no pod')
    const target = `${tenant}/${pod.metadata.name}`
    const order = ['quarantine', target, '--level', 'stop', '--reason', 'a web shell']
    const stateOf = ({ containers }: HoldView) =>
      containers.find(({ id }) => id === containerOf(pod))
    const refused = await snug.json<HoldView>(order)
    expect(stateOf(refused)).toMatchObject({
      state: 'failed',
      because: expect.stringMatching(/403.*forbidden/i),
    })
    expect(await report(cluster, pod, 'serve')).toBe('ok')
    await cluster.kubectl(['apply', '-f', rights])
    const gone = ['get', 'pod', pod.metadata.name, '--ignore-not-found', '-o', 'name']
    await cluster.until(
      'the end of the pod',
      () => cluster.kubectl(['-n', tenant, ...gone]),
      (name) => name === '',
    )
    const asked = requests(cluster, { resource: 'pods', verb: 'delete' })
    const codes = asked
      .filter(({ objectRef }) => objectRef.name === pod.metadata.name)
      .map(({ responseStatus }) => responseStatus.code)
    expect(codes[0]).toBe(403)
    expect(codes).toContain(200)
    const [hold] = await snug.json<readonly HoldView[]>(['quarantine', 'list'])
    expect(hold).toMatchObject({ id: refused.id, level: 'stop', target: `pod ${target}` })
    expect(hold && stateOf(hold)?.state).not.toBe('failed')
    const [other] = await cluster.until(
      'another pod',
      () => webPods(cluster, images.web1, tenant),
      ({ length }) => length === 1,
    )
    if (other === undefined) throw new Error('there is no other pod')
    expect(other.metadata.name).not.toBe(pod.metadata.name)
    expect(await report(cluster, other, 'serve')).toBe('ok')
    expect(await snug.json<readonly HoldView[]>(['release', target])).toHaveLength(1)
  })

  it('is not stopped by its image, of which its workload would start others', async () => {
    const { snug } = world()
    const order = ['quarantine', images.web1, '--level', 'stop', '--reason', 'a web shell']
    await expect(snug.exec(['snug', ...order])).rejects.toThrow('HOLD_UNAVAILABLE')
  })
}
