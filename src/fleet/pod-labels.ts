import { CoreV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { type HoldLevel, holdLevels } from '../core/lifecycle/hold.ts'
import { describeError } from '../errors.ts'
import { Backoff } from '../support/backoff.ts'
import { pause } from '../support/pause.ts'
import { asked, type KubeApi } from './kubernetes/api.ts'
import { askedMs, hasAnswered, kubeBackoff } from './kubernetes/kube-error.ts'
import { heldBefore, heldLabel, type PodView } from './kubernetes/pod-containers.ts'

export interface PodLabelsOptions {
  readonly api: KubeApi
  /** Of this node. */
  readonly pods: () => Iterable<PodView>
  /** What is held in these containers; undefined where that is not known yet. */
  readonly heldLevel: (containers: Iterable<string>) => HoldLevel | 'none' | undefined
  /** Why labels are not current; undefined once they are. */
  readonly onFault: (reason: string | undefined) => void
}

/** As people label a pod that is not held, for the selector of a Service. */
const notHeld = 'no'
const eachMs = 1_000
/** The end of the agent waits for a request. */
const requestMs = 10_000

/** Labels the pods of held containers, and takes the label back. A label of people stays. */
export class PodLabels {
  readonly #options: PodLabelsOptions
  readonly #api: CoreV1Api
  readonly #backoff = new Backoff(kubeBackoff)
  readonly #end = new AbortController()
  /** Those that were changed since the server reported them. */
  readonly #changed = new WeakSet<PodView>()
  #running: Promise<void> = Promise.resolve()

  constructor(options: PodLabelsOptions) {
    this.#options = options
    this.#api = options.api.client(CoreV1Api, requestMs)
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      const failed = await this.#all()
      if (signal.aborted) return
      if (failed === undefined) {
        this.#backoff.reset()
        this.#options.onFault(undefined)
        await pause(eachMs, signal)
      } else {
        this.#options.onFault(`cannot label the pods of held containers: ${describeError(failed)}`)
        await pause(this.#backoff.next(askedMs(failed)), signal)
      }
    }
  }

  /** Gives the first error: one pod does not keep the label from others. */
  async #all(): Promise<unknown> {
    let failed: unknown
    for (const pod of this.#options.pods()) {
      if (this.#changed.has(pod)) continue
      const ids = pod.containers.filter(({ running }) => running).map(({ id }) => id)
      const change = labelChange(pod, this.#options.heldLevel(ids))
      if (change === undefined) continue
      try {
        await this.#patch(pod, change)
        this.#changed.add(pod)
      } catch (error) {
        failed ??= error
      }
    }
    return failed
  }

  async #patch({ uid, name, namespace }: PodView, metadata: object): Promise<void> {
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    // With the uid, it is no other pod of this name.
    const what = { name, namespace, body: { metadata: { uid, ...metadata } } }
    try {
      await asked(this.#api.patchNamespacedPod(what, merge))
    } catch (error) {
      if (!hasAnswered(error, 404, 409)) throw error
    }
  }
}

/** The merge patch of a pod's metadata; undefined where nothing is to be changed. */
export function labelChange(
  { labels, heldBefore: before }: Pick<PodView, 'labels' | 'heldBefore'>,
  level: HoldLevel | 'none' | undefined,
): object | undefined {
  const label = labels[heldLabel]
  const isOwn = before !== undefined
  if (level === undefined || (level === 'none' && !isOwn)) return undefined
  if (level === 'none') {
    // What a person set meanwhile stays.
    const isLevel = (holdLevels as readonly (string | undefined)[]).includes(label)
    const restored = isLevel ? { labels: { [heldLabel]: before === '' ? null : before } } : {}
    return { ...restored, annotations: { [heldBefore]: null } }
  }
  if (isOwn) return label === level ? undefined : { labels: { [heldLabel]: level } }
  if (label !== undefined && label !== notHeld) return undefined
  return { labels: { [heldLabel]: level }, annotations: { [heldBefore]: label ?? '' } }
}
