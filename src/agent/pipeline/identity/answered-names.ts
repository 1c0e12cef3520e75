import type { NameAnswer } from '../sources/source.ts'

export interface AnsweredNamesLimits {
  /** Addresses of one container. */
  readonly perContainer: number
  readonly containers: number
  /** Addresses of all containers together. */
  readonly total: number
  /** A name outlives its time by this: programs keep addresses longer than they may. Milliseconds. */
  readonly leastMs: number
  readonly longestMs: number
}

const day = 86_400_000
const askAgainMs = 1_000

export const answeredNamesLimits: AnsweredNamesLimits = {
  perContainer: 1_024,
  containers: 2_048,
  total: 32_768,
  leastMs: 7 * day,
  longestMs: 30 * day,
}

interface Named {
  readonly name: string
  /** Epoch milliseconds. */
  until: number
}

interface OfContainer {
  /** Of these alone answers count; undefined: not known yet. */
  resolvers: readonly string[] | undefined
  /** When the resolvers were asked for, in epoch milliseconds. */
  askedAt: number
  /** By address, that which was answered longest ago first. */
  readonly named: Map<string, Named>
}

/** `names`: those that the container found before, as address and name. */
export type OnResolvers = (
  containerId: string,
  resolvers: readonly string[],
  names: readonly (readonly [string, string])[],
) => void

/** The names of one container, as they are stored. */
export interface StoredNames {
  readonly resolvers: readonly string[]
  /** Address, name, and epoch milliseconds until which it holds. */
  readonly named: readonly (readonly [string, string, number])[]
}

export interface NamesChange {
  readonly containerId: string
  /** Undefined: nothing is kept of the container any more. */
  readonly names: StoredNames | undefined
}

/**
 * Which names led a container to which addresses, by the answers of its resolvers. The last answer for an address counts.
 * Others than the resolvers that the container was given may not name anything: a program could send answers to itself.
 */
export class AnsweredNames {
  readonly #limits: AnsweredNamesLimits
  readonly #now: () => number
  readonly #onResolvers: OnResolvers
  readonly #containers = new Map<string, OfContainer>()
  readonly #changed = new Set<string>()
  #total = 0
  /** Answers of others than the container's resolvers, or before these were known. */
  untrusted = 0

  /** `onResolvers`: these resolvers of a container count from now on. */
  constructor(
    limits: Partial<AnsweredNamesLimits> = {},
    now: () => number = Date.now,
    onResolvers: OnResolvers = () => undefined,
  ) {
    this.#limits = { ...answeredNamesLimits, ...limits }
    this.#now = now
    this.#onResolvers = onResolvers
  }

  /** Asks for the resolvers of a container that are not known yet. False where they are still not. */
  learnResolvers(containerId: string, resolversOf: () => readonly string[] | undefined): boolean {
    const container = this.#of(containerId)
    container.resolvers ??= resolversOf()
    const { resolvers } = container
    if (resolvers !== undefined) {
      const valid = [...container.named].filter(([, { until }]) => until >= this.#now())
      const names = valid.map(([address, { name }]) => [address, name] as const)
      this.#onResolvers(containerId, resolvers, names)
    }
    this.#makeRoom()
    return resolvers !== undefined
  }

  /** `resolversOf` is asked once for each container, and again after a second where it does not know yet. */
  take(answer: NameAnswer, resolversOf: () => readonly string[] | undefined): void {
    const container = this.#of(answer.containerId)
    const now = this.#now()
    if (container.resolvers === undefined && now - container.askedAt >= askAgainMs) {
      container.resolvers = resolversOf()
      container.askedAt = now
      if (container.resolvers !== undefined) {
        this.#onResolvers(answer.containerId, container.resolvers, [])
      }
    }
    if (container.resolvers?.includes(answer.resolver) !== true) {
      this.untrusted += 1
      this.#makeRoom()
      return
    }
    for (const { address, ttl } of answer.addresses) {
      if (!isNamed(address)) continue
      const { named } = container
      const before = named.get(address)
      const { leastMs, longestMs } = this.#limits
      const until = now + Math.min(longestMs, Math.max(leastMs, ttl * 1_000))
      if (!named.delete(address)) this.#total += 1
      named.set(address, { name: answer.name, until })
      // The time alone is stored with the next name.
      if (before?.name !== answer.name) this.#changed.add(answer.containerId)
      if (named.size > this.#limits.perContainer) {
        named.delete(firstOf(named) ?? '')
        this.#total -= 1
      }
    }
    this.#makeRoom()
  }

  /** The name by which the container found the address, without the final dot. */
  nameOf(containerId: string, address: string): string | undefined {
    const found = this.#containers.get(containerId)?.named.get(address)
    return found === undefined || found.until < this.#now() ? undefined : found.name
  }

  forget(containerId: string): void {
    const container = this.#containers.get(containerId)
    if (container === undefined) return
    this.#containers.delete(containerId)
    this.#total -= container.named.size
    this.#changed.add(containerId)
  }

  /** What changed since the last call. */
  drainChanged(): readonly NamesChange[] {
    const changes = [...this.#changed].map((containerId) => {
      const container = this.#containers.get(containerId)
      return { containerId, names: container === undefined ? undefined : stored(container) }
    })
    this.#changed.clear()
    return changes
  }

  restore(containerId: string, { resolvers, named }: StoredNames): void {
    const container = this.#of(containerId)
    container.resolvers = resolvers
    this.#total -= container.named.size
    for (const [address, name, until] of named) container.named.set(address, { name, until })
    this.#total += container.named.size
    this.#makeRoom()
  }

  /** The container whose last answer is the oldest gives way. */
  #makeRoom(): void {
    const { containers, total } = this.#limits
    while (this.#containers.size > containers || this.#total > total) {
      this.forget(firstOf(this.#containers) ?? '')
    }
  }

  /** As the one that was answered last. */
  #of(containerId: string): OfContainer {
    const known = this.#containers.get(containerId)
    const container = known ?? { resolvers: undefined, askedAt: 0, named: new Map<string, Named>() }
    if (known !== undefined) this.#containers.delete(containerId)
    this.#containers.set(containerId, container)
    return container
  }
}

/** A name that leads to the container itself, or nowhere, says nothing about a peer. */
function isNamed(address: string): boolean {
  return (
    !address.startsWith('127.') && address !== '::1' && address !== '0.0.0.0' && address !== '::'
  )
}

function stored({ resolvers = [], named }: OfContainer): StoredNames {
  return {
    resolvers,
    named: [...named].map(([address, { name, until }]) => [address, name, until]),
  }
}

function firstOf(map: ReadonlyMap<string, unknown>): string | undefined {
  for (const key of map.keys()) return key
  return undefined
}
