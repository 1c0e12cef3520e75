import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { ContainerIdentity } from '../../pipeline/identity/identity.ts'
import { inPod, serviceAccount } from './access.ts'

/**
 * Whether a container is of the pod that this agent is; undefined where it is none. A pod's host name is its name, and no
 * other of its namespace can have that.
 */
export function ownPod(access: string): ((identity: ContainerIdentity) => boolean) | undefined {
  const file = `${serviceAccount}/namespace`
  if (access !== inPod || !existsSync(file)) return undefined
  const [name, namespace] = [hostname(), readFileSync(file, 'utf8').trim()]
  return ({ workload }) => workload?.pod === name && workload.namespace === namespace
}
