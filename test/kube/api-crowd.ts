import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster/cluster.ts'
import { mintOf } from './pod-account.ts'

const name = 'crowd'
const namespace = 'default'
const path = `/api/v1/namespaces/${namespace}/configmaps`
/** A list of these exceeds what sockets take: the server holds the place of a request whose answer nobody reads. */
const objects = 20
const objectBytes = 900_000
const againMs = 50
const tooMany = 429

/**
 * Others that hold all that an API server gives at once: some ask for much and do not read it, and one announces an object
 * that does not come. They are of no group that is spared, and keep their places until the test ends them, if
 * `--request-timeout` is long.
 */
export class ApiCrowd implements Disposable {
  readonly #server: RequestOptions
  readonly #reading = new AbortController()
  readonly #writing = new AbortController()

  private constructor(server: RequestOptions) {
    this.#server = server
  }

  /** @param places how many requests that read the server takes at once; it takes one that writes */
  static async before(cluster: Cluster, port: number, places: number): Promise<ApiCrowd> {
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
    const items = Array.from({ length: objects }, (_, n) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${name}-${n}`, namespace },
      data: { much: 'x'.repeat(objectBytes) },
    }))
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    await cluster.kubectl(['create', '-f', '-'], list)
    const token = (await mintOf(cluster, namespace, name))(300)
    const crowd = new ApiCrowd({
      host: '127.0.0.1',
      port,
      path,
      ca: cluster.pki('ca.crt'),
      headers: { authorization: `Bearer ${token}` },
      // A connection for each.
      agent: false,
    })
    await Promise.all(Array.from({ length: places }, () => crowd.#read()))
    await crowd.#write()
    return crowd
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

  /** Resolves once it has a place. */
  async #read(): Promise<void> {
    for (;;) {
      const asked = request({ ...this.#server, method: 'GET', signal: this.#reading.signal })
      asked.end()
      const answer = await answerTo(asked)
      if (answer.statusCode === 200) return
      await refused(answer)
    }
  }

  /** Resolves once it has the place: a server asks for the body of a request that it has taken. */
  async #write(): Promise<void> {
    const { signal } = this.#writing
    for (;;) {
      const asked = request({ ...this.#server, method: 'POST', signal })
      asked.setHeader('content-type', 'application/json').setHeader('content-length', '100')
      asked.setHeader('expect', '100-continue').flushHeaders()
      const answer = await Promise.race([once(asked, 'continue'), answerTo(asked)])
      if (Array.isArray(answer)) return
      await refused(answer)
    }
  }
}

async function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  // Later errors are of its end.
  asked.on('error', noop)
  answer.on('error', noop)
  return answer
}

/** Before another try. */
async function refused(answer: IncomingMessage): Promise<void> {
  answer.resume()
  if (answer.statusCode !== tooMany) {
    throw new Error(`the crowd was answered ${String(answer.statusCode)}`)
  }
  await delay(againMs)
}

const noop = (): void => undefined
