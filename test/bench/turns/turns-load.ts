import type { ActEvent, ImageRef } from '../../../src/core/event/event.ts'
import { type Access, eventKinds } from '../../../src/core/event/event-words.ts'
import { isoOf } from '../../../src/core/event/time.ts'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import {
  behaviourKey,
  type EventSource,
  type SourceBatch,
  type SourceMessage,
  type SourceState,
  type SourceSupport,
} from '../../../src/agent/pipeline/sources/source.ts'
import type { SoakEngine } from '../../soak/soak-source.ts'
import { Dice } from '../../soak/workload.ts'

/** Size of a node with one heavy image and many ordinary ones. */
export interface NodeScale {
  readonly learned: number
  readonly waiting: number
  readonly containers: number
  readonly others: number
}

export interface LoadImage {
  readonly ref: ImageRef
  readonly learned: readonly Act[]
  readonly waiting: readonly Act[]
}

interface Act {
  readonly exe: string
  readonly act: object
}

const programs = 20

export function imageOf(index: number, learned: number, waiting: number): LoadImage {
  const dice = new Dice(index + 1)
  const name = `service${index}`
  const exe = (n: number): string => `/usr/bin/${name}-${letters(n % programs)}`
  const file = (path: string, access: Access, shipped: boolean): object => ({
    kind: 'file',
    file: { path, access: [access], ...(shipped ? { shipped, layer: 'image' } : {}) },
  })
  return {
    ref: {
      repository: `registry.local/shop/${name}`,
      tag: '1',
      digest: `sha256:${new Dice(index * 1_000).hex(64)}`,
    },
    learned: Array.from({ length: learned }, (_, n) => ({
      exe: exe(n),
      act:
        n < programs
          ? { kind: 'exec', exec: { path: exe(n), drift: false } }
          : n < 2 * programs
            ? {
                kind: 'connect',
                connect: { protocol: 'tcp', address: '10.0.0.7', port: 5_000 + n },
              }
            : file(`/usr/share/${name}/part${n % 9}/${dice.hex(8)}.dat`, 'read', true),
    })),
    waiting: Array.from({ length: waiting }, (_, n) => ({
      exe: exe(n),
      act: file(
        `/srv/${letters(n % 97)}/${letters(n)}/state`,
        n % 2 === 0 ? 'write' : 'read',
        false,
      ),
    })),
  }
}

export function identityOf(id: string, { ref }: LoadImage, n: number): ContainerIdentity {
  const name = ref.repository.split('/').at(-1) ?? ''
  return {
    id,
    name: `${name}-${n}`,
    image: ref,
    imageId: ref.digest,
    labels: { app: name },
    workload: { namespace: 'prod', kind: 'Deployment', name, pod: `${name}-${n}` },
    entrypoint: [`/usr/bin/${name}`],
    declaredUser: '',
    initInjected: false,
    addresses: [],
    mounts: [],
  }
}

/** A source that reports what it is given, as fast as it is judged. */
export class LoadSource implements EventSource {
  readonly name = 'ebpf'
  readonly supports: SourceSupport = { kinds: eventKinds, filter: true, containers: true }
  readonly state: SourceState = { kind: 'running' }
  readonly stats = { received: 0, delivered: 0, lost: {}, facts: {} }
  readonly control = {
    assign: () => undefined,
    release: () => undefined,
    known: () => undefined,
    profile: () => undefined,
    enforce: () => undefined,
    filter: () => undefined,
    flush: () => undefined,
  }
  readonly engine: SoakEngine
  readonly #queue: (() => SourceBatch)[] = []
  readonly #dice = new Dice(5)
  #wake: () => void = () => undefined
  #emptied: () => void = () => undefined
  #last = 0

  constructor(engine: SoakEngine) {
    this.engine = engine
  }

  start(image: LoadImage, n: number): string {
    const id = this.#dice.hex(64)
    const identity = identityOf(id, image, n)
    this.#push(() => {
      this.engine.running.set(id, identity)
      const container = { id, cgroup: `/load/${id}`, time: this.#time(), before: false }
      return [{ type: 'container-started', container }]
    })
    return id
  }

  shows(id: string, acts: readonly Act[]): void {
    for (let at = 0; at < acts.length; at += 64) {
      const some = acts.slice(at, at + 64)
      this.#push(() => some.map((act) => this.#message(id, act)))
    }
  }

  end(id: string): void {
    this.#push(() => {
      this.engine.leave(id)
      return [{ type: 'container-ended', id, time: this.#time() }]
    })
  }

  /** Resolves once everything so far was judged. */
  judged(): Promise<void> {
    return new Promise((resolve) => {
      this.#emptied = resolve
      this.#wake()
    })
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    while (!signal.aborted) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        yield next()
        continue
      }
      this.#emptied()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #push(batch: () => SourceBatch): void {
    this.#queue.push(batch)
    this.#wake()
  }

  #message(id: string, { exe, act }: Act): SourceMessage {
    const event = {
      v: 1,
      time: this.#time(),
      node: 'n1',
      source: 'ebpf',
      container: { id },
      process: { pid: 100, exe, uid: 1_000, gid: 1_000, origin: 'entrypoint' },
      ...act,
    } as unknown as ActEvent
    return { type: 'event', event, key: behaviourKey(this.#dice.hex(16)) }
  }

  /** Later than the last one. */
  #time(): string {
    this.#last = Math.max(this.#last + 1, Date.now() * 1_000)
    return isoOf(this.#last)
  }
}

/** Names, not numbers: the daemon would fold a counter to one pattern. */
export function letters(n: number): string {
  return String(n).replace(/\d/g, (digit) => String.fromCharCode(97 + Number(digit)))
}
