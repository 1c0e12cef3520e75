import { canonicalAddress } from '../event/canonical.ts'
import type { Peer } from '../identity/identity.ts'
import type { KubeApi } from './api.ts'
import { Collection } from './collection.ts'
import type { KubeObject } from './object.ts'
import type { EndpointSlice, Service } from './service.ts'

export interface PeerDirectoryOptions {
  readonly api: KubeApi
  /** Names of addresses changed; told at most once in {@link settleMs}. */
  readonly onChanged: () => void
}

const settleMs = 1_000
const askAgainMs = 10_000
/** The label that says whose endpoints a slice holds. */
const serviceLabel = 'kubernetes.io/service-name'

/** What is kept of a service or of a slice of its endpoints: an address, and the pod that has it. */
interface Named {
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly pod?: string }[]
}

/**
 * Whose an address is, by service: the same on every node, since all read the same services and endpoints, and the same
 * wherever a pod is moved. Where a service has several names, the first by the alphabet. A host's own address, which
 * several pods share, is nobody's.
 */
export class PeerDirectory {
  readonly #options: PeerDirectoryOptions
  readonly #services: Collection<Named>
  /** Address → names, each with how often it is told and by which pods. */
  readonly #claims = new Map<string, Map<string, Map<string, number>>>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PeerDirectoryOptions) {
    this.#options = options
    this.#services = this.#collection('/api/v1/services', (object) => ofService(object as Service))
  }

  /** Reads on until the signal aborts; nobody has to wait for it. */
  start(signal: AbortSignal): void {
    void this.#services.run(signal, () => undefined)
    void this.#followSlices(signal)
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true })
  }

  peer(address: string): Peer | undefined {
    const name = this.#nameOf(address)
    return name === undefined ? undefined : { name }
  }

  addresses(): Iterable<string> {
    return this.#claims.keys()
  }

  /** The group's version is found out first: servers before 1.21 have `v1beta1` only, those since 1.25 `v1` only. */
  async #followSlices(signal: AbortSignal): Promise<void> {
    const version = await this.#sliceVersion(signal)
    if (version === undefined) return
    const path = `/apis/discovery.k8s.io/${version}/endpointslices`
    const slices = this.#collection(path, (object) => ofSlice(object as EndpointSlice))
    await slices.run(signal, () => undefined)
  }

  async #sliceVersion(signal: AbortSignal): Promise<string | undefined> {
    while (!signal.aborted) {
      try {
        const group = (await this.#options.api.get('/apis/discovery.k8s.io', {}, signal)) as {
          readonly versions: readonly { readonly version: string }[]
        }
        const versions = group.versions.map(({ version }) => version)
        return versions.includes('v1') ? 'v1' : 'v1beta1'
      } catch {
        // As the services' own watch says; it is asked again.
        await new Promise((resolve) => setTimeout(resolve, askAgainMs).unref())
      }
    }
    return undefined
  }

  #collection(path: string, take: (object: KubeObject) => Named | undefined): Collection<Named> {
    return new Collection<Named>({
      api: this.#options.api,
      path,
      take,
      onPut: (item, _, before) => {
        if (JSON.stringify(item) === JSON.stringify(before)) return
        if (before !== undefined) this.#claim(before, -1)
        this.#claim(item, 1)
      },
      onRemoved: (item) => this.#claim(item, -1),
    })
  }

  #claim({ name, addresses }: Named, change: 1 | -1): void {
    for (const { address, pod = '' } of addresses) {
      const names = this.#claims.get(address) ?? new Map<string, Map<string, number>>()
      const pods = names.get(name) ?? new Map<string, number>()
      const count = (pods.get(pod) ?? 0) + change
      if (count > 0) pods.set(pod, count)
      else pods.delete(pod)
      if (pods.size > 0) names.set(name, pods)
      else names.delete(name)
      if (names.size > 0) this.#claims.set(address, names)
      else this.#claims.delete(address)
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#options.onChanged()
    }, settleMs)
  }

  #nameOf(address: string): string | undefined {
    const names = this.#claims.get(address)
    if (names === undefined) return undefined
    const pods = new Set<string>()
    let first: string | undefined
    for (const [name, claimed] of names) {
      for (const pod of claimed.keys()) pods.add(pod)
      if (first === undefined || name < first) first = name
    }
    return pods.size > 1 ? undefined : first
  }
}

function ofService({ metadata, spec = {}, status = {} }: Service): Named | undefined {
  const balanced = (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '')
  const own = spec.clusterIPs ?? [spec.clusterIP ?? '']
  const addresses = [...own, ...(spec.externalIPs ?? []), ...balanced].flatMap(canonical)
  if (addresses.length === 0) return undefined
  return {
    name: nameOf(metadata.name, metadata.namespace),
    addresses: addresses.map((address) => ({ address })),
  }
}

function ofSlice({ metadata, endpoints }: EndpointSlice): Named | undefined {
  const service = metadata.labels?.[serviceLabel]
  if (service === undefined) return undefined
  const addresses = (endpoints ?? []).flatMap((endpoint) => {
    const { kind, uid } = endpoint.targetRef ?? {}
    const pod = kind === 'Pod' && uid !== undefined ? { pod: uid } : {}
    return (endpoint.addresses ?? []).flatMap(canonical).map((address) => ({ address, ...pod }))
  })
  return { name: nameOf(service, metadata.namespace), addresses }
}

function nameOf(name: string, namespace = 'default'): string {
  return `${name}.${namespace}`
}

/** Not `None`, and not a name. */
function canonical(text: string): readonly string[] {
  const address = canonicalAddress(text)
  return address === undefined ? [] : [address]
}
