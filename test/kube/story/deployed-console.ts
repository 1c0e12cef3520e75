import { kubectlPatience } from '../../fixtures/patience.ts'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { TokenFile } from '../../../src/serve/access/token-file.ts'
import type { Role } from '../../../src/support/config/role.ts'
import { Authority } from '../../fixtures/authority.ts'
import type { Nats } from '../../fixtures/nats.ts'
import { type Cluster, nodeAddress } from '../cluster/cluster.ts'
import { ConsoleClient } from './console-client.ts'
import { kustomization, namespace } from './deployed.ts'

const shipped = fileURLToPath(new URL('../../../deploy/kubernetes/console', import.meta.url))
const host = 'snug-console.snug.svc'
const pagePort = 7_685
const mounted = '/etc/snug/secrets'

export interface ConsolePod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly status: {
    readonly podIP?: string
    readonly containerStatuses?: readonly {
      readonly ready: boolean
      readonly containerID?: string
    }[]
  }
}

interface EndpointsSeen {
  readonly subsets?: readonly { readonly addresses?: readonly { readonly ip: string }[] }[]
}

interface Access {
  readonly ca: string
  readonly tokens: Readonly<Record<Role, string>>
}

/** `snug console` as an operator deploys it: their own overlay upon deploy/kubernetes/console, and two secrets. */
export class DeployedConsole implements Disposable {
  /** At the address of the Service. */
  readonly service: ConsoleClient
  readonly tokens: Access['tokens']
  readonly #cluster: Cluster
  readonly #access: Access
  readonly #clients: ConsoleClient[] = []

  private constructor(cluster: Cluster, access: Access, address: string) {
    this.#cluster = cluster
    this.#access = access
    this.tokens = access.tokens
    this.service = this.#client(address, 443)
  }

  /** Resolves once all replicas are ready. */
  static async on(cluster: Cluster, nats: Nats): Promise<DeployedConsole> {
    const access = await makeSecrets(cluster)
    const overlay = mkdtempSync('/var/tmp/snug-console-')
    try {
      await writeOverlay(cluster, overlay, nats)
      await cluster.kubectl(['apply', '-k', overlay])
    } finally {
      rmSync(overlay, { recursive: true })
    }
    const service = ['-n', namespace, 'get', 'service', 'snug-console']
    const { spec } = await cluster.json<{ spec: { clusterIP: string } }>(service)
    const deployed = new DeployedConsole(cluster, access, spec.clusterIP)
    await deployed.#rolledOut()
    return deployed
  }

  /** Its pods, without those that are ending. */
  async pods(): Promise<readonly ConsolePod[]> {
    const all = await this.allPods()
    return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }

