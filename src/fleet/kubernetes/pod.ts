import type { KubeObject } from './object.ts'

/** The fields that are read of a pod, as servers from 1.20 on write them. */
export interface Pod extends KubeObject {
  readonly spec: PodSpec
  readonly status?: PodStatus
}

export interface PodSpec {
  readonly nodeName?: string
  readonly hostNetwork?: boolean
  readonly containers: readonly ContainerSpec[]
  readonly initContainers?: readonly ContainerSpec[]
  readonly ephemeralContainers?: readonly ContainerSpec[]
  readonly securityContext?: { readonly runAsUser?: number }
}

export interface ContainerSpec {
  readonly name: string
  readonly image?: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  /** Of an init container: `Always` makes it a sidecar (from 1.28 on). */
  readonly restartPolicy?: string
  readonly livenessProbe?: Handler
  readonly readinessProbe?: Handler
  readonly startupProbe?: Handler
  readonly lifecycle?: { readonly postStart?: Handler; readonly preStop?: Handler }
  readonly volumeMounts?: readonly { readonly mountPath: string }[]
  readonly securityContext?: { readonly runAsUser?: number }
}

interface Handler {
  readonly exec?: { readonly command?: readonly string[] }
}

export interface PodStatus {
  readonly phase?: string
  readonly podIP?: string
  readonly podIPs?: readonly { readonly ip: string }[]
  readonly containerStatuses?: readonly ContainerStatus[]
  readonly initContainerStatuses?: readonly ContainerStatus[]
  readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
}

export interface ContainerStatus {
  readonly name: string
  /** `containerd://…`, `cri-o://…`, `docker://…`; empty until it was made. */
  readonly containerID?: string
  readonly imageID?: string
  readonly state?: ContainerState
  readonly lastState?: ContainerState
}

interface ContainerState {
  readonly running?: object
  readonly terminated?: { readonly containerID?: string }
}
