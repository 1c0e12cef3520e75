import type { ContainerIdentity, LeftListener } from './identity.ts'

/** Those who follow an engine: they hear of each container that it found, and of those that stopped or are gone. */
export abstract class EngineNews {
  readonly #found = new Set<(identity: ContainerIdentity) => void>()
  readonly #left = new Set<LeftListener>()

  subscribe(listener: (identity: ContainerIdentity) => void): () => void {
    this.#found.add(listener)
    return () => this.#found.delete(listener)
  }

  subscribeLeft(listener: LeftListener): () => void {
    this.#left.add(listener)
    return () => this.#left.delete(listener)
  }

  protected found(identity: ContainerIdentity): void {
    for (const listener of this.#found) listener(identity)
  }

  protected left(...news: Parameters<LeftListener>): void {
    for (const listener of this.#left) listener(...news)
  }
}
