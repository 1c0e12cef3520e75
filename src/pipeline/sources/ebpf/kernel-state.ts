import type { KernelProfile } from '../../../core/compile/kernel-profile.ts'
import type { ContainerTraits, Enforcement, PeerName } from '../source.ts'
import { encodeAssign, encodeEnforce, encodeFailClosed, encodePeer } from './command-encoder.ts'
import { encodeProfile } from './profile-encoder.ts'

interface Assignment {
  readonly scope: number
  readonly traits: ContainerTraits
}

/** Assignments that are remembered; more than containers run at a time, the oldest go first. */
const assignmentsKept = 4_096

/** What the kernel was told, to be told again to a sensor that knows nothing. Each change is also its command. */
export class KernelState {
  readonly #assigned = new Map<string, Assignment>()
  readonly #profiles = new Map<number, KernelProfile>()
  readonly #enforced = new Map<number, Enforcement>()
  readonly #peers = new Map<string, string>()
  #failClosed = false

  assign(id: string, scope: number, traits: ContainerTraits = {}): Buffer {
    this.#assigned.delete(id)
    this.#assigned.set(id, { scope, traits })
    if (this.#assigned.size > assignmentsKept) {
      const [oldest] = this.#assigned.keys()
      if (oldest !== undefined) this.#assigned.delete(oldest)
    }
    return encodeAssign(id, scope, traits)
  }

  /** It is gone for good, and will not be told again. */
  release(id: string): void {
    this.#assigned.delete(id)
  }

  profile(scope: number, profile: KernelProfile | undefined): Buffer {
    if (profile === undefined) {
      this.#profiles.delete(scope)
      this.#enforced.delete(scope)
    } else this.#profiles.set(scope, profile)
    return encodeProfile(scope, profile)
  }

  enforce(scope: number, enforcement: Enforcement): Buffer {
    this.#enforced.set(scope, enforcement)
    return encodeEnforce(scope, enforcement)
  }

  /** The kernel blocks no more, by itself: told again, it must not be armed by that. */
  disarmed(scope: number): void {
    const enforced = this.#enforced.get(scope)
    if (enforced !== undefined) this.#enforced.set(scope, { ...enforced, mode: 'alert' })
  }

  peers(changes: readonly PeerName[]): Buffer {
    for (const { address, name } of changes) {
      if (name === undefined) this.#peers.delete(address)
      else this.#peers.set(address, name)
    }
    return Buffer.concat(changes.map(encodePeer))
  }

  failClosed(on: boolean): Buffer {
    this.#failClosed = on
    return encodeFailClosed(on)
  }

  /** Everything, in the order in which it takes effect without a gap: a container comes to a version that is ready. */
  *all(): Iterable<Buffer> {
    for (const [address, name] of this.#peers) yield encodePeer({ address, name })
    for (const [scope, profile] of this.#profiles) yield encodeProfile(scope, profile)
    for (const [scope, enforcement] of this.#enforced) yield encodeEnforce(scope, enforcement)
    for (const [id, { scope, traits }] of this.#assigned) yield encodeAssign(id, scope, traits)
    yield encodeFailClosed(this.#failClosed)
  }
}
