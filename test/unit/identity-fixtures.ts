import type { ActEvent, SnugEvent } from '../../src/event/event.ts'
import type {
  ContainerIdentity,
  EngineState,
  IdentityEngine,
  LeftListener,
  Peer,
} from '../../src/identity/identity.ts'
import type { SourceMessage } from '../../src/sources/source.ts'

/** An engine whose knowledge a test decides; the real one is tested against Docker in test/e2e. */
export class ScriptedEngine implements IdentityEngine {
  readonly name = 'scripted'
  readonly state: EngineState = { kind: 'running' }
  readonly containers = new Map<string, ContainerIdentity>()
  readonly peers = new Map<string, Peer>()
  readonly atOnce = new Set<string>()
  answer: 'unknown' | 'unavailable' = 'unavailable'
  asked = 0
  readonly #left = new Set<LeftListener>()
  readonly #listeners = new Set<(identity: ContainerIdentity) => void>()

  async start(): Promise<void> {}
  known(id: string): ContainerIdentity | undefined {
    return this.atOnce.has(id) ? this.containers.get(id) : undefined
  }
  async lookup(id: string): Promise<ContainerIdentity | 'unknown' | 'unavailable'> {
    this.asked += 1
    return this.containers.get(id) ?? this.answer
  }
  peer(address: string): Peer | undefined {
    return this.peers.get(address)
  }
  subscribe(listener: (identity: ContainerIdentity) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  addresses(): Iterable<string> {
    return this.peers.keys()
  }
  subscribeLeft(listener: LeftListener): () => void {
    this.#left.add(listener)
    return () => this.#left.delete(listener)
  }
  leave(id: string, how: 'stopped' | 'gone'): void {
    for (const listener of this.#left) listener(id, how)
  }
  tell(identity: ContainerIdentity): void {
    this.containers.set(identity.id, identity)
    for (const listener of this.#listeners) listener(identity)
  }
}

export function time(second: number): string {
  return `2026-11-24T12:00:0${second}.000000Z`
}

export function started(id: string, before = false): SourceMessage {
  return {
    type: 'container-started',
    container: { id, cgroup: `/docker/${id}`, time: time(0), before },
  }
}

export function event(of: SnugEvent): SourceMessage & { type: 'event' } {
  return { type: 'event', event: of }
}

export function open(path: string, id = 'a'.repeat(64)): ActEvent {
  return {
    v: 1,
    kind: 'file',
    time: time(1),
    node: 'n1',
    source: 'ebpf',
    container: { id },
    process: { pid: 1, exe: '/bin/cat', uid: 0, origin: 'entrypoint' },
    file: { path, access: ['read'] },
  }
}

export function identityOf(id: string, more: Partial<ContainerIdentity> = {}): ContainerIdentity {
  return {
    id,
    name: `web-${id[0]}`,
    image: { repository: 'shop/web', tag: '1', digest: 'sha256:1' },
    imageId: 'sha256:1',
    labels: {},
    entrypoint: ['/web'],
    declaredUser: '',
    initInjected: false,
    addresses: [],
    mounts: [],
    ...more,
  }
}
