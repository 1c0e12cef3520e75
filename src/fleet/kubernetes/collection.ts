import { setTimeout as delay } from 'node:timers/promises'
import { describeError, type SnugError } from '../../errors.ts'
import { Backoff } from '../../support/backoff.ts'
import type { KubeApi, Query } from './api.ts'
import { askedMs, hasAnswered, kubeBackoff, KubeError } from './kube-error.ts'
import type { KubeObject, ObjectList, WatchError, WatchLine } from './object.ts'

export type CollectionState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'degraded'; readonly reason: string }
  | { readonly kind: 'stopped' }

export interface CollectionOptions<T> {
  readonly api: KubeApi
  /** Of the collection, as `/api/v1/pods`. */
  readonly path: string
  /** Field and label selectors. */
  readonly query?: Query
  /**
   * Lists by pages from the start, and so from storage: for a reader of large collections of which there are few. A fleet
   * of readers lists from the server's cache, which answers with all at once.
   */
  readonly inPages?: true
  /**
   * The kept part of an object; undefined for an object to ignore. Where this or `onPut` throws, the object counts as
   * missing, and is listed in {@link Collection.invalid}. So is one of which `onLater` got why a part is ignored.
   */
  readonly take: (object: KubeObject, onLater: (error: SnugError) => void) => T | undefined
  readonly onPut?: (item: T, uid: string, before: T | undefined) => void
  readonly onRemoved?: (item: T, uid: string) => void
  readonly onInvalid?: (name: string, error: unknown) => void
  readonly onState?: (state: CollectionState) => void
  /** Called once the first listing is complete, and again after each listing. */
  readonly onListed?: () => void
  readonly random?: () => number
  /** Milliseconds; aborts quietly. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

const pageSize = 500
/** The server ends a watch after that; spread, so that a fleet does not come back at one instant. */
const watchSeconds = 240
const watchSpreadSeconds = 60
/** A watch that ends sooner counts as failed, even if it ended without an error. */
const shortMs = 1_000

/**
 * A mirror of one collection, by list and watch. It keeps what `take` makes of each object, and serves that while the
 * server is away. It then resumes the watch where it stopped, and lists again only if the server no longer has that
 * position (410 Gone).
 */
export class Collection<T> {
  readonly items = new Map<string, T>()
  /** By uid: objects that could not be used, or not all of them, with the reason. */
  readonly invalid = new Map<string, string>()
  readonly #options: CollectionOptions<T>
  readonly #backoff: Backoff
  readonly #random: () => number
  #state: CollectionState = { kind: 'starting' }
  /** The position of the watch; undefined: list first. */
  #version: string | undefined
  /** The first listing may come from the server's cache; one after 410 must not, or it could be as old again. */
  #fromCache: boolean
  #listed = false

  constructor(options: CollectionOptions<T>) {
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#backoff = new Backoff(kubeBackoff, this.#random)
    this.#fromCache = options.inPages !== true
  }

  get state(): CollectionState {
    return this.#state
  }

  /** Whether the whole of it was known at some time. */
  get listed(): boolean {
    return this.#listed
  }

  /** Until the signal aborts. `decided` is called once the first attempt has come out, whichever way. */
  async run(signal: AbortSignal, decided: () => void): Promise<void> {
    const wait = this.#options.wait ?? quietly
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal)
        await this.#watch(signal, decided)
      } catch (error) {
        if (signal.aborted) break
        if (isGone(error)) {
          this.#version = undefined
          this.#fromCache = false
          // The first time this is no fault and needs no delay; a server that always answers so is faulty.
          if (this.#state.kind === 'running') {
            this.#become({ kind: 'starting' })
            continue
          }
        }
        this.#become({ kind: 'degraded', reason: describeError(error) })
        decided()
        await wait(this.#backoff.next(askedMs(error)), signal)
      }
    }
    this.#become({ kind: 'stopped' })
    decided()
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, path, query } = this.#options
    const present = new Set<string>()
    let from: string | undefined
    let version = ''
    do {
      const how: Query = this.#fromCache
        ? { resourceVersion: 0 }
        : { limit: pageSize, continue: from }
      const page = (await api.list(path, { ...query, ...how }, signal)) as ObjectList
      for (const object of page.items ?? []) {
        present.add(object.metadata.uid)
        this.#put(object)
      }
      from = page.metadata.continue
      version = page.metadata.resourceVersion
    } while (from !== undefined && from !== '')
    this.#version = version
    for (const uid of [...this.items.keys(), ...this.invalid.keys()])
      if (!present.has(uid)) this.#remove(uid)
    this.#listed = true
    this.#options.onListed?.()
  }

  async #watch(signal: AbortSignal, decided: () => void): Promise<void> {
    const { api, path, query } = this.#options
    const began = Date.now()
    const lines = await api.watch(
      path,
      {
        ...query,
        resourceVersion: this.#version,
        allowWatchBookmarks: true,
        timeoutSeconds: Math.round(watchSeconds + this.#random() * watchSpreadSeconds),
      },
      signal,
    )
    this.#become({ kind: 'running' })
    decided()
    let reconciled = false
    for await (const line of lines) {
      this.#line(line as WatchLine)
      if (!reconciled) this.#backoff.reset()
      reconciled = true
    }
    if (!reconciled && Date.now() - began < shortMs && !signal.aborted) {
      throw new KubeError('the API server ended the watch immediately')
    }
  }

  #line({ type, object }: WatchLine): void {
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#put(object as KubeObject)
        break
      case 'DELETED':
        this.#remove((object as KubeObject).metadata.uid)
        break
      case 'BOOKMARK':
        break
      case 'ERROR': {
        const { code = 500, message = '', reason } = object as WatchError
        const how = { answered: code, ...(reason === undefined ? {} : { reason }) }
        throw new KubeError(`the watch ended: ${code}: ${message}`, how)
      }
    }
    this.#version = (object as KubeObject).metadata.resourceVersion
  }

  #put(object: KubeObject): void {
    const { uid } = object.metadata
    try {
      this.invalid.delete(uid)
      const item = this.#options.take(object, (error) => this.#ignores(object, error))
      if (item === undefined) {
        this.#remove(uid)
        return
      }
      const before = this.items.get(uid)
      this.items.set(uid, item)
      this.#options.onPut?.(item, uid, before)
    } catch (error) {
      // One bad object must not end the watch of all others.
      this.#remove(uid)
      this.#ignores(object, error)
    }
  }

  #ignores({ metadata: { uid, name } }: KubeObject, error: unknown): void {
    this.invalid.set(uid, `\`${name}\`: ${describeError(error)}`)
    this.#options.onInvalid?.(name, error)
  }

  #remove(uid: string): void {
    this.invalid.delete(uid)
    const item = this.items.get(uid)
    if (item === undefined) return
    this.items.delete(uid)
    this.#options.onRemoved?.(item, uid)
  }

  #become(state: CollectionState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#options.onState?.(state)
  }
}

function isGone(error: unknown): boolean {
  return hasAnswered(error, 410)
}

async function quietly(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
