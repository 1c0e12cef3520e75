import { BatchV1Api, type V1Job } from '@kubernetes/client-node'
import { LRUCache } from 'lru-cache'
import type { WorkloadRef } from '../../core/event/event.ts'
import { asked, type KubeApi } from './api.ts'

const remembered = 1_024
const askMs = 5_000

/** Finds the CronJob that created a Job: the only owner that the pod itself does not name. */
export class OwnerJobs {
  readonly #batch: BatchV1Api
  readonly #known = new LRUCache<string, Promise<string | undefined>>({ max: remembered })

  constructor(api: KubeApi) {
    this.#batch = api.client(BatchV1Api, askMs)
  }

  /**
   * The CronJob of the workload's job; the unchanged workload if there is none, or the server does not answer in time.
   */
  async resolve(workload: WorkloadRef, job: string): Promise<WorkloadRef> {
    const key = `${workload.namespace}/${job}`
    const found = this.#known.get(key) ?? this.#ask(key, workload.namespace ?? 'default', job)
    const cronJob = await found
    return cronJob === undefined ? workload : { ...workload, kind: 'CronJob', name: cronJob }
  }

  #ask(key: string, namespace: string, name: string): Promise<string | undefined> {
    const found = asked(this.#batch.readNamespacedJob({ namespace, name }))
      .then(ownerOf)
      .catch(() => {
        // The server is away, or refuses: the Job counts as the owner, and its next run is looked up again.
        this.#known.delete(key)
        return undefined
      })
    this.#known.set(key, found)
    return found
  }
}

function ownerOf({ metadata }: V1Job): string | undefined {
  const owners = metadata?.ownerReferences ?? []
  return owners.find(({ kind, controller }) => kind === 'CronJob' && controller === true)?.name
}
