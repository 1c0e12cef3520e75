import { CoreV1Api } from '@kubernetes/client-node'
import { asked, type KubeApi } from './api.ts'
import { hasAnswered } from './kube-error.ts'
import type { PodView } from './pod-containers.ts'

/** As engines stop a container: it is killed so long after the first signal, or sooner where its pod asks for that. */
const longestGraceSeconds = 10
/** An immediate deletion removes the pod from the server before its containers have ended. */
const shortestGraceSeconds = 1

/** Resolves once the server has accepted it, or has no such pod any more. Errors: {@link KubeError} */
export async function deletePod(
  api: KubeApi,
  { uid, name, namespace, graceSeconds }: PodView,
): Promise<void> {
  const grace = Math.min(Math.max(graceSeconds, shortestGraceSeconds), longestGraceSeconds)
  // With the uid, it is no other pod of this name.
  const body = { preconditions: { uid }, gracePeriodSeconds: grace }
  try {
    await asked(api.client(CoreV1Api).deleteNamespacedPod({ name, namespace, body }))
  } catch (error) {
    if (!hasAnswered(error, 404, 409)) throw error
  }
}
