import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node'
import type { AsSent, KubeObject } from './object.ts'

export type Service = KubeObject & Omit<AsSent<V1Service>, 'metadata'>

export type EndpointSlice = KubeObject &
  Omit<AsSent<V1EndpointSlice>, 'metadata' | 'endpoints'> & {
    /** A server sends `null` for none. */
    readonly endpoints: AsSent<V1EndpointSlice>['endpoints'] | null
  }
