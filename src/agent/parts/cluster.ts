import type { Config } from '../../support/config/config-schema.ts'
import { bucketAccessOf } from '../../support/config/nats-access.ts'
import { describeError } from '../../errors.ts'
import { heldLevel } from '../decisions/held-level.ts'
import type { Daemon } from '../engine/daemon.ts'
import type { FleetSyncOptions } from '../../fleet/fleet-sync.ts'
import type { FleetLink } from '../../fleet/fleet.ts'
import type { DeviationReports } from '../../fleet/reports/deviation-reports.ts'
import type { PodEvents } from '../../fleet/pod-events.ts'
import type { PodLabels } from '../../fleet/pod-labels.ts'
import type { KubeNode } from '../../fleet/kubernetes/kube-node.ts'
import type { Log } from '../../support/telemetry/log.ts'

/** The Kubernetes of this node; undefined where the config names none. Errors: those of its client, coded. */
export async function kubeOf(config: Config, log: Log): Promise<KubeNode | undefined> {
  const { access } = config.engines.kubernetes
  if (access === 'none') return undefined
  // An agent without Kubernetes does not load the client library.
  const { kubeNode } = await import('../../fleet/kubernetes/kube-node.ts')
  const kube = kubeNode(access, config.node)
  log.info({ server: kube.server, by: kube.from }, 'Kubernetes is the container engine')
  return kube
}

/** Where this node shares what it learns; undefined where it does not. */
export async function fleetOf(
  { engines, fleet, node }: Config,
  kube: KubeNode | undefined,
): Promise<Pick<FleetSyncOptions, 'makeFleet' | 'shareWithinMs'> | undefined> {
  if (fleet.type === 'nats') {
    const { NatsFleet } = await import('../../fleet/nats/nats-fleet.ts')
    const { bucket, shareWithin: shareWithinMs } = fleet
    const access = bucketAccessOf(fleet)
    const makeFleet = (link: FleetLink) => new NatsFleet({ access, bucket, node, ...link })
    return { makeFleet, shareWithinMs }
  }
  if (kube === undefined || !engines.kubernetes.share) return undefined
  const makeFleet = (link: FleetLink) => kube.fleet(link)
  return { makeFleet, shareWithinMs: engines.kubernetes.shareWithin }
}

/** Writes alerts as Events on pods, where the config asks for it. */
export function podEventsOf(
  { engines }: Config,
  kube: KubeNode | undefined,
  log: Log,
): PodEvents | undefined {
  if (!engines.kubernetes.events) return undefined
  return kube?.events({
    onLost: (count, error) => {
      log.warn({ count, error: describeError(error) }, 'events on pods were not written')
    },
  })
}

/** Labels the pods of held containers, where the config asks for it. */
export function podLabelsOf(
  { engines }: Config,
  kube: KubeNode | undefined,
  daemon: Daemon,
  log: Log,
): PodLabels | undefined {
  if (!engines.kubernetes.labelHeld) return undefined
  const { faults } = daemon
  return kube?.labels({
    heldLevel: (containers) => heldLevel(daemon, containers),
    onFault: (reason) => {
      if (reason === undefined) faults.delete('labels')
      else if (faults.get('labels') !== reason) {
        log.error({ reason }, 'a held pod has no label, or an old one')
        faults.set('labels', reason)
      }
    },
  })
}

/** Reports open deviations to the cluster, where the config asks for it. */
export async function reportsOf(
  { engines }: Config,
  kube: KubeNode | undefined,
  { faults, registry }: Daemon,
): Promise<DeviationReports | undefined> {
  if (kube === undefined || !engines.kubernetes.reports) return undefined
  const { openVersions } = await import('../../fleet/reports/deviation-reports.ts')
  return kube.reports({
    open: () => openVersions(registry.index),
    onFault: (reason) => {
      if (reason === undefined) faults.delete('reports')
      else faults.set('reports', reason)
    },
  })
}
