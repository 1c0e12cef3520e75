import { kubeAccess } from './access.ts'
import { KubeApi } from './api.ts'
import { KubeEngine, type KubeEngineOptions } from './kube-engine.ts'
import { KubeFleet, type KubeFleetOptions } from './kube-fleet.ts'

/** A node's part in its cluster. */
export interface KubeNode {
  /** Host and port of the API server. */
  readonly server: string
  /** By which credentials; for people. */
  readonly from: string
  readonly engine: (options: Pick<KubeEngineOptions, 'onState'>) => KubeEngine
  readonly fleet: (options: Omit<KubeFleetOptions, 'api' | 'node'>) => KubeFleet
}

/**
 * @param how `pod`, or the path of a kubeconfig
 *
 * Errors: `KUBE_ACCESS`.
 */
export function kubeNode(how: string, node: string): KubeNode {
  const access = kubeAccess(how)
  const api = new KubeApi(access)
  return {
    server: access.server.host,
    from: access.from,
    engine: (options) => new KubeEngine({ api, node, ...options }),
    fleet: (options) => new KubeFleet({ api, node, ...options }),
  }
}
