import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeApi } from '../../src/kube/api.ts'
import type { KubeObject } from '../../src/kube/object.ts'

export interface Asked {
  readonly path: string
  readonly query: URLSearchParams
  readonly token: string | undefined
}

interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

/**
 * One collection of an API server whose faults a test decides: watches that end, places that are forgotten, patience
 * that is asked for. The real server is tested in test/kube.
 */
export class ScriptedApi {
  readonly asked: Asked[] = []
  /** Answers to other paths: an object, or a list that never changes. */
  readonly others = new Map<string, object>()
  /** What the next requests get instead of an answer, in order. */
  readonly refusals: Refusal[] = []
  readonly #path: string
  readonly #objects = new Map<string, KubeObject>()
  readonly #log: { readonly version: number; readonly line: object }[] = []
  readonly #watches = new Set<ServerResponse>()
  readonly #waiting = new Set<() => void>()
  #server: Server | undefined
  #port = 0
  #version = 10
  #forgotten = 0
  /** Objects of a page, where pages are asked for. */
  pageSize = 2
  tokens: () => string = () => 'first'

  constructor(path: string) {
    this.#path = path
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response))
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** As when the server is killed: nothing is left of any connection. */
  async kill(): Promise<void> {
    this.#server?.closeAllConnections()
    this.#server?.close()
    if (this.#server !== undefined) await once(this.#server, 'close')
    this.#server = undefined
    this.#watches.clear()
  }

  api(): KubeApi {
    const server = new URL(`http://127.0.0.1:${this.#port}`)
    const options = async () => ({ headers: { authorization: this.tokens() } })
    return new KubeApi({ from: 'a test', server, options })
  }

  put(name: string, more: object = {}): void {
    this.#version += 1
    const known = this.#objects.has(name)
    const metadata = { name, namespace: 'shop', uid: `uid-${name}` }
    const object = {
      ...more,
      metadata: {
        ...metadata,
        ...('metadata' in more ? (more.metadata as object) : {}),
        resourceVersion: String(this.#version),
      },
    }
    this.#objects.set(name, object)
    this.#tell({ type: known ? 'MODIFIED' : 'ADDED', object })
  }

  remove(name: string): void {
    const object = this.#objects.get(name)
    this.#objects.delete(name)
    this.#version += 1
    if (object === undefined) return
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) }
    this.#tell({ type: 'DELETED', object: { ...object, metadata } })
  }

  /** Something else changed on the server: only its place moves on. */
  bookmark(): void {
    this.#version += 5
    const metadata = { resourceVersion: String(this.#version) }
    for (const watch of this.#watches) {
      watch.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`)
    }
  }

  /** Places before now are forgotten, as by compaction. */
  compact(): void {
    this.#forgotten = this.#version
    this.#log.length = 0
  }

  /** As when the API server has had the watch open for long enough. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end()
    this.#watches.clear()
  }

  /** Ends watches with a word. */
  failWatches(code: number): void {
    const object = { kind: 'Status', code, reason: code === 410 ? 'Expired' : 'InternalError' }
    for (const watch of this.#watches) watch.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
    this.#watches.clear()
  }

  /** The request that makes it true, past ones included. */
  async until(good: (asked: readonly Asked[]) => boolean): Promise<void> {
    while (!good(this.asked)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  get watching(): number {
    return this.#watches.size
  }

  #tell(line: object): void {
    this.#log.push({ version: this.#version, line })
    for (const watch of this.#watches) watch.write(`${JSON.stringify(line)}\n`)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const { searchParams: query, pathname: path } = url
    this.asked.push({ path, query, token: request.headers.authorization })
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      response.writeHead(refusal.status, refusal.headers)
      response.end(JSON.stringify(refusal.body ?? { message: 'refused' }))
    } else if (path !== this.#path) {
      this.#other(path, query, response)
    } else if (query.get('watch') === 'true') {
      this.#watch(Number(query.get('resourceVersion')), response)
    } else {
      this.#list(query, response)
    }
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #other(path: string, query: URLSearchParams, response: ServerResponse): void {
    const answer = this.others.get(path)
    if (query.has('watch')) {
      response.writeHead(200).flushHeaders()
      return
    }
    response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? {}))
  }

  #watch(from: number, response: ServerResponse): void {
    if (from < this.#forgotten) {
      response.writeHead(410).end(JSON.stringify({ reason: 'Expired', message: 'too old' }))
      return
    }
    response.writeHead(200)
    response.flushHeaders()
    for (const { version, line } of this.#log) {
      if (version > from) response.write(`${JSON.stringify(line)}\n`)
    }
    this.#watches.add(response)
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const all = [...this.#objects.values()]
    const start = Number(query.get('continue') ?? 0)
    const end = query.has('limit') ? start + this.pageSize : all.length
    const more = end < all.length ? { continue: String(end) } : {}
    const metadata = { resourceVersion: String(this.#version), ...more }
    response.end(JSON.stringify({ metadata, items: all.slice(start, end) }))
  }
}
