import type { FleetStatus } from '../reading/views.ts'
import { useResource } from '../../page/base/resource.ts'

/** Whether the fleet is a Kubernetes cluster; undefined until that is known. */
export function useIsCluster(): boolean | undefined {
  const { value } = useResource<FleetStatus>('/v1/fleet')
  return value === undefined ? undefined : value.store === 'kubernetes'
}
