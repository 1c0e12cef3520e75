import type { ContainerSeen } from '../sources/source.ts'
import type { AnsweredNames } from './answered-names.ts'

/** After the start, in milliseconds: its first process may not be there yet. */
const delaysMs = [5, 25, 100, 500, 2_000, 10_000] as const

/**
 * Looks for the resolvers of each container that starts, so that they are known before most of its first answers. What
 * comes earlier is up to `AnsweredNames.take`.
 */
export class ResolverLookup {
  readonly #names: AnsweredNames
  readonly #resolversOf: (cgroup: string) => readonly string[] | undefined
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(
    names: AnsweredNames,
    resolversOf: (cgroup: string) => readonly string[] | undefined,
  ) {
    this.#names = names
    this.#resolversOf = resolversOf
  }

  started({ id, cgroup }: ContainerSeen): void {
    this.ended(id)
    if (!this.#names.learnResolvers(id, () => this.#resolversOf(cgroup))) this.#again(id, cgroup, 0)
  }

  ended(id: string): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #again(id: string, cgroup: string, tried: number): void {
    const delay = delaysMs[tried]
    if (delay === undefined) {
      this.#timers.delete(id)
      return
    }
    const timer = setTimeout(() => {
      if (this.#names.learnResolvers(id, () => this.#resolversOf(cgroup))) this.#timers.delete(id)
      else this.#again(id, cgroup, tried + 1)
    }, delay)
    this.#timers.set(id, timer.unref())
  }
}
