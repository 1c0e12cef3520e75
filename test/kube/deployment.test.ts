import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Alert } from '../../src/event/alert.ts'
import type { Pod } from '../../src/kube/pod.ts'
import { Cluster } from './cluster/cluster.ts'
import { archives } from './cluster/images.ts'
import { SnugInCluster } from './snug.ts'
import { cronJob, namespace, waitingPod, webDeployment } from './workloads.ts'

/**
 * Snug as a user has it: its own image, deployed by kustomize, on a real cluster. The tests are one story and come in
 * this order.
 */
const overlay = fileURLToPath(new URL('./overlay', import.meta.url))
const inShop = ['-n', namespace]
let cluster: Cluster
let snug: SnugInCluster

beforeAll(async () => {
  const images = await archives()
  cluster = await Cluster.start({ node: true })
  await cluster.load(images.snug, 'localhost/snug')
  await cluster.load(images.web, 'localhost/web')
  await cluster.load(images.tool, 'localhost/tool')
  snug = new SnugInCluster(cluster)
})

afterAll(async () => {
  if (cluster === undefined) return
  if (!cluster.own) {
    await cluster.kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false'])
    await cluster.kubectl(['delete', '-k', overlay, '--ignore-not-found', '--wait=false'])
  }
  await cluster.stop()
  rmSync('/var/tmp/snug-kube-data', { recursive: true, force: true })
})

async function podsOf(selector: string): Promise<readonly Pod[]> {
  const list = await cluster.json<{ items: Pod[] }>([...inShop, 'get', 'pods', '-l', selector])
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
}

async function anyWeb(): Promise<string> {
  const [pod] = await podsOf('app=web')
  if (pod === undefined) throw new Error('no pod of the web server')
  return pod.metadata.name
}

/** Asks the web server as its users do, from a pod beside it. */
async function ask(path: string): Promise<string> {
  const url = `http://${await addressOfWeb()}:8080${path}`
  return cluster.kubectl([...inShop, 'exec', 'user', '--', 'wget', '-qO-', '-T', '5', url])
}

async function addressOfWeb(): Promise<string> {
  const [pod] = await podsOf('app=web')
  return pod?.status?.podIP ?? ''
}

function act(command: string): Promise<string> {
  return ask(`/cgi-bin/act?${encodeURIComponent(command)}`)
}

async function rolledOut(): Promise<void> {
  await cluster.kubectl([...inShop, 'rollout', 'status', 'deployment/web', '--timeout=120s'])
}

async function learned(image: string): Promise<void> {
  await cluster.until(
    `${image} is learned`,
    async () => {
      await ask('/cgi-bin/page')
      return snug.version(image)
    },
    ({ state }) => state === 'enforced',
    90,
  )
}

const isOf =
  (text: string) =>
  ({ behaviour, event }: Alert): boolean =>
    JSON.stringify([behaviour, event]).includes(text)

