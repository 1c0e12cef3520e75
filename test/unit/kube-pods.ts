import { createHash } from 'node:crypto'
import type { OwnerReference } from '../../src/kube/object.ts'
import type { ContainerSpec, ContainerStatus, Pod } from '../../src/kube/pod.ts'

export function containerId(seed: string): string {
  return createHash('sha256').update(seed).digest('hex')
}

export function digestOf(seed: string): string {
  return `sha256:${containerId(`image ${seed}`)}`
}

export interface PodFacts {
  readonly name?: string
  readonly app: readonly ContainerSpec[]
  readonly init?: readonly ContainerSpec[]
  readonly ephemeral?: readonly ContainerSpec[]
  /** Container → id of the one before. */
  readonly before?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly owner?: OwnerReference
  readonly hostNetwork?: boolean
}

/** A running pod whose containers are all there; ids and images go by their names. */
export function podOf(facts: PodFacts): Pod {
  const { name = 'web-1', app, init = [], ephemeral = [], before = {}, labels = {} } = facts
  const statusOf = (spec: ContainerSpec): ContainerStatus => {
    const old = before[spec.name]
    return {
      name: spec.name,
      containerID: `containerd://${containerId(spec.name)}`,
      imageID: `localhost/${spec.name}@${digestOf(spec.name)}`,
      state: { running: {} },
      ...(old === undefined
        ? {}
        : { lastState: { terminated: { containerID: `containerd://${old}` } } }),
    }
  }
  const named = (specs: readonly ContainerSpec[]): readonly ContainerSpec[] =>
    specs.map((spec) => ({ image: `localhost/${spec.name}:1`, ...spec }))
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      resourceVersion: '1',
      labels,
      ownerReferences: facts.owner === undefined ? [] : [facts.owner],
    },
    spec: {
      nodeName: 'n1',
      hostNetwork: facts.hostNetwork === true,
      containers: named(app),
      initContainers: named(init),
      ephemeralContainers: named(ephemeral),
    },
    status: {
      podIP: '10.244.0.7',
      podIPs: [{ ip: '10.244.0.7' }],
      containerStatuses: app.map(statusOf),
      initContainerStatuses: init.map(statusOf),
      ephemeralContainerStatuses: ephemeral.map(statusOf),
    },
  }
}
