import { readFileSync, statSync } from 'node:fs'
import { EngineNews } from './engine-news.ts'
import { z } from 'zod'
import { describeError } from '../../../errors.ts'
import type { ContainerIdentity, EngineState, IdentityEngine, Peer } from './identity.ts'

const strings = z.array(z.string())
const container = z.object({
  id: z.string().min(1),
  name: z.string(),
  image: z.object({
    repository: z.string().min(1),
    tag: z.string().optional(),
    digest: z.string().min(1),
  }),
  labels: z.record(z.string(), z.string()).default({}),
  workload: z
    .object({
      namespace: z.string().optional(),
      kind: z.string().optional(),
      name: z.string(),
      pod: z.string().optional(),
    })
    .optional(),
  entrypoint: strings.default([]),
  healthcheck: strings.optional(),
  addresses: strings.default([]),
  rootfs: z.object({ upper: z.string(), layers: strings }).optional(),
})
const manifest = z.object({ containers: z.array(container) })

/**
 * Containers from a JSON file (`{"containers": [{"id", "name", "image": {"repository", "digest"},
 * …}]}`), for workloads that run in separate cgroups without an engine (the embedded workload). A
 * query reads the file again if it changed.
 */
export class StaticEngine extends EngineNews implements IdentityEngine {
  readonly name = 'static'
  readonly #path: string
  #state: EngineState = { kind: 'starting' }
  #containers = new Map<string, ContainerIdentity>()
  #stamp = ''

  constructor(path: string) {
    super()
    this.#path = path
  }

  get state(): EngineState {
    return this.#state
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#refresh()
    const stop = () => {
      this.#state = { kind: 'stopped' }
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  }

  known(id: string): ContainerIdentity | undefined {
    if (!this.#containers.has(id)) this.#refresh()
    return this.#containers.get(id)
  }

  async lookup(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    return this.known(id) ?? (this.#state.kind === 'running' ? 'unknown' : 'unavailable')
  }

  peer(address: string): Peer | undefined {
    for (const { addresses, name, image } of this.#containers.values()) {
      if (addresses.includes(address)) return { name, image: image.repository }
    }
    return undefined
  }

  *addresses(): Iterable<string> {
    for (const { addresses } of this.#containers.values()) yield* addresses
  }

  #refresh(): void {
    if (this.#state.kind === 'stopped') return
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const stamp = `${ino}:${size}:${mtimeMs}`
      if (stamp === this.#stamp) return
      const read = manifest.parse(JSON.parse(readFileSync(this.#path, 'utf8')))
      const fresh = read.containers.map(identityOf).filter(({ id }) => !this.#containers.has(id))
      const before = this.#containers
      this.#containers = new Map(read.containers.map((each) => [each.id, identityOf(each)]))
      this.#stamp = stamp
      this.#state = { kind: 'running' }
      for (const identity of fresh) this.found(identity)
      for (const id of before.keys()) {
        if (!this.#containers.has(id)) this.left(id, 'gone')
      }
    } catch (error) {
      const reason = `cannot read \`${this.#path}\`: ${describeError(error)}`
      if (this.#state.kind === 'degraded' && this.#state.reason === reason) return
      this.#state = { kind: 'degraded', reason, since: new Date().toISOString() }
    }
  }
}

function identityOf(given: z.output<typeof container>): ContainerIdentity {
  const { image, workload, healthcheck, rootfs, ...rest } = given
  const { tag, ...named } = image
  return {
    ...rest,
    image: { ...named, ...(tag === undefined ? {} : { tag }) },
    imageId: image.digest,
    declaredUser: '',
    initInjected: false,
    mounts: [],
    ...(workload === undefined ? {} : { workload: withoutUndefined(workload) }),
    ...(healthcheck === undefined ? {} : { probes: [healthcheck] }),
    ...(rootfs === undefined ? {} : { rootfs }),
  }
}

type Workload = NonNullable<z.output<typeof container>['workload']>

function withoutUndefined(given: Workload): NonNullable<ContainerIdentity['workload']> {
  const { namespace, kind, name, pod } = given
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(kind === undefined ? {} : { kind }),
    ...(pod === undefined ? {} : { pod }),
  }
}
