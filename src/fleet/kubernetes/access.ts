import { existsSync, readFileSync } from 'node:fs'
import { Agent, type RequestOptions } from 'node:https'
import { SnugError } from '../../errors.ts'

/** Where an API server is, and as whom it is asked. */
export interface KubeAccess {
  /** For people. */
  readonly from: string
  /** `https://HOST:PORT`, with the path that a proxy may put before all others. */
  readonly server: URL
  /** For one request: connection and credentials, as they are now. */
  options(): Promise<RequestOptions>
}

/** Where a pod finds its service account. */
export const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How `engines.kubernetes.access` names the pod's own service account. */
export const inPod = 'pod'

/**
 * `pod`, or the path of a kubeconfig.
 *
 * Errors: `KUBE_ACCESS`.
 */
export async function kubeAccess(how: string): Promise<KubeAccess> {
  return how === inPod ? podAccess() : kubeconfigAccess(how)
}

/**
 * As the pod's service account. Reads the files again for each request: the kubelet replaces the token long before it
 * expires, and rotates the certificate authority in the same way.
 */
function podAccess(): KubeAccess {
  const host = process.env['KUBERNETES_SERVICE_HOST']
  const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443'
  if (host === undefined || !existsSync(`${serviceAccount}/token`)) {
    const what = 'the agent does not run in a pod with a service account'
    throw new SnugError('KUBE_ACCESS', `${what}: \`${serviceAccount}/token\` is missing`)
  }
  const agents = new AgentOf()
  return {
    from: 'the service account of this pod',
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    options: async () => {
      const token = readFileSync(`${serviceAccount}/token`, 'utf8').trim()
      const ca = readFileSync(`${serviceAccount}/ca.crt`, 'utf8')
      return { agent: agents.get({ ca }), headers: { authorization: `Bearer ${token}` } }
    },
  }
}

/**
 * By a kubeconfig, with every authentication method of the client library. The library is loaded only here: it costs an
 * agent more memory than all of its other code, see docs/adr/0012.
 */
async function kubeconfigAccess(path: string): Promise<KubeAccess> {
  const config = await loadKubeconfig(path)
  const cluster = config.getCurrentCluster()
  if (cluster === null) {
    throw new SnugError('KUBE_ACCESS', `\`${path}\` names no cluster in its current context`)
  }
  const agents = new AgentOf()
  return {
    from: path,
    server: new URL(cluster.server),
    options: async () => {
      const options: RequestOptions = { headers: {} }
      await config.applyToHTTPSOptions(options)
      const { ca, cert, key, rejectUnauthorized, servername, headers, auth } = options
      const tls = { ca, cert, key, rejectUnauthorized, servername }
      // Behind a proxy, and without TLS, the library's own agent works; otherwise use one that keeps its connections.
      const direct = cluster.proxyUrl === undefined && cluster.server.startsWith('https:')
      const agent = direct ? agents.get(tls) : options.agent
      return { agent, headers: headers ?? {}, ...(auth === undefined ? {} : { auth }) }
    },
  }
}

async function loadKubeconfig(path: string) {
  const library = await import('@kubernetes/client-node').catch((cause: unknown) => {
    const how = 'is installed without `@kubernetes/client-node`, which reads kubeconfigs'
    throw new SnugError('KUBE_ACCESS', `this Snug ${how}`, { cause })
  })
  const config = new library.KubeConfig()
  try {
    config.loadFromFile(path)
  } catch (cause) {
    throw new SnugError('KUBE_ACCESS', `cannot read the kubeconfig \`${path}\``, { cause })
  }
  return config
}

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>

const connections = 8
const keepAliveMs = 30_000

/** One agent for as long as the certificates stay the same. */
class AgentOf {
  #agent: Agent | undefined
  #decisions = ''

  get(tls: TlsOptions): Agent {
    const names = JSON.stringify(tls)
    if (this.#agent === undefined || names !== this.#decisions) {
      // Its connections end with it: watches go on by new ones, from where they were.
      this.#agent?.destroy()
      const defined = Object.entries(tls).filter(([, value]) => value !== undefined)
      this.#agent = new Agent({
        ...Object.fromEntries(defined),
        keepAlive: true,
        keepAliveMsecs: keepAliveMs,
        maxSockets: connections,
      })
      this.#decisions = names
    }
    return this.#agent
  }
}
