import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { type KubeAccess, kubeAccess } from '../../src/fleet/kubernetes/access.ts'
import { manifestTypes, RegistryClient } from '../../src/supplychain/registry/registry-client.ts'
import { Authority, type Leaf } from '../fixtures/authority.ts'
import { Registry } from '../fixtures/registry.ts'
import { gateOf } from '../fixtures/admission-fixtures.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { service } from '../fixtures/gate-fixtures.ts'
import { Cluster } from './cluster/cluster.ts'
import { WebhookProcess } from './webhook-process.ts'
import { keyPair } from '../fixtures/key-pair.ts'

export const admissionManifests = fileURLToPath(
  new URL('../../deploy/kubernetes/admission', import.meta.url),
)
export const layer = (letter: string): string => `sha256:${letter.repeat(64)}`
const namespaces = ['shop', 'dev-a', 'lab', 'free']

export interface ImageOptions {
  readonly key?: 'ci' | 'other' | 'none'
  readonly layers?: readonly string[]
  readonly gate?: 'open' | 'shut' | 'none'
}

/** The API server's answer to a request. */
export interface Said {
  readonly status: number
  readonly message: string
  readonly warnings: readonly string[]
}

/** An API server, a registry, and the webhook between them, with a certificate of `old`. */
export class AdmissionWorld {
  readonly cluster: Cluster
  readonly registry: Registry
  readonly webhook: WebhookProcess
  readonly old = new Authority('old')
  readonly young = new Authority('young')
  readonly #access: KubeAccess
  readonly #folder: string
  #pods = 0

  private constructor(
    cluster: Cluster,
    registry: Registry,
    webhook: WebhookProcess,
    access: KubeAccess,
    folder: string,
  ) {
    this.cluster = cluster
    this.registry = registry
    this.webhook = webhook
    this.#access = access
    this.#folder = folder
  }