  /** With those that are ending: they answer on connections that they have. */
  async allPods(): Promise<readonly ConsolePod[]> {
    const select = ['get', 'pods', '-l', 'app.kubernetes.io/component=console']
    const { items } = await this.#cluster.json<{ items: ConsolePod[] }>([
      '-n',
      namespace,
      ...select,
    ])
    return items
  }

  /** Addresses behind the Service. */
  async endpoints(): Promise<readonly string[]> {
    const get = ['-n', namespace, 'get', 'endpoints', 'snug-console']
    const { subsets = [] } = await this.#cluster.json<EndpointsSeen>(get)
    return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip))
  }

  /** One replica, past the Service. */
  replica({ status }: ConsolePod): ConsoleClient {
    return this.#client(status.podIP ?? '', pagePort)
  }

  /** Gives what the command prints. */
  exec({ metadata }: ConsolePod, command: readonly string[]): Promise<string> {
    return this.#cluster.kubectl(['-n', namespace, 'exec', metadata.name, '--', ...command])
  }

  /** Of its process, as the kernel gives it: name → value. */
  async statusOf(pod: ConsolePod): Promise<Readonly<Record<string, string>>> {
    const lines = (await this.exec(pod, ['cat', '/proc/1/status'])).split('\n')
    return Object.fromEntries(lines.map((line) => line.split(/:\s+/, 2)))
  }

  /** As a drain of its node does. Resolves before it is gone. */
  async remove({ metadata }: ConsolePod): Promise<void> {
    const pod = ['delete', 'pod', metadata.name, '--wait=false']
    await this.#cluster.kubectl(['-n', namespace, ...pod])
  }

  /** As a node that fails: the process is gone at once, and so is its pod. */
  async kill({ metadata, status }: ConsolePod): Promise<void> {
    const id = status.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? ''
    await this.#cluster.killContainer(id)
    const pod = ['delete', 'pod', metadata.name, '--grace-period=0', '--force', '--wait=false']
    await this.#cluster.kubectl(['-n', namespace, ...pod])
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close()
  }

  #client(address: string, port: number): ConsoleClient {
    const client = new ConsoleClient({ address, port, host, ...this.#access })
    this.#clients.push(client)
    return client
  }

  /** Fails with the last output of the pods. */
  async #rolledOut(): Promise<void> {
    const of = ['-n', namespace]
    try {
      const status = ['rollout', 'status', 'deploy/snug-console', kubectlPatience]
      await this.#cluster.kubectl([...of, ...status])
    } catch (cause) {
      const select = ['-l', 'app.kubernetes.io/component=console']
      const pods = await this.#cluster.kubectl([...of, 'describe', 'pods', ...select])
      const logs = await this.#cluster.kubectl([...of, 'logs', ...select, '--tail=30'])
      const output = `${pods.slice(-4_000)}\n${logs}`
      throw new Error(`the console did not come up:\n${output}`, { cause })
    }
  }
}

/** The certificate of the page, and tokens for scripts. */
async function makeSecrets(cluster: Cluster): Promise<Access> {
  using authority = new Authority('operators')
  const { cert, key } = authority.issue('snug-console', [`DNS:${host}`])
  const file = join(authority.folder, 'tokens.json')
  writeFileSync(file, JSON.stringify({ tokens: [] }))
  const made = new TokenFile(file)
  const tokens = {
    viewer: made.create('vera', 'viewer'),
    reviewer: made.create('rita', 'reviewer'),
    admin: made.create('ada', 'admin'),
  }
  const secret = (name: string, type: string, stringData: object): object => {
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type, stringData }
  }
  await cluster.apply(
    secret('snug-console-tls', 'kubernetes.io/tls', { 'tls.crt': cert, 'tls.key': key }),
    secret('snug-console', 'Opaque', { 'tokens.json': readFileSync(file, 'utf8') }),
  )
  return { ca: authority.ca, tokens }
}

async function writeOverlay(cluster: Cluster, overlay: string, nats: Nats): Promise<void> {
  const config = {
    schema: 'snug.console/v1',
    listen: `[::]:${pagePort}`,
    hosts: [host],
    tls: { cert: '/etc/snug/tls/tls.crt', key: '/etc/snug/tls/tls.key' },
    tokens: `${mounted}/tokens.json`,
    alerts: {
      type: 'nats',
      servers: [`${nodeAddress}:${nats.port}`],
      stream: 'SNUG',
      subject: nats.subject,
      reports: { stream: 'SNUG_AGENTS', subject: nats.reports },
    },
  }
  writeFileSync(join(overlay, 'console.yaml'), stringify(config))
  const files = { name: 'snug-console', namespace, behavior: 'merge', files: ['console.yaml'] }
  const budget = {
    $patch: 'delete',
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'snug-console', namespace },
  }
  // Servers have `policy/v1` from 1.21 on.
  const versions = await cluster.kubectl(['api-versions'])
  const isKnown = versions.split('\n').includes('policy/v1')
  const written = kustomization({
    resources: [relative(overlay, shipped)],
    configMapGenerator: [files],
    patches: isKnown ? [] : [{ patch: stringify(budget) }],
  })
  writeFileSync(join(overlay, 'kustomization.yaml'), written)
}
