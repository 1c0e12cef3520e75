import type { BehaviourKind } from '../../../../core/event/event-words.ts'
import type { KernelProfile } from '../../../../core/compile/kernel-profile.ts'
import type { ContainerTraits, Enforcement, FoundName, PeerName } from '../source.ts'
import {
  encodeAssign,
  encodeEnforce,
  encodeFailClosed,
  encodeFound,
  encodePeer,
  encodeResolve,
} from './command-encoder.ts'
import { encodeProfile } from './profile-encoder.ts'
import { SentProfile } from './sent-profile.ts'

interface Assignment {
  readonly scope: number
  readonly traits: ContainerTraits
}

/**
 * Assignments that are remembered: more than the containers that run at a time. The oldest are
 * removed first.
 */
export const assignmentsKept = 4_096
/** Evicted scopes that are remembered, besides those with a profile. The oldest are removed first. */
const evictedKept = 4_096

/**
 * The state that was sent to the kernel, to send it again to a new sensor. Each change returns its
 * command.
 */
export class KernelState {
  readonly #assigned = new Map<string, Assignment>()
  readonly #profiles = new Map<number, SentProfile>()
  readonly #enforced = new Map<number, Enforcement>()
  readonly #peers = new Map<string, string>()
  /** By container. */
  readonly #resolvers = new Map<string, readonly string[]>()
  /**
   * Scopes that the kernel evicted for another one. They are sent again with their next container.
   */
  readonly #evicted = new Set<number>()
  #failClosed = false
  #serial = 0

  assign(id: string, scope: number, traits: ContainerTraits = {}): Buffer {
    this.#assigned.delete(id)
    this.#assigned.set(id, { scope, traits })
    if (this.#assigned.size > assignmentsKept) {
      const [oldest] = this.#assigned.keys()
      if (oldest !== undefined) this.#assigned.delete(oldest)
    }
    // The profile precedes the assignment, because it judges the container's first program.
    return Buffer.concat([...this.#restored(scope), encodeAssign(id, scope, traits)])
  }

  /** The container is gone for good, so it is not sent again. */
  release(id: string): void {
    this.#assigned.delete(id)
    this.#resolvers.delete(id)
  }

  profile(scope: number, profile: KernelProfile | undefined): Buffer {
    this.#evicted.delete(scope)
    if (profile === undefined) {
      this.#profiles.delete(scope)
      this.#enforced.delete(scope)
      return encodeProfile(scope, undefined)
    }
    this.#serial += 1
    const commands = encodeProfile(scope, profile, this.#serial)
    this.#profiles.set(scope, new SentProfile(commands, this.#serial))
    return commands
  }

  /** Bytes that the profiles to send again take. */
  get kept(): number {
    let bytes = 0
    for (const { kept } of this.#profiles.values()) bytes += kept
    return bytes
  }

  /** Whether the answer belongs to the latest profile. */
  isCurrent(scope: number, serial: number): boolean {
    return this.#profiles.get(scope)?.serial === serial
  }

  /**
   * The kernel did not install the profile. If only space is missing, the next container of the
   * scope sends it again.
   */
  failed(scope: number, isForRoom: boolean): void {
    if (isForRoom) this.#evicted.add(scope)
    else {
      this.#profiles.delete(scope)
      this.#enforced.delete(scope)
    }
  }

  /**
   * A container runs. Returns its scope to send, if the kernel evicted it after the container's
   * announcement, and its resolvers, which the kernel forgets at its end.
   */
  started(id: string): Buffer {
    const assigned = this.#assigned.get(id)
    const resolvers = this.#resolvers.get(id)
    const isEvicted = assigned !== undefined && this.#evicted.has(assigned.scope)
    return Buffer.concat([
      ...(isEvicted ? [this.assign(id, assigned.scope, assigned.traits)] : []),
      ...(resolvers === undefined ? [] : [encodeResolve(id, resolvers)]),
    ])
  }

  /** The names are not sent again: a new sensor reports the container, and gets them then. */
  resolvers(id: string, addresses: readonly string[], found: readonly FoundName[]): Buffer {
    this.#resolvers.delete(id)
    this.#resolvers.set(id, addresses)
    if (this.#resolvers.size > assignmentsKept) {
      const [oldest] = this.#resolvers.keys()
      if (oldest !== undefined) this.#resolvers.delete(oldest)
    }
    return Buffer.concat([
      encodeResolve(id, addresses),
      ...found.map((one) => encodeFound(id, one)),
    ])
  }

  /** Returns what to send at once: the whole scope if one of its containers runs, else nothing. */
  evicted(scope: number, isRunning: (container: string) => boolean): Buffer {
    this.#evicted.add(scope)
    if (this.#evicted.size > evictedKept) {
      const oldest = [...this.#evicted].find((each) => !this.#profiles.has(each))
      if (oldest !== undefined) this.#evicted.delete(oldest)
    }
    const here = [...this.#assigned].filter(([, assigned]) => assigned.scope === scope)
    if (!here.some(([id]) => isRunning(id))) return Buffer.alloc(0)
    return Buffer.concat([
      ...this.#restored(scope),
      ...here.map(([id, { traits }]) => encodeAssign(id, scope, traits)),
    ])
  }

  *#restored(scope: number): Iterable<Buffer> {
    if (!this.#evicted.delete(scope)) return
    const sent = this.#profiles.get(scope)
    const enforced = this.#enforced.get(scope)
    if (sent !== undefined) yield sent.commands
    if (enforced !== undefined) yield encodeEnforce(scope, enforced)
  }

  enforce(scope: number, enforcement: Enforcement): Buffer {
    this.#enforced.set(scope, enforcement)
    return encodeEnforce(scope, enforcement)
  }

  /** The kernel disarmed itself. Sending the state again must not arm it. */
  disarmed(scope: number, except: readonly BehaviourKind[]): void {
    const enforced = this.#enforced.get(scope)
    if (enforced !== undefined) this.#enforced.set(scope, { ...enforced, except })
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

  /**
   * All commands, in an order without gaps: a version is ready before its containers are assigned.
   */
  *all(): Iterable<Buffer> {
    for (const [address, name] of this.#peers) yield encodePeer({ address, name })
    this.#evicted.clear()
    const assigned = new Set([...this.#assigned.values()].map(({ scope }) => scope))
    // If not all fit, the last ones stay in the kernel: the scopes with containers.
    for (const isAssigned of [false, true]) {
      for (const [scope, sent] of this.#profiles) {
        if (assigned.has(scope) === isAssigned) yield sent.commands
      }
      for (const [scope, enforcement] of this.#enforced) {
        if (assigned.has(scope) === isAssigned) yield encodeEnforce(scope, enforcement)
      }
    }
    for (const [id, { scope, traits }] of this.#assigned) yield encodeAssign(id, scope, traits)
    for (const [id, addresses] of this.#resolvers) yield encodeResolve(id, addresses)
    yield encodeFailClosed(this.#failClosed)
  }
}
