import { existsSync } from 'node:fs'
import { Agent, type RequestOptions } from 'node:https'
import { type Cluster, KubeConfig } from '@kubernetes/client-node'
import { SnugError } from '../../errors.ts'
import { inPod, serviceAccount } from './own-pod.ts'

/** Where an API server is, and as whom it is asked. */
export interface KubeAccess {
  /** For people. */
  readonly from: string
  /** `https://HOST:PORT`, with the path that a proxy may put before all others. */
  readonly server: URL
  /** For one request: connection and credentials, as they are now. */
  options(): Promise<RequestOptions>
}

/**
 * `pod`, or the path of a kubeconfig, with every authentication method of the client library.
 *
 * Errors: `KUBE_ACCESS`.
 */
export function kubeAccess(how: string): KubeAccess {
  if (how !== inPod) {
    const config = kubeconfigAt(how)
    return accessBy(how, () => config)
  }
  if (
    process.env['KUBERNETES_SERVICE_HOST'] === undefined ||
    !existsSync(`${serviceAccount}/token`)
  ) {
    const what = 'the agent does not run in a pod with a service account'
    throw new SnugError('KUBE_ACCESS', `${what}: \`${serviceAccount}/token\` is missing`)
  }
  return accessBy('the service account of this pod', inCluster)
}

/** A config reads its token file once a minute. A new one for each request reads it now, as after a rotation. */
function inCluster(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromCluster()
  return config
}

function kubeconfigAt(path: string): KubeConfig {
  const config = new KubeConfig()
  try {
    config.loadFromFile(path)
  } catch (cause) {
    throw new SnugError('KUBE_ACCESS', `cannot read the kubeconfig \`${path}\``, { cause })
  }
  return config
}

/** Errors: `KUBE_ACCESS` where its current context names no cluster. */
export function accessBy(from: string, config: () => KubeConfig): KubeAccess {
  const cluster = config().getCurrentCluster()
  if (cluster === null) {
    throw new SnugError('KUBE_ACCESS', `\`${from}\` names no cluster in its current context`)
  }
  const agents = new AgentOf()
  return {
    from,
    server: serverOf(cluster, from),
    options: async () => {
      const options: RequestOptions = { headers: {} }
      await config().applyToHTTPSOptions(options)
      const { ca, cert, key, rejectUnauthorized, servername, headers, auth } = options
      const tls = { ca, cert, key, rejectUnauthorized, servername }
      // Behind a proxy, and without TLS, the library's own agent works; otherwise use one that keeps its connections.
      const isDirect = cluster.proxyUrl === undefined && cluster.server.startsWith('https:')
      const agent = isDirect ? agents.get(tls) : options.agent
      return { agent, headers: headers ?? {}, ...(auth === undefined ? {} : { auth }) }
    },
  }
}

function serverOf({ server }: Cluster, from: string): URL {
  try {
    return new URL(server)
  } catch (cause) {
    throw new SnugError('KUBE_ACCESS', `\`${from}\`: \`${server}\` is no address`, { cause })
  }
}

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>

const connections = 8
const keepAliveMs = 30_000

/** One agent for as long as the certificates stay the same. */
class AgentOf {
  #agent: Agent | undefined
  #names = ''

  get(tls: TlsOptions): Agent {
    const names = JSON.stringify(tls)
    if (this.#agent === undefined || names !== this.#names) {
      // Its connections end with it: watches go on by new ones, from where they were.
      this.#agent?.destroy()
      const defined = Object.entries(tls).filter(([, value]) => value !== undefined)
      this.#agent = new Agent({
        ...Object.fromEntries(defined),
        keepAlive: true,
        keepAliveMsecs: keepAliveMs,
        maxSockets: connections,
      })
      this.#names = names
    }
    return this.#agent
  }
}
