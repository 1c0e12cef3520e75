import { DeviationReports, type DeviationReportsOptions } from '../reports/deviation-reports.ts'
import { PodEvents, type PodEventsOptions } from '../pod-events.ts'
import { PodLabels, type PodLabelsOptions } from '../pod-labels.ts'
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
  readonly engine: (options: Pick<KubeEngineOptions, 'onState' | 'deletes'>) => KubeEngine
  /** Of pods that the engine has. */
  readonly events: (options: Pick<PodEventsOptions, 'onLost'>) => PodEvents
  /** Of the same pods. */
  readonly labels: (options: Omit<PodLabelsOptions, 'api' | 'pods'>) => PodLabels
  readonly reports: (options: Omit<DeviationReportsOptions, 'api' | 'node'>) => DeviationReports
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
  let pods: KubeEngine | undefined
  return {
    server: access.server.host,
    from: access.from,
    engine: (options) => {
      pods = new KubeEngine({ api, node, ...options })
      return pods
    },
    events: (options) => {
      const pod: PodEventsOptions['pod'] = (namespace, name) => pods?.podNamed(namespace, name)
      return new PodEvents({ api, node, pod, ...options })
    },
    labels: (options) => new PodLabels({ api, pods: () => pods?.pods ?? [], ...options }),
    reports: (options) => new DeviationReports({ api, node, ...options }),
    fleet: (options) => new KubeFleet({ api, node, ...options }),
  }
}
