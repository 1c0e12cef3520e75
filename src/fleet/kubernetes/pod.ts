import type { V1Container, V1ContainerStatus, V1Pod, V1PodSpec } from '@kubernetes/client-node'
import type { AsSent, KubeObject } from './object.ts'

/** As servers from 1.20 on send it. */
export type Pod = KubeObject & Omit<AsSent<V1Pod>, 'metadata' | 'spec'> & { readonly spec: PodSpec }
type PodSpec = AsSent<V1PodSpec>
/** Of an init container: `restartPolicy: Always` makes it a sidecar (from 1.28 on). */
export type ContainerSpec = AsSent<V1Container>
/** `containerID` begins with `containerd://`, `cri-o://` or `docker://`, and is empty until the container was made. */
export type ContainerStatus = AsSent<V1ContainerStatus>
