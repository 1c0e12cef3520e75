import { setTimeout as delay } from 'node:timers/promises'
import {
  CoreV1Api,
  CustomObjectsApi,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'
import { imageKey } from '../../core/event/image-key.ts'
import { finish } from '../../core/steps.ts'
import { describeError } from '../../errors.ts'
import type { DeployedVersion } from '../../agent/records/versions/deployed-version.ts'
import { Backoff } from '../../support/backoff.ts'
import { asked, type KubeApi } from '../kubernetes/api.ts'
import { nodeLabels } from '../kubernetes/fleet-objects.ts'
import { askedMs, hasAnswered, kubeBackoff } from '../kubernetes/kube-error.ts'
import type { ObjectList } from '../kubernetes/object.ts'
import {
  namespaceOf,
  type OpenVersion,
  reportContent,
  reportName,
  reportObject,
  type ReportOwner,
  reportResult,
  type ReportResult,
  reportsKind,
} from './report-objects.ts'

export interface DeviationReportsOptions {
  readonly api: KubeApi
  readonly node: string
  readonly open: () => Iterable<OpenVersion>
  /** Why the reports are not current; undefined once they can be written again. */
  readonly onFault?: (reason: string | undefined) => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
  readonly random?: () => number
  /** Between two writes, in milliseconds. */
  readonly eachMs?: number
}

/** A thousand nodes with constant news write 33 reports a second. */
const writeEachMs = 30_000

/** The end of the agent waits for a request. */
const requestMs = 10_000

interface Written {
  /** The content as the server has it; empty if that is not known. */
  readonly text: string
  readonly atMs: number
}

/**
 * Writes which images have open deviations, as a Report (openreports.io) in each namespace. A node writes its own
 * reports only, of what waits for review on this node: no other node has that. Texts of containers are not in them. A
 * report without results stays, so the agent needs no right to delete.
 */
export class DeviationReports {
  readonly #options: DeviationReportsOptions
  readonly #now: () => number
  readonly #objects: CustomObjectsApi
  readonly #core: CoreV1Api
  /** Since when the version is as open as it is: result without its time, and epoch milliseconds. */
  readonly #since = new Map<string, { readonly text: string; readonly atMs: number }>()
  readonly #written = new Map<string, Written>()
  readonly #backoff = new Backoff(kubeBackoff)
  readonly #end = new AbortController()
  #owner: ReportOwner | undefined
  #isListed = false
  #notBefore = 0
  #running: Promise<void> = Promise.resolve()

  constructor(options: DeviationReportsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#objects = options.api.client(CustomObjectsApi, requestMs)
    this.#core = options.api.client(CoreV1Api, requestMs)
  }

  /** Writes from now on, the first time at random within the pause between two writes. */
  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { eachMs = writeEachMs, random = Math.random } = this.#options
    const { signal } = this.#end
    const pause = (ms: number): Promise<void> =>
      delay(ms, undefined, { signal }).catch(() => undefined)
    await pause(random() * eachMs)
    while (!signal.aborted) {
      await this.tick()
      await pause(eachMs)
    }
  }

  /** Writes the one report whose change has waited longest; called by the clock. Never rejects. */
  async tick(): Promise<void> {
    if (this.#now() < this.#notBefore) return
    try {
      if (!this.#isListed) await this.#findOwn()
      await this.#writeOne()
      this.#backoff.reset()
      this.#options.onFault?.(undefined)
    } catch (error) {
      if (this.#end.signal.aborted) return
      this.#notBefore = this.#now() + this.#backoff.next(askedMs(error))
      const kind = hasAnswered(error, 404) ? ': Reports of openreports.io are not installed' : ''
      this.#options.onFault?.(`cannot write reports${kind}: ${describeError(error)}`)
    }
  }

  /** Those of an agent before this one, and the node that owns them. */
  async #findOwn(): Promise<void> {
    const { api, node } = this.#options
    const { group, version, plural } = reportsKind
    const labelSelector = Object.entries(nodeLabels(node))
      .map(([label, value]) => `${label}=${value}`)
      .join()
    const path = `/apis/${group}/${version}/${plural}`
    const list = (await api.list(path, { labelSelector }, this.#end.signal)) as ObjectList
    for (const { metadata } of list.items ?? []) {
      const { name, namespace } = metadata
      if (name !== reportName(node) || namespace === undefined) continue
      if (!this.#written.has(namespace)) this.#written.set(namespace, { text: '', atMs: 0 })
    }
    try {
      const { metadata } = await asked(this.#core.readNode({ name: node }))
      if (metadata?.uid !== undefined) this.#owner = { name: node, uid: metadata.uid }
    } catch (error) {
      // An agent outside of the cluster may have another name.
      if (!hasAnswered(error, 404)) throw error
    }
    this.#isListed = true
  }

  async #writeOne(): Promise<void> {
    const wanted = this.#wanted()
    let next: { namespace: string; text: string; results: readonly ReportResult[] } | undefined
    let oldestMs = Infinity
    for (const namespace of new Set([...wanted.keys(), ...this.#written.keys()])) {
      const results = wanted.get(namespace) ?? []
      const text = JSON.stringify(results)
      const { text: before, atMs } = this.#written.get(namespace) ?? { text: '', atMs: 0 }
      if (text === before || atMs >= oldestMs) continue
      oldestMs = atMs
      next = { namespace, text, results }
    }
    if (next === undefined) return
    const { namespace, text, results } = next
    const before = this.#written.get(namespace)?.text ?? ''
    // Also where this one fails: then it is the turn of the others.
    this.#written.set(namespace, { text: before, atMs: this.#now() })
    await this.#write(namespace, results)
    this.#written.set(namespace, { text, atMs: this.#now() })
    if (results.length === 0) this.#written.delete(namespace)
  }

  #wanted(): ReadonlyMap<string, readonly ReportResult[]> {
    const { node } = this.#options
    const wanted = new Map<string, ReportResult[]>()
    const seen = new Set<string>()
    for (const open of this.#options.open()) {
      const namespace = namespaceOf(open.image.scope)
      if (namespace === undefined) continue
      const key = imageKey(open.image)
      seen.add(key)
      const text = JSON.stringify(open)
      const known = this.#since.get(key)
      const atMs = known?.text === text ? known.atMs : this.#now()
      this.#since.set(key, { text, atMs })
      wanted.set(namespace, [...(wanted.get(namespace) ?? []), reportResult(open, node, atMs)])
    }
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key)
    return wanted
  }

  async #write(namespace: string, results: readonly ReportResult[]): Promise<void> {
    const { node } = this.#options
    const body = reportObject(namespace, node, this.#owner, reportContent(results))
    const place = { ...reportsKind, namespace }
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    try {
      const what = { ...place, name: reportName(node), body }
      await asked(this.#objects.patchNamespacedCustomObject(what, merge))
    } catch (error) {
      if (!hasAnswered(error, 404)) throw error
      // There is none. One without results is not worth a write.
      if (results.length > 0) await this.#create({ ...place, body })
    }
  }

  async #create(
    what: Parameters<CustomObjectsApi['createNamespacedCustomObject']>[0],
  ): Promise<void> {
    try {
      await asked(this.#objects.createNamespacedCustomObject(what))
    } catch (error) {
      if (!hasAnswered(error, 404)) throw error
      // The namespace is gone, or the kind: the next list shows which.
      this.#isListed = false
    }
  }
}

/** The versions with behaviours that wait for review. One that counts for no namespace is not among them. */
export function* openVersions(
  versions: Iterable<Pick<DeployedVersion, 'image' | 'life' | 'profile'>>,
): Iterable<OpenVersion> {
  for (const { image, life, profile } of versions) {
    const { repository, digest, scope } = image
    if (scope === undefined) continue
    const { pending, quarantined } = finish(profile.tally()).states
    if (pending + quarantined === 0) continue
    yield { image: { repository, digest, scope }, mode: life.mode, pending, quarantined }
  }
}
