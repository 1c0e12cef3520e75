import { DiscoveryApi } from '@kubernetes/client-node'
import { canonicalAddress } from '../../core/event/canonical.ts'
import type { Peer } from '../../agent/pipeline/identity/identity.ts'
import { asked, type KubeApi, until } from './api.ts'
import { Collection } from './collection.ts'
import type { EndpointSlice, Service } from './service.ts'

export interface PeerDirectoryOptions {
  readonly api: KubeApi
  /** Names of addresses changed; called at most once in {@link settleMs}. */
  readonly onChanged: () => void
}

const settleMs = 1_000
const askAgainMs = 10_000
/** The label that names the service of a slice's endpoints. */
const serviceLabel = 'kubernetes.io/service-name'

/** One of the addresses of a service or of a slice of its endpoints: all that is kept of a slice. */
interface Claim {
  readonly name: string
  readonly address: string
  readonly pod?: string
}

interface ServiceView {
  readonly name: string
  /** RFC 3339 */
  readonly since: string
  readonly claims: readonly Claim[]
}

/**
 * The service of an address: the same on every node, since all read the same services and endpoints, and the same
 * wherever a pod is moved. Of several services, the oldest: a later one takes no name over. A host's own address, which
 * several pods share, has no service.
 */
export class PeerDirectory {
  readonly #options: PeerDirectoryOptions
  readonly #services: Collection<ServiceView>
  /** Since when each service is there, by name. */
  readonly #since = new Map<string, string>()
  readonly #claims = new Map<string, readonly Claim[]>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PeerDirectoryOptions) {
    this.#options = options
    this.#services = new Collection<ServiceView>({
      api: options.api,
      path: '/api/v1/services',
      take: (object) => ofService(object as Service),
      onPut: (service, _, before) => {
        if (JSON.stringify(service) === JSON.stringify(before)) return
        if (before !== undefined) this.#serviceWent(before)
        this.#since.set(service.name, service.since)
        this.#add(service.claims)
      },
      onRemoved: (service) => this.#serviceWent(service),
    })
  }

  /** Watches until the signal aborts; callers need not wait for it. */
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
    const slices = new Collection<readonly Claim[]>({
      api: this.#options.api,
      path,
      take: (object) => ofSlice(object as EndpointSlice),
      onPut: (item, _, before) => {
        if (JSON.stringify(item) === JSON.stringify(before)) return
        if (before !== undefined) this.#remove(before)
        this.#add(item)
      },
      onRemoved: (item) => this.#remove(item),
    })
    await slices.run(signal, () => undefined)
  }

  async #sliceVersion(signal: AbortSignal): Promise<string | undefined> {
    const discovery = this.#options.api.client(DiscoveryApi)
    while (!signal.aborted) {
      try {
        const { versions } = await asked(discovery.getAPIGroup({}, until(signal)))
        return versions.some(({ version }) => version === 'v1') ? 'v1' : 'v1beta1'
      } catch {
        // The watch of the services reports the fault; the request is repeated.
        await new Promise((resolve) => setTimeout(resolve, askAgainMs).unref())
      }
    }
    return undefined
  }

  #serviceWent({ name, claims }: ServiceView): void {
    this.#since.delete(name)
    this.#remove(claims)
  }

  #add(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const others = this.#claims.get(claim.address)
      this.#claims.set(claim.address, others === undefined ? [claim] : [...others, claim])
    }
    this.#changed()
  }

  #remove(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const left = (this.#claims.get(claim.address) ?? []).filter((other) => other !== claim)
      if (left.length > 0) this.#claims.set(claim.address, left)
      else this.#claims.delete(claim.address)
    }
    this.#changed()
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#options.onChanged()
    }, settleMs)
  }

  #nameOf(address: string): string | undefined {
    let first: { readonly name: string; readonly since: string } | undefined
    let pod: string | undefined
    for (const claim of this.#claims.get(address) ?? []) {
      if (claim.pod !== undefined && pod !== undefined && claim.pod !== pod) return undefined
      pod ??= claim.pod
      const since = this.#since.get(claim.name)
      // Endpoints of a service that is not there.
      if (since === undefined) continue
      const { name } = claim
      if (first === undefined || since < first.since) first = { name, since }
      else if (since === first.since && name < first.name) first = { name, since }
    }
    return first?.name
  }
}

/** Without `externalIPs`: the author of a service chooses them freely, also those of other services. */
function ofService({ metadata, spec = {}, status = {} }: Service): ServiceView {
  const balanced = (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '')
  const own = spec.clusterIPs ?? [spec.clusterIP ?? '']
  const name = nameOf(metadata.name, metadata.namespace)
  const claims = [...own, ...balanced].flatMap(canonical).map((address) => ({ name, address }))
  return { name, since: metadata.creationTimestamp ?? '', claims }
}

function ofSlice({ metadata, endpoints }: EndpointSlice): readonly Claim[] | undefined {
  const service = metadata.labels?.[serviceLabel]
  if (service === undefined) return undefined
  const name = nameOf(service, metadata.namespace)
  return (endpoints ?? []).flatMap((endpoint) => {
    const { kind, uid } = endpoint.targetRef ?? {}
    const pod = kind === 'Pod' && uid !== undefined ? { pod: uid } : {}
    const addresses = (endpoint.addresses ?? []).flatMap(canonical)
    return addresses.map((address) => ({ name, address, ...pod }))
  })
}

function nameOf(name: string, namespace = 'default'): string {
  return `${name}.${namespace}`
}

/** Not `None`, and not a name. */
function canonical(text: string): readonly string[] {
  const address = canonicalAddress(text)
  return address === undefined ? [] : [address]
}
