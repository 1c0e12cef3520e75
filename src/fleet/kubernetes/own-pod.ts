import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ContainerIdentity } from '../../agent/pipeline/identity/identity.ts'

/** Where a pod finds its service account. */
export const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How `engines.kubernetes.access` names the pod's own service account. */
export const inPod = 'pod'

/**
 * Whether a container belongs to this agent's pod; undefined where the agent has none. A pod's host name is its name,
 * which is unique in its namespace.
 */
export function ownPod(access: string): ((identity: ContainerIdentity) => boolean) | undefined {
  const file = `${serviceAccount}/namespace`
  if (access !== inPod || !existsSync(file)) return undefined
  const [name, namespace] = [hostname(), readFileSync(file, 'utf8').trim()]
  return ({ workload }) => workload?.pod === name && workload.namespace === namespace
}
