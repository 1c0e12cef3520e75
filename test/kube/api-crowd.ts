import { setMaxListeners } from 'node:events'
import { Agent, request, type RequestOptions } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster/cluster.ts'
import { mintOf } from './pod-account.ts'

const name = 'crowd'
const namespace = 'default'
const path = `/api/v1/namespaces/${namespace}/configmaps`
/** A revision that will not be: the server waits for three seconds for it, and takes the place of one request so long. */
const never = 1e12
const againMs = 100
/** Twice as many as the server takes: some stand at its door whenever one leaves. */
const readers = 16
const tooMany = 429

/** Others that take all that an API server gives at once, without work for it. They are of no group that is spared. */
export class ApiCrowd implements Disposable {
  readonly #server: RequestOptions
  readonly #reading = new AbortController()
  readonly #writing = new AbortController()

  private constructor(server: RequestOptions) {
    this.#server = server
    const { signal } = this.#reading
    setMaxListeners(readers, signal)
    for (let count = 0; count < readers; count++) void this.#read(signal, count * againMs)
    void this.#write(this.#writing.signal)
  }

  static async before(cluster: Cluster, port: number): Promise<ApiCrowd> {
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'create'] }]
    const group = 'rbac.authorization.k8s.io'
    const version = `${group}/v1`
    await cluster.apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
      { apiVersion: version, kind: 'Role', metadata: { name, namespace }, rules },
      {
        apiVersion: version,
        kind: 'RoleBinding',
        metadata: { name, namespace },
        roleRef: { apiGroup: group, kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    )
    const token = (await mintOf(cluster, namespace, name))(300)
    return new ApiCrowd({
      host: '127.0.0.1',
      port,
      ca: cluster.pki('ca.crt'),
      headers: { authorization: `Bearer ${token}` },
      agent: new Agent({ keepAlive: true }),
    })
  }

  endReading(): void {
    this.#reading.abort()
  }

  endWriting(): void {
    this.#writing.abort()
  }

  [Symbol.dispose](): void {
    this.endReading()
    this.endWriting()
  }

  /** One after the other, so that they do not leave together. */
  async #read(signal: AbortSignal, afterMs: number): Promise<void> {
    await delay(afterMs)
    while (!signal.aborted) {
      const how = { path: `${path}?resourceVersion=${never}`, method: 'GET', signal }
      if ((await this.#ask(how)) === tooMany) await delay(againMs)
    }
  }

  /** An object that is announced, and does not come. */
  async #write(signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/json', 'content-length': '100' }
    while (!signal.aborted) {
      if ((await this.#ask({ path, method: 'POST', signal }, headers)) === tooMany) {
        await delay(againMs)
      }
    }
  }

  /** The answer's status; zero where none came. */
  async #ask(how: RequestOptions, headers?: Record<string, string>): Promise<number> {
    const all = { ...(this.#server.headers as Record<string, string>), ...headers }
    const asked = request({ ...this.#server, ...how, headers: all })
    return new Promise((resolve) => {
      asked.on('error', () => resolve(0))
      asked.once('response', (answer) => {
        answer.resume()
        answer.once('close', () => resolve(answer.statusCode ?? 0))
      })
      if (headers === undefined) asked.end()
      else asked.flushHeaders()
    })
  }
}
