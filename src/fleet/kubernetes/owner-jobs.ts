import { LRUCache } from 'lru-cache'
import type { WorkloadRef } from '../../core/event/event.ts'
import type { KubeApi } from './api.ts'
import type { KubeObject } from './object.ts'

const remembered = 1_024
const askMs = 5_000

/** Finds the CronJob that created a Job: the only owner that the pod itself does not name. */
export class OwnerJobs {
  readonly #api: KubeApi
  readonly #known = new LRUCache<string, Promise<string | undefined>>({ max: remembered })

  constructor(api: KubeApi) {
    this.#api = api
  }

  /**
   * The CronJob of the workload's job; the unchanged workload if there is none, or the server does not answer in time.
   */
  async resolve(workload: WorkloadRef, job: string): Promise<WorkloadRef> {
    const key = `${workload.namespace}/${job}`
    const asked = this.#known.get(key) ?? this.#ask(key, workload.namespace ?? 'default', job)
    const cronJob = await asked
    return cronJob === undefined ? workload : { ...workload, kind: 'CronJob', name: cronJob }
  }

  #ask(key: string, namespace: string, job: string): Promise<string | undefined> {
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${job}`
    const asked = this.#api
      .get(path, {}, AbortSignal.timeout(askMs))
      .then((object) => ownerOf(object as KubeObject))
      .catch(() => {
        // The server is away, or refuses: the Job counts as the owner, and its next run is looked up again.
        this.#known.delete(key)
        return undefined
      })
    this.#known.set(key, asked)
    return asked
  }
}

function ownerOf({ metadata }: KubeObject): string | undefined {
  const owners = metadata.ownerReferences ?? []
  return owners.find(({ kind, controller }) => kind === 'CronJob' && controller === true)?.name
}