  static async start(): Promise<AdmissionWorld> {
    const cluster = await Cluster.start({ node: false })
    const access = kubeAccess(cluster.kubeconfig)
    const folder = mkdtempSync('/tmp/snug-admission-')
    const [registry, webhook] = [await Registry.start(), await WebhookProcess.at(folder)]
    const world = new AdmissionWorld(cluster, registry, webhook, access, folder)
    for (const name of ['ci', 'other']) {
      const { publicKey, privateKey } = keyPair()
      writeFileSync(world.at(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
      writeFileSync(world.at(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    }
    await cluster.apply(
      ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    )
    for (const name of namespaces) {
      const account = ['-n', name, 'get', 'serviceaccount', 'default', '-o', 'name']
      await cluster.until(
        'its account',
        () => cluster.kubectl(account),
        (text) => text !== '',
      )
    }
    world.install(world.issue(world.old, 'first'))
    // A busy machine answers late.
    await webhook.start(world.config())
    return world
  }

  async stop(): Promise<void> {
    try {
      await this.webhook.stop()
      if (!this.cluster.own) {
        const ours = namespaces.map((name) => `namespace/${name}`)
        const registration = 'validatingwebhookconfiguration/snug-admission'
        await this.cluster.kubectl(['delete', '--ignore-not-found', registration, ...ours])
      }
    } finally {
      await this.cluster.stop()
    }
    await this.registry[Symbol.asyncDispose]()
    this.old[Symbol.dispose]()
    this.young[Symbol.dispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  at(name: string): string {
    return join(this.#folder, name)
  }

  issue(authority: Authority, name: string): Leaf {
    return authority.issue(name, ['DNS:localhost', 'IP:127.0.0.1'])
  }

  /** The webhook finds it by itself. */
  install({ cert, key }: Leaf): void {
    writeFileSync(this.at('tls.key'), key)
    writeFileSync(this.at('tls.crt'), cert)
  }

  /** Of the webhook; `others` are registries that are trusted too. */
  config(more: object = {}, others: readonly string[] = []): object {
    const registries = [this.registry.host, ...others]
    return {
      schema: 'snug.admission/v1',
      tls: { cert: this.at('tls.crt'), key: this.at('tls.key') },
      trust: { keys: [this.at('ci.pub')], registries, plainHttp: registries },
      bases: { forbidden: [{ name: 'worn', layers: [layer('f')] }] },
      namespaces: [
        { names: ['dev-*'], action: 'warn' },
        { names: ['lab'], action: 'audit' },
        { names: ['free'], action: 'ignore' },
      ],
      log: { level: 'debug' },
      // On a busy machine a registry answers late, which is another result.
      within: '25s',
      ...more,
    }
  }

  /** For pods. */
  async register(more: object = {}, ca = this.old.ca): Promise<void> {
    await this.#register('webhook.yaml', '/admit', more, ca)
  }

  /** For authors of decisions in ImageProfiles. */
  async registerAuthors(): Promise<void> {
    await this.#register('authors/webhook.yaml', '/author', {}, this.old.ca)
  }

  /** As it ships, but for where the webhook is: that is no service of this cluster. */
  async #register(name: string, path: string, more: object, ca: string): Promise<void> {
    const file = join(admissionManifests, name)
    const [shipped] = parseAllDocuments(readFileSync(file, 'utf8'))
    const registration = shipped?.toJS() as { webhooks: readonly object[] }
    const clientConfig = {
      url: `https://127.0.0.1:${this.webhook.port}${path}`,
      caBundle: Buffer.from(ca).toString('base64'),
    }
    const patient = { clientConfig, timeoutSeconds: 30 }
    const webhooks = registration.webhooks.map((each) => ({ ...each, ...patient, ...more }))
    await this.cluster.apply({ ...registration, webhooks })
  }

  /** Pushes an image to the registry with its attachments. Returns its name. */
  async pushed(name: string, how: ImageOptions = {}): Promise<string> {
    const { key = 'ci', layers = [layer('1')], gate = 'open' } = how
    const client = new RegistryClient({ host: this.registry.host, plainHttp: true })
    const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
    const path = `shop/${name}`
    const rootfs = { type: 'layers', diff_ids: layers }
    const type = 'application/vnd.oci.image.config.v1+json'
    const config = await client.putBlob(path, bytes({ config: {}, rootfs, name }), type)
    const mediaType = manifestTypes.manifest
    const manifest = { schemaVersion: 2, mediaType, config, layers: [] }
    await client.putManifest(path, '1', { mediaType, bytes: bytes(manifest) })
    const repository = `${this.registry.host}/${path}`
    if (key === 'none') return `${repository}:1`
    const { digest } = config
    const [profile, result] = [this.at(`${name}.profile`), this.at(`${name}.gate`)]
    writeFileSync(profile, profileDocument({ repository, digest }, service().entries()))
    writeFileSync(result, JSON.stringify({ ...gateOf(gate === 'open'), digest, findings: [] }))
    const gated = gate === 'none' ? [] : ['--gate', result]
    const signed = ['--key', this.at(`${key}.key`), '--plain-http']
    const args = ['attest', `${repository}:1`, '--profile', profile, ...gated, ...signed]
    const { exit, stderr } = await cli(args)
    if (exit !== 0) throw new Error(stderr)
    return `${repository}:1`
  }

  /** How many were asked for. */
  get pods(): number {
    return this.#pods
  }

  get lastPod(): string {
    return `p${this.#pods}`
  }

  /** Asks for a pod. */
  async pod(namespace: string, ...images: readonly string[]): Promise<Said> {
    this.#pods += 1
    const containers = images.map((image, index) => ({ name: `c${index}`, image }))
    const spec = { containers, schedulerName: 'none', automountServiceAccountToken: false }
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: this.lastPod }, spec }
    return this.send('POST', `/api/v1/namespaces/${namespace}/pods`, body)
  }

  /** Asks for pods until one gets that status. */
  async untilPod(status: number, namespace: string, image: string): Promise<Said> {
    return this.cluster.until(
      `a pod of ${image} gets ${status}`,
      () => this.pod(namespace, image),
      (output) => output.status === status,
    )
  }

  async send(method: 'POST' | 'PUT' | 'PATCH', path: string, body: object): Promise<Said> {
    const { headers, ...options } = await this.#access.options()
    const type = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json'
    const asked = { ...options, method, headers: { ...(headers as object), 'content-type': type } }
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#access.server), asked, (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
        response.on('end', () => {
          const { message = '' } = JSON.parse(text) as { message?: string }
          const warnings = [response.headers['warning'] ?? []].flat()
          resolve({ status: response.statusCode ?? 0, message, warnings })
        })
      })
      sent.on('error', reject)
      sent.end(JSON.stringify(body))
    })
  }

  /** Of Kubernetes 1. */
  async minorVersion(): Promise<number> {
    const version = await this.cluster.json<{ serverVersion: { minor: string } }>(['version'])
    return Number.parseInt(version.serverVersion.minor, 10)
  }
}