describe('Snug on a cluster', () => {
  it('is deployed by kustomize, without `privileged`, with five capabilities and a root that cannot be written', async () => {
    await cluster.kubectl(['apply', '-k', overlay])
    await cluster.kubectl(['-n', 'snug', 'rollout', 'status', 'ds/snug-agent', '--timeout=120s'])
    const status = await cluster.until(
      'the agent sees',
      () => snug.status(),
      ({ sources, engines }) => [...sources, ...engines].every(({ state }) => state === 'running'),
    )
    expect(status.engines.map(({ name }) => name)).toEqual(['kubernetes'])
    const exec = ['-n', 'snug', 'exec', 'ds/snug-agent', '--', 'sh', '-c']
    const bits = await cluster.kubectl([
      ...exec,
      'grep CapEff /proc/self/status; touch /x 2>&1; true',
    ])
    // BPF 39, PERFMON 38, SYS_PTRACE 19, NET_ADMIN 12, DAC_READ_SEARCH 2
    expect(bits).toContain('000000c000081004')
    expect(bits).toContain('Read-only file system')
  })

  it('learns a Deployment by its containers: init, probes, hook and exec sessions told apart', async () => {
    const versions = await cluster.kubectl(['api-versions'])
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const batch = versions.includes('batch/v1beta1') ? 'batch/v1beta1' : 'batch/v1'
    await cluster.apply(cronJob(batch), waitingPod('user'), ...webDeployment(1))
    await rolledOut()
    await cluster.kubectl([...inShop, 'wait', '--for=condition=Ready', 'pod/user', '--timeout=60s'])
    await cluster.kubectl([...inShop, 'exec', await anyWeb(), '--', 'ls', '/www/cgi-bin'])
    await learned('localhost/web:1')

    const behaviours = await snug.behaviours('localhost/web:1')
    const originsOf = (text: string): readonly string[] =>
      behaviours.filter((row) => row.text.includes(text)).flatMap(({ origins }) => origins)
    expect(originsOf('/www/cgi-bin/page')).toContain('entrypoint')
    expect(behaviours.filter(({ origins }) => origins.includes('probe'))).not.toEqual([])
    const sessions = behaviours.filter(({ origins }) => origins.includes('exec-in'))
    expect(sessions.every(({ origins, state }) => origins.length > 1 || state === 'apart')).toBe(
      true,
    )
    expect(new Set(sessions.flatMap(({ sessions: names }) => names)).size).toBe(1)
  })

  it('knows the workload, and what an init container was', async () => {
    const tool = await cluster.until(
      'the init container and the pod are told',
      () => snug.behaviours('localhost/tool:1'),
      (rows) => rows.some(({ text }) => text.includes('/work/ready')),
    )
    expect(tool.length).toBeGreaterThan(1)
    const { containers } = await snug.status()
    expect(containers.unresolved).toBe(0)
  })

  it('alerts on an intruder’s act by the name of the workload', async () => {
    expect(await act('cat /etc/shadow')).toContain('root:*')
    const [alert] = await cluster.until(
      'the alert',
      async () => (await snug.alerts()).filter(isOf('/etc/shadow')),
      (found) => found.length > 0,
    )
    expect(alert).toMatchObject({
      action: 'alerted',
      workload: { namespace, kind: 'Deployment', name: 'web' },
      image: { repository: 'localhost/web', tag: '1' },
    })
  })

  it('stops the connection of an intruder by cgroup hooks, and not that of the service', async () => {
    await cluster.until(
      'the version may block',
      () => snug.run(['profile', 'mode', 'localhost/web:1', 'block']),
      () => true,
    )
    const target = (await cluster.json<Pod>([...inShop, 'get', 'pod', 'user'])).status?.podIP ?? ''
    await act(`nc -w 2 ${target} 9 </dev/null`).catch(() => '')
    const [alert] = await cluster.until(
      'the refusal',
      async () => (await snug.alerts()).filter(isOf(target)),
      (found) => found.some(({ action }) => action !== 'alerted'),
    )
    expect(alert).toMatchObject({ workload: { name: 'web' } })
    expect(await ask('/cgi-bin/page')).toContain('hello')
    // Its probes run on: nothing of it was restarted.
    const pods = await podsOf('app=web')
    const restarts = pods.flatMap(({ status }) => status?.containerStatuses ?? [])
    expect(restarts.every((each) => (each as { restartCount?: number }).restartCount === 0)).toBe(
      true,
    )
  })

  it('hands a rollout over, and learns nothing when it is undone', async () => {
    const before = await snug.version('localhost/web:1')
    await cluster.apply(...webDeployment(2))
    await rolledOut()
    await learned('localhost/web:2')
    const second = await snug.version('localhost/web:2')
    expect(second.predecessor).toBe(before.image.digest)
    await cluster.kubectl([...inShop, 'rollout', 'undo', 'deployment/web'])
    await rolledOut()
    await ask('/cgi-bin/page')
    const after = await snug.version('localhost/web:1')
    expect(after).toMatchObject({
      state: before.state,
      mode: before.mode,
      learnedAt: before.learnedAt,
    })
    expect(after.containers.running).toBe(2)
  })

  it('takes an ephemeral container for an operator’s session', async () => {
    await addEphemeral('user')
    const [row] = await cluster.until(
      'what was done in it',
      async () =>
        (await snug.behaviours('localhost/tool:1')).filter(({ text }) =>
          text.includes('/etc/group'),
        ),
      (rows) => rows.length > 0,
    )
    expect(row).toMatchObject({ origins: ['exec-in'] })
  })

  it('sees a CronJob’s run, and whose it is', async () => {
    const rows = await cluster.until(
      'a run of the CronJob',
      () => snug.behaviours('localhost/tool:1'),
      (found) => found.some(({ text }) => text.includes('/etc/motd')),
      90,
    )
    expect(rows.find(({ text }) => text.includes('/etc/motd'))?.origins).toContain('entrypoint')
  })

  it('goes on while the API server is away, and catches up', async () => {
    // Another's servers are not ours to kill.
    if (!cluster.own) return
    await cluster.server('kill-api')
    await cluster.server('start-api')
    await cluster.apply(waitingPod('late'))
    await cluster.kubectl([...inShop, 'wait', '--for=condition=Ready', 'pod/late', '--timeout=60s'])
    await cluster.kubectl([...inShop, 'exec', 'late', '--', 'cat', '/etc/passwd'])
    await cluster.until(
      'what the late pod did',
      () => snug.behaviours('localhost/tool:1'),
      (rows) =>
        rows.some(
          ({ text, origins }) => text.includes('/etc/passwd') && origins.includes('exec-in'),
        ),
    )
    const { engines } = await snug.status()
    expect(engines[0]).toMatchObject({ name: 'kubernetes', state: 'running' })
  })
})

/** Servers to 1.21 take a list by an object of its own, later ones the pod; kubectl of today knows the later way only. */
async function addEphemeral(pod: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/ephemeralcontainers`
  const container = {
    name: 'debug',
    image: 'localhost/tool:1',
    command: ['cat', '/etc/group'],
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePolicy: 'File',
  }
  const { resources } = JSON.parse(await cluster.kubectl(['get', '--raw', '/api/v1'])) as {
    resources: { name: string; kind: string }[]
  }
  const kind = resources.find(({ name }) => name === 'pods/ephemeralcontainers')?.kind
  if (kind !== 'EphemeralContainers') {
    const args = [
      'debug',
      pod,
      '-c',
      'debug',
      '--image=localhost/tool:1',
      '--profile=general',
      '--',
      'cat',
      '/etc/group',
    ]
    await cluster.kubectl([...inShop, ...args])
    return
  }
  const list = JSON.parse(await cluster.kubectl(['get', '--raw', path])) as object
  const body = JSON.stringify({ ...list, ephemeralContainers: [container] })
  await cluster.kubectl(['replace', '--raw', path, '-f', '-'], body)
}
