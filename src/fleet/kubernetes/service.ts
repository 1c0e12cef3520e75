import type { KubeObject } from './object.ts'

export interface Service extends KubeObject {
  readonly spec?: {
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
  }
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] }
  }
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly Endpoint[] | null
}

interface Endpoint {
  readonly addresses?: readonly string[]
  readonly targetRef?: { readonly kind?: string; readonly uid?: string }
}
