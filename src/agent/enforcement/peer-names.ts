import { isLinkLocal } from '../../core/event/canonical.ts'
import type { IdentityEngine } from '../pipeline/identity/identity.ts'
import type { PeerName, SourceControl } from '../pipeline/sources/source.ts'

/**
 * Keeps the kernel's names of addresses in step with the engines: a profile identifies a container
 * by name, whatever its current address.
 */
export class PeerNames {
  readonly #engines: readonly IdentityEngine[]
  readonly #controls: () => Iterable<SourceControl>
  readonly #now: () => number
  readonly #sent = new Map<string, { readonly name: string; readonly atMs: number }>()

  constructor(
    engines: readonly IdentityEngine[],
    controls: () => Iterable<SourceControl>,
    now: () => number,
  ) {
    this.#engines = engines
    this.#controls = controls
    this.#now = now
  }

  /** Since when (epoch milliseconds) the kernel has the name of the address; undefined: it has none. */
  since(address: string): number | undefined {
    return this.#sent.get(address)?.atMs
  }

  /** To be called whenever a container is added, is removed, or changes its networks. */
  refresh(): void {
    const changes: PeerName[] = []
    const now = this.#names()
    for (const address of this.#sent.keys()) {
      if (!now.has(address)) changes.push({ address, name: undefined })
    }
    for (const [address, name] of now) {
      if (this.#sent.get(address)?.name !== name) changes.push({ address, name })
    }
    if (changes.length === 0) return
    for (const { address, name } of changes) {
      if (name === undefined) this.#sent.delete(address)
      else this.#sent.set(address, { name, atMs: this.#now() })
    }
    for (const control of this.#controls()) control.peers?.(changes)
  }

  /** The first engine that resolves an address names it, as for events. */
  #names(): ReadonlyMap<string, string> {
    const names = new Map<string, string>()
    for (const engine of this.#engines) {
      for (const address of engine.addresses()) {
        if (names.has(address) || isLinkLocal(address)) continue
        const peer = engine.peer(address)
        if (peer !== undefined) names.set(address, peer.name)
      }
    }
    return names
  }
}
