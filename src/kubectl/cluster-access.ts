import { KubeConfig } from '@kubernetes/client-node'
import type { Command } from 'commander'
import { describeError, SnugError } from '../errors.ts'
import { accessBy } from '../fleet/kubernetes/access.ts'
import { KubeApi } from '../fleet/kubernetes/api.ts'

interface GlobalOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
  readonly snugNamespace: string
}

/** The cluster that a command asks, as the user that the kubeconfig names. */
export interface ClusterAccess {
  readonly api: KubeApi
  readonly config: KubeConfig
  /** As given with `--namespace`. */
  readonly namespace: string | undefined
  /** For the name of a pod: as given, or that of the context, or `default`. */
  readonly podNamespace: string
  /** Of Snug's agents. */
  readonly snugNamespace: string
}

/** Errors: KUBECONFIG_INVALID. */
export function clusterAccess(command: Command): ClusterAccess {
  const options = command.optsWithGlobals<GlobalOptions>()
  const { namespace, snugNamespace } = options
  const config = configOf(options)
  const from = options.kubeconfig ?? 'the kubeconfig'
  const context = config.getContextObject(config.getCurrentContext())
  return {
    api: new KubeApi(checked(() => accessBy(from, () => config))),
    config,
    namespace,
    podNamespace: namespace ?? context?.namespace ?? 'default',
    snugNamespace,
  }
}

/** Where it finds nothing, the library asks this machine, without TLS. */
const nothingFound = { context: 'loaded-context', server: 'http://localhost:8080' }

function configOf({ kubeconfig, context }: GlobalOptions): KubeConfig {
  const config = new KubeConfig()
  checked(() => {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  })
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw invalid(`the kubeconfig has no context \`${context}\``)
    config.setCurrentContext(context)
  }
  const { server } = config.getCurrentCluster() ?? {}
  if (server === undefined) throw invalid('the kubeconfig has no current context with a cluster')
  if (server === nothingFound.server && config.getCurrentContext() === nothingFound.context)
    throw invalid('there is no kubeconfig')
  return config
}

function checked<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw invalid(describeError(error))
  }
}

function invalid(message: string): SnugError {
  return new SnugError('KUBECONFIG_INVALID', message)
}
