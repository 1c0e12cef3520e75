import { kubectlPatience } from '../../fixtures/patience.ts'
import { addEphemeral } from '../ephemeral.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { images } from './images.ts'

export const namespace = 'shop'
/** Runs the web service of the shop for itself. */
export const tenant = 'tenant'
const user = '/bin/busybox'

/** The workloads of the shop: a web service of two pods, the database that it uses, and a job each minute. */
export async function runShop(cluster: Cluster): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const versions = await cluster.kubectl(['api-versions'])
  const job = versions.split('\n').includes('batch/v1beta1') ? 'batch/v1beta1' : 'batch/v1'
  await cluster.apply(cronJob(job), web, ...database)
  for (const name of ['web', 'user-db']) await rolledOut(cluster, name)
}

/** Another namespace runs the same image. */
export async function runTenant(cluster: Cluster): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: tenant } })
  await cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...about('web'), namespace: tenant },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: pod('web', { containers: [{ name: 'web', image: images.web1 }] }),
    },
  })
  await rolledOut(cluster, 'web', tenant)
}

export async function rolledOut(
  cluster: Cluster,
  deployment: string,
  within = namespace,
): Promise<void> {
  const of = ['-n', within, 'rollout', 'status', `deploy/${deployment}`, kubectlPatience]
  await cluster.kubectl(of)
}

export async function removeShop(cluster: Cluster): Promise<void> {
  const gone = ['--ignore-not-found', kubectlPatience]
  await cluster.kubectl(['delete', 'namespace', namespace, tenant, ...gone])
}

const about = (name: string) => ({ name, namespace, labels: { app: name } })
const pod = (name: string, spec: object): object => ({
  metadata: { labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 1, ...spec },
})

const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: about('web'),
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    // Old pods go once new ones serve: for a while there are both.
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: pod('web', {
      initContainers: [
        { name: 'prepare', image: images.web1, command: [user, 'cat', '/etc/of-init'] },
      ],
      containers: [
        {
          name: 'web',
          image: images.web1,
          livenessProbe: {
            exec: { command: [user, 'cat', '/etc/of-probe'] },
            periodSeconds: 2,
            timeoutSeconds: 10,
          },
        },
      ],
    }),
  },
}

const database = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: about('user-db'),
    spec: {
      selector: { matchLabels: { app: 'user-db' } },
      template: pod('user-db', {
        containers: [{ name: 'db', image: images.db, command: ['/bin/service', '5432'] }],
      }),
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: about('user-db'),
    spec: { selector: { app: 'user-db' }, ports: [{ port: 5432 }] },
  },
]

const cronJob = (apiVersion: string): object => ({
  apiVersion,
  kind: 'CronJob',
  metadata: about('tick'),
  spec: {
    schedule: '* * * * *',
    jobTemplate: {
      spec: {
        template: pod('tick', {
          restartPolicy: 'Never',
          containers: [{ name: 'tick', image: images.tick, command: [user, 'cat', '/etc/of-job'] }],
        }),
      },
    },
  },
})

export interface ReportedPod {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly deletionTimestamp?: string
  }
  readonly spec: {
    readonly nodeName?: string
    readonly containers: readonly { readonly image: string }[]
  }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly containerStatuses?: readonly {
      readonly ready: boolean
      readonly restartCount: number
      readonly containerID?: string
      readonly imageID: string
    }[]
  }
}

/** Runs a pod once, without labels, and gives its phase at its end. The pod is removed. */
export async function firstProgram(
  cluster: Cluster,
  how: {
    readonly name: string
    readonly image: string
    readonly command: readonly string[]
    readonly within?: string
  },
): Promise<string> {
  const { name, image, command, within = namespace } = how
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: within },
    spec: { restartPolicy: 'Never', containers: [{ name: 'first', image, command }] },
  })
  const { status } = await cluster.until(
    `the end of ${name}`,
    () => cluster.json<ReportedPod>(['-n', within, 'get', 'pod', name]),
    (pod) => ['Succeeded', 'Failed'].includes(pod.status.phase),
  )
  await cluster.kubectl(['-n', within, 'delete', 'pod', name])
  return status.phase
}

/** Pods of the web service that serve, of this image. */
export async function webPods(
  cluster: Cluster,
  image: string,
  within = namespace,
): Promise<readonly ReportedPod[]> {
  const { items } = await cluster.json<{ items: ReportedPod[] }>([
    '-n',
    within,
    'get',
    'pods',
    '-l',
    'app=web',
  ])
  return items.filter(
    ({ metadata, spec, status }) =>
      metadata.deletionTimestamp === undefined &&
      spec.containers[0]?.image === image &&
      status.containerStatuses?.[0]?.ready === true,
  )
}

export function containerOf({ status }: ReportedPod): string {
  return status.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? ''
}

/** Makes the service act as if an attacker in it controlled it; returns its answer. See service.c. */
export async function report(
  cluster: Cluster,
  { metadata }: ReportedPod,
  what: string,
): Promise<string> {
  const { name, namespace: within } = metadata
  const path = `/api/v1/namespaces/${within}/pods/${name}:8080/proxy/${what}`
  return (await cluster.kubectl(['get', '--raw', path])).trim()
}

/** A container for debugging beside the web's. */
export async function debug(cluster: Cluster, { metadata }: ReportedPod): Promise<void> {
  const command = [user, 'cat', '/etc/of-ephemeral']
  const { web1: image } = images
  await addEphemeral(cluster, { namespace, pod: metadata.name, name: 'debug', image, command })
}
