import { describeError, SnugError } from '../../errors.ts'
import { hasAnswered, KubeError } from './kube-error.ts'

/** An error of the API server, with a code and a hint for the user of `kubectl snug`. */
export function clearError(error: unknown): unknown {
  if (!(error instanceof KubeError)) return error
  const message = describeError(error)
  if (hasAnswered(error, 401, 403)) return new SnugError('CLUSTER_FORBIDDEN', message)
  if (error.answered === undefined) return new SnugError('CLUSTER_UNREACHABLE', message)
  return error
}
