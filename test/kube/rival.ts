import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster/cluster.ts'

const admin = 'admin'
const againMs = 100
const name = 'rival'
const registrations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'

interface Review {
  readonly request: {
    readonly uid: string
    readonly name: string
    readonly userInfo: { readonly username: string }
  }
}

/**
 * Another client, which writes an object while the API server has somebody's update of it in hand: as a webhook that is
 * asked about the update. So the update finds the object changed.
 */
export class Rival implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #objects: string
  readonly #api: Agent
  readonly #port: number
  readonly #server: ReturnType<typeof createServer>
  readonly #until: number
  #writes = 0
  #isAsked = false

  private constructor(cluster: Cluster, port: number, objects: string, times: number) {
    this.#cluster = cluster
    this.#port = port
    this.#objects = objects
    this.#until = times
    const ca = cluster.pki('ca.crt')
    // An administrator, who is not throttled.
    const [cert, key] = [cluster.pki('admin.crt'), cluster.pki('admin.key')]
    this.#api = new Agent({ keepAlive: true, ca, cert, key })
    const served = { cert: cluster.pki('apiserver.crt'), key: cluster.pki('apiserver.key') }
    this.#server = createServer(served, (asked, answer) => void this.#serve(asked, answer))
  }

  /**
   * @param port of the API server, on this machine
   * @param objects the path of their kind at the API server
   * @param one the name of one that is there
   * @param times how many updates find their object changed; later ones do not
   */
  static async of(
    cluster: Cluster,
    port: number,
    objects: string,
    one: string,
    times: number,
  ): Promise<Rival> {
    const rival = new Rival(cluster, port, objects, times)
    rival.#server.listen(0, '127.0.0.1')
    await once(rival.#server, 'listening')
    await rival.#register()
    const changed = { metadata: { annotations: { rival: 'begins' } } }
    while (!rival.#isAsked) {
      await rival.#ask('PATCH', `${objects}/${one}?dryRun=All`, changed)
      await delay(againMs)
    }
    return rival
  }

  /** How often it wrote. */
  get writes(): number {
    return this.#writes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ask('DELETE', `${registrations}/${name}`)
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
    this.#api.destroy()
  }

  async #register(): Promise<void> {
    const [, , apiGroup, apiVersion, resource] = this.#objects.split('/')
    const { port } = this.#server.address() as AddressInfo
    const clientConfig = {
      url: `https://127.0.0.1:${port}/`,
      caBundle: Buffer.from(this.#cluster.pki('ca.crt')).toString('base64'),
    }
    const rules = [
      {
        apiGroups: [apiGroup],
        apiVersions: [apiVersion],
        operations: ['UPDATE'],
        resources: [resource],
      },
    ]
    const webhook = { clientConfig, rules, admissionReviewVersions: ['v1'], sideEffects: 'None' }
    await this.#cluster.apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [{ ...webhook, name: 'updates.rival.test', failurePolicy: 'Fail' }],
    })
  }

  async #serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const review = JSON.parse(await text(asked)) as Review
    const { uid, name: object, userInfo } = review.request
    this.#isAsked = true
    if (userInfo.username !== admin && this.#writes < this.#until) {
      this.#writes += 1
      const changed = { metadata: { annotations: { rival: String(this.#writes) } } }
      await this.#ask('PATCH', `${this.#objects}/${object}`, changed)
    }
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify({ ...review, response: { uid, allowed: true } }))
  }

  async #ask(method: string, path: string, body?: object): Promise<void> {
    const headers = { 'content-type': 'application/merge-patch+json' }
    const to = { host: '127.0.0.1', port: this.#port, agent: this.#api }
    const asked = request({ ...to, method, path, headers })
    asked.end(body === undefined ? undefined : JSON.stringify(body))
    const [answered] = (await once(asked, 'response')) as [IncomingMessage]
    await text(answered)
    if (answered.statusCode !== 200) throw new Error(`${method} ${path}: ${answered.statusCode}`)
  }
}
