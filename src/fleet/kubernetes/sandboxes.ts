import type { ContainerIdentity } from '../../agent/pipeline/identity/identity.ts'
import type { PodView } from './pod-containers.ts'

/**
 * All sandboxes are reported as this image, regardless of the runtime's name for it: no pod status names it. It is a
 * profile like any other, so nothing can hide in a sandbox.
 */
export const sandboxImage = {
  repository: 'kubernetes/pod-sandbox',
  digest: `sha256:${'0'.repeat(64)}`,
} as const

/** How long a pod's status may lag behind a container that was just restarted, in milliseconds. */
const settleMs = 4_000

interface Asked {
  readonly cgroupName: string
  readonly since: number
}

/**
 * Recognises a pod's sandbox: the one cgroup of the pod that belongs to none of its containers, once all of these are
 * present. Each pod has one sandbox; any other unknown cgroup is a container whose status has not arrived yet.
 */
export class Sandboxes {
  readonly #asked = new Map<string, Asked>()
  readonly #found = new Map<string, string>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** A container that no pod status reports yet. */
  ask(id: string, cgroupName: string): void {
    if (!this.#asked.has(id)) this.#asked.set(id, { cgroupName, since: this.#now() })
  }

  /** It has turned out to be an ordinary container. */
  isContainer(id: string): void {
    this.#asked.delete(id)
  }

  /** The pod's sandbox among the unknown containers, given the pod's current status. */
  settle(pod: PodView): ContainerIdentity | undefined {
    if (!pod.complete || this.#found.has(pod.uid)) return undefined
    const mine = [...this.#asked].filter(([, { cgroupName }]) =>
      pod.cgroupNames.includes(cgroupName),
    )
    const [only] = mine
    // Two candidates: one of them is a container whose status has not arrived yet.
    if (only === undefined || mine.length > 1) return undefined
    const [id, { since }] = only
    if (Math.abs(this.#now() - since) < settleMs) return undefined
    this.#asked.delete(id)
    this.#found.set(pod.uid, id)
    return sandboxOf(id, pod)
  }

  /** The pod is gone; returns its sandbox. */
  forget(pod: PodView): string | undefined {
    const id = this.#found.get(pod.uid)
    this.#found.delete(pod.uid)
    for (const [asked, { cgroupName }] of this.#asked) {
      if (pod.cgroupNames.includes(cgroupName)) this.#asked.delete(asked)
    }
    return id
  }
}

/** The identity of a pod's sandbox. */
export function sandboxOf(id: string, pod: PodView): ContainerIdentity {
  return {
    id,
    name: `${pod.name}/sandbox`,
    image: sandboxImage,
    imageId: sandboxImage.digest,
    labels: pod.labels,
    workload: pod.workload,
    entrypoint: [],
    declaredUser: '',
    initInjected: false,
    addresses: [],
    mounts: [],
    ...(pod.runtime === undefined ? {} : { runtime: pod.runtime }),
  }
}
